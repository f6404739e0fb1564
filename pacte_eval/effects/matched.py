"""What each unit contributes to a matched estimate: an operator, linear in the outcome.

With sampling weights s of the targets (S their sum), m(i) the mean of the units of the other arm
matched with i, K(j) the sum of the shares of a unit j in the sets it serves, K'(j) the sum of their
squares and e = 1 for a treated target, −1 for a control, τ̂ = Σ s(i) e(i) (Y(i) − m(i)) / S. Under
ATE a unit is both a target and a member of sets. Two operators give the variance.

*Independent units* (Abadie and Imbens 2006, *Econometrica* 74(1), theorem 7): targets
s (e (Y − m) − τ̂) / S, members √((s + K)² − s² − K') ε̂ / S, squared apart. The squares of the first
hold the own noise of targets and, once, that of their matched units, Σ (s² + K') σ²; hence the
reduced coefficient of the second. ε̂ is the gap to the nearest unit of the same arm and cell, times
√(J / (J + 1)) for J such units.

*Linearised*: the reduced coefficient would lose the covariance between rows of one person who
serves at several dates. So the noise of matched units is taken out of the targets instead, through
the martingale of Abadie and Imbens (2012, *JASA* 107, 833–843): targets s (e (Y − μ̂) − mean) / S,
members ±K ε̂ / S, where μ̂ is a local fit on neighbours of the other arm and of other persons rather
than the matched mean, and ε̂ the gap to such a fit in the same arm. Sums by person then carry every
covariance: a control reused, kept under observation after its own entry, and later treated.

*Bias adjustment* (Abadie and Imbens 2011, *JBES* 29, 1–11): the same on outcomes less their
regression on covariates in the arm that serves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.sets import MatchedSets, Matches
from pacte_eval.effects.block import Block, filled
from pacte_eval.effects.inputs import Clusters
from pacte_eval.effects.matched_path import MatchedRows
from pacte_eval.effects.regression import Regression
from pacte_eval.effects.shares import Shares, matched_shares

LOCAL_FIT = 10


class MatchedOperator:
    """The operator of a matched design, ready to be applied to blocks of outcomes.

    Parameters
    ----------
    design : Design
        With matches and a space.
    linearised : bool
        Local fits and full reuse of matched units, to be summed by cluster; else the contributions
        whose squares sum to the variance of Abadie and Imbens (2006).
    estimated_score : bool
        Add the term of Abadie and Imbens (2016) for a score estimated on the same units.
    regression : Regression, optional
        Outcomes are taken less its fit.
    """

    def __init__(
        self,
        design: Design,
        *,
        linearised: bool,
        estimated_score: bool = False,
        regression: Regression | None = None,
    ) -> None:
        self.design = design
        self.estimated_score = estimated_score
        self._regression = regression
        self._matches = matches_of(design)
        treated = design.comparison.treated
        self._sign = np.where(treated, 1.0, -1.0)[:, np.newaxis]
        serving = np.unique(~treated[self._matches.target])
        count = LOCAL_FIT if linearised else 1
        members = np.flatnonzero(np.isin(treated, serving) & (design.weights != 0))
        self._peers = self._neighbours(members, treated, count)
        self._local = (
            self._neighbours(self._matches.target, ~treated, count) if linearised else None
        )

    def _neighbours(self, rows: np.ndarray, arm: np.ndarray, count: int) -> MatchedSets:
        """Units near each row, treated where `arm` of the row is true, controls elsewhere."""
        treated = self.design.comparison.treated
        parts = []
        for side in np.unique(arm[rows]):
            place = np.flatnonzero(arm[rows] == side)
            near = self._nearest(rows[place], np.flatnonzero(treated == side), count)
            parts.append((place, near))
        return _joined(parts)

    def _nearest(self, targets: np.ndarray, sources: np.ndarray, count: int) -> MatchedSets:
        """Neighbours in the exact cell, or in the whole arm where the cell has none."""
        space = self.design.space
        if space is None:
            raise AssertionError("conditional variances need a distance")
        found = space.nearest(targets, sources, count)
        alone = found.size == 0
        if not alone.any():
            return found
        wider = space.anywhere().nearest(targets[alone], sources, count)
        return _joined(
            [(np.flatnonzero(~alone), found.take(~alone)), (np.flatnonzero(alone), wider)]
        )

    def rows(self, clusters: Clusters) -> MatchedRows | None:
        """What compiled loops need to make the same numbers; None where they do not know how.

        They know sets of neighbours, without regression and without the term of the score.
        """
        both = self._local is None and self.design.estimand == "ATE"
        if (
            not isinstance(self._matches, MatchedSets)
            or self._regression is not None
            or self.estimated_score
            or both
        ):
            return None
        return MatchedRows(self.design, self._matches, self._peers, self._local, clusters)

    def __call__(self, values: np.ndarray) -> Block:
        """Apply to outcomes of shape (n, t), NaN where censored.

        A target is used at a period where it is observed and at least one of its matched units
        is; the shares of a set are then equal among the units observed.
        """
        comparison, sets = self.design.comparison, self._matches
        outcome, observed = filled(values)
        shares = matched_shares(sets, comparison.weights, observed)
        own, served = outcome[sets.target], comparison.treated[sets.target][:, np.newaxis]
        as_target, as_member = adjusted(self._regression, self.design, outcome, shares, observed)
        gap = np.where(
            shares.used,
            self._sign[sets.target] * (as_target[sets.target] - shares.mean(as_member)),
            0.0,
        )
        weighted = shares.own * np.where(shares.used, own, 0.0)
        estimate = (shares.own * gap).sum(axis=0)
        treated_mean = (weighted + shares.own * np.where(served, 0.0, gap)).sum(axis=0)

        noise = self._sign[self._peers.target] * self._noise(as_member, observed, shares)
        if self._local is None:
            contributions = self._independent(shares, gap - estimate, noise)
        else:
            contributions = self._linearised(as_target, as_member, observed, shares, noise)
        active = shares.members != 0
        active[sets.target] |= shares.used
        counts = [
            np.broadcast_to(active[arm].sum(axis=0), estimate.shape)
            for arm in (comparison.treated, ~comparison.treated)
        ]
        return Block(
            estimate=estimate,
            treated_mean=treated_mean,
            control_mean=treated_mean - estimate,
            n_treated=counts[0],
            n_control=counts[1],
            contributions=contributions,
            varies=np.broadcast_to(shares.used.sum(axis=0) >= 2, estimate.shape),
        )

    def _noise(self, as_member: np.ndarray, observed: np.ndarray, shares: Shares) -> np.ndarray:
        """ε̂ of each unit that serves; around the mean of those who serve where it has no peer."""
        rows = self._peers.target
        mean, peers = _means(self._peers, as_member, observed)
        with np.errstate(invalid="ignore"):
            overall = (shares.members * as_member).sum(axis=0) / shares.members.sum(axis=0)
        return np.where(
            peers > 0,
            (as_member[rows] - mean) * np.sqrt(peers / (peers + 1.0)),
            as_member[rows] - overall,
        )

    def _independent(self, shares: Shares, gap: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Contributions of members then, apart where a unit may be both, of targets."""
        sets, rows = self._matches, self._peers.target
        size = (len(shares.members), gap.shape[1])
        own = np.zeros(shares.members.shape)
        own[sets.target] = np.where(shares.used, shares.own, 0.0)
        squares = shares.square_sums()
        kept = np.sqrt(np.maximum((own + shares.members) ** 2 - own**2 - squares, 0.0))
        contributions = np.zeros(size)
        contributions[rows] = kept[rows] * noise
        both = self.design.estimand == "ATE"
        targets = np.zeros(size) if both else contributions
        targets[sets.target] += shares.own * np.where(shares.used, gap, 0.0)
        return np.concatenate([contributions, targets]) if both else contributions

    def _linearised(
        self,
        as_target: np.ndarray,
        as_member: np.ndarray,
        observed: np.ndarray,
        shares: Shares,
        noise: np.ndarray,
    ) -> np.ndarray:
        sets, rows = self._matches, self._peers.target
        if self._local is None:
            raise AssertionError("linearised contributions need local fits")
        contributions = np.zeros(as_target.shape)
        contributions[rows] = shares.members[rows] * noise
        mean, local = _means(self._local, as_member, observed)
        fit = np.where(local > 0, mean, (shares.own * shares.mean(as_member)).sum(axis=0))
        gap = self._sign[sets.target] * (as_target[sets.target] - fit)
        gap = gap - (shares.own * np.where(shares.used, gap, 0.0)).sum(axis=0)
        contributions[sets.target] += shares.own * np.where(shares.used, gap, 0.0)
        if self.estimated_score:
            contributions += self._score_term(as_member, observed, shares, mean, local)
        return contributions

    def _score_term(
        self,
        as_member: np.ndarray,
        observed: np.ndarray,
        shares: Shares,
        local_mean: np.ndarray,
        local: np.ndarray,
    ) -> np.ndarray:
        """−g' H⁻¹ x w (W − p), g the mean over targets of cov(x, Y of the other arm | score).

        Abadie and Imbens (2016, *Econometrica* 84(2), 781–807) add −c' I⁻¹ c + d' I⁻¹ d to the
        variance, c the covariance of the estimate with the score of the likelihood and d the
        derivative of the effect (none for ATE). As c − d = g, which the local fits estimate, the
        same variance is that of the contributions plus this term: units equal on a mistaken index
        differ in the odds of treatment by the mistake, which moves their mean by that covariance.
        Where the index is not the log-odds (probit), it is multiplied by their derivative.
        """
        model, sets = self.design.model, self._local
        if model is None or sets is None:
            raise AssertionError("the term of an estimated score needs a fitted score")
        odds = (model.slope / (model.scores * (1 - model.scores)))[sets.target, np.newaxis]
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = np.where((local > 1) & shares.used, odds * shares.own / (local - 1), 0.0)
        products = as_member * sets.spread(factor) - sets.spread(factor * local_mean)
        return -model.influence(products * observed)


