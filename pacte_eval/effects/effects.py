"""A tidy table of effects, and the contributions behind it, from which covariances follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError

LARGEST_FAMILY = 5_000
_DRAWS = 20_000
_SEED = 20_190_401
_BUDGET = 64_000_000

Contributions = Callable[[Sequence[int]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Effects:
    """Estimates with their standard errors.

    Attributes
    ----------
    table : DataFrame
        One row per estimate: ``comparison``, ``outcome``, ``month``, ``cell``, ``estimator``,
        ``estimand``, ``estimate``, ``se``, ``se_kind``, ``ci_low``, ``ci_high``, ``p``,
        ``n_treated``, ``n_control``, ``treated_mean``, ``control_mean``,
        ``target_population``, ``contribution_kind``.
    contributions : callable
        From positions of rows of the table to an array (clusters, rows) whose cross products are
        the joint covariance; None where ``contribution_kind`` is ``"none"``.
    clusters : int
        Number of independent clusters, among all units.
    ties : callable or None
        What the choice among ties could make of each row; None where nothing was shared.
    """

    table: pd.DataFrame
    contributions: Contributions | None = field(repr=False)
    clusters: int
    ties: Callable[[], pd.DataFrame] | None = field(repr=False, default=None)

    def covariance(self, mask: np.ndarray | Sequence[bool] | None = None) -> pd.DataFrame:
        """Joint covariance of the estimates where `mask` is true (all by default).

        Returns
        -------
        DataFrame
            Indexed both ways by month.

        Raises
        ------
        InputError
            If more than 5,000 estimates are asked for, or contributions are of kind none.
        """
        chosen = self._chosen(mask)
        apply = self._linear()
        if len(chosen) > LARGEST_FAMILY:
            raise InputError(
                f"a joint covariance of {len(chosen)} estimates is refused: ask for at most "
                f"{LARGEST_FAMILY} with a mask"
            )
        result = np.empty((len(chosen), len(chosen)))
        width = max(1, _BUDGET // max(self.clusters, 1))
        starts = range(0, len(chosen), width)
        for first in starts:
            left = apply(chosen[first : first + width])
            for second in range(first, len(chosen), width):
                right = left if second == first else apply(chosen[second : second + width])
                product = left.T @ right
                result[first : first + width, second : second + width] = product
                result[second : second + width, first : first + width] = product.T
        months = self.table["month"].iloc[chosen].to_numpy()
        return pd.DataFrame(result, index=months, columns=months)

    def bands(self, level: float = 0.95) -> pd.DataFrame:
        """Bands that cover all estimates of the table at once.

        The critical value is the quantile of the largest absolute Gaussian draw under the joint
        correlation, from a fixed seed.

        Returns
        -------
        DataFrame
            ``month``, ``estimate``, ``band_low``, ``band_high``, ``critical``; missing where the
            standard error is.
        """
        check_level(level)
        error = self.table["se"].to_numpy()
        varying = np.isfinite(error) & (error > 0)
        critical = np.nan
        if varying.any():
            covariance = self.covariance(varying).to_numpy()
            scale = np.sqrt(np.diag(covariance))
            values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            draws = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(scale)))
            critical = float(np.quantile(np.abs(draws @ root.T).max(axis=1), level))
        estimate = self.table["estimate"].to_numpy()
        half = np.where(error == 0, 0.0, critical * error)
        return pd.DataFrame(
            {
                "month": self.table["month"],
                "estimate": estimate,
                "band_low": estimate - half,
                "band_high": estimate + half,
                "critical": critical,
            }
        )

    def contrast(self, a: int | str, b: int | str) -> pd.Series:
        """The effect at period `a` less the effect at period `b`, with its joint error.

        Returns
        -------
        Series
            ``estimate``, ``se``, ``ci_low``, ``ci_high``, ``p`` (95 %).
        """
        rows = []
        for month in (a, b):
            found = np.flatnonzero((self.table["month"] == month).to_numpy())
            if len(found) != 1:
                raise InputError(f"period {month!r} names {len(found)} estimates, not one")
            rows.append(int(found[0]))
        joint = self._linear()(rows)
        error = float(np.sqrt(np.sum((joint[:, 0] - joint[:, 1]) ** 2)))
        values = self.table["estimate"].to_numpy()
        estimate = float(values[rows[0]] - values[rows[1]])
        return pd.Series({"estimate": estimate, "se": error, **interval(estimate, error, 0.95)})

    def tie_span(self) -> pd.DataFrame:
        """The least and the largest estimate that a choice among equally near units can give.

        Returns
        -------
        DataFrame
            ``month``, ``low``, ``high``.

        Raises
        ------
        InputError
            If the design did not share its sets between ties, or the estimate is adjusted.
        """
        if self.ties is None:
            raise InputError(
                f"no span over ties for '{self.table['estimator'].iloc[0]}': it is that of "
                "NearestNeighbour(ties='average') estimated with adjust='none'"
            )
        return self.ties()

    def summary(self) -> str:
        """The table as text, with what is common to all its rows above it."""
        common = [
            "comparison",
            "outcome",
            "estimator",
            "estimand",
            "se_kind",
            "target_population",
        ]
        shown = ["month", "estimate", "se", "ci_low", "ci_high", "p", "n_treated", "n_control"]
        body = self.table[shown].to_string(index=False, float_format=lambda value: f"{value:.4f}")
        width = max(len(line) for line in body.splitlines())
        facts = [f"{name + ':':<20}{', '.join(self.table[name].unique())}" for name in common]
        return "\n".join(
            ["Effects".center(width).rstrip(), "=" * width, *facts, "-" * width, body, "=" * width]
        )

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        outcomes = ", ".join(self.table["outcome"].unique())
        return f"Effects({outcomes}: {len(self)} estimates, {self.table['se_kind'].iloc[0]})"

    def _linear(self) -> Contributions:
        if self.contributions is None:
            raise InputError(
                f"standard errors of kind '{self.table['se_kind'].iloc[0]}' have no contributions: "
                "no covariance, band or contrast follows from them"
            )
        return self.contributions

    def _chosen(self, mask: np.ndarray | Sequence[bool] | None) -> list[int]:
        if mask is None:
            return list(range(len(self)))
        chosen = np.asarray(mask)
        if chosen.dtype != bool or chosen.shape != (len(self),):
            raise InputError(f"a mask needs {len(self)} booleans, one per row of the table")
        return [int(row) for row in np.flatnonzero(chosen)]


def interval(estimate: float, error: float, level: float) -> dict[str, float]:
    """Gaussian interval and two-sided p-value; missing where the error is, or is zero for p."""
    half = stats.norm.ppf(0.5 + level / 2) * error
    p = 2 * stats.norm.sf(abs(estimate) / error) if error > 0 else np.nan
    return {"ci_low": estimate - half, "ci_high": estimate + half, "p": float(p)}


def check_level(level: float) -> None:
    """Refuse a level that is no probability, as 95."""
    if not 0 < level < 1:
        raise InputError(f"level={level} must lie between 0 and 1, as 0.95")
