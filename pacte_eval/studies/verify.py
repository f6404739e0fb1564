"""Whether a study, run again, gives the tables of the result set that is there.

The rerun goes to a scratch folder beside the results, through the same seal, and is deleted.
Tables are told apart by rows and columns, never by values. On confidential data a verification is
not an attempt at a design: it is refused as soon as it could be one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.protocol import Protocol, digests
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.diagnostics import Verdicts
from pacte_eval.results import ProtectedTable, ResultSet
from pacte_eval.studies.cohort import named_source
from pacte_eval.studies.declared import declared_texts
from pacte_eval.studies.protocol import PROTOCOL
from pacte_eval.studies.run import run_study
from pacte_eval.studies.seal import Seal

Progress = Callable[[str], None]
Status = Literal[
    "identical (bytes)", "equal at 1e-9", "different", "only in the result set", "only in the rerun"
]

TOLERANCE = 1e-9
SLACK = 1 + 1e-6
ROUNDING = 1e-12  # absolute: what is zero but for rounding differs from one processor to another
ENVIRONMENT = ("versions", "python", "processor")


@dataclass(frozen=True)
class TableCompared:
    """One table of a result set beside that of the rerun.

    Attributes
    ----------
    rows : int
        Rows that differ, those of one side only included.
    columns : tuple of str
        Columns in which rows of both sides differ, or that one side lacks.
    """

    name: str
    status: Status
    rows: int = 0
    columns: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the bytes are identical, or the numbers equal at 1e-9 and all else equal."""
        return self.status in ("identical (bytes)", "equal at 1e-9")


@dataclass(frozen=True)
class Verification:
    """Every table of a result set beside its rerun, and what both were made from.

    Attributes
    ----------
    results : Path
        The folder of the result set verified.
    tables : tuple of TableCompared
        Sorted by name.
    made_from : mapping of str to tuple of str
        For the definitions, the protocol, the data, the seeds and the environment, the names of
        what changed.
    """

    results: Path
    tables: tuple[TableCompared, ...]
    made_from: Mapping[str, tuple[str, ...]]

    @property
    def same(self) -> bool:
        """Whether no table differs."""
        return all(table.same for table in self.tables)

    @property
    def sentence(self) -> str:
        """The conclusion."""
        across = bool(self.made_from["environment"])
        where = " across two environments, where tables are compared at 1e-9" if across else ""
        different = sum(not table.same for table in self.tables)
        if different:
            return f"{different} of {len(self.tables)} tables differ{where}: {self.results}"
        word = "equal" if any("equal" in table.status for table in self.tables) else "identical"
        return f"all {len(self.tables)} tables are {word}{where}: {self.results}"


def verify_study(
    project: Project,
    identifier: str,
    source: Path | None = None,
    out: Path | None = None,
    progress: Progress = lambda _: None,
) -> Verification:
    """Run a study again, aside, and compare its tables with those of its result set.

    Nothing is recorded in the journal of the study.

    Parameters
    ----------
    project : Project
    identifier : str
        The study's identifier.
    source : Path, optional
        Folder of the administrative tables; a study on a file of persons declares its own.
    out : Path, optional
        Where the results are, ``results`` in the project by default.
    progress : callable
        Told each stage.

    Raises
    ------
    InputError
        If the study has no result set there, or one changed since it was written; if its data are
        confidential and the declarations, the protocol or the data are no longer those of the
        result set, since a run would then be a new attempt at a design; or as `run_study` does.
    """
    study = project.study(identifier)
    root = out or project.root / "results"
    folder = root / identifier / _source_name(project, study, source) / "interne"
    if not (folder / "datapackage.json").is_file():
        raise InputError(
            f"no results of study '{identifier}' in {folder}: run it first with pacte run "
            f"{identifier}"
        )
    standing = ResultSet.open(folder)
    if standing.nature == "confidential":
        _refuse_another_design(project, study, standing)
    try:
        scratch = tempfile.TemporaryDirectory(prefix=".verify-", dir=root)
    except OSError as error:
        raise InputError(f"{root}: cannot be written ({error.strerror})") from error
    with scratch:
        again = ResultSet.open(
            run_study(
                project,
                identifier,
                source,
                Path(scratch.name),
                progress,
                record=_recorded_already(standing),
            )
        )
        return Verification(folder, _compared(standing, again), _made_from(standing, again))


