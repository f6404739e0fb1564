"""One outcome by calendar period and who was treated when: what difference-in-differences takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, check_kind, counted
from pacte_eval.frames.columns import identifiers, normalise, sampling_weights, select

NEVER = np.nan


@dataclass(frozen=True, eq=False)
class Panel:
    """Units followed over calendar periods, each unit once.

    Parameters
    ----------
    outcome : str
        Its name.
    values : float array, shape (n, t)
        NaN where a unit is not observed.
    periods : int array, shape (t,)
        Increasing: months (``year * 12 + month − 1``), quarters or years.
    unit : pandas.Index
        Identifiers of the n units, unique.
    first_treated : float array, shape (n,)
        Period of the first treatment; NaN for the never treated.
    covariates : DataFrame, n rows
        Those that do not vary within a unit, as numbers or factors.
    cluster : array, shape (n,)
        Who is independent of whom.
    weights : float array, shape (n,)
        Sampling weights.
    varying : mapping of str to float array, shape (n, t)
        Numbers that vary within a unit; NaN where it is not observed.

    Raises
    ------
    InputError
        If shapes disagree, a unit comes twice, periods do not increase, a value or a weight is
        infinite, or a first treatment is 0 where no period is.
    """

    outcome: str
    values: np.ndarray
    periods: np.ndarray
    unit: pd.Index
    first_treated: np.ndarray
    covariates: pd.DataFrame
    cluster: np.ndarray
    weights: np.ndarray
    varying: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size, periods = len(self.unit), np.asarray(self.periods)
        if self.unit.has_duplicates:
            raise InputError(
                f"{counted(int(self.unit.duplicated().sum()), 'duplicated unit')} in the panel"
            )
        if len(periods) < 2 or (np.diff(periods) <= 0).any():
            raise InputError("a panel needs two periods or more, increasing")
        values = np.asarray(self.values, dtype=np.float64)
        if values.shape != (size, len(periods)):
            raise InputError(
                f"outcome '{self.outcome}' has values of shape {values.shape} for {size} units and "
                f"{len(periods)} periods"
            )
        _refuse_infinite(values, self.outcome)
        cluster, weights = np.asarray(self.cluster), np.array(self.weights, dtype=np.float64)
        first = _first_treated(self.first_treated, periods)
        _check_rows(size, first_treated=first, cluster=cluster, weights=weights)
        _check_weights(weights)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "periods", periods)
        object.__setattr__(self, "cluster", cluster)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "first_treated", first)
        object.__setattr__(self, "covariates", self.covariates.set_axis(self.unit, axis=0))

    @classmethod
    def from_frame(
        cls,
        long: pd.DataFrame,
        *,
        unit: str,
        period: str,
        first_treated: str,
        outcome: str,
        covariates: Sequence[str] = (),
        cluster: str | None = None,
        weights: str | None = None,
    ) -> Panel:
        """A panel from a long data frame, one row per unit and period.

        Parameters
        ----------
        long : DataFrame
        unit, period, outcome : str
            Columns; periods are whole numbers. A missing outcome is a gap.
        first_treated : str
            Column of the period of first treatment, missing for the never treated, the same on
            all rows of a unit.
        covariates : sequence of str
            Columns; those that vary within a unit must be numbers.
        cluster, weights : str, optional
            Columns that do not vary within a unit; units and 1 by default.

        Raises
        ------
        InputError
            If a column is missing, a unit has two rows of one period, or what must not vary within
            a unit does.
        """
        check_kind(long, pd.DataFrame, use="to_pandas() or pandas.DataFrame(…)")
        roles = {"unit": unit, "period": period, "first treatment": first_treated}
        others = {"outcome": outcome, "cluster": cluster, "weights": weights}
        for role, named in (roles | others).items():
            if named is not None:
                select(long, [named], role)
        found, periods, layout = _layout(long, unit, period)
        constant: dict[str, pd.Series] = {}
        varying: dict[str, np.ndarray] = {}
        for name in select(long.iloc[:0], covariates, "covariate"):
            made = normalise(long[name], "covariate")
            if layout.is_constant(made):
                constant[str(name)] = made.iloc[layout.first]
            elif isinstance(made.dtype, pd.CategoricalDtype):
                raise InputError(f"covariate '{name}' is text that varies within a unit: code it")
            else:
                varying[str(name)] = layout.wide(made.to_numpy())
        own = found.rename("unit")
        first = _numbers(long[first_treated], "first treatment")
        given = None if cluster is None else long[cluster].to_numpy()
        return cls(
            outcome=outcome,
            values=layout.wide(_numbers(long[outcome], "outcome")),
            periods=periods,
            unit=own,
            first_treated=layout.constant(first, first_treated),
            covariates=pd.DataFrame(
                {name: values.set_axis(own) for name, values in constant.items()}, index=own
            ),
            cluster=own.to_numpy() if given is None else layout.constant(given, str(cluster)),
            weights=np.ones(len(own))
            if weights is None
            else layout.constant(sampling_weights(long, weights), weights),
            varying=varying,
        )

    @property
    def groups(self) -> np.ndarray:
        """Periods of first treatment, increasing, without the never treated: float array."""
        return np.unique(self.first_treated[np.isfinite(self.first_treated)])

    @property
    def is_balanced(self) -> bool:
        """Whether every unit is observed at every period."""
        return bool(np.isfinite(self.values).all())

    def covariates_at(self, place: int) -> pd.DataFrame:
        """Covariates at the period of position `place`: n rows, NaN where not observed."""
        moving = {name: values[:, place] for name, values in self.varying.items()}
        return self.covariates.assign(**moving) if moving else self.covariates

    def subset(self, mask: np.ndarray) -> Panel:
        """The units where `mask` (booleans, shape (n,)) is true."""
        kept = np.asarray(mask)
        if kept.dtype != bool or kept.shape != (len(self),):
            raise InputError(f"a mask needs {len(self)} booleans, one per unit")
        return replace(
            self,
            values=self.values[kept],
            unit=self.unit[kept],
            first_treated=self.first_treated[kept],
            covariates=self.covariates[kept],
            varying={name: values[kept] for name, values in self.varying.items()},
            cluster=self.cluster[kept],
            weights=self.weights[kept],
        )

    def as_cross_sections(self) -> CrossSections:
        """Every observation a row of its own, clustered as the panel is."""
        row, column = np.nonzero(np.isfinite(self.values))
        covariates = self.covariates.iloc[row].assign(
            **{name: values[row, column] for name, values in self.varying.items()}
        )
        return CrossSections(
            outcome=self.outcome,
            values=self.values[row, column],
            period=self.periods[column],
            first_treated=self.first_treated[row],
            covariates=covariates.reset_index(drop=True),
            cluster=self.cluster[row],
            weights=self.weights[row],
        )

    def __len__(self) -> int:
        return len(self.unit)

    def __repr__(self) -> str:
        never = int(np.isnan(self.first_treated).sum())
        return (
            f"Panel('{self.outcome}': {len(self):,} units × {len(self.periods)} periods, "
            f"{len(self.groups)} groups, {never:,} never treated)"
        )


@dataclass(frozen=True, eq=False)
class CrossSections:
    """Repeated cross-sections: each row another unit, seen at one period.

    Parameters
    ----------
    outcome : str
    values : float array, shape (n,)
    period : int array, shape (n,)
    first_treated : float array, shape (n,)
        Period at which the group of the row is first treated; NaN where it never is.
    covariates : DataFrame, n rows
    cluster : array, shape (n,)
        Who is independent of whom.
    weights : float array, shape (n,)
        Sampling weights.

    Raises
    ------
    InputError
        As a `Panel` does.
    """

    outcome: str
    values: np.ndarray
    period: np.ndarray
    first_treated: np.ndarray
    covariates: pd.DataFrame
    cluster: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        size = len(self.values)
        cluster, weights = np.asarray(self.cluster), np.array(self.weights, dtype=np.float64)
        periods, column = _periods(pd.Series(self.period, name="period"))
        first = _first_treated(self.first_treated, periods)
        values = np.asarray(self.values, dtype=np.float64)
        _refuse_infinite(values, self.outcome)
        missing = int(np.isnan(values).sum())
        if missing:
            raise InputError(
                f"outcome '{self.outcome}' has {counted(missing, 'missing value')}: drop these rows"
            )
        _check_rows(size, period=column, first_treated=first, cluster=cluster, weights=weights)
        _check_rows(size, covariates=self.covariates)
        _check_weights(weights)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "period", periods[column])
        object.__setattr__(self, "cluster", cluster)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "first_treated", first)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        period: str,
        first_treated: str,
        outcome: str,
        covariates: Sequence[str] = (),
        cluster: str | None = None,
        weights: str | None = None,
    ) -> CrossSections:
        """Cross-sections from a data frame, one row per unit.

        Parameters
        ----------
        frame : DataFrame
        period, first_treated, outcome, covariates, cluster, weights
            Columns, as for `Panel.from_frame`.

        Raises
        ------
        InputError
            If a column is missing, and as the class does.
        """
        check_kind(frame, pd.DataFrame, use="to_pandas() or pandas.DataFrame(…)")
        roles = {"period": period, "first treatment": first_treated, "outcome": outcome}
        for role, name in (roles | {"cluster": cluster, "weights": weights}).items():
            if name is not None:
                select(frame, [name], role)
        chosen = select(frame, covariates, "covariate")
        made = {name: normalise(values, "covariate") for name, values in chosen.items()}
        return cls(
            outcome=outcome,
            values=_numbers(frame[outcome], "outcome"),
            period=frame[period].to_numpy(),
            first_treated=_numbers(frame[first_treated], "first treatment"),
            covariates=pd.DataFrame(made, index=frame.index).reset_index(drop=True),
            cluster=np.arange(len(frame)) if cluster is None else frame[cluster].to_numpy(),
            weights=sampling_weights(frame, weights),
        )

    @property
    def periods(self) -> np.ndarray:
        """The periods at which someone is seen, increasing."""
        return np.unique(self.period)

    @property
    def groups(self) -> np.ndarray:
        """Periods of first treatment, increasing, without the never treated: float array."""
        return np.unique(self.first_treated[np.isfinite(self.first_treated)])

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return (
            f"CrossSections('{self.outcome}': {len(self):,} rows over {len(self.periods)} "
            f"periods, {len(self.groups)} groups)"
        )


class _Layout(Protocol):
    """Where each row of a long frame goes in arrays of units by periods."""

    first: np.ndarray

    def wide(self, values: np.ndarray) -> np.ndarray:
        """Values of rows as (units, periods), NaN where there is no row."""

    def is_constant(self, column: pd.Series) -> bool:
        """Whether a column without missing value has one value per unit."""

    def constant(self, values: np.ndarray, name: str) -> np.ndarray:
        """The value of each unit.

        Raises
        ------
        InputError
            If it varies within some units.
        """


class _Scattered:
    """Rows in any order, some perhaps missing."""

    def __init__(self, row: np.ndarray, place: np.ndarray, units: int, periods: int) -> None:
        self._row, self._place, self._shape = row, place, (units, periods)
        self.first = np.empty(units, dtype=np.int64)
        self.first[row[::-1]] = np.arange(len(row))[::-1]

    def wide(self, values: np.ndarray) -> np.ndarray:
        made = np.full(self._shape, np.nan)
        made.reshape(-1)[self._place] = values
        return made

    def is_constant(self, column: pd.Series) -> bool:
        values = _codes(column)
        return bool((values == values[self.first][self._row]).all())

    def constant(self, values: np.ndarray, name: str) -> np.ndarray:
        own = values[self.first]
        repeated = own[self._row]
        differs = (values != repeated) & ~(pd.isna(values) & pd.isna(repeated))
        if differs.any():
            raise _varies(name, len(np.unique(self._row[differs])))
        return own


class _Regular:
    """Rows of each unit together, at all periods in their order."""

    def __init__(self, units: int, periods: int) -> None:
        self._shape = units, periods
        self.first = np.arange(units) * periods

    def wide(self, values: np.ndarray) -> np.ndarray:
        return np.array(values.reshape(self._shape), dtype=np.float64)

    def is_constant(self, column: pd.Series) -> bool:
        values = _codes(column).reshape(self._shape)
        return bool((values == values[:, :1]).all())

    def constant(self, values: np.ndarray, name: str) -> np.ndarray:
        wide = values.reshape(self._shape)
        differs = wide != wide[:, :1]
        if differs.any():
            differs &= ~(pd.isna(wide) & pd.isna(wide[:, :1]))
            if differs.any():
                raise _varies(name, int(differs.any(axis=1).sum()))
        return wide[:, 0].copy()


def _layout(long: pd.DataFrame, unit: str, period: str) -> tuple[pd.Index, np.ndarray, _Layout]:
    """The units in the order of the frame, the periods, and where rows go.

    Raises
    ------
    InputError
        If units are missing, periods are not whole, or a unit has two rows of one period.
    """
    count = _run(long, unit, period)
    if count:
        ends = pd.Index(long[unit].iloc[::count])
        periods, column = _periods(long[period].iloc[:count])
        if not ends.has_duplicates and np.array_equal(column, np.arange(count)):
            return ends, periods, _Regular(len(ends), count)
    row, found = pd.factorize(identifiers(long, unit))
    periods, column = _periods(long[period])
    place = row * len(periods) + column
    seen = np.zeros(len(found) * len(periods), dtype=bool)
    seen[place] = True
    twice = len(place) - int(np.count_nonzero(seen))
    if twice:
        raise InputError(
            f"{counted(twice, 'row')} of the panel repeat a '{unit}' and '{period}': keep one"
        )
    return pd.Index(found), periods, _Scattered(row, place, len(found), len(periods))


def _run(long: pd.DataFrame, unit: str, period: str) -> int:
    """Rows of each unit where they all follow each other at the same periods, else 0."""
    columns = [long[unit], long[period]]
    if len(long) == 0 or not all(
        isinstance(one.dtype, np.dtype) and one.dtype.kind in "iuf" for one in columns
    ):
        return 0
    units, times = (one.to_numpy() for one in columns)
    count = int(np.argmax(units != units[0])) or len(units)
    if len(units) % count:
        return 0
    wide, moments = units.reshape(-1, count), times.reshape(-1, count)
    return count if (wide == wide[:, :1]).all() and (moments == moments[0]).all() else 0


def _codes(column: pd.Series) -> np.ndarray:
    factor = isinstance(column.dtype, pd.CategoricalDtype)
    return np.asarray(column.cat.codes if factor else column.to_numpy())


def _varies(name: str, units: int) -> InputError:
    return InputError(f"'{name}' varies within {counted(units, 'unit')}: give one value")


def _periods(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The periods, increasing, and the position of each row among them."""
    numbers = _numbers(column, "period")
    wrong = int(np.count_nonzero(~np.isfinite(numbers) | (numbers != np.rint(numbers))))
    if wrong:
        raise InputError(
            f"period '{column.name}' has {counted(wrong, 'value')} missing or not whole: number "
            "the periods, as year × 12 + month − 1"
        )
    whole = numbers.astype(np.int64)
    if len(whole) == 0:
        raise InputError("a panel needs rows: there are none")
    low, high = int(whole.min()), int(whole.max())
    if high - low > 1_000_000:
        found, place = np.unique(whole, return_inverse=True)
        return found, place
    there = np.zeros(high - low + 1, dtype=bool)
    there[whole - low] = True
    position = np.cumsum(there) - 1
    return np.flatnonzero(there) + low, position[whole - low]


