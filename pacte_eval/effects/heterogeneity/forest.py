"""A causal forest looks for whom the effect is larger; three tables say whether it found anything.

Each person's effect is predicted by forests grown without them (econml's `CausalForestDML`), folds
being of persons. Predictions are never shown: they are held to account by a calibration test, by a
linear projection on declared characteristics, and by the value of a rule of two questions.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, check_kind
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import THIN, amount, interval, number
from pacte_eval.designs import Design
from pacte_eval.designs.scores.cross_fitted import folds_of_persons, learnt_columns
from pacte_eval.designs.settings import is_whole
from pacte_eval.effects.heterogeneity.characteristics import (
    Characteristics,
    characteristics_of,
    sentence_of,
)
from pacte_eval.effects.heterogeneity.policy import policy_tables
from pacte_eval.effects.table import check_level
from pacte_eval.frames import Comparison, Outcomes

ALARM = 0.05
EXTREME = 0.02
NUISANCE_TREES = 100
NUISANCE_LEAF = 20
TREES_STEP = 4


@dataclass(frozen=True, eq=False)
class ForestResult:
    """What the forest found, in tables of groups only.

    Attributes
    ----------
    calibration : DataFrame
        ``term`` (mean, differential), ``estimate`` (1 where the forest is right), ``se``, ``p``
        (one-sided, of no more than zero), ``sentence``.
    projection : DataFrame
        One row a declared characteristic: ``term``, ``label``, ``kind``, ``estimate`` (for one
        unit more), ``se``, ``ci_low``, ``ci_high``, ``p``, ``nature`` (always « association »),
        ``sentence``.
    policy : DataFrame
        One row a leaf of the rule learnt on everyone: ``rule``, ``n_treated``, ``n_control``,
        ``share``, ``treats``.
    values : DataFrame
        What rules are worth on average, against training nobody: ``policy`` (everyone, tree),
        ``estimate``, ``se``, ``ci_low``, ``ci_high``, ``sentence``; the tree's is of rules learnt
        on others, and ``difference`` is the tree less everyone.
    mean : float
        Mean of the predictions.
    estimate, se : float
        Mean effect on the comparable, treated and controls together, by doubly robust scores.
    n_treated, n_control : int
    settings : mapping
        ``trees``, ``folds``, ``seed``, and ``clipped``: whether probabilities of treatment were
        bounded at 0.02 of 0 or of 1.
    """

    calibration: pd.DataFrame
    projection: pd.DataFrame
    policy: pd.DataFrame
    values: pd.DataFrame
    mean: float
    estimate: float
    se: float
    n_treated: int
    n_control: int
    settings: Mapping[str, object]

    @property
    def sentences(self) -> list[str]:
        """What is found, in French: calibration, projection, rule."""
        tables = (self.calibration, self.projection, self.values)
        return [str(sentence) for table in tables for sentence in table["sentence"]]

    def __repr__(self) -> str:
        return "ForestResult\n" + "\n".join(self.sentences)


def forest(
    design: Design,
    outcomes: Outcomes,
    month: Period,
    *,
    persons: Sequence[str],
    labels: Mapping[str, str] | None = None,
    unit: str = "points",
    trees: int = 500,
    folds: int = 5,
    seed: int = 0,
    level: float = 0.95,
) -> ForestResult:
    """Heterogeneity of the effect at one month among the units that a design keeps.

    Parameters
    ----------
    design : Design
        Treated and controls with a weight are the sample, by their sampling weights.
    outcomes : Outcomes
    month : int or str
    persons : sequence of str
        Covariates, strata or cells the effect is projected on and rules are made of, declared
        beforehand; the forest itself sees all covariates.
    labels : mapping of str to str, optional
        Names as a French reader sees them.
    unit : str
        Of the outcome, for sentences.
    trees : int
        Of each forest; a multiple of 4.
    folds : int
        Of persons; each is predicted by what was learnt on the others.
    seed : int
    level : float
        Of the intervals.

    Returns
    -------
    ForestResult
        Errors are summed by person, or HC3 where each comes once.

    Raises
    ------
    InputError
        If settings are wrong, the month is not observed, an arm has too few units for leaves of
        11, or a characteristic cannot be used.

    Notes
    -----
    Wager and Athey (2018, *JASA* 113, 1228–1242); Athey, Tibshirani and Wager (2019, *Annals of
    Statistics* 47, 1148–1178). Calibration: Chernozhukov, Demirer, Duflo and Fernández-Val (2018,
    NBER 24678, section 3), as in grf's `test_calibration`, predictions centred within their fold.
    Projection: Semenova and Chernozhukov (2021, *Econometrics Journal* 24, 264–289). Rules: Athey
    and Wager (2021, *Econometrica* 89, 133–161).
    """
    check_kind(design, Design, use="the fit() of a design on a comparison")
    check_level(level)
    if not is_whole(trees, TREES_STEP) or trees % TREES_STEP:
        raise InputError(f"trees={trees!r} must be a multiple of {TREES_STEP}")
    if not is_whole(folds, 2):
        raise InputError(f"folds={folds!r} must be a whole number from 2")
    values = outcomes.at([month]).aligned(design.comparison.unit)[:, 0].astype(np.float64)
    kept = (design.weights != 0) & np.isfinite(values)
    treated = design.comparison.treated
    for arm, name in ((treated, "treated"), (~treated, "control")):
        if np.count_nonzero(arm & kept) < 2 * SMALLEST_SHOWN * folds:
            raise InputError(
                f"too few {name} units are kept and observed at month {month!r} for {folds} folds "
                f"and leaves of {SMALLEST_SHOWN}"
            )
    sample = design.comparison.subset(kept)
    declared = characteristics_of(sample, np.arange(len(sample)), persons, labels or {})
    learnt = _learn(sample, values[kept], trees, folds, seed)
    errors = _Errors(sample)
    average = errors.fit(learnt.scores, np.ones((len(sample), 1)))
    policy, worth = policy_tables(sample, declared, learnt.scores, learnt.fold, seed)
    return ForestResult(
        calibration=_calibration(learnt, errors),
        projection=_projection(learnt.scores, declared, errors, unit, level),
        policy=policy,
        values=_values(worth, errors, unit, level),
        mean=float(np.average(learnt.effect, weights=sample.weights)),
        estimate=float(average.slopes[0]),
        se=float(average.errors[0]),
        n_treated=int(sample.treated.sum()),
        n_control=int((~sample.treated).sum()),
        settings={
            "trees": trees,
            "folds": folds,
            "seed": seed,
            "clipped": learnt.clipped,
        },
    )


@dataclass(frozen=True, eq=False)
class _Learnt:
    """What was predicted of each unit by others: float arrays, shape (n,).

    Attributes
    ----------
    fold : int array, shape (n,)
    effect, chance : float arrays
        Predicted effect, and probability of treatment.
    treated : float array
        Treatment, 0 or 1.
    left : float array
        Outcome less its prediction whatever the arm.
    clipped : bool
        Whether probabilities were bounded.
    """

    fold: np.ndarray
    effect: np.ndarray
    chance: np.ndarray
    treated: np.ndarray
    left: np.ndarray
    clipped: bool

    @property
    def scores(self) -> np.ndarray:
        """Doubly robust scores of the effect."""
        gap = self.treated - self.chance
        return self.effect + gap / (self.chance * (1 - self.chance)) * (
            self.left - gap * self.effect
        )


def learners(seed: int) -> dict[str, Any]:
    """The regressor of outcomes and the classifier of treatment, as econml takes them."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    settings = {
        "n_estimators": NUISANCE_TREES,
        "min_samples_leaf": NUISANCE_LEAF,
        "max_features": "sqrt",
        "random_state": seed,
        "n_jobs": 1,
    }
    return {
        "model_y": RandomForestRegressor(**settings),
        "model_t": RandomForestClassifier(**settings),
    }


