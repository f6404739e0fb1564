"""Equipoise: how many people could have been in either arm, as far as the score tells.

Walker et al. (2013, *Comparative Effectiveness Research* 3, 11–20): the preference score takes the
size of the arms out of the propensity score, ln F/(1 − F) = ln S/(1 − S) − ln P/(1 − P), P being
the share treated; people of a preference between 0.3 and 0.7 are in equipoise.
"""

from __future__ import annotations

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import percent
from pacte_eval.designs import Design
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts

LOW, HIGH = 0.3, 0.7
NAME = "équipoise"


def equipoise(design: Design) -> tuple[float, float]:
    """Shares of the treated and of the controls with a preference score between 0.3 and 0.7.

    Raises
    ------
    InputError
        If the design has no score.
    """
    if design.score is None:
        raise InputError(f"a design of {design.settings['design']} has no score: no preference")
    treated, weights = design.comparison.treated, design.comparison.weights
    share = weights[treated].sum() / weights.sum()
    score = np.clip(design.score, 1e-12, 1 - 1e-12)
    odds = score / (1 - score) / (share / (1 - share))
    preference = odds / (1 + odds)
    inside = (preference >= LOW) & (preference <= HIGH)
    shares = [
        float(weights[arm & inside].sum() / weights[arm].sum()) for arm in (treated, ~treated)
    ]
    return shares[0], shares[1]


def overlap_coefficient(design: Design) -> float:
    """What the densities of the score of the two arms share: 1 where alike, 0 where apart.

    It is one less the largest distance between the two distribution functions, by sampling
    weights, which is exact for densities that cross once, as those of the score they define do:
    the ratio of the treated's to the controls' grows with it (Samawi and others 2017, *Statistics
    in Medicine* 36, 4230–4240). No bandwidth is chosen.

    Raises
    ------
    InputError
        If the design has no score.
    """
    if design.score is None:
        raise InputError(f"a design of {design.settings['design']} has no score: no overlap")
    treated, weights = design.comparison.treated, design.comparison.weights
    values, place = np.unique(design.score, return_inverse=True)
    below = [
        np.cumsum(np.bincount(place[arm], weights[arm], len(values))) / weights[arm].sum()
        for arm in (treated, ~treated)
    ]
    return float(1 - np.abs(below[0] - below[1]).max())


def equipoise_verdict(design: Design, min_share: float = 0.5) -> Verdicts:
    """Whether at least `min_share` of each arm is in equipoise: else a warning.

    Equipoise is of the arms before matching, which may still find a control for everyone: its
    want is a warning, and no failure.
    """
    if not 0 < min_share <= 1:
        raise InputError(f"min_share={min_share} must lie between 0 and 1")
    if design.score is None:
        return Verdicts.single(
            NAME,
            np.nan,
            min_share,
            "non testable",
            "La comparaison ne passe pas par un score\u202f: l’équipoise n’est pas définie.",
        )
    treated, control = equipoise(design)
    least = min(treated, control)
    verdict: Verdict = "pass" if least >= min_share else "warning"
    sentence = (
        f"{percent(treated)} des personnes formées et {percent(control)} des personnes de "
        "comparaison avaient, à caractéristiques connues, des chances voisines d’être dans l’un "
        f"ou l’autre groupe (seuil\u202f: {percent(min_share, 0)})."
    )
    return Verdicts.single(NAME, least, min_share, verdict, sentence)