def _numbers(column: pd.Series, role: str) -> np.ndarray:
    needed = f"{role} '{column.name}' must hold numbers"
    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.PeriodDtype):
        raise InputError(f"{needed}, not dates: number periods as year × 12 + month − 1")
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError(needed) from None


def _first_treated(values: np.ndarray, periods: np.ndarray) -> np.ndarray:
    first = np.array(values, dtype=np.float64)
    first[np.isinf(first)] = NEVER
    zero = int(np.count_nonzero(first == 0))
    if zero and periods[0] > 1:
        raise InputError(
            f"first treatment is 0, which is before every period, for {counted(zero, 'row')}: "
            "leave it missing for the never treated"
        )
    return first


def _refuse_infinite(values: np.ndarray, name: str) -> None:
    infinite = int(np.count_nonzero(np.isinf(values)))
    if infinite:
        raise InputError(f"outcome '{name}' has {counted(infinite, 'value')} infinite")


def _check_rows(size: int, **columns: np.ndarray | pd.DataFrame) -> None:
    for name, column in columns.items():
        if len(column) != size:
            raise InputError(f"{name} has {len(column)} rows where there are {size}")


def _check_weights(weights: np.ndarray) -> None:
    wrong = int(np.count_nonzero(~(np.isfinite(weights) & (weights > 0))))
    if wrong:
        raise InputError(f"{counted(wrong, 'sampling weight')} missing, infinite, zero or negative")