def causal_forest(trees: int, seed: int) -> Any:
    """The forest of econml that is grown, not yet fitted."""
    from econml.dml import CausalForestDML
    from sklearn.model_selection import GroupKFold

    return CausalForestDML(
        **learners(seed),
        discrete_treatment=True,
        cv=GroupKFold(2),
        n_estimators=trees,
        min_samples_leaf=SMALLEST_SHOWN,
        random_state=seed,
        n_jobs=1,
    )


def _learn(sample: Comparison, values: np.ndarray, trees: int, folds: int, seed: int) -> _Learnt:
    """Predictions of each unit by forests and regressions learnt on other persons."""
    columns = learnt_columns(sample.covariates)
    treated = sample.treated.astype(int)
    fold = folds_of_persons(sample, folds, seed)
    effect, outcome, chance = (np.empty(len(sample)) for _ in range(3))
    weights = None if (sample.weights == sample.weights[0]).all() else sample.weights
    for held in range(folds):
        own, others = fold == held, fold != held
        weighted = None if weights is None else weights[others]
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            grown = causal_forest(trees, seed).fit(
                values[others],
                treated[others],
                X=columns[others],
                groups=sample.person[others],
                sample_weight=weighted,
                cache_values=False,
            )
            effect[own] = grown.effect(columns[own])
            models = learners(seed)
            regressor, classifier = models["model_y"], models["model_t"]
            regressor.fit(columns[others], values[others], sample_weight=weighted)
            classifier.fit(columns[others], treated[others], sample_weight=weighted)
            outcome[own] = regressor.predict(columns[own])
            chance[own] = classifier.predict_proba(columns[own])[:, 1]
    bounded = np.clip(chance, EXTREME, 1 - EXTREME)
    return _Learnt(
        fold=fold,
        effect=effect,
        chance=bounded,
        treated=treated.astype(float),
        left=values - outcome,
        clipped=bool((bounded != chance).any()),
    )


