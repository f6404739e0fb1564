"""The quality of a source, as a result set: counts judged, protected and written.

Nothing of the contract is refused here, so that a source that a study refuses can be described.
"""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import yaml

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError
from pacte_eval.definitions.machine import Machine
from pacte_eval.definitions.months import month_code
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.quality import ALL_YEARS, RAMP_UP
from pacte_eval.definitions.vocabulary import COVARIATES, level_label
from pacte_eval.results import ProtectedTable, protect, write_result_set
from pacte_eval.results.provenance import provenance
from pacte_eval.results.schemas import COVERAGE, FINDINGS, LINKAGE, UNMEASURABLE
from pacte_eval.tables.engines import Store, open_store, reading
from pacte_eval.tables.findings import (
    by_year,
    findings,
    months_covered,
    unmeasurable,
    year_of,
    years_told,
)
from pacte_eval.tables.fingerprint import fingerprint_of
from pacte_eval.tables.linkage import ELSEWHERE, GROUPS
from pacte_eval.tables.meanings import TABLE_LABELS
from pacte_eval.tables.quality import Coverage, Quality, assess
from pacte_eval.tables.source import read_description

QUALITY = "qualite"
EVERYONE, UNKNOWN, OTHER_LEVELS = "Ensemble", "inconnu", "autres"
_COUNTS = ["persons", "contracts", "trainings"]
_SHOWN_COUNTS = ("concerned",)
_AGE_BANDS = {"moins_26": "moins de 26 ans", "26_49": "26 à 49 ans", "50_plus": "50 ans et plus"}


def check_source(
    project: Project,
    source: Path,
    out: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    machine: Machine | None = None,
) -> Path:
    """Write the quality report of a source, as a result set.

    Parameters
    ----------
    project : Project
        Its table of communes serves where the source has none.
    source : Path
        Folder of ``source.yml``; its tables may breach the contract.
    out : Path, optional
        Where results go, ``results`` in the project by default.
    progress : callable
        Told each stage.
    machine : Machine, optional
        Bounds of memory and threads; the machine's own by default.

    Returns
    -------
    Path
        The folder of the result set, ``OUT/qualite/SOURCE/interne``.

    Raises
    ------
    InputError
        If the source cannot be read at all, or has no table; nothing is then written.
    """
    started = time.monotonic()
    description = read_description(source)
    coverage = {str(name): days for name, days in description.coverage.items()}
    store = open_store(source, description.at, machine or Machine())
    if not store.tables:
        raise InputError(f"{source}: none of the tables of the contract is there")
    with reading(str(source)):
        quality = assess(
            store.tables,
            coverage,
            communes=_shipped_communes(project),
            texts=[name for name in store.tables if store.is_text(name)],
            progress=progress,
        )
    progress("protecting and writing tables")
    declared = description.model_dump(mode="json", exclude={"at"}, exclude_none=True)
    definitions = {"source.yml": yaml.safe_dump(declared, allow_unicode=True, sort_keys=False)}
    return write_result_set(
        (out or project.root / "results") / QUALITY / source.resolve().name / "interne",
        protected_tables(quality, coverage),
        definitions=definitions,
        provenance=provenance(definitions, _fingerprint(source, store, quality), {}),
        run_log={
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - started, 1),
        },
        title=f"Qualité de la source «\u202f{description.label}\u202f»",
        nature=description.nature,
    )


def protected_tables(quality: Quality, coverage: dict[str, Coverage]) -> dict[str, ProtectedTable]:
    """The tables of the report, protected."""
    return {
        "findings": protect(_by_year(findings(quality, coverage)), FINDINGS),
        "coverage": protect(_by_month(quality, coverage), COVERAGE),
        "linkage": protect(_by_group(quality.persons), LINKAGE),
        "unmeasurable": protect(unmeasurable(quality), UNMEASURABLE),
    }


def _by_year(found: pd.DataFrame) -> pd.DataFrame:
    by_year = found["year"] != ALL_YEARS
    frame = found.assign(
        other=found["rows"] - found["concerned"],
        level=pd.Series("année", found.index).where(by_year),
    )
    return _with_sums(frame, by_year, ["rank"], ["concerned", "other"])


