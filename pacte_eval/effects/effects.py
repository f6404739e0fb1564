"""A tidy table of effects, and the contributions behind it, from which covariances follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects import families
from pacte_eval.effects.bands import Multiplier, check_multiplier, critical_value
from pacte_eval.effects.contributions import (
    Contributions,
    JoinedContributions,
    LinearContributions,
    StoredContributions,
)
from pacte_eval.effects.drawn_paths import DrawnPaths, Start
from pacte_eval.effects.families import Combination, Dimension, Selection, Weights
from pacte_eval.effects.multiplicity import (
    Adjusting,
    adjustment_in_french,
    from_p_values,
    read_method,
    romano_wolf,
)
from pacte_eval.effects.table import IDENTITY, PATH, check_level, paths, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST_FAMILY = 5_000
_FACTS = [
    "comparison",
    "outcome",
    "cell",
    "estimator",
    "estimand",
    "se_kind",
    "target_population",
    "weights",
    "base_period",
    "control_group",
    "adjustment",
]
_SHOWN = [
    "month",
    "estimate",
    "se",
    "ci_low",
    "ci_high",
    "p",
    "p_adjusted",
    "n_treated",
    "n_control",
]


@dataclass(frozen=True, eq=False)
class Effects:
    """Estimates with their standard errors.

    Attributes
    ----------
    table : DataFrame
        One row per estimate: ``comparison``, ``outcome``, ``month``, ``cell``, ``estimator``,
        ``estimand``, ``estimate``, ``se``, ``se_kind``, ``ci_low``, ``ci_high``, ``p``,
        ``n_treated``, ``n_control``, ``treated_mean``, ``control_mean``, ``target_population``,
        ``weights``, ``base_period``, ``control_group``, ``contribution_kind``.
    contributions : Contributions or None
        Columns whose cross products are the joint covariance of the rows of the table; None where
        ``contribution_kind`` is ``"none"``.
    level : float
        Of the intervals of the table.
    ties : callable or None
        What the choice among ties could make of each row; None where nothing was shared.
    cells : callable or None
        The effects in each value of a cell, from the same design; None where there is no design.
    """

    table: pd.DataFrame
    contributions: Contributions | None = field(repr=False, default=None)
    level: float = 0.95
    ties: Callable[[], pd.DataFrame] | None = field(repr=False, default=None)
    cells: Callable[..., Effects] | None = field(repr=False, default=None)

    _start: ClassVar[Start] = "l'entrée"

    def covariance(self, mask: np.ndarray | Sequence[bool] | None = None) -> pd.DataFrame:
        """Joint covariance of the estimates where `mask` is true (all by default).

        Returns
        -------
        DataFrame
            Indexed both ways by what tells the rows apart (the month, for one path).

        Raises
        ------
        InputError
            If more than 5,000 estimates are asked for, or contributions are of kind none.
        """
        chosen = self._chosen(mask)
        apply = self._linear()
        _refuse_large(chosen)
        part = self.table.iloc[chosen]
        names = [
            name for name in IDENTITY if name in part and part[name].nunique(dropna=False) > 1
        ] or ["month"]
        index = (
            pd.Index(part[names[0]]) if len(names) == 1 else pd.MultiIndex.from_frame(part[names])
        )
        return pd.DataFrame(apply.gram(chosen), index=index, columns=index)

    def bands(self, level: float = 0.95, multiplier: Multiplier = "gaussian") -> pd.DataFrame:
        """Bands that cover all months of a path (comparison, outcome and cell) at once.

        Parameters
        ----------
        level : float
        multiplier : ``"gaussian"`` or ``"rademacher"``
            The critical value is the quantile of the largest absolute draw: Gaussian, from the
            joint covariance, or of contributions multiplied by random signs; from a fixed seed.

        Returns
        -------
        DataFrame
            What tells rows apart, ``estimate``, ``band_low``, ``band_high``, ``critical``; missing
            where the standard error is.
        """
        check_level(level)
        check_multiplier(multiplier)
        error = self.table["se"].to_numpy()
        varying = np.isfinite(error) & (error > 0)
        critical = np.full(len(self), np.nan)
        path = paths(self.table)
        for one in np.unique(path):
            rows = np.flatnonzero(varying & (path == one))
            if len(rows):
                critical[path == one] = critical_value(
                    self._linear(), rows.tolist(), multiplier, level
                )
        half = np.where(error == 0, 0.0, critical * error)
        estimate = self.table["estimate"]
        return self.table[[name for name in IDENTITY if name in self.table]].assign(
            estimate=estimate,
            band_low=estimate - half,
            band_high=estimate + half,
            critical=critical,
        )

    def adjusted(
        self,
        method: Adjusting = "holm",
        mask: np.ndarray | Sequence[bool] | None = None,
        *,
        multiplier: Multiplier | None = None,
    ) -> Self:
        """The same estimates, their p-values adjusted for the family that they are.

        Parameters
        ----------
        method : ``"holm"``, ``"bh"``, ``"by"`` or ``"romano-wolf"``
            Holm and Romano–Wolf hold the risk of any false discovery; Benjamini–Hochberg and
            Benjamini–Yekutieli (under any dependence) the expected share of false ones.
        mask : array of bool, optional
            Rows that make the family; all by default. The others keep what an earlier call gave
            them, so that a table may hold several families.
        multiplier : ``"gaussian"`` or ``"rademacher"``, optional
            What Romano–Wolf draws, 9,999 times from a fixed seed: as in `bands`, and Gaussian by
            default.

        Returns
        -------
        Effects
            With the columns ``p_adjusted`` and ``adjustment``. A row without p-value stays without,
            and is in no family; they are counted in ``adjustment``.

        Raises
        ------
        InputError
            If no row of the family has a p-value; with ``"romano-wolf"``, as `covariance` does.
        """
        drawn = read_method(method, multiplier)
        chosen = self._chosen(mask)
        p = self.table["p"].to_numpy(dtype=float)
        family = [row for row in chosen if np.isfinite(p[row])]
        if not family:
            raise InputError(f"none of the {len(chosen)} rows of the family has a p-value")
        if method == "romano-wolf":
            _refuse_large(family)
            rows = self.table.iloc[family]
            statistics = (rows["estimate"] / rows["se"]).to_numpy(dtype=float)
            adjusted = romano_wolf(statistics, self._linear(), family, drawn)
        else:
            adjusted = from_p_values(p[family], method)
        words = adjustment_in_french(method, drawn, len(family), len(chosen) - len(family))
        table = self.table.copy()
        if "p_adjusted" not in table:
            after = list(table).index("p") + 1
            table.insert(after, "p_adjusted", np.nan)
            table.insert(after + 1, "adjustment", "aucun")
        values, texts = table["p_adjusted"].to_numpy(copy=True), table["adjustment"].to_list()
        values[chosen] = np.nan
        values[family] = adjusted
        for row in chosen:
            texts[row] = words
        table["p_adjusted"], table["adjustment"] = values, texts
        return replace(self, table=table)

    def contrast(self, a: Selection, b: Selection) -> Effects:
        """The estimates selected by `a` less those selected by `b`, with their joint error.

        Parameters
        ----------
        a, b : period, or mapping of columns to values
            A period names a month; a mapping any of ``month, cell, outcome, comparison, estimator,
            estimand, group, period``: ``{"cell": "femmes"}`` less ``{"cell": "hommes"}``, month by
            month.

        Raises
        ------
        InputError
            If they name no estimate, or estimates that do not pair.
        """
        return self._combined(families.contrast(self.table, a, b))

    def pool(
        self,
        weights: Weights | Sequence[float] | np.ndarray | pd.Series = "n_treated",
        over: Dimension = "month",
    ) -> Effects:
        """Weighted means of the estimates over months, cells, comparisons or groups.

        Parameters
        ----------
        weights : ``"n_treated"``, ``"equal"`` or array, one per row of the table
            Taken as fixed, and made to sum to one; estimates that are missing are left out, and
            counted in the column ``weights``.
        over : str
            ``"month"``, ``"cell"``, ``"comparison"``, ``"outcome"``, ``"group"`` or ``"period"``;
            one mean for each value of the others.
        """
        return self._combined(families.pool(self.table, weights, over))

    def cumulate(self, first: int = 1, last: int | None = None) -> Effects:
        """Sums from month `first` to each month: of employment, the months of work gained.

        Rows without month, as an overall effect, enter none.

        Raises
        ------
        InputError
            If a month of the span is not in the table, or months have names.
        """
        return self._combined(families.cumulate(self.table, first, last))

    def beside(self, *others: Effects) -> Effects:
        """These estimates and others in one table, with their joint covariance.

        Clusters are recognised by their identity: estimates from two designs that share persons
        can be pooled and contrasted.

        Raises
        ------
        InputError
            If clusters are not of one nature in all of them, intervals are not of one level, or
            two estimates are alike in all that tells rows apart.
        """
        every = [self, *others]
        if len({one.level for one in every}) > 1:
            raise InputError("intervals of several levels in one table: give level= once for all")
        joined = JoinedContributions([one._linear() for one in every], [len(one) for one in every])
        table = pd.concat([one.table for one in every], ignore_index=True)
        alike = int(table.duplicated([name for name in IDENTITY if name in table]).sum())
        if alike:
            raise InputError(
                f"{alike} estimates are of the same comparison, outcome, estimator, estimand, cell "
                "and month as others beside them: name outcomes or arms apart"
            )
        return Effects(table, joined, self.level)

    def kept(self, mask: np.ndarray | Sequence[bool] | None = None) -> Effects:
        """Some estimates alone, with what their covariance needs and nothing of their design.

        Clusters that contribute to none of them are dropped.
        """
        chosen = self._chosen(mask)
        table = self.table.iloc[chosen].reset_index(drop=True)
        if self.contributions is None:
            return Effects(table, None, self.level)
        values = self.contributions(chosen)
        some = (values != 0).any(axis=1)
        clusters = self.contributions.clusters
        stored = StoredContributions(values[some], clusters[some].rename(clusters.name))
        return Effects(table, stored, self.level)

    def by(self, cell: str | Sequence[str], *, refit: bool = False) -> Effects:
        """The same effects within each value of a cell, from the same design.

        Parameters
        ----------
        cell : str or sequence of str
            Cells, strata or covariates of the comparison; several give their crossings.
        refit : bool
            Fit the design anew in cells that it does not balance; else their effect is missing.

        Raises
        ------
        InputError
            If the estimates do not come from a design, or the cell is unknown.
        """
        if self.cells is None:
            raise InputError("by() is for the effects that estimate() makes from a design")
        return self.cells(cell, refit=refit)

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

    def plot(
        self,
        band: bool = True,
        *,
        mask: np.ndarray | Sequence[bool] | None = None,
        unit: str | Mapping[str, str] = "",
    ) -> Figure:
        """The paths of effects, a panel for each outcome, cell, group or estimator.

        Months that the design balanced by construction (a column ``matched`` of the table) are
        hollow; an effect over all periods is written in its panel.

        Parameters
        ----------
        band : bool
            Draw the band that covers all of a path at the level of the intervals, where there are
            contributions.
        mask : array of bool, optional
            Rows to draw, bands being those of whole paths; all by default.
        unit : str, or mapping of outcome to str
            ``"points"`` for a share, ``"euros"``, ``"heures"``…; by default the outcome's own.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If there are more than 12 paths, or none.
        """
        from pacte_eval.figures.effects import MOST_PANELS, effect_paths

        table = self.table
        if band and self.contributions is not None:
            table = table.join(self.bands(self.level)[["band_low", "band_high"]])
        drawn = DrawnPaths.of(table.iloc[self._chosen(mask)], unit, MOST_PANELS, self._start)
        return effect_paths(
            drawn.frame, axis=drawn.axis, entry=drawn.entry, level=self.level, overall=drawn.overall
        )

    def summary(self) -> str:
        """The table as text, path by path, what is common to its rows above it."""
        facts = [name for name in _FACTS if name in self.table]
        common = [name for name in facts if self.table[name].nunique(dropna=False) == 1]
        varying = [
            name for name in IDENTITY if name in self.table and name not in [*common, "month"]
        ]
        shown = [*varying, *(name for name in _SHOWN if name in self.table)]
        written = self.table[shown].to_string(
            index=False, na_rep="", float_format=lambda value: f"{value:.4f}"
        )
        lines = written.splitlines()
        width = max(len(line) for line in lines)
        ends = np.flatnonzero(np.diff(paths(self.table)))
        for place in reversed(ends.tolist()):
            lines.insert(place + 2, "")
        body = "\n".join(lines)
        told = [f"{name + ':':<20}{_told(self.table[name])}" for name in facts if name not in PATH]
        told = [
            f"{name + ':':<20}{_told(self.table[name])}" for name in common if name in PATH
        ] + told
        title = type(self).__name__.center(width).rstrip()
        return "\n".join([title, "=" * width, *told, "-" * width, body, "=" * width])

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table as an Arrow stream, as ``polars.DataFrame(effects)`` takes it."""
        made = pa.Table.from_pandas(self.table, preserve_index=False)
        return made.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        outcomes = ", ".join(self.table["outcome"].unique())
        kind = self.table["se_kind"].iloc[0]
        return f"{type(self).__name__}({outcomes}: {len(self)} estimates, {kind})"

    def _combined(self, combination: Combination) -> Effects:
        """Effects that are linear combinations of these."""
        matrix, old = combination.matrix, self.table
        made = LinearContributions(self._linear(), matrix)
        error = np.sqrt(made.variances(range(matrix.shape[1])))
        rows = combination.rows.drop(
            columns=["ci_low", "ci_high", "p", "p_adjusted", "adjustment"], errors="ignore"
        )
        for name in ("estimate", "treated_mean", "control_mean"):
            rows[name] = _times(matrix, old[name].to_numpy(dtype=float))
        unclear = np.isnan(_times(matrix, old["se"].to_numpy(dtype=float)))
        rows["se"] = np.where(unclear, np.nan, error)
        return Effects(tidy(rows, level=self.level), made, self.level)

    def _linear(self) -> Contributions:
        if self.contributions is None:
            raise InputError(
                f"standard errors of kind '{self.table['se_kind'].iloc[0]}' have no contributions: "
                "no covariance, band, pooled mean or contrast follows from them"
            )
        return self.contributions

    def _chosen(self, mask: np.ndarray | Sequence[bool] | None) -> list[int]:
        if mask is None:
            return list(range(len(self)))
        chosen = np.asarray(mask)
        if chosen.dtype != bool or chosen.shape != (len(self),):
            raise InputError(f"a mask needs {len(self)} booleans, one per row of the table")
        return [int(row) for row in np.flatnonzero(chosen)]


def _told(values: pd.Series) -> str:
    """The values of a column, the first three where they are more."""
    several = [str(value) for value in values.dropna().unique()]
    others = f" | … ({len(several)} in all)" if len(several) > 3 else ""
    return " | ".join(several[:3]) + others


def _refuse_large(chosen: Sequence[int]) -> None:
    if len(chosen) > LARGEST_FAMILY:
        raise InputError(
            f"a joint covariance of {len(chosen)} estimates is refused: ask for at most "
            f"{LARGEST_FAMILY} with a mask"
        )


def _times(matrix: sparse.csc_array, values: np.ndarray) -> np.ndarray:
    """Combinations of values, missing where one that enters is, or where none does."""
    missing = np.isnan(values)
    made = matrix.T @ np.where(missing, 0.0, values)
    entries = abs(matrix)
    lacking = (entries.T @ missing.astype(float) > 0) | (entries.sum(axis=0) == 0)
    return np.where(lacking, np.nan, made)
