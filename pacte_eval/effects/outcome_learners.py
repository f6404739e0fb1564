"""What outcomes would be in one arm, for all units, each person predicted without their own fold.

Months are learnt together as far as the learner allows: for least squares, all that were observed
on the same units are right-hand sides of one system.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.scores.learners import Learner, check_learner, fit_learner, predict

_DETERMINED = 1e-11


@dataclass(frozen=True, eq=False)
class LearningSample:
    """Units with their covariates, folds and weights.

    Attributes
    ----------
    columns : float array, shape (n, p)
        Without intercept.
    fold : int array, shape (n,)
        From 0; one fold is learnt on itself.
    weights : float array, shape (n,)
        Sampling weights.
    """

    columns: np.ndarray
    fold: np.ndarray
    weights: np.ndarray

    def folds(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each fold, who is learnt from and who is predicted: bool arrays, shape (n,)."""
        for held in range(int(self.fold.max()) + 1):
            predicted = self.fold == held
            yield (predicted if predicted.all() else ~predicted), predicted


class OutcomeModel(Protocol):
    """How outcomes are predicted from covariates."""

    @property
    def name(self) -> str:
        """In French."""
        ...

    @property
    def is_columnwise(self) -> bool:
        """Whether a month's predictions are the same with or without other months."""
        ...

    def predictions(
        self, sample: LearningSample, values: np.ndarray, arm: np.ndarray
    ) -> np.ndarray:
        """Predictions for all units from those of an arm in other folds.

        Parameters
        ----------
        sample : LearningSample
        values : float array, shape (n, t)
            NaN where not observed.
        arm : bool array, shape (n,)

        Returns
        -------
        float array, shape (n, t)
            NaN where nobody of the arm is observed in the other folds.
        """
        ...


@dataclass(frozen=True)
class LeastSquaresModel:
    """Weighted least squares with an intercept.

    Columns that others determine among those learnt from get no coefficient of their own (the least
    solution): nothing is extrapolated along them.
    """

    name: str = "régression linéaire"
    is_columnwise: bool = True

    def predictions(
        self, sample: LearningSample, values: np.ndarray, arm: np.ndarray
    ) -> np.ndarray:
        predicted = np.full(values.shape, np.nan)
        full = np.column_stack([np.ones(len(sample.fold)), sample.columns])
        held = [np.flatnonzero(rows) for _, rows in sample.folds()]
        for places, observed in _observed_alike(values, arm):
            grams: list[np.ndarray] = []
            products: list[np.ndarray] = []
            counts: list[int] = []
            for rows in held:
                used = rows[observed[rows]]
                weighted = full[used] * sample.weights[used, np.newaxis]
                grams.append(weighted.T @ full[used])
                products.append(weighted.T @ values[np.ix_(used, places)].astype(np.float64))
                counts.append(len(used))
            gram, product, count = np.sum(grams, axis=0), np.sum(products, axis=0), sum(counts)
            for place, rows in enumerate(held):
                left = (gram, product, count)
                if len(held) > 1:
                    left = (gram - grams[place], product - products[place], count - counts[place])
                if left[2] > 0:
                    slopes = _pseudo_inverse(left[0]) @ left[1]
                    predicted[np.ix_(rows, places)] = full[rows] @ slopes
        return predicted


@dataclass(frozen=True)
class LearnerModel:
    """A regressor of scikit-learn, or a classifier where outcomes are 0 and 1.

    Attributes
    ----------
    learner : estimator
        It is copied. Months are learnt at once where it takes several outputs and the same units
        are observed; else one by one.
    seed : int
    """

    learner: Learner
    seed: int

    @property
    def name(self) -> str:
        return type(self.learner).__name__

    @property
    def is_columnwise(self) -> bool:
        return not self._takes_several()

    def predictions(
        self, sample: LearningSample, values: np.ndarray, arm: np.ndarray
    ) -> np.ndarray:
        check_learner(self.learner, "outcome", "predict", "predict_proba")
        from sklearn.base import is_classifier

        predicted = np.full(values.shape, np.nan)
        chances = is_classifier(self.learner)
        for together, observed in _observed_alike(values, arm):
            groups = [together] if self._takes_several() else list(together[:, np.newaxis])
            for places in groups:
                for learnt, rows in sample.folds():
                    used = learnt & observed
                    if not used.any():
                        continue
                    target = values[np.ix_(used, places)].astype(np.float64)
                    predicted[np.ix_(rows, places)] = (
                        self._chances(sample, used, rows, target[:, 0])
                        if chances
                        else self._values(sample, used, rows, target)
                    )
        return predicted

    def _takes_several(self) -> bool:
        from sklearn.base import is_classifier
        from sklearn.utils import get_tags

        return not is_classifier(self.learner) and get_tags(self.learner).target_tags.multi_output

    def _values(
        self, sample: LearningSample, used: np.ndarray, rows: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        given = target[:, 0] if target.shape[1] == 1 else target
        model = fit_learner(
            self.learner,
            sample.columns[used],
            given,
            sample.weights[used],
            role="outcome",
            seed=self.seed,
        )
        made = predict(model, "predict", sample.columns[rows], role="outcome")
        return made.reshape(int(rows.sum()), target.shape[1])

    def _chances(
        self, sample: LearningSample, used: np.ndarray, rows: np.ndarray, target: np.ndarray
    ) -> np.ndarray:
        """Probabilities of 1."""
        if not np.isin(target, (0, 1)).all():
            raise InputError(
                f"outcome={self.name} is a classifier and outcomes are not all 0 or 1: give a "
                "regressor"
            )
        if (target == target[0]).all():
            return np.full((int(rows.sum()), 1), target[0])
        model = fit_learner(
            self.learner,
            sample.columns[used],
            target == 1,
            sample.weights[used],
            role="outcome",
            seed=self.seed,
        )
        made = predict(model, "predict_proba", sample.columns[rows], role="outcome")
        return made[:, list(model.classes_).index(True)][:, np.newaxis]


def _observed_alike(values: np.ndarray, arm: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Columns observed on the same units of an arm, and those units."""
    groups: dict[bytes, tuple[list[int], np.ndarray]] = {}
    for place in range(values.shape[1]):
        observed = arm & ~np.isnan(values[:, place])
        groups.setdefault(np.packbits(observed).tobytes(), ([], observed))[0].append(place)
    return [(np.array(places), observed) for places, observed in groups.values()]


def _pseudo_inverse(gram: np.ndarray) -> np.ndarray:
    """Of cross products, in units in which they are of one size."""
    size = np.sqrt(np.diag(gram))
    scale = np.where(size > 0, 1 / np.where(size > 0, size, 1.0), 0.0)
    both = np.outer(scale, scale)
    return np.asarray(np.linalg.pinv(gram * both, rcond=_DETERMINED, hermitian=True) * both)