def adjusted(
    regression: Regression | None,
    design: Design,
    outcome: np.ndarray,
    shares: Shares,
    observed: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes as targets use them, and as members do: less a fit in the arm that serves.

    The regression of an arm is weighted by how often each of its units serves. Under ATE a treated
    target, and the controls that serve it, are taken less the fit of controls.
    """
    if regression is None:
        return outcome, outcome
    treated = design.comparison.treated
    if regression.augmented:
        weights = design.comparison.weights[:, np.newaxis] * observed
    else:
        weights = np.maximum(shares.members, 0.0)
    fits = {
        arm: regression.fit(outcome, weights * (treated == arm)[:, np.newaxis]).values * observed
        for arm in np.unique(~treated[shares.matches.target])
    }
    if len(fits) == 1:
        (fit,) = fits.values()
        less = outcome - fit
        return less, less
    own = treated[:, np.newaxis]
    return (
        outcome - np.where(own, fits[False], fits[True]),
        outcome - np.where(own, fits[True], fits[False]),
    )


def matches_of(design: Design) -> Matches:
    """The matches of a design that has some."""
    if design.matches is None:
        raise AssertionError("a matched estimate needs matches")
    return design.matches


def _means(
    sets: MatchedSets, outcome: np.ndarray, observed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the observed members of each set, 0 without any, and their number."""
    count = sets.total(observed.astype(np.float64))
    return sets.total(outcome) / np.maximum(count, 1.0), count


def _joined(parts: Sequence[tuple[np.ndarray, MatchedSets]]) -> MatchedSets:
    """Sets of parts of some targets, each part with its positions, put in order."""
    if len(parts) == 1:
        return parts[0][1]
    back = np.argsort(np.concatenate([place for place, _ in parts]))
    first = np.cumsum([0, *(part.sets.shape[0] for _, part in parts)])
    own = [
        sparse.csr_matrix((len(part.target), part.sets.shape[1])) if part.own is None else part.own
        for _, part in parts
    ]
    return MatchedSets(
        np.concatenate([part.target for _, part in parts])[back],
        np.concatenate([part.of + start for (_, part), start in zip(parts, first, strict=False)])[
            back
        ],
        sparse.vstack([part.sets for _, part in parts]).tocsr(),
        None if all(part.own is None for _, part in parts) else sparse.vstack(own).tocsr()[back],
    )


def homoscedastic_variance(
    design: Design, values: np.ndarray, regression: Regression | None, *, sample: bool
) -> np.ndarray:
    """Variance with one conditional variance for all, estimated from the pairs: shape (t,).

    It is half the mean squared gap of matched pairs around the effect (Abadie and Imbens 2006,
    section 4), as R's Matching has it.

    Parameters
    ----------
    design : Design
    values : float array, shape (n, t)
    regression : Regression, optional
        Outcomes are taken less its fit.
    sample : bool
        The variance that holds covariates fixed, Σ (s + K)² σ², for the average effect of these
        units; else that of the average effect in the population they come from.
    """
    if np.isnan(values).any():
        raise InputError(
            "a homoscedastic se needs outcomes without missing values: use se='abadie-imbens'"
        )
    sets = matches_of(design)
    outcome, observed = filled(values)
    shares = matched_shares(sets, design.comparison.weights, observed)
    as_target, as_member = adjusted(regression, design, outcome, shares, observed)
    sign = np.where(design.comparison.treated[sets.target], 1.0, -1.0)[:, np.newaxis]
    own, mean, square = as_target[sets.target], shares.mean(as_member), shares.mean(as_member**2)
    effect = (shares.own * sign * (own - mean)).sum(axis=0)
    own = own - sign * effect
    common = 0.5 * (shares.own * (own**2 - 2 * own * mean + square)).sum(axis=0)
    target = np.zeros(shares.members.shape)
    target[sets.target] = shares.own
    fixed = ((target + shares.members) ** 2).sum(axis=0)
    if sample:
        return common * fixed
    once = (target**2).sum(axis=0) + shares.square_sums().sum(axis=0)
    return (shares.own**2 * (own - mean) ** 2).sum(axis=0) + common * (fixed - once)
