"""Zones rather than persons: what differential intensity of training did to a zone's outcomes.

Every region trained people in the same years: nothing here is the effect of a programme as such.

Public names
------------
``SyntheticControl(threshold, covariates=()).fit(panel) -> ZoneEffects``
``SyntheticDifference(threshold, se="placebo").fit(panel) -> ZoneEffects``
``MatchedZones(threshold, neighbours, reference, covariates=()).fit(panel) -> ZoneEffects``
``DoseResponse(reference).fit(panel) -> ZoneEffects``
``decompose_funders(entries, *, funder, period, count, programme, start, zone=None,
outside=None) -> FunderDecomposition``
``ZoneEffects`` : an ``Effects`` with ``donor_weights``, ``period_weights``, ``placebo_space``,
``placebo_p``, ``smallest_p``, ``placebo_time``, ``leave_one_out``, ``policies``, ``dose_gap``,
``rmspe``, ``assumptions``
"""

from pacte_eval.effects.zones.dose_response import DoseResponse
from pacte_eval.effects.zones.funders import FunderDecomposition, decompose_funders
from pacte_eval.effects.zones.matched_zones import MatchedZones
from pacte_eval.effects.zones.synthetic_control import SyntheticControl
from pacte_eval.effects.zones.synthetic_difference import SyntheticDifference
from pacte_eval.effects.zones.zone_effects import ZoneEffects

__all__ = [
    "DoseResponse",
    "FunderDecomposition",
    "MatchedZones",
    "SyntheticControl",
    "SyntheticDifference",
    "ZoneEffects",
    "decompose_funders",
]
