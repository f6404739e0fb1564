"""The words of the quality report that tables, results, figures and pages share."""

from __future__ import annotations

SEVERITIES = ("bloquant", "à surveiller", "information", "sans anomalie")
BLOCKING, WATCHED, INFORMATION, NOTHING = SEVERITIES

ALL_YEARS = "ensemble"
POOLED = "autres années"

RAMP_UP, HOLLOW = "montée en charge", "creux"
RAMP_UP_SHARE = 0.9
MONTHS_AFTER = 12

MISSING = "Valeur manquante"
