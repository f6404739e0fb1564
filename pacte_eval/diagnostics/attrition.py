"""Who is still seen: the share observed by arm and month, and the share linked by arm."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import number, percent
from pacte_eval.designs import Design
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects import estimate
from pacte_eval.frames import Outcomes

ATTRITION, LINKAGE = "attrition", "rattachement"


def attrition(design: Design, outcomes: Outcomes) -> pd.DataFrame:
    """Share of each arm, by the weights of the design, whose outcome is observed.

    Returns
    -------
    DataFrame
        One row per period: ``month``, ``treated`` and ``control`` (shares), ``gap``, ``gap_se``
        (the standard error that the design gives to a difference, by person; missing where an arm
        has too few units), ``n_treated``, ``n_control`` (units of the arm).
    """
    table = _shares(design, outcomes)
    comparison = design.comparison
    seen = np.isfinite(outcomes.aligned(comparison.unit)).astype(np.float64)
    observed = Outcomes("observé", seen, outcomes.periods, comparison.unit)
    found = estimate(design, observed, adjust="none", cluster="person").table
    table.insert(4, "gap_se", found["se"])
    return table


def _shares(design: Design, outcomes: Outcomes) -> pd.DataFrame:
    """Shares observed and their gap, without its error."""
    comparison = design.comparison
    seen = np.isfinite(outcomes.aligned(comparison.unit))
    shares = {}
    for name, arm in (("treated", comparison.treated), ("control", ~comparison.treated)):
        weights = design.weights[arm]
        shares[name] = weights @ seen[arm] / weights.sum()
    table = pd.DataFrame({"month": list(outcomes.periods), **shares})
    return table.assign(
        gap=table["treated"] - table["control"],
        n_treated=design.n_treated,
        n_control=design.n_control,
    )


def attrition_verdict(design: Design, outcomes: Outcomes, max_gap: float = 0.05) -> Verdicts:
    """Whether both arms are observed alike at every period: pass up to `max_gap`, else fail."""
    if not 0 < max_gap <= 1:
        raise InputError(f"max_gap={max_gap} must lie between 0 and 1")
    table = _shares(design, outcomes)
    place = int(table["gap"].abs().to_numpy().argmax())
    treated, control = (float(table[arm].iloc[place]) for arm in ("treated", "control"))
    gap = round(treated - control, 12)
    verdict: Verdict = "pass" if abs(gap) <= max_gap else "fail"
    least = float(table[["treated", "control"]].min().min())
    if least > 1 - 1e-9:
        sentence = "Tout le monde est observé, dans les deux groupes, à toutes les échéances."
    else:
        sentence = (
            "Au plus grand écart, "
            f"{percent(treated)} des personnes formées et {percent(control)} de "
            f"leurs semblables sont observées (écart de {number(abs(gap), 1, scale=100)} point"
            f"{'s' if abs(gap) >= 0.02 else ''}, seuil\u202f: "
            f"{number(max_gap, 1, scale=100)})."
        )
    return Verdicts.single(ATTRITION, abs(gap), max_gap, verdict, sentence)


def linkage_verdict(entries: int, linked: int, min_linked: float = 0.95) -> Verdicts:
    """Whether enough of the entries of the treated arm carry a person key.

    Parameters
    ----------
    entries, linked : int
        Entries into the trainings of the arm in the period, and those with a key. Controls come
        from registrations, which all have one.
    min_linked : float
    """
    if not 0 < min_linked <= 1:
        raise InputError(f"min_linked={min_linked} must lie between 0 and 1")
    if not 0 <= linked <= entries:
        raise InputError(f"linked={linked} must lie between 0 and entries={entries}")
    if entries == 0:
        return Verdicts.single(
            LINKAGE, np.nan, min_linked, "non testable", "Aucune entrée en formation à rattacher."
        )
    share = linked / entries
    verdict: Verdict = "pass" if share >= min_linked else "fail"
    sentence = (
        f"{percent(share)} des entrées en formation sont rattachées à une personne (seuil\u202f: "
        f"{percent(min_linked, 0)})\u202f; les autres ne peuvent pas être étudiées."
    )
    return Verdicts.single(LINKAGE, share, min_linked, verdict, sentence)