def print_verification(verification: Verification) -> None:
    """Print the tables compared, what both runs were made from, and the conclusion."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    tables = Table("table", "verdict", "rows", "columns", box=box.SIMPLE_HEAD)
    for one in verification.tables:
        tables.add_row(
            one.name, one.status, f"{one.rows:,}" * (one.rows > 0), " ".join(one.columns)
        )
    made_from = Table("made from", "verdict", box=box.SIMPLE_HEAD)
    for what, changed in verification.made_from.items():
        made_from.add_row(what, f"changed: {', '.join(changed)}" if changed else "the same")
    console = Console(markup=False, highlight=False)
    for shown in (tables, made_from):
        console.print(shown)
    console.print(verification.sentence, soft_wrap=True)


def _source_name(project: Project, study: StudyDefinition, source: Path | None) -> str:
    """The name that the source gives to the folder of results."""
    if study.persons is not None:
        return project.persons(study.id, study.persons).id
    return named_source(project, source, f"study '{study.id}'").resolve().name


def _refuse_another_design(project: Project, study: StudyDefinition, standing: ResultSet) -> None:
    declared = digests(declared_texts(project, study))
    changed = _changed(standing.provenance.get("definitions"), declared)
    path = project.path(f"studies/{study.id}/{PROTOCOL}")
    kept = None if path is None else path.read_text(encoding="utf-8")
    if kept != standing.definitions.get(PROTOCOL):
        changed = (*changed, PROTOCOL)
    if changed:
        raise InputError(_new_attempt(standing, ", ".join(changed)))


def _recorded_already(standing: ResultSet) -> Callable[..., int]:
    """In place of the journal: the attempt that a verification repeats is there already."""

    def repeated(_: Path, __: Protocol, fingerprint: str, ___: Verdicts, ____: Seal) -> int:
        if standing.nature != "confidential":
            raise InputError(_new_attempt(standing, "the nature of the data"))
        if fingerprint != standing.provenance.get("data"):
            raise InputError(_new_attempt(standing, "the data"))
        return int(standing.run_log.get("design_attempts", 0))

    return repeated


def _new_attempt(standing: ResultSet, what: str) -> str:
    return (
        f"{standing.folder}: changed since these results: {what}; on confidential data a run would "
        "be a new attempt at a design, which is recorded: use pacte run"
    )


def _compared(standing: ResultSet, again: ResultSet) -> tuple[TableCompared, ...]:
    return tuple(
        _table(name, standing, again) for name in sorted({*standing.tables, *again.tables})
    )


def _table(name: str, standing: ResultSet, again: ResultSet) -> TableCompared:
    if name not in again.tables:
        return TableCompared(name, "only in the result set", len(standing.tables[name]))
    if name not in standing.tables:
        return TableCompared(name, "only in the rerun", len(again.tables[name]))
    left, right = ((one.folder / f"{name}.csv").read_bytes() for one in (standing, again))
    if left == right:
        return TableCompared(name, "identical (bytes)")
    rows, columns = differences(standing.tables[name], again.tables[name])
    if standing.nature != again.nature:
        rows, columns = max(len(standing.tables[name]), len(again.tables[name])), ("donnees",)
    return TableCompared(name, "different" if rows else "equal at 1e-9", rows, columns)


def differences(left: ProtectedTable, right: ProtectedTable) -> tuple[int, tuple[str, ...]]:
    """How many rows of two tables differ, and in which columns.

    Numbers are equal when their gap is at most 1e-9 of the larger one: tables hold ten significant
    digits, and the last one may fall on either side of a rounding. All else must be equal.

    Returns
    -------
    int
        Rows that differ, those of one side only included.
    tuple of str
        Columns in which rows of both sides differ, or that one side lacks.
    """
    kinds = {table: {one.name: one.kind for one in table.schema.columns} for table in (left, right)}
    one_sided = tuple(sorted(set(kinds[left].items()) ^ set(kinds[right].items())))
    if one_sided or left.schema.key != right.schema.key:
        columns = tuple(dict.fromkeys(name for name, _ in one_sided)) or left.schema.key
        return max(len(left), len(right)), columns
    first, second, alone = _paired(left, right)
    gaps = {
        name: ~_agree(first[name], second[name], kinds[left].get(name, "text"))
        for name in first.columns
    }
    differs = np.logical_or.reduce(list(gaps.values()))
    columns = tuple(name for name, gap in gaps.items() if gap.any())
    return int(differs.sum()) + alone, columns


def _paired(left: ProtectedTable, right: ProtectedTable) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Rows of the same key, and how many rows have their key on one side only.

    Rows are sorted by key: where keys agree one by one, numbers at 1e-9, they pair in this order.
    """
    first, second, key = left.frame, right.frame, list(left.schema.key)
    kinds = {name: left.schema.column(name).kind for name in key}
    if len(first) == len(second) and all(
        _agree(first[name], second[name], kinds[name]).all() for name in key
    ):
        return first, second, 0
    first.index, second.index = (
        pd.MultiIndex.from_frame(frame[key].astype("string").fillna(""))
        for frame in (first, second)
    )
    both = first.index.intersection(second.index)
    return first.loc[both], second.loc[both], len(first) + len(second) - 2 * len(both)


