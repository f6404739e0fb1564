"""Doubly robust effects in level: a score and a regression of outcomes, either of which may be
wrong, by any learner and with cross-fitting.

With w sampling weights, q those of the target population (w for treated units, or for all), g_a
those of the units of arm a by the score (`InverseProbability`), and m_a what outcomes are predicted
to be in arm a from the covariates, the mean of arm a in the target population is

    E_q[m_a] + ρ_a E_g[Y − m_a],   ρ_a = Σ g_a / Σ q,

E_q and E_g being weighted means over the units observed at the month. With everyone observed this
is the estimator of Robins, Rotnitzky and Zhao (1994, *JASA* 89, 846–866), whose score Neyman-
orthogonal for the treated and for all is in Chernozhukov et al. (2018, *Econometrics Journal* 21,
C1–C68, equations 5.3 and 5.4): sums by g_a are not made to be means. Where some are censored, those
observed share the weights of their arm.

For the treated m_1 is not needed: their mean is their own. Contributions are q (m_1 − m_0 − base)
over Σ q, the residuals by g_a, and what sums of weights add; nuisances add nothing in the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.designs.design import Design
from pacte_eval.designs.scores.cross_fitted import CrossFitted, learnt_columns
from pacte_eval.designs.scores.learners import Learner, check_learner
from pacte_eval.designs.scores.scored import Support
from pacte_eval.designs.settings import check_choice, is_number, is_whole
from pacte_eval.designs.weighting.inverse_probability import InverseProbability
from pacte_eval.effects.block import Block, filled
from pacte_eval.effects.contributions import StoredContributions, summed_by_cluster
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.inputs import Clusters, Given, read_clusters, read_outcomes
from pacte_eval.effects.outcome_learners import (
    LearnerModel,
    LearningSample,
    LeastSquaresModel,
    OutcomeModel,
)
from pacte_eval.effects.table import Wording, check_level, tidy
from pacte_eval.frames import Comparison, Outcomes

Target = Literal["ATT", "ATE"]

_BLOCK = 16_000_000
_LARGE = 50_000_000
_ROUNDING = 1e-13
_FEW_CLUSTERS = 40
_TARGETS: dict[Target, str] = {"ATT": "traités", "ATE": "unités"}


@dataclass(frozen=True, eq=False)
class ScoredComparison:
    """A comparison with cross-fitted scores: what is settled before any outcome is seen.

    Attributes
    ----------
    designs : tuple of Design
        The weights by the score, one design per draw of folds; `balance()` and `overlap_plot()`
        are theirs.
    folds : tuple of int arrays, shape (n,)
        The fold of each unit, from 0.
    clipped : int
        Units whose weight was bounded, in the first draw.
    learner : str
        Of the score.
    """

    designs: tuple[Design, ...]
    folds: tuple[np.ndarray, ...]
    clipped: int
    learner: str

    @property
    def comparison(self) -> Comparison:
        return self.designs[0].comparison


@dataclass(frozen=True)
class DoublyRobust:
    """Average effect by augmented inverse-probability weighting, with cross-fitting.

    Parameters
    ----------
    estimand : ``"ATT"`` or ``"ATE"``
        On the treated, or on all.
    outcome : regressor of scikit-learn, optional
        Predicts outcomes from covariates, in each arm that needs it; a classifier where they are 0
        and 1. Least squares by default.
    treatment : classifier of scikit-learn, optional
        Predicts treatment. A logit without penalty by default.
    folds : int
        Of persons: each is predicted by what was learnt on the other folds. 1 learns on all of
        them, which is for least squares and logits.
    repeats : int
        Draws of folds, over which estimates and contributions are averaged.
    seed : int
        Of the draws, and of learners whose random state is not set.
    support : MinMax, Crump or Quantile, optional
        Rule of common support on the score (its mean over repeats); who is outside leaves the
        target population.
    clip : float
        Scores nearer to 0 or 1 than this are brought back to it in the weights: the target
        population stays, and those it concerns are counted in the table.
    cluster : str or array, optional
        As for `estimate`: persons by default.
    level : float
        Of the intervals.

    Notes
    -----
    Linear defaults are exact: without folds they give the textbook estimator. Learners other than
    these need folds, without which their own noise is taken for effect. Errors take scores and
    predictions as known, which their product form allows where both converge fast enough; with one
    of two parametric models wrong the estimate is consistent and its error may not be.
    """

    estimand: Target = "ATT"
    outcome: Learner = None
    treatment: Learner = None
    folds: int = 5
    repeats: int = 1
    seed: int = 0
    support: Support | None = None
    clip: float = 0.01
    cluster: str | np.ndarray | pd.Series | None = field(default=None, compare=False)
    level: float = 0.95

    def fit(
        self,
        comparison: Comparison,
        outcomes: Given | Sequence[Outcomes] | Mapping[str, Outcomes],
        *,
        periods: Sequence[Period] | None = None,
    ) -> Effects:
        """Score the comparison, then estimate the effect at every month of every outcome.

        Parameters
        ----------
        comparison : Comparison
        outcomes, periods
            As for `estimate`.

        Raises
        ------
        InputError
            If settings, shapes or periods disagree, covariates separate the arms, folds leave
            nobody of an arm to learn from, or a learner fails.
        """
        return self.estimate(self.score(comparison), outcomes, periods=periods)

    def score(self, comparison: Comparison) -> ScoredComparison:
        """Scores and weights, from the comparison alone.

        Raises
        ------
        InputError
            As `fit` does.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        self._check()
        models = [
            CrossFitted(self.treatment, self.folds, self.seed + repeat).fit(comparison)
            for repeat in range(self.repeats)
        ]
        support = None
        if self.support is not None:
            mean = np.mean([model.scores for model in models], axis=0)
            support = _Kept(self.support.keep(mean, comparison), self.support)
        designs, clipped = [], 0
        for model in reversed(models):
            bounded = np.clip(model.scores, self.clip, 1 - self.clip)
            moved = bounded != model.scores
            if self.estimand == "ATT":
                moved &= ~comparison.treated & (model.scores > bounded)
                bounded = np.where(moved, bounded, model.scores)
            weighting = InverseProbability(self.estimand, bounded, support)
            designs.append(weighting.fit(comparison))
            clipped = int(np.count_nonzero(moved & (designs[-1].weights != 0)))
        return ScoredComparison(
            tuple(reversed(designs)),
            tuple(model.fold for model in models),
            clipped,
            models[0].learner,
        )

    def estimate(
        self,
        scored: ScoredComparison,
        outcomes: Given | Sequence[Outcomes] | Mapping[str, Outcomes],
        *,
        periods: Sequence[Period] | None = None,
    ) -> Effects:
        """Effects at every month of every outcome, by scores that `score` made.

        Raises
        ------
        InputError
            As `fit` does.
        """
        self._check()
        comparison, design = scored.comparison, scored.designs[0]
        given = read_outcomes(outcomes, comparison, periods)
        clusters = read_clusters(self.cluster, design, by_set=False)
        columns = learnt_columns(comparison.covariates)
        samples = [LearningSample(columns, fold, comparison.weights) for fold in scored.folds]
        used = design.weights != 0
        keys = np.asarray(clusters.keys)[used]
        parts, stored = [], []
        width = sum(values.shape[1] for _, values, _ in given)
        single = int(used.sum()) * width > _LARGE
        identities = pd.Index([])
        for name, values, labels in given:
            for places in self._blocks(values.shape):
                block = self._block(scored, samples, values[:, places])
                contributions = block.contributions[used]
                identities = pd.Index(keys)
                if clusters.codes is not None:
                    contributions, identities = summed_by_cluster(contributions, keys)
                error = np.sqrt(np.sum(contributions**2, axis=0))
                size = np.nanmax(np.abs(values[:, places]), axis=0, initial=0.0)
                contributions[:, error <= _ROUNDING * size] = 0.0
                contributions[:, ~block.varies] = np.nan
                error = np.sqrt(np.sum(contributions**2, axis=0))
                stored.append(contributions.astype(np.float32) if single else contributions)
                parts.append(_rows(block, error, name, [labels[place] for place in places]))
        return Effects(
            table=tidy(
                pd.concat(parts, ignore_index=True),
                self._wording(scored, clusters, given[0][0]),
                level=self.level,
            ),
            contributions=StoredContributions(
                np.concatenate(stored, axis=1), identities.rename(clusters.label)
            ),
            level=self.level,
        )

    @property
    def _model(self) -> OutcomeModel:
        return (
            LeastSquaresModel() if self.outcome is None else LearnerModel(self.outcome, self.seed)
        )

    def _check(self) -> None:
        check_choice("estimand", self.estimand, get_args(Target))
        check_level(self.level)
        if not is_whole(self.repeats, 1):
            raise InputError(f"repeats={self.repeats!r} must be a whole number from 1")
        if self.repeats > 1 and self.folds == 1:
            raise InputError(
                f"repeats={self.repeats} is meaningless with folds=1: there are no folds to draw"
            )
        if not (is_number(self.clip) and 0 <= self.clip < 0.5):
            raise InputError(f"clip={self.clip} must be from 0 to under 0.5")
        if self.support is not None and (
            isinstance(self.support, type) or not hasattr(self.support, "keep")
        ):
            raise InputError(
                "support= is no rule: give MinMax(), Crump(0.1) or Quantile(0.01), or None"
            )
        if self.outcome is not None:
            check_learner(self.outcome, "outcome", "predict", "predict_proba")

    def _blocks(self, shape: tuple[int, int]) -> list[list[int]]:
        """Months that are worked on at once: all, where the learner takes them together."""
        width = max(1, _BLOCK // shape[0]) if self._model.is_columnwise else shape[1]
        every = list(range(shape[1]))
        return [every[start : start + width] for start in range(0, shape[1], width)]

    def _block(
        self, scored: ScoredComparison, samples: list[LearningSample], values: np.ndarray
    ) -> Block:
        """Estimates of some months, averaged over draws of folds."""
        treated = scored.comparison.treated
        made = []
        for design, sample in zip(scored.designs, samples, strict=True):
            controls = self._model.predictions(sample, values, ~treated)
            own = None
            if self.estimand == "ATE":
                own = self._model.predictions(sample, values, treated)
            made.append(_augmented(design, values, own, controls))
        if len(made) == 1:
            return made[0]
        return Block(
            estimate=np.mean([one.estimate for one in made], axis=0),
            treated_mean=np.mean([one.treated_mean for one in made], axis=0),
            control_mean=np.mean([one.control_mean for one in made], axis=0),
            n_treated=made[0].n_treated,
            n_control=made[0].n_control,
            contributions=np.mean([one.contributions for one in made], axis=0),
            varies=made[0].varies,
        )

    def _wording(self, scored: ScoredComparison, clusters: Clusters, outcome: str) -> Wording:
        comparison, design = scored.comparison, scored.designs[0]
        target = _TARGETS[self.estimand]
        folds, known = "sans ajustement croisé", "tenus pour connus"
        if self.folds > 1:
            folds = f"ajustement croisé en {self.folds} plis de personnes"
            known = "par ajustement croisé"
        if self.repeats > 1:
            folds += f", moyenne de {self.repeats} tirages des plis"
        error = f"fonction d'influence, score et régression {known}"
        if clusters.codes is not None:
            error += f", grappes par {clusters.label}"
            if clusters.number < _FEW_CLUSTERS:
                error += f", peu de grappes ({_shown(clusters.number)})"
        population, weights = f"ensemble des {target}", f"{target}, par poids de sondage"
        if self.support is not None:
            error += ", support tenu pour fixe"
            percent = f"{100 * design.supported_share:.1f}".replace(".", ",")
            population = f"{percent}\u202f% des {target}, comparables"
            weights = f"{target} comparables, par poids de sondage"
        if scored.clipped:
            bound = f"{self.clip:g}".replace(".", ",")
            weights += f" ({_shown(scored.clipped)} scores bornés à {bound} de 0 ou de 1)"
        return Wording(
            comparison=f"{comparison.treated_label} contre {comparison.control_label}",
            outcome=outcome,
            estimator=f"Doublement robuste (AIPW), {self._model.name} et {scored.learner}, {folds}",
            estimand=f"{self.estimand}, niveau",
            se_kind=error,
            target_population=population,
            weights=weights,
            base_period="aucune (niveau)",
            control_group=comparison.control_label,
            contribution_kind="influence",
        )


@dataclass(frozen=True, eq=False)
class _Kept:
    """A rule of support already applied."""

    mask: np.ndarray
    rule: Support

    @property
    def reason(self) -> str:
        return self.rule.reason

    def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
        return self.mask

    def __str__(self) -> str:
        return str(self.rule)


@np.errstate(invalid="ignore", divide="ignore")
def _augmented(
    design: Design, values: np.ndarray, own: np.ndarray | None, controls: np.ndarray
) -> Block:
    """The estimate of each month, from predictions in each arm (none for the treated's own mean).

    Everything is missing at a month where nobody of an arm is observed, or nobody to learn from.
    """
    comparison = design.comparison
    outcome, observed = filled(values)
    treated = comparison.treated[:, np.newaxis]
    weights = design.weights[:, np.newaxis]
    target = weights * treated
    if own is not None:
        target = comparison.weights[:, np.newaxis] * (weights != 0)
    seen = target * observed
    share = seen / seen.sum(axis=0)
    means = []
    contributions = np.zeros(outcome.shape)
    for arm, sign, predicted in ((treated, 1.0, own), (~treated, -1.0, controls)):
        mine = weights * arm
        ratio = mine.sum() / target.sum()
        inside = mine * observed
        inside = inside / inside.sum(axis=0)
        residual = outcome if predicted is None else outcome - predicted
        gap = (inside * residual).sum(axis=0)
        added = ratio * inside * (residual - gap) + gap * (mine - ratio * target) / target.sum()
        mean = ratio * gap
        if predicted is not None:
            base = (share * predicted).sum(axis=0)
            added += share * (predicted - base)
            mean += base
        contributions += sign * added
        means.append(mean)
    counts = [np.sum(observed & (weights != 0) & arm, axis=0) for arm in (treated, ~treated)]
    shape = means[0].shape
    return Block(
        estimate=means[0] - means[1],
        treated_mean=means[0],
        control_mean=means[1],
        n_treated=np.broadcast_to(counts[0], shape),
        n_control=np.broadcast_to(counts[1], shape),
        contributions=contributions,
        varies=np.broadcast_to((counts[0] > 1) & (counts[1] > 1), shape),
    )


def _rows(block: Block, error: np.ndarray, outcome: str, labels: list[Period]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "outcome": outcome,
            "month": labels,
            "estimate": block.estimate,
            "se": error,
            "n_treated": block.n_treated.astype(int),
            "n_control": block.n_control.astype(int),
            "treated_mean": block.treated_mean,
            "control_mean": block.control_mean,
        }
    )


def _shown(number: int) -> str:
    """A count as a table may say it."""
    return f"moins de {SMALLEST_SHOWN}" if 0 < number < SMALLEST_SHOWN else f"{number}"
