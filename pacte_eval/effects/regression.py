"""A linear regression of outcomes on covariates: every period is one more right-hand side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.scores.terms import Terms, model_terms
from pacte_eval.frames import Comparison

_DETERMINED = 1e-11


@dataclass(frozen=True, eq=False)
class Regression:
    """Outcomes on the covariates of a comparison, factors coded against their first level.

    Attributes
    ----------
    terms : Terms
        The p columns, the intercept first.
    augmented : bool
        Fitted on everyone by sampling weight; else by the weights of the design.
    """

    terms: Terms
    augmented: bool

    @classmethod
    def of(cls, comparison: Comparison, *, augmented: bool) -> Regression:
        """The regression on all covariates.

        Raises
        ------
        InputError
            If the comparison has no covariate.
        """
        if comparison.covariates.shape[1] == 0:
            raise InputError("adjust= needs covariates: the comparison has none")
        return cls(model_terms(comparison.covariates), augmented)

    def fit(self, outcome: np.ndarray, weights: np.ndarray) -> Fit:
        """Weighted least squares, column by column.

        Columns that others determine where weights are positive get no coefficient of their own
        (the least solution in standard units): nothing is extrapolated along them.

        Parameters
        ----------
        outcome : float array, shape (n, t)
        weights : float array, shape (n, t) or (n, 1)
        """
        products = self.terms.transposed_times(weights * outcome)
        inverses = [_inverse(self.terms.gram(np.ascontiguousarray(column))) for column in weights.T]
        return Fit(
            self.terms,
            [inverse for inverse, _ in inverses],
            products,
            np.array([rank for _, rank in inverses]),
        )

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """Weighted sums of the columns: (n, t) to (p, t)."""
        return self.terms.transposed_times(weights)


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted regression.

    Attributes
    ----------
    terms : Terms
    inverses : list of float arrays, shape (p, p)
        Of the cross products, one for each column of weights.
    products : float array, shape (p, t)
        Of columns and outcomes.
    rank : int array, shape (t,) or (1,)
        Coefficients determined.
    """

    terms: Terms
    inverses: list[np.ndarray]
    products: np.ndarray
    rank: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """Fitted outcomes of all units: float array, shape (n, t)."""
        return self.along(self.products)

    def along(self, direction: np.ndarray) -> np.ndarray:
        """x' A⁻¹ direction for the columns x of each unit: (p, t) to (n, t)."""
        if len(self.inverses) == 1:
            return self.terms.times(self.inverses[0] @ direction)
        solved = [
            inverse @ column for inverse, column in zip(self.inverses, direction.T, strict=True)
        ]
        return self.terms.times(np.column_stack(solved))


def _inverse(gram: np.ndarray) -> tuple[np.ndarray, int]:
    """Pseudo-inverse of cross products in standard units, and its rank."""
    diagonal = np.diag(gram)
    scale = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
    values, vectors = np.linalg.eigh(gram * np.outer(scale, scale))
    kept = values > _DETERMINED * max(values[-1], 1e-300)
    root = vectors[:, kept] / np.sqrt(values[kept]) * scale[:, np.newaxis]
    return root @ root.T, int(kept.sum())
