"""The effects of one path by period since entry, laid out for what judges parallel trends by it:
which periods are before and after entry, which are zero by construction, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import PATH, signed

Combining = Literal["equal"] | Mapping[int, float] | Sequence[float] | np.ndarray | None

_LABELS = [*PATH, "se_kind", "target_population", "weights", "base_period", "control_group"]
_MATCHED = "équilibrées par construction"
_MISSING = "sans estimation"


@dataclass(frozen=True)
class Combination:
    """A combination of the effects after entry.

    Attributes
    ----------
    values : float array, shape (n_post,)
    period : int or None
        The period, where it is one.
    words : str
        In French.
    """

    values: np.ndarray
    period: int | None
    words: str


@dataclass(frozen=True, eq=False)
class EventPath:
    """Estimates at consecutive periods around entry, and their joint covariance.

    Attributes
    ----------
    periods : tuple of int
        Consecutive; those before ``first_post`` are untouched by treatment.
    known : tuple of int
        Periods where the difference is zero by construction, as the reference.
    estimates : float array, shape (k,)
        At the other periods, in order.
    covariance : float array, shape (k, k)
    first_post : int
    rows : DataFrame or None
        Rows of the table of effects that the estimates come from.
    left_out : str
        Periods left out and why, in French; empty where there are none.
    """

    periods: tuple[int, ...]
    known: tuple[int, ...]
    estimates: np.ndarray
    covariance: np.ndarray
    first_post: int = 0
    rows: pd.DataFrame | None = None
    left_out: str = ""

    def __post_init__(self) -> None:
        size = len(self.periods) - len(self.known)
        if self.estimates.shape != (size,) or self.covariance.shape != (size, size):
            raise InputError(
                f"{size} periods are estimated: estimates need that many values, and covariance "
                f"as many rows and columns (found {self.estimates.shape}, {self.covariance.shape})"
            )
        if not (np.isfinite(self.estimates).all() and np.isfinite(self.covariance).all()):
            raise InputError("estimates and covariance must be finite: leave missing periods out")
        if not (np.diag(self.covariance) > 0).all():
            count = int((np.diag(self.covariance) <= 0).sum())
            raise InputError(f"{count} of {size} estimates have no sampling error: leave them out")
        if not np.allclose(self.covariance, self.covariance.T, rtol=1e-8):
            raise InputError("covariance is not symmetric")
        if not any(period < self.first_post for period in self.periods_estimated):
            raise InputError(
                "no effect before entry is left, of periods that are neither the reference nor "
                "balanced by construction: parallel trends are non testable"
            )
        if self.n_post == 0:
            raise InputError("no effect after entry is left: there is nothing to judge")
        if self.n_before < 2:
            raise InputError(
                "one period before entry and no reference: no change before entry is left to "
                "judge by, parallel trends are non testable"
            )

    @classmethod
    def from_arrays(
        cls,
        estimates: Sequence[float] | np.ndarray,
        covariance: Sequence[Sequence[float]] | np.ndarray,
        n_pre: int,
        n_post: int,
    ) -> EventPath:
        """From numbers alone: `n_pre` periods, the reference −1 that is not among them, `n_post`.

        Parameters
        ----------
        estimates : float array, shape (n_pre + n_post,)
        covariance : float array, shape (n_pre + n_post, n_pre + n_post)
        """
        return cls(
            tuple(range(-n_pre - 1, n_post)),
            (-1,),
            np.asarray(estimates, dtype=np.float64),
            np.asarray(covariance, dtype=np.float64),
        )

    @classmethod
    def all_of(cls, effects: Effects, first_post: int | None = None) -> list[EventPath]:
        """The paths of a table of effects by period since entry.

        By default `first_post` is 0, or minus the ``anticipation`` of a column of the table.
        Periods that a column ``matched`` says balanced by construction, and those without an
        estimate, are left out and named; the rest must be consecutive. Rows without a period
        (overall effects) are not part of a path.

        Raises
        ------
        InputError
            If periods are not whole numbers, or are not consecutive, or are compared with
            different base periods; or if nothing before entry is left.
        """
        if first_post is None:
            said = effects.table.get("anticipation", pd.Series(0, effects.table.index))
            first_post = -int(said.max())
        table = effects.table
        if "group" in table and table["group"].notna().any():
            raise InputError(
                "these effects are by group: aggregate('dynamic') first, for a path by period "
                "since entry"
            )
        months = pd.to_numeric(table["month"], errors="coerce").to_numpy(
            dtype=float, na_value=np.nan
        )
        named = table["month"].notna().to_numpy() & np.isnan(months)
        if named.any() or (months[~np.isnan(months)] % 1 != 0).any():
            raise InputError("periods must be counted from entry by whole numbers: check 'month'")
        within = np.flatnonzero(~np.isnan(months))
        if len(within) == 0:
            raise InputError("no row has a period since entry: aggregate('dynamic') first")
        code = table.groupby(PATH, sort=False, dropna=False).ngroup().to_numpy()
        return [
            cls._of(effects, rows[np.argsort(months[rows], kind="stable")], first_post)
            for rows in (within[code[within] == one] for one in pd.unique(code[within]))
        ]

    @classmethod
    def _of(cls, effects: Effects, rows: np.ndarray, first_post: int) -> EventPath:
        part = effects.table.iloc[rows]
        periods = part["month"].astype(int).to_numpy()
        if len(np.unique(periods)) < len(periods):
            raise InputError(
                "a period since entry comes several times in one path: keep one estimator, "
                "outcome and cell"
            )
        if part["base_period"].nunique() > 1:
            raise InputError(
                "effects before and after entry are compared with different base periods "
                f"({' / '.join(part['base_period'].unique())}): estimate them with one, as "
                "base='universal'"
            )
        estimate, error = (part[name].to_numpy(dtype=float) for name in ("estimate", "se"))
        matched = part["matched"].eq(True).to_numpy() if "matched" in part else periods != periods
        missing = np.isnan(estimate) & ~matched
        zero = (estimate == 0) & ~(error > 0) & ~matched & (periods < first_post)
        used = ~(matched | missing | zero)
        if not (error[used] > 0).all():
            count = int((~(error[used] > 0)).sum())
            raise InputError(
                f"{count} of {int(used.sum())} effects have no standard error: no interval "
                "can be made from them"
            )
        known = _reference(periods, periods[zero], periods[used], first_post)
        kept = np.sort(np.concatenate([known, periods[used]]))
        _check_consecutive(kept, periods[matched], first_post)
        mask = np.zeros(len(effects), dtype=bool)
        mask[rows[used]] = True
        back = np.argsort(np.argsort(rows[used]))
        covariance = effects.covariance(mask).to_numpy()[np.ix_(back, back)]
        reasons = [
            f"{_listed(periods[which])} ({why})"
            for which, why in ((matched, _MATCHED), (missing, _MISSING))
            if which.any()
        ]
        return cls(
            tuple(int(one) for one in kept),
            tuple(int(one) for one in known),
            estimate[used],
            covariance,
            first_post,
            part[used],
            "\u202f; ".join(reasons),
        )

    @property
    def periods_estimated(self) -> tuple[int, ...]:
        """Periods of the estimates."""
        return tuple(period for period in self.periods if period not in self.known)

    @property
    def n_before(self) -> int:
        """Periods before entry, known ones included."""
        return sum(period < self.first_post for period in self.periods)

    @property
    def n_post(self) -> int:
        return len(self.periods) - self.n_before

    def columns(self, matrix: np.ndarray) -> np.ndarray:
        """Coefficients of all periods (…, periods) as those of the estimates (…, k)."""
        return matrix[..., [period not in self.known for period in self.periods]]

    def said(self, chosen: np.ndarray | None = None) -> dict[str, str | int]:
        """Words and counts that a table made from the estimates chosen carries over: all of the
        words that differ, the least of the counts."""
        if self.rows is None:
            words: dict[str, str | int] = dict.fromkeys(_LABELS, "")
            named = ", ".join(signed(one) for one in self.known)
            base = f"période relative {named}" if named else ""
            return words | {"cell": "ensemble", "base_period": base, "n_treated": 0, "n_control": 0}
        part = self.rows if chosen is None else self.rows[chosen]
        words = {name: "\u202f; ".join(map(str, pd.unique(part[name]))) for name in _LABELS}
        return words | {name: int(part[name].min()) for name in ("n_treated", "n_control")}

    def combination(self, weights: Combining) -> Combination:
        """A combination of effects after entry: the first by default.

        Raises
        ------
        InputError
            If weights do not fit the periods after entry, or are all zero.
        """
        after = self.periods[self.n_before :]
        if weights is None:
            weights = {after[0]: 1.0}
        if isinstance(weights, str):
            if weights != "equal":
                raise InputError(f"weights='{weights}' is unknown: did you mean 'equal'?")
            span = f"{signed(after[0])} à {signed(after[-1])}"
            if len(after) > 1:
                values = np.full(len(after), 1 / len(after))
                return Combination(values, None, f"moyenne des périodes relatives {span}")
            weights = {after[0]: 1.0}
        if isinstance(weights, Mapping):
            unknown = [period for period in weights if period not in after]
            if unknown:
                raise InputError(
                    f"weights name period {unknown[0]}, which is not after entry: "
                    f"{after[0]} to {after[-1]} are"
                )
            weights = [float(weights.get(period, 0.0)) for period in after]
        values = np.asarray(weights, dtype=np.float64)
        if values.shape != (len(after),):
            raise InputError(f"weights has {values.size} values for {len(after)} periods")
        if not np.isfinite(values).all() or not values.any():
            raise InputError("weights must be finite, and not all zero")
        if np.count_nonzero(values) == 1 and values.sum() == 1:
            period = after[int(np.argmax(values))]
            return Combination(values, period, f"période relative {signed(period)}")
        given = [
            f"{value:g} × {signed(period)}".replace(".", ",").replace("-", "−")
            for period, value in zip(after, values, strict=True)
            if value
        ]
        return Combination(values, None, f"périodes relatives {', '.join(given)}")


def _reference(
    periods: np.ndarray, zero: np.ndarray, used: np.ndarray, first_post: int
) -> np.ndarray:
    """Periods zero by construction: those of the table, or the only one that it does not have."""
    if len(zero) or len(used) == 0:
        return zero
    span = np.arange(used[0], max(int(used[-1]) + 1, first_post))
    absent = np.setdiff1d(span, periods)
    return absent if len(absent) == 1 and absent[0] < first_post else zero


def _check_consecutive(kept: np.ndarray, matched: np.ndarray, first_post: int) -> None:
    """Refuse a path with holes."""
    before = kept[kept < first_post]
    if len(before) == 0:
        return
    hole = np.setdiff1d(np.arange(kept[0], kept[-1] + 1), kept)
    if len(hole) == 0:
        return
    balanced = np.isin(hole, matched)
    why = f" ({int(balanced.sum())} of them balanced by construction)" if balanced.any() else ""
    raise InputError(
        f"{len(hole)} periods are missing between {kept[0]} and {kept[-1]}, from {hole[0]} "
        f"on{why}: changes from one period to the next cannot be judged across them"
    )


def _listed(periods: np.ndarray) -> str:
    """``−24 à −13`` where consecutive, else each."""
    if len(periods) > 2 and (np.diff(periods) == 1).all():
        return f"{signed(periods[0])} à {signed(periods[-1])}"
    return ", ".join(signed(one) for one in periods)
