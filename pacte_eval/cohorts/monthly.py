"""Monthly outcomes: contracts and trainings turned into person × calendar month arrays.

A contract counts for every month whose last day it covers. Each adds to the array at its first
month and is taken off after its last, so that one running sum over months gives the outcome. Units
are views on these arrays: a person and an offset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Table

from pacte_eval.cohorts.eligibility import observed_months
from pacte_eval.tables.source import Source

LASTING_DAYS = 180
_UNIX_EPOCH_MONTH = 1970 * 12


@dataclass(frozen=True)
class Calendar:
    """A person × calendar month array.

    Attributes
    ----------
    first : int
        The month integer of the first column.
    values : ndarray, shape (persons, months)
    """

    first: int
    values: np.ndarray

    def around(self, persons: np.ndarray, months: np.ndarray, periods: np.ndarray) -> np.ndarray:
        """Values of units at relative months, NaN outside the calendar.

        Parameters
        ----------
        persons : ndarray of int, shape (n,)
            Row of each unit's person.
        months : ndarray of int, shape (n,)
            Entry month of each unit.
        periods : ndarray of int, shape (t,)
            Relative months.

        Returns
        -------
        ndarray of float, shape (n, t)
        """
        columns = months[:, None] + periods[None, :] - self.first
        observed = (columns >= 0) & (columns < self.values.shape[1])
        inside = np.clip(columns, 0, self.values.shape[1] - 1)
        return np.where(observed, self.values[persons[:, None], inside], np.nan)


def contracts_of(source: Source, persons: pd.Index) -> pd.DataFrame:
    """Contracts of some persons with the months whose last day they cover.

    Returns
    -------
    DataFrame
        ``row`` (position of the person), ``first``, ``last`` (calendar months, clipped to the
        coverage), ``days`` (length, open contracts lasting to the end of coverage), ``nature``,
        ``monthly_pay``, ``monthly_minutes``.
    """
    contracts = source.tables["contracts"]
    last_covered = source.coverage["contracts"][1]
    held = _rows_of(contracts, persons)
    kept = held.select(
        "person",
        "contract",
        "start",
        "nature",
        "monthly_pay",
        "monthly_minutes",
        end=held.end.fill_null(last_covered),
    )
    frame = kept.order_by("person", "start", "contract").to_pandas()
    start = frame["start"].to_numpy("datetime64[D]")
    end = frame["end"].to_numpy("datetime64[D]")
    months = observed_months(source)
    frame["first"] = np.maximum(_month(start), months[0])
    frame["last"] = np.minimum(_month(end + np.timedelta64(1, "D")) - 1, months[1])
    frame["days"] = (end - start).astype(int) + 1
    frame["row"] = persons.get_indexer(pd.Index(frame["person"]))
    return frame[frame["first"] <= frame["last"]].reset_index(drop=True)


def _rows_of(table: Table, persons: pd.Index) -> Table:
    """The rows of a table that belong to some persons."""
    return table.semi_join(ibis.memtable({"person": persons.tolist()}), "person")


def _month(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[M]").astype(int) + _UNIX_EPOCH_MONTH


def running_sum(
    rows: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    amounts: np.ndarray,
    shape: tuple[int, int],
    start: int,
) -> np.ndarray:
    """The sum of amounts over the intervals that cover each person × month.

    Returns
    -------
    ndarray of int64, shape `shape`
    """
    steps = np.zeros((shape[0], shape[1] + 1), dtype=np.int64)
    np.add.at(steps, (rows, first - start), amounts)
    np.add.at(steps, (rows, last + 1 - start), -amounts)
    return np.cumsum(steps, axis=1)[:, :-1]


def outcome_calendars(
    contracts: pd.DataFrame, persons: int, months: tuple[int, int]
) -> dict[str, Callable[[], Calendar]]:
    """How each outcome of the vocabulary is computed; nothing is until it is asked for.

    Parameters
    ----------
    contracts : DataFrame
        As `contracts_of` returns them.
    persons : int
        Number of persons.
    months : (int, int)
        First and last month observed.
    """
    shape = (persons, months[1] - months[0] + 1)

    def total(mask: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        kept = contracts[mask]
        return running_sum(
            kept["row"].to_numpy(),
            kept["first"].to_numpy(),
            kept["last"].to_numpy(),
            amounts[mask],
            shape,
            months[0],
        )

    def amount(column: str, unit: int) -> Calendar:
        """A sum over contracts; a month with a contract whose amount is not known is missing."""
        values = contracts[column]
        known = values.notna().to_numpy()
        sums = total(known, values.fillna(0).to_numpy(np.int64)) / unit
        return Calendar(months[0], np.where(total(~known, one) > 0, np.nan, sums))

    every = np.ones(len(contracts), dtype=bool)
    lasting = ((contracts["nature"] == "cdi") | (contracts["days"] >= LASTING_DAYS)).to_numpy()
    one = np.ones(len(contracts), dtype=np.int64)

    def share(mask: np.ndarray) -> Calendar:
        return Calendar(months[0], (total(mask, one) > 0).astype(np.int8))

    return {
        "emploi": lambda: share(every),
        "emploi_durable": lambda: share(lasting),
        "salaire": lambda: amount("monthly_pay", 100),
        "heures": lambda: amount("monthly_minutes", 60),
    }


def trained_since(
    source: Source, persons: pd.Index, units: pd.DataFrame, periods: np.ndarray
) -> np.ndarray:
    """Whether each unit has entered a training from time zero to each relative month.

    Trainings that begin on time zero itself count for the treated only, as they are what treated
    means; months outside the coverage of trainings are NaN.

    Returns
    -------
    ndarray of float, shape (n, t)
    """
    kept = _rows_of(source.tables["trainings"], persons).select("person", "start")
    starts = kept.order_by("person", "start").to_pandas()
    joined = units[["person", "time_zero"]].reset_index().merge(starts, on="person")
    later = joined[pd.to_datetime(joined["start"]) >= pd.to_datetime(joined["time_zero"])]
    first = later.groupby("unit")["start"].min()
    month = np.full(len(units), np.iinfo(np.int64).max)
    position = units.index.get_indexer(first.index)
    month[position] = _month(first.to_numpy("datetime64[D]"))
    entry = units["entry_month"].to_numpy()
    calendar_months = entry[:, None] + periods[None, :]
    last_covered = _month(np.array([source.coverage["trainings"][1]], "datetime64[D]") + 1)[0] - 1
    since = (month[:, None] <= calendar_months) & (periods >= 0)[None, :]
    return np.where(calendar_months <= last_covered, since, np.nan)
