"""Reading the lives of a cohort's persons: contracts, registrations and trainings as plain arrays.

The engine numbers the persons and streams rows as integers; what stays in memory is some twenty
bytes a contract, whatever the outcomes asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ibis
import numpy as np
import pyarrow as pa
from ibis.expr.types import IntegerValue, StringValue, Table

from pacte_eval.cohorts.attributes import flag, text_in
from pacte_eval.cohorts.eligibility import observed_months
from pacte_eval.cohorts.monthly import Intervals, Months
from pacte_eval.cohorts.outcomes import NATURES, NOT_KNOWN, ContractChunk, Lives
from pacte_eval.cohorts.register import NONE, Register, Trainings
from pacte_eval.cohorts.shelf import Shelf
from pacte_eval.tables.source import Source

CHUNK = 1_000_000
_MOST_TOGETHER = 100


def read_lives(
    source: Source,
    register: Register,
    persons: np.ndarray,
    min_days: int,
    shelf: Shelf,
    progress: Callable[[str], None] = lambda _: None,
) -> Lives:
    """Read what outcomes and past employment need of some persons.

    Parameters
    ----------
    persons : int32 array, ascending
        Numbers of the persons in the register; their positions here are the rows of arrays.
    min_days : int
        Closed contracts shorter than this are left out of employment.
    shelf : Shelf
        Where contracts and person × month arrays are kept.
    """
    row_of = np.full(len(register.persons), -1, np.int32)
    row_of[persons] = np.arange(len(persons), dtype=np.int32)
    episodes, trainings = register.episodes, register.trainings
    registered = row_of[episodes.person] >= 0
    category = text_in(episodes.attributes["category"])
    return Lives(
        persons=len(persons),
        contracts=list(
            _contracts(source, register.persons.take(pa.array(persons)), shelf, progress)
        ),
        min_days=min_days,
        registrations=Intervals(
            row_of[episodes.person[registered]],
            episodes.start[registered],
            episodes.last[registered],
        ),
        categories=category.codes[registered],
        trainings=_trainings(trainings, row_of),
        covered={
            table: Months(*observed_months(source, table))
            for table in ("registrations", "trainings", "contracts")
        },
        shelf=shelf,
    )


def _contracts(
    source: Source, persons: pa.Array, shelf: Shelf, progress: Callable[[str], None]
) -> Iterator[ContractChunk]:
    rows = pa.array(np.arange(len(persons), dtype=np.int32))
    wanted = ibis.memtable(pa.table({"person": persons, "row": rows}))
    contracts = source.tables["contracts"]
    held = contracts.inner_join(wanted, "person")
    last = held.end.fill_null(ibis.literal(source.coverage["contracts"][1]))
    streamed = held.select(
        "row",
        start=held.start.epoch_days().cast("int32"),
        end=last.epoch_days().cast("int32"),
        open=flag(held.end.isnull()),
        nature=_position(held.nature, NATURES),
        full_time=flag(held.full_time),
        pay=held.monthly_pay.fill_null(NOT_KNOWN).cast("int64"),
        minutes=held.monthly_minutes.fill_null(NOT_KNOWN).cast("int64"),
    )
    read = 0
    # In the order of persons within a chunk, so that filling months reads memory forward.
    for arrays in _chunks(streamed):
        read += len(arrays["row"])
        if read >= CHUNK:
            progress(f"{read / CHUNK:.0f} million contracts read")
        order = np.argsort(arrays["row"])
        arrays = {name: values[order] for name, values in arrays.items()}
        yield ContractChunk(
            days=Intervals(*(shelf.keep(arrays[name]) for name in ("row", "start", "end"))),
            open=shelf.keep(arrays["open"].astype(bool)),
            nature=shelf.keep(arrays["nature"]),
            full_time=shelf.keep(arrays["full_time"]),
            pay=shelf.keep(_narrow(arrays["pay"])),
            minutes=shelf.keep(_narrow(arrays["minutes"])),
        )


def _trainings(trainings: Trainings, row_of: np.ndarray) -> Intervals:
    """Trainings of the persons; one whose end is not known lasts to the end of its first month."""
    mine = (trainings.person != NONE) & (row_of[trainings.person] >= 0)
    start, last = trainings.start[mine], trainings.last[mine]
    next_month = start.astype("datetime64[D]").astype("datetime64[M]") + 1
    month_end = next_month.astype("datetime64[D]").astype(np.int64) - 1
    end = np.where(last == NONE, month_end, last).astype(np.int32)
    return Intervals(row_of[trainings.person[mine]], start, end)


def _position(values: StringValue, codes: tuple[str, ...]) -> IntegerValue:
    """The position of a code in a list, `NOT_KNOWN` for any other."""
    branches = ((values == code, ibis.literal(place, "int8")) for place, code in enumerate(codes))
    return ibis.cases(*branches, else_=ibis.literal(NOT_KNOWN, "int8"))


def _chunks(rows: Table) -> Iterator[dict[str, np.ndarray]]:
    """Rows as arrays, about a million at a time."""
    waiting: list[pa.RecordBatch] = []
    for batch in rows.to_pyarrow_batches(chunk_size=CHUNK):
        waiting.append(batch)
        if sum(len(held) for held in waiting) >= CHUNK:
            yield _arrays(pa.Table.from_batches(waiting))
            waiting = []
    if waiting:
        yield _arrays(pa.Table.from_batches(waiting))


def _arrays(table: pa.Table) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy() for name in table.column_names}


def _narrow(amounts: np.ndarray) -> np.ndarray:
    """Amounts as int32, unless a hundred of them together would not fit."""
    fits = amounts.max(initial=0) * _MOST_TOGETHER < np.iinfo(np.int32).max
    return amounts.astype(np.int32) if fits else amounts