@dataclass(frozen=True, eq=False)
class _Coefficients:
    slopes: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True, eq=False)
class _Errors:
    """Least squares by sampling weights, with errors by person, or HC3."""

    sample: Comparison

    def fit(self, target: np.ndarray, columns: np.ndarray) -> _Coefficients:
        from statsmodels.regression.linear_model import WLS

        person = self.sample.person
        model = WLS(target, columns, weights=self.sample.weights)
        if person.max() + 1 < len(person):
            result = model.fit(cov_type="cluster", cov_kwds={"groups": person})
        else:
            result = model.fit(cov_type="HC3")
        return _Coefficients(np.asarray(result.params), np.asarray(result.bse))


def _calibration(learnt: _Learnt, errors: _Errors) -> pd.DataFrame:
    weights = errors.sample.weights
    means = np.bincount(learnt.fold, weights * learnt.effect) / np.bincount(learnt.fold, weights)
    mean = means[learnt.fold]
    gap = learnt.treated - learnt.chance
    columns = np.column_stack([gap * mean, gap * (learnt.effect - mean)])
    found = errors.fit(learnt.left, columns)
    p = stats.norm.sf(found.slopes / found.errors)
    differs = p[1] < ALARM
    told = [
        f"Effet moyen prédit par la forêt{THIN}: coefficient {number(found.slopes[0], 2)} pour 1 "
        f"attendu (p{THIN}= {number(p[0], 3)}).",
        f"Écarts à cette moyenne{THIN}: coefficient {number(found.slopes[1], 2)} pour 1 attendu "
        f"(p{THIN}= {number(p[1], 3)}){THIN}: "
        + (
            "l’effet varie d’une personne à l’autre au-delà du hasard."
            if differs
            else "aucune variation de l’effet n’est établie."
        ),
    ]
    return pd.DataFrame(
        {
            "term": ["mean", "differential"],
            "estimate": found.slopes,
            "se": found.errors,
            "p": p,
            "sentence": told,
        }
    )


def _projection(
    scores: np.ndarray, declared: Characteristics, errors: _Errors, unit: str, level: float
) -> pd.DataFrame:
    centred = declared.columns - declared.columns.mean(axis=0)
    found = errors.fit(scores, np.column_stack([np.ones(len(scores)), centred]))
    slopes, error = found.slopes[1:], found.errors[1:]
    reach = stats.norm.ppf((1 + level) / 2) * error
    table = declared.terms.assign(
        estimate=slopes,
        se=error,
        ci_low=slopes - reach,
        ci_high=slopes + reach,
        p=2 * stats.norm.sf(np.abs(slopes / error)),
        nature="association",
    )
    table["sentence"] = [sentence_of(row, unit, level) for _, row in table.iterrows()]
    return table.drop(columns="step")


def _values(
    worth: Mapping[str, np.ndarray], errors: _Errors, unit: str, level: float
) -> pd.DataFrame:
    """The mean of what each rule brings, unit by unit."""
    told = {
        "everyone": "Former toutes les personnes comparables vaut",
        "tree": "Former celles que désigne une règle de deux questions au plus, apprise sur "
        "d’autres, vaut",
        "difference": "La règle change cette valeur de",
    }
    rows = []
    for name, gains in worth.items():
        found = errors.fit(gains, np.ones((len(gains), 1)))
        estimate, error = float(found.slopes[0]), float(found.errors[0])
        reach = float(stats.norm.ppf((1 + level) / 2)) * error
        low, high = estimate - reach, estimate + reach
        sentence = (
            f"{told[name]} {amount(estimate, unit, sign=True)} en moyenne (intervalle à "
            f"{number(level, scale=100)}{THIN}% {interval(low, high, unit)})."
        )
        rows.append((name, estimate, error, low, high, sentence))
    names = ["policy", "estimate", "se", "ci_low", "ci_high", "sentence"]
    return pd.DataFrame(rows, columns=names)
