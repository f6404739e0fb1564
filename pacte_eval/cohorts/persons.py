"""Files with one row per person, as surveys come: rows of each arm, covariates, outcomes.

The declaration says which file and which rows make an arm, which column is each covariate, and
which columns hold an outcome, by period or month by month. Files may be CSV, Parquet or Stata, in
the study's folder or inside an installed package.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from pacte_eval.cohorts.covariates import NO, UNKNOWN, YES, Covariates, Measured
from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.definitions.persons import PersonOutcome, PersonsDefinition
from pacte_eval.frames import Outcomes

PACKAGE = "package:"


def read_arms(definition: PersonsDefinition, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of every arm, and how many the conditions left out.

    Returns
    -------
    rows : DataFrame
        Index ``unit``; the columns of the files that all arms share, ``arm``, ``person_key``.
    flow : DataFrame
        ``arm, order, rule, label, excluded, remaining``.
    """
    arms, flow = [], []
    contents = {
        file: _read(file, folder) for file in {arm.file for arm in definition.arms.values()}
    }
    for name, arm in definition.arms.items():
        table = contents[arm.file]
        for column in definition.columns:
            _column(table, column, arm.file)
        wanted = np.ones(len(table), dtype=bool)
        flow.append((name, 0, "rows", "Lignes du fichier", 0, len(table)))
        for column, value in arm.where.items():
            wanted &= (_column(table, column, arm.file) == value).to_numpy()
        kept = table[wanted]
        if kept.empty:
            raise InputError(f"{arm.file}: no row answers to the conditions of arm '{name}'")
        if arm.where:
            label = f"Lignes du groupe «\u202f{arm.label}\u202f»"
            flow.append((name, 1, "where", label, len(table) - len(kept), len(kept)))
        arms.append(kept.assign(arm=name, person_key=_keys(kept, definition, arm.file, name)))
    rows = pd.concat(arms, ignore_index=True, join="inner").rename_axis("unit")
    columns = ["arm", "order", "rule", "label", "excluded", "remaining"]
    return rows, pd.DataFrame(flow, columns=columns)


def person_covariates(rows: pd.DataFrame, definition: PersonsDefinition) -> Covariates:
    """The declared covariates; a missing value becomes a level, or the mean beside a flag."""
    made = Covariates()
    for name, item in definition.covariates.items():
        values = _column(rows, item.column, definition.id)
        months = None if item.period is None else (item.period, item.period)
        measured = Measured("persons", months)
        if item.equals is not None:
            flag = (values == item.equals).map({True: YES, False: NO})
            made.add(name, flag.where(values.notna(), UNKNOWN), measured, item.label)
        elif pd.api.types.is_numeric_dtype(values):
            made.add_number(name, values, measured, item.label)
        else:
            made.add(name, values.fillna(UNKNOWN).astype(str), measured, item.label)
    return made


def person_weights(rows: pd.DataFrame, definition: PersonsDefinition) -> pd.Series | float:
    """The declared sampling weights, 1 where none is declared."""
    if definition.weights is None:
        return 1.0
    return _column(rows, definition.weights, definition.id)


def person_outcomes(
    rows: pd.DataFrame, definition: PersonsDefinition
) -> dict[str, Callable[[], Outcomes]]:
    """How each declared outcome is read."""

    def reader(name: str, item: PersonOutcome) -> Callable[[], Outcomes]:
        columns = item.columns
        for column in columns.values():
            if not pd.api.types.is_numeric_dtype(_column(rows, column, definition.id)):
                raise InputError(f"{definition.id}: column '{column}' is not a number")
        return lambda: Outcomes(
            name=name,
            values=rows[list(columns.values())].to_numpy(dtype=float, na_value=np.nan),
            periods=tuple(columns),
            units=rows.index,
            measure=item.measure,
            coverage=item.coverage,
        )

    return {name: reader(name, item) for name, item in definition.outcomes.items()}


def resolve(file: str, folder: Path) -> Path:
    """The path of a declared file.

    Raises
    ------
    InputError
        If it does not exist, or its package is not installed.
    """
    if file.startswith(PACKAGE):
        package, _, inner = file.removeprefix(PACKAGE).partition("/")
        try:
            path = Path(str(files(package))) / inner
        except ModuleNotFoundError:
            raise InputError(f"{file}: the package '{package}' is not installed") from None
    else:
        path = folder / file
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return path


def _read(file: str, folder: Path) -> pd.DataFrame:
    path = resolve(file, folder)
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": pd.read_csv,
        ".parquet": pd.read_parquet,
        ".dta": pd.read_stata,
    }
    if path.suffix not in readers:
        raise InputError(f"{path}: not a CSV (.csv), Parquet (.parquet) or Stata (.dta) file")
    try:
        table = readers[path.suffix](path)
    except (ValueError, OSError, struct.error) as error:
        raise InputError(f"{path}: cannot be read as {path.suffix[1:]}") from error
    if table.empty:
        raise InputError(f"{path}: the file has no row")
    return table


def _column(table: pd.DataFrame, column: str, where: str) -> pd.Series:
    if column not in table.columns:
        raise InputError(
            f"{where}: column '{column}' is missing ({nearest(column, table.columns)})"
        )
    return table[column]


def _keys(kept: pd.DataFrame, definition: PersonsDefinition, file: str, arm: str) -> pd.Series:
    if definition.person is None:
        return pd.Series([f"{arm}:{row}" for row in range(len(kept))], index=kept.index)
    keys = _column(kept, definition.person, file)
    empty, twice = int(keys.isna().sum()), int(keys.duplicated().sum())
    if empty or twice:
        raise InputError(
            f"{file}: column '{definition.person}': {counted(empty)} without a key and "
            f"{counted(twice)} that repeat one; give one row per person"
        )
    return keys.astype(str)