def _by_month(quality: Quality, coverage: dict[str, Coverage]) -> pd.DataFrame:
    """Months with the sums that the findings tell: of each of their years, its ramp-up apart.

    A ramp-up too small to be told, or all but it, joins the sum of its year. A small number of rows
    that no month covers joins the sum of the last one. The rows of the year would tell them.
    """
    frames = []
    for table, months in months_covered(quality, coverage).groupby("table", sort=False):
        rows = quality.rows[quality.rows["table"] == table]
        years = years_told(rows, coverage[str(table)])
        year = year_of(months["month"], years)
        level = year + months["flag"].eq(RAMP_UP).map({True: f" {RAMP_UP}", False: ""})
        total = months["starting"].groupby(level).transform("sum")
        untold = total.between(1, SMALLEST_SHOWN - 1).groupby(year).transform("any")
        level = level.mask(untold, year)
        total = months["starting"].groupby(level).transform("sum")
        uncovered = by_year(rows["rows"], rows["month"], years)
        uncovered = uncovered.sub(months["starting"].groupby(year).sum(), fill_value=0)
        small = uncovered[(uncovered > 0) & (uncovered < SMALLEST_SHOWN)]
        is_last = level == level.groupby(year).transform("last")
        total += year.map(small).fillna(0).where(is_last, 0).astype(int)
        part = months["starting"] / total.clip(lower=1)
        sums = {"level": level, "starting_total": total, "starting_part": part}
        frames.append(months.assign(**sums))
    if not frames:
        return pd.DataFrame(columns=list(COVERAGE.names))
    every = pd.concat(frames, ignore_index=True)
    return every.assign(
        table=every["table"].map(TABLE_LABELS), month=every["month"].map(month_code)
    )


def _by_group(persons: pd.DataFrame) -> pd.DataFrame:
    """Linkage of all registered persons, then by each characteristic, for contracts and trainings.

    Levels of too few persons are put together, so that their number is never what others leave.
    """
    if persons.empty:
        return pd.DataFrame(columns=list(LINKAGE.names))
    frames = [persons[_COUNTS].sum().to_frame().T.assign(label=EVERYONE)]
    for group, levels in GROUPS.items():
        if persons[group].isna().all():
            continue
        sums = persons[_COUNTS].groupby(persons[group].fillna(UNKNOWN)).sum()
        labels = {level: _label(group, level) for level in [*levels, UNKNOWN]}
        sums = sums.reindex([level for level in labels if level in sums.index])
        sums = _pooled(sums.rename(index=labels))
        frames.append(sums.reset_index(names="label").assign(variable=_variable(group)))
    frame = pd.concat(frames, ignore_index=True)
    frame["rank"] = range(1, len(frame) + 1)
    linked = [
        frame.assign(
            table=TABLE_LABELS[table],
            share=frame[table] / frame["persons"],
            known=frame[table],
            unknown=frame["persons"] - frame[table],
        )
        for table in ("contracts", "trainings")
    ]
    frame = pd.concat(linked, ignore_index=True).drop(columns=_COUNTS[1:])
    of_sum = frame["variable"].notna()
    return _with_sums(frame, of_sum, ["table", "variable"], ["known", "unknown"])


def _pooled(sums: pd.DataFrame) -> pd.DataFrame:
    """Levels with those of too few persons put together, and with others until they are enough."""
    ascending = sums.sort_values("persons", kind="stable")
    small = int((ascending["persons"] < SMALLEST_SHOWN).sum())
    while 0 < small < len(sums) and ascending["persons"].iloc[:small].sum() < SMALLEST_SHOWN:
        small += 1
    if small < 2:
        return sums
    together = ascending.iloc[:small]
    kept = sums.drop(index=together.index)
    return pd.concat([kept, together.sum().to_frame(OTHER_LEVELS).T])


def _with_sums(
    frame: pd.DataFrame, of_sum: pd.Series, by: list[str], counts: list[str]
) -> pd.DataFrame:
    """In place of counts, their sum over a partition and each row's part in it.

    Rows that are not `of_sum` (all years, everyone) are part of none.
    """
    levels = frame[of_sum]
    sums = {}
    for count in counts:
        total = levels.groupby(by)[count].transform("sum")
        sums[f"{count}_total"] = total.reindex(frame.index).fillna(0).astype(int)
        sums[f"{count}_part"] = (levels[count] / total.clip(lower=1)).reindex(frame.index)
    kept = frame.drop(columns=[count for count in counts if count not in _SHOWN_COUNTS])
    return kept.assign(**sums)


def _variable(group: str) -> str:
    return {"rsa": "RSA"}.get(group) or COVARIATES[group]


def _label(group: str, level: str) -> str:
    if group == "departement" and level == ELSEWHERE:
        return "autre département"
    return _AGE_BANDS.get(level) or level_label(group, level)


def _shipped_communes(project: Project) -> list[str]:
    path = project.path("cohorts/territories/communes.csv")
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return [row["commune"] for row in csv.DictReader(lines)]


def _fingerprint(source: Path, store: Store, quality: Quality) -> str:
    """That of the files, or of the counts where the tables are those of a database."""
    if store.files:
        return fingerprint_of([source / "source.yml", *store.files.values()])
    return hashlib.sha256(quality.counts.to_csv(index=False).encode()).hexdigest()
