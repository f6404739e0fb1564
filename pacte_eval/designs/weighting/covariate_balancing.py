"""Covariate-balancing propensity score: a logit whose coefficients are those that balance the
weighted arms, rather than the most likely ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import expit

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.design import WEIGHTED, Design, support_table
from pacte_eval.designs.scores.newton import NoMinimumError, Point, minimise
from pacte_eval.designs.scores.terms import Rows, Terms
from pacte_eval.designs.settings import check_choice, left_out
from pacte_eval.designs.weighting.calibration import (
    CalibratedWeights,
    EstimatedWeights,
    OutOfReachError,
    calibrate,
)
from pacte_eval.designs.weighting.moments import moment_terms
from pacte_eval.frames import Comparison

Target = Literal["ATT", "ATE"]
_LARGEST = 700.0


@dataclass(frozen=True)
class CovariateBalancingScore:
    """Weighting by a just-identified covariate-balancing propensity score.

    Parameters
    ----------
    estimand : ``"ATT"`` or ``"ATE"``

    Notes
    -----
    The covariate-balancing conditions of Imai and Ratkovic (2014, *JRSS B* 76, 243–263), as many
    as coefficients. The score is p = logit⁻¹(xᵀβ), W the treatment and s the sampling weight.
    ATT: Σ s (W − (1 − W) p / (1 − p)) x = 0, whose weights are those of `EntropyBalancing` on
    first moments, p / (1 − p) being exp(xᵀβ). ATE: Σ s (W / p − (1 − W) / (1 − p)) x = 0, the
    gradient of the concave function Σ s (W (xᵀβ − exp(−xᵀβ)) − (1 − W) (xᵀβ + exp(xᵀβ))), as in
    Zhao (2019, *Annals of Statistics* 47, 965–993).
    """

    estimand: Target = "ATT"

    def fit(self, comparison: Comparison) -> Design:
        """Weight the units of a comparison.

        Raises
        ------
        InputError
            If the estimand is unknown, there is no covariate, or no coefficients balance a
            covariate, which is named.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        check_choice("estimand", self.estimand, get_args(Target))
        if comparison.covariates.shape[1] == 0:
            raise InputError("a score needs at least one covariate: the comparison has none")
        terms = moment_terms(comparison.covariates)
        fit = _on_treated if self.estimand == "ATT" else _on_all
        try:
            weights, index, model = fit(terms, comparison.treated, comparison.weights)
        except OutOfReachError as failure:
            raise InputError(
                f"covariate '{terms.covariates[failure.column]}' cannot be balanced by a score "
                f"('{terms.names[failure.column]}'): the arms do not overlap on it; coarsen it, "
                "group its levels or leave it out"
            ) from None
        return Design(
            comparison=comparison,
            weights=weights,
            support=support_table(comparison, weights > 0, [], word=WEIGHTED),
            settings={
                "design": "CovariateBalancingScore",
                "estimand": self.estimand,
                "score": f"logit that balances its {len(terms.names)} columns",
                **left_out(terms.dropped),
            },
            kind="weights",
            estimand=self.estimand,
            score=expit(index),
            weight_model=CalibratedWeights((model,)),
            estimator=self,
        )


Fit = tuple[np.ndarray, np.ndarray, EstimatedWeights]


def _on_treated(terms: Terms, treated: np.ndarray, sampling: np.ndarray) -> Fit:
    base, wanted = np.where(treated, 0.0, sampling), np.where(treated, sampling, 0.0)
    found = calibrate(np.arange(len(treated)), terms, base, wanted)
    return wanted + found.weights, found.index, found.model


def _on_all(terms: Terms, treated: np.ndarray, sampling: np.ndarray) -> Fit:
    loss = _Loss(terms, np.where(treated, 1.0, -1.0), sampling / sampling.sum())
    share = np.average(treated, weights=sampling)
    start = np.zeros(len(terms.names))
    start[0] = np.log(share / (1 - share))
    try:
        coefficients = minimise(loss, start)
    except NoMinimumError as failure:
        column = 1 + int(np.argmax(np.abs(failure.direction[1:])))
        raise OutOfReachError(column) from None
    index = terms.times(coefficients)
    excess = sampling * np.exp(-loss.arm * index)
    model = EstimatedWeights(
        np.arange(len(treated)),
        terms,
        np.arange(len(terms.names)),
        derivative=-loss.arm * excess,
        moment=loss.arm * (sampling + excess),
        information=terms.gram(excess),
    )
    return sampling + excess, index, model


@dataclass(frozen=True, eq=False)
class _Loss:
    """Σ s (exp(−z xᵀβ) − z xᵀβ), z = 1 for the treated and −1 for controls."""

    terms: Terms
    arm: np.ndarray
    sampling: np.ndarray

    def at(self, parameters: np.ndarray) -> Point:
        """In one pass over the rows."""

        def part(rows: Rows, block: slice) -> tuple[float, np.ndarray]:
            arm, sampling = self.arm[block], self.sampling[block]
            margin = arm * rows.times(parameters[:, np.newaxis])[:, 0]
            excess = sampling * np.exp(np.minimum(-margin, _LARGEST))
            return excess.sum() - sampling @ margin, rows.moments(
                excess, -arm * (sampling + excess)
            )

        values, moments = zip(*self.terms.each(part), strict=True)
        total = np.sum(moments, axis=0)
        return Point(float(sum(values)), total[:, -1], total[:, :-1])