def _agree(left: pd.Series, right: pd.Series, kind: str) -> np.ndarray:
    absent = left.isna().to_numpy() & right.isna().to_numpy()
    if kind != "number":
        same = left.reset_index(drop=True) == right.reset_index(drop=True)
        return absent | same.fillna(False).to_numpy(dtype=bool)
    first, second = (one.to_numpy(dtype=float, na_value=np.nan) for one in (left, right))
    finite = np.isfinite(first) & np.isfinite(second)
    gap = np.abs(np.subtract(first, second, where=finite, out=np.full(len(first), np.inf)))
    size = np.maximum(np.abs(first), np.abs(second))
    near = gap <= np.maximum(TOLERANCE * SLACK * size, ROUNDING)
    return absent | (first == second) | (finite & near)


def _made_from(standing: ResultSet, again: ResultSet) -> dict[str, tuple[str, ...]]:
    before, after = standing.provenance, again.provenance
    protocols = [one.definitions.get(PROTOCOL) for one in (standing, again)]
    return {
        "definitions": _changed(before.get("definitions"), after.get("definitions")),
        "protocol": () if protocols[0] == protocols[1] else (PROTOCOL,),
        "data": _changed(before.get("data"), after.get("data"), "fingerprint"),
        "seeds": _changed(before.get("seeds"), after.get("seeds")),
        "environment": tuple(
            text for name in ENVIRONMENT for text in _versions(name, before, after)
        ),
    }


def _versions(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What changed of the environment, with both versions."""
    old, new = (_parts(name, record.get(name)) for record in (before, after))
    return [f"{part} ({old.get(part)} → {new.get(part)})" for part in _changed(old, new)]


def _parts(name: str, recorded: Any) -> Mapping[str, Any]:
    return recorded if isinstance(recorded, Mapping) else {name: recorded}


def _changed(before: Any, after: Any, name: str = "") -> tuple[str, ...]:
    """The entries in which two records differ, or `name` where they are no records."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return () if before == after else (name or "all",)
    return tuple(sorted(key for key in {*before, *after} if before.get(key) != after.get(key)))
