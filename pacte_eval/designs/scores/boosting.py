"""A propensity score by gradient boosting, each person scored by trees grown without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pacte_eval.definitions.errors import InputError, check_kind
from pacte_eval.designs.settings import is_whole
from pacte_eval.frames import Comparison
from pacte_eval.frames.columns import is_factor

_LEVELS = 255
_EXTREME = 1e-6


@dataclass(frozen=True, eq=False)
class FittedBoosting:
    """A fitted score.

    Attributes
    ----------
    scores : float array, shape (n,)
        Probabilities of treatment, from 1e-6 to 1 − 1e-6.
    index : float array, shape (n,)
        Their log-odds.
    fold : int array, shape (n,)
        The fold that scored each unit, from 0.
    seed : int
    coefficients : None
    dropped : dict
        Empty: trees make do with constant and collinear columns.
    """

    scores: np.ndarray
    index: np.ndarray
    fold: np.ndarray
    seed: int
    coefficients: None
    dropped: dict[str, str]

    @property
    def name(self) -> str:
        folds = int(self.fold.max()) + 1
        return f"gradient boosting, {folds} folds of persons, seed {self.seed}"

    @property
    def slope(self) -> np.ndarray:
        return self.scores * (1 - self.scores)

    def influence(self, direction: np.ndarray) -> np.ndarray:
        """Refused.

        Raises
        ------
        InputError
            Always: trees have no influence function.
        """
        raise InputError(
            "score=Boosting has no influence function: its interval is descriptive only; use "
            "Logit or Probit for a standard error that counts the estimated score"
        )


@dataclass(frozen=True)
class Boosting:
    """Propensity score by histogram gradient boosting (scikit-learn), with cross-fitting.

    Parameters
    ----------
    folds : int
        Each unit is scored by trees grown on the persons of the other folds.
    seed : int
        Of the draw of folds.

    Notes
    -----
    Boosted propensity scores are those of McCaffrey, Ridgeway and Morral (2004, *Psychological
    Methods* 9, 403–425); cross-fitting, of Chernozhukov et al. (2018, *Econometrics Journal* 21,
    C1–C68). A person's fold is drawn from the seed and their identifier. Neither folds nor trees
    depend on the order of the rows. One thread grows the trees: two, on a busy machine, wait for
    each other.
    """

    folds: int = 5
    seed: int = 0

    def fit(self, comparison: Comparison) -> FittedBoosting:
        """Fit with sampling weights.

        Raises
        ------
        InputError
            If there is no covariate, there are under two folds or more than persons, the persons
            outside a fold are all of one arm, or a factor has more than 255 levels.
        """
        check_kind(comparison, Comparison, use="Comparison.from_frame(…)")
        self._check()
        from sklearn.ensemble import HistGradientBoostingClassifier

        values, categorical = _values(comparison.covariates)
        fold = self._fold(comparison)
        scores = np.empty(len(comparison))
        order = np.argsort(drawn(comparison.unit, self.seed), kind="stable")
        for held in range(self.folds):
            rows = order[fold[order] != held]
            treated = comparison.treated[rows]
            if treated.all() or not treated.any():
                raise InputError(
                    f"folds={self.folds}: the persons outside a fold are all of one arm; give "
                    "fewer folds"
                )
            model = HistGradientBoostingClassifier(
                categorical_features=categorical, early_stopping=False, random_state=self.seed
            )
            scored = fold == held
            with threadpool_limits(limits=1):
                model.fit(values[rows], treated, sample_weight=comparison.weights[rows])
                scores[scored] = model.predict_proba(values[scored])[:, 1]
        scores = np.clip(scores, _EXTREME, 1 - _EXTREME)
        index = np.log(scores / (1 - scores))
        return FittedBoosting(scores, index, fold, self.seed, None, {})

    def _check(self) -> None:
        if not is_whole(self.folds, 2):
            raise InputError(f"folds={self.folds!r} must be a whole number from 2")
        if not (is_whole(self.seed, 0) and self.seed < 2**32):
            raise InputError(f"seed={self.seed!r} must be a whole number from 0 to 4294967295")

    def _fold(self, comparison: Comparison) -> np.ndarray:
        """Fold of each unit: persons in the order of their draw are dealt out in turn."""
        person, persons = pd.factorize(comparison.cluster)
        if self.folds > len(persons):
            raise InputError(f"folds={self.folds} is more than the persons in the comparison")
        rank = np.empty(len(persons), dtype=np.int64)
        rank[np.argsort(drawn(pd.Index(persons), self.seed))] = np.arange(len(persons))
        return np.asarray(rank[person] % self.folds)


def drawn(names: pd.Index, seed: int) -> np.ndarray:
    """A number drawn from the seed and each name, whatever their order: uint64 array."""
    return pd.util.hash_array(names.map(str).to_numpy(dtype=object), hash_key=f"{seed:016d}")


def _values(covariates: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and codes of factors, shape (n, k), and which are factors."""
    names = covariates.columns
    if len(names) == 0:
        raise InputError("a score needs at least one covariate: the comparison has none")
    values = np.empty((len(covariates), len(names)), order="F")
    categorical = np.array([is_factor(covariates[name]) for name in names])
    for j, name in enumerate(names):
        column = covariates[name]
        if categorical[j]:
            if len(column.cat.categories) > _LEVELS:
                raise InputError(
                    f"covariate '{name}' has {len(column.cat.categories)} levels and boosting "
                    f"takes {_LEVELS}: group them"
                )
            column = column.cat.codes
        values[:, j] = column.to_numpy()
    return values, categorical
