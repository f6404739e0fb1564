"""A propensity score by any learner, each person scored by what was learnt without them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.scores.boosting import drawn
from pacte_eval.designs.scores.learners import Learner, check_learner, fit_learner, predict
from pacte_eval.designs.scores.logit import Logit
from pacte_eval.designs.scores.terms import model_terms
from pacte_eval.designs.settings import is_whole
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor

_EXTREME = 1e-12


@dataclass(frozen=True, eq=False)
class CrossFittedScore:
    """A fitted score.

    Attributes
    ----------
    scores : float array, shape (n,)
        Probabilities of treatment.
    index : float array, shape (n,)
        Their log-odds.
    fold : int array, shape (n,)
        The fold of each unit, from 0.
    learner : str
    coefficients : None
    dropped : dict of str to str
        Covariates that a logit left out in some folds, with the reason.
    """

    scores: np.ndarray
    index: np.ndarray
    fold: np.ndarray
    learner: str
    coefficients: None = None
    dropped: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        folds = int(self.fold.max()) + 1
        return f"{self.learner}, " + (f"{folds} folds of persons" if folds > 1 else "no folds")

    @property
    def slope(self) -> np.ndarray:
        return self.scores * (1 - self.scores)

    def influence(self, direction: np.ndarray) -> np.ndarray:
        """Refused.

        Raises
        ------
        InputError
            Always: a cross-fitted learner has no influence function.
        """
        raise InputError(
            f"score={self.learner} by folds has no influence function: use Logit or Probit for a "
            "standard error that counts the estimated score"
        )


@dataclass(frozen=True)
class CrossFitted:
    """Propensity score by a learner, with cross-fitting by person.

    Parameters
    ----------
    learner : classifier of scikit-learn, optional
        Anything with ``fit`` and ``predict_proba``; it is copied. A logit without penalty by
        default. It sees numbers standardised, and factors as one column a level but the first.
    folds : int
        Each unit is scored by what was learnt on the persons of the other folds; 1 learns on all
        of them.
    seed : int
        Of the draw of folds, and of learners whose random state is not set.

    Notes
    -----
    Chernozhukov et al. (2018, *Econometrics Journal* 21, C1–C68, definition 3.1).
    """

    learner: Learner = None
    folds: int = 5
    seed: int = 0

    def fit(self, comparison: Comparison) -> CrossFittedScore:
        """Fit with sampling weights.

        Raises
        ------
        InputError
            If there is no covariate, there are more folds than persons, the persons outside a fold
            are all of one arm, covariates separate the arms, or the learner fails.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        fold = folds_of_persons(comparison, self.folds, self.seed)
        if self.learner is not None:
            check_learner(self.learner, "treatment", "predict_proba")
        if comparison.covariates.shape[1] == 0:
            raise InputError("a score needs at least one covariate: the comparison has none")
        scores = np.empty(len(comparison))
        dropped: dict[str, str] = {}
        columns = None if self.learner is None else learnt_columns(comparison.covariates)
        for held in range(self.folds):
            scored = fold == held
            learnt = ~scored if self.folds > 1 else scored
            treated = comparison.treated[learnt]
            if treated.all() or not treated.any():
                raise InputError(
                    f"folds={self.folds}: the persons outside a fold are all of one arm; give "
                    "fewer folds, or folds=1"
                )
            if columns is None:
                scores[scored] = _logit_scores(comparison, learnt, scored, dropped)
                continue
            model = fit_learner(
                self.learner,
                columns[learnt],
                treated,
                comparison.weights[learnt],
                role="treatment",
                seed=self.seed,
            )
            chances = predict(model, "predict_proba", columns[scored], role="treatment")
            scores[scored] = chances[:, list(model.classes_).index(True)]
        scores = np.clip(scores, _EXTREME, 1 - _EXTREME)
        name = "logit" if self.learner is None else type(self.learner).__name__
        return CrossFittedScore(scores, np.log(scores / (1 - scores)), fold, name, dropped=dropped)


def folds_of_persons(comparison: Comparison, folds: int, seed: int) -> np.ndarray:
    """Fold of each unit: the treated persons, then the others, are dealt out in a drawn order.

    Returns
    -------
    int array, shape (n,)
        From 0. It does not depend on the order of rows, but on identifiers of persons.

    Raises
    ------
    InputError
        If there are more folds than persons, or settings are not whole numbers.
    """
    if not is_whole(folds, 1):
        raise InputError(f"folds={folds!r} must be a whole number from 1")
    if not (is_whole(seed, 0) and seed < 2**32):
        raise InputError(f"seed={seed!r} must be a whole number from 0 to 4294967295")
    person, persons = pd.factorize(comparison.cluster)
    if folds > len(persons):
        raise InputError(f"folds={folds} is more than the persons in the comparison")
    trained = np.bincount(person, comparison.treated) > 0
    rank = np.empty(len(persons), dtype=np.int64)
    rank[np.lexsort((drawn(pd.Index(persons), seed), ~trained))] = np.arange(len(persons))
    return np.asarray(rank[person] % folds)


def learnt_columns(covariates: pd.DataFrame) -> np.ndarray:
    """Covariates as the numbers a learner sees, without intercept: float array, shape (n, p)."""
    terms = model_terms(covariates)
    return terms.times(np.eye(len(terms.names)))[:, 1:]


def _logit_scores(
    comparison: Comparison, learnt: np.ndarray, scored: np.ndarray, dropped: dict[str, str]
) -> np.ndarray:
    """Scores of some units by the logit of others; a level unseen among these counts for none."""
    fitted = Logit().fit(comparison.subset(learnt))
    assert fitted.coefficients is not None
    slopes = fitted.coefficients
    dropped.update(fitted.dropped)
    index = np.full(int(scored.sum()), slopes["intercept"])
    for name in comparison.covariates:
        column = comparison.covariates[name][scored]
        if is_factor(column):
            level = [slopes.get(f"{name}[{each}]", 0.0) for each in column.cat.categories]
            index += np.asarray(level)[column.cat.codes.to_numpy()]
        else:
            index += slopes.get(str(name), 0.0) * column.to_numpy()
    return np.asarray(1 / (1 + np.exp(-index)))
