"""What each unit contributes to a matched estimate: an operator, linear in the outcome.

With weights s of the treated (S their sum), m(i) the mean of the controls matched with i, K(j) the
sum of the shares of control j and K'(j) the sum of their squares, the estimate is
τ̂ = Σ s(i) (Y(i) − m(i)) / S. Two operators give its variance.

*Independent units* (Abadie and Imbens 2006, *Econometrica* 74(1), theorem 7): treated
s (Y − m − τ̂) / S, controls √(K² − K') ε̂ / S. The squares of the first hold the noise of the
matched controls once, Σ K' σ²; hence K² − K' for the second. ε̂ is the gap to the nearest unit of
the same arm and cell, times √(J / (J + 1)) for J such units.

*Clusters*: the reduced coefficient √(K² − K') would lose the covariance between rows of one person
who serves as control at several dates. So the noise of matched controls is taken out of the treated
instead, through the martingale of Abadie and Imbens (2012, *JASA* 107, 833–843): treated
s (Y − μ̂ − mean) / S, controls −K ε̂ / S, where μ̂ is a local fit on neighbouring controls of other
persons rather than the matched mean, and ε̂ the gap to such a fit. Sums by person then carry every
covariance: a control reused, kept under observation after its own entry, and later treated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.design import Design
from pacte_eval.designs.sets import MatchedSets, Matches

LOCAL_FIT = 10
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Block:
    """Estimates for some columns of outcomes; arrays of shape (t,), contributions (n, t)."""

    estimate: np.ndarray
    treated_mean: np.ndarray
    control_mean: np.ndarray
    n_treated: np.ndarray
    n_control: np.ndarray
    contributions: np.ndarray


class MatchedOperator:
    """The operator of a design, ready to be applied to blocks of outcomes.

    Parameters
    ----------
    design : Design
    clustered : bool
        Local fits and full reuse of controls, to be summed by cluster; else the contributions
        whose squares sum to the variance of Abadie and Imbens (2006).
    estimated_score : bool
        Add the term of Abadie and Imbens (2016) for a logit estimated on the same units.
    """

    def __init__(self, design: Design, *, clustered: bool, estimated_score: bool = False) -> None:
        self.design = design
        self.clustered = clustered
        self.estimated_score = estimated_score
        treated = design.comparison.treated
        self._controls = np.flatnonzero(~treated)
        used = np.flatnonzero(~treated & (design.weights > 0))
        count = LOCAL_FIT if clustered else 1
        self._peers = self._fit(used, count)
        self._local = self._fit(_matches(design).target, count) if clustered else None

    def _fit(self, targets: np.ndarray, count: int) -> MatchedSets:
        """Neighbouring controls in the exact cell, or in the whole arm where the cell has none."""
        space = self.design.space
        if space is None:
            raise AssertionError("conditional variances need a distance")
        found = space.nearest(targets, self._controls, count)
        alone = found.size == 0
        if not alone.any():
            return found
        wider = space.anywhere().nearest(targets[alone], self._controls, count)
        inside = found.take(~alone)
        back = np.argsort(np.concatenate([np.flatnonzero(~alone), np.flatnonzero(alone)]))
        shape = (len(targets), found.sets.shape[1])
        own = [
            sparse.csr_matrix((len(part.target), shape[1])) if part.own is None else part.own
            for part in (inside, wider)
        ]
        return MatchedSets(
            targets,
            np.concatenate([inside.of, wider.of + inside.sets.shape[0]])[back],
            sparse.vstack([inside.sets, wider.sets]).tocsr(),
            sparse.vstack(own).tocsr()[back],
        )

    def __call__(self, values: np.ndarray) -> Block:
        """Apply to outcomes of shape (n, t), NaN where censored.

        A treated unit is used at a period where it is observed and at least one of its matched
        controls is; the shares of a set are then equal among the controls observed.
        """
        design, sets = self.design, _matches(self.design)
        observed = ~np.isnan(values)
        filled = np.where(observed, values, 0.0)
        mean, count = _means(sets, filled, observed)
        used = observed[sets.target] & (count > 0)
        weight = design.weights[sets.target][:, np.newaxis] * used
        sum_ = weight.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = weight / sum_
            part = np.where(used, share / count, 0.0)
        own = filled[sets.target]
        treated_mean = (share * own).sum(axis=0)
        control_mean = (share * np.where(used, mean, 0.0)).sum(axis=0)
        reuse = sets.spread(part) * observed
        reuse[reuse < _NOTHING * part.max(axis=0, initial=0.0)] = 0.0

        contributions = np.zeros(values.shape)
        peer_mean, peers = _means(self._peers, filled, observed)
        rows = self._peers.target
        with np.errstate(invalid="ignore"):
            residual = np.where(
                peers > 0,
                (filled[rows] - peer_mean) * np.sqrt(peers / (peers + 1.0)),
                filled[rows] - control_mean,
            )
        if self._local is None:
            squares = sets.spread_squares(part**2) * observed
            kept = np.sqrt(np.maximum(reuse**2 - squares, 0.0))
            contributions[rows] = -kept[rows] * residual
            gap = own - mean - (treated_mean - control_mean)
        else:
            contributions[rows] = -reuse[rows] * residual
            local_mean, local = _means(self._local, filled, observed)
            gap = own - np.where(local > 0, local_mean, control_mean)
            gap = gap - (share * np.where(used, gap, 0.0)).sum(axis=0)
            if self.estimated_score:
                contributions += self._score_term(filled, observed, share, local_mean, local)
        contributions[sets.target] += share * np.where(used, gap, 0.0)
        return Block(
            estimate=treated_mean - control_mean,
            treated_mean=treated_mean,
            control_mean=control_mean,
            n_treated=used.sum(axis=0),
            n_control=(reuse > 0).sum(axis=0),
            contributions=contributions,
        )

    def _score_term(
        self,
        filled: np.ndarray,
        observed: np.ndarray,
        share: np.ndarray,
        local_mean: np.ndarray,
        local: np.ndarray,
    ) -> np.ndarray:
        """−g' H⁻¹ x w (W − p), with g the mean over the treated of cov(x, Y(0) | score).

        Abadie and Imbens (2016, *Econometrica* 84(2), 781–807) add −c' I⁻¹ c + d' I⁻¹ d to the
        variance, c the covariance of the estimate with the score of the likelihood and d the
        derivative of the effect. As c − d = g, which the local fits estimate, the same variance is
        that of the contributions plus this term.
        """
        model, sets = self.design.model, self._local
        if model is None or sets is None:
            raise AssertionError("the term of an estimated score needs a fitted score")
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = np.where(local > 1, share / (local - 1), 0.0)
        products = filled * sets.spread(factor) - sets.spread(factor * local_mean)
        return -model.influence(products * observed)


def _matches(design: Design) -> Matches:
    if design.matches is None:
        raise AssertionError("a matched estimate needs matches")
    return design.matches


def _means(
    sets: Matches, filled: np.ndarray, observed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the observed members of each target's set, and their mass: shapes (m, t)."""
    sums = sets.total(filled)
    if observed.all():
        count = np.broadcast_to(sets.mass[:, np.newaxis], sums.shape)
    else:
        count = sets.total(observed.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, sums / count, 0.0), count


def homoscedastic_variance(design: Design, values: np.ndarray, block: Block) -> np.ndarray:
    """Variance with one conditional variance for all, estimated from the pairs: shape (t,).

    It is half the mean squared gap of matched pairs around the effect. The result is never less
    than the variance that holds covariates fixed, as in R's Matching.
    """
    if np.isnan(values).any():
        raise InputError("se='abadie-imbens-homoscedastic' needs outcomes without missing values")
    sets = _matches(design)
    size = sets.mass[:, np.newaxis]
    share = (design.weights[sets.target] / design.weights[sets.target].sum())[:, np.newaxis]
    own = values[sets.target] - block.estimate
    mean, square = sets.total(values) / size, sets.total(values**2) / size
    common = 0.5 * (share * (own**2 - 2 * own * mean + square)).sum(axis=0)
    control = ~design.comparison.treated
    reuse = design.weights[control] / design.weights[sets.target].sum()
    for_population = (share**2 * (own - mean) ** 2).sum(axis=0) + common * (
        reuse @ reuse - (share**2 / size).sum()
    )
    return np.maximum(for_population, common * ((share**2).sum() + reuse @ reuse))
