"""Raw extracts as tables of text: CSV, Parquet and SAS7BDAT files, mapped columns only.

Every value becomes text, dates as YYYY-MM-DD, so that one mapping reads all formats alike. CSV and
SAS7BDAT files are copied by blocks to Parquet files of the scratch folder; Parquet is read where it
lies. No message repeats what a line holds.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import reduce
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from ibis.expr.types import StringValue, Table, Value

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.mapping import Extract

FILE = "file_number"
"""Column of the position of the file that a row comes from."""

_SUFFIXES = (".csv", ".parquet", ".sas7bdat")
_SEPARATORS = (";", ",", "|", "\t")
_WINDOWS = "cp1252"  # what files said to be latin-1 hold: the same, with € and œ
_BLOCK = 16 * 2**20
_SAS_ROWS = 200_000


@dataclass(frozen=True)
class RawExtract:
    """A raw extract: its files, and the wanted columns of all their rows as text, in order."""

    name: str
    files: tuple[Path, ...]
    table: Table


def files_of(folder: Path, extract: Extract) -> tuple[Path, ...]:
    """The files of an extract, by name."""
    patterns = [pattern.lower() for pattern in extract.files]
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SUFFIXES
        and any(fnmatch(path.name.lower(), pattern) for pattern in patterns)
    )


def read_extract(
    connection: Any,
    name: str,
    extract: Extract,
    files: Sequence[Path],
    wanted: dict[str, bool],
    scratch: Path,
    progress: Callable[[str], None] = lambda _: None,
) -> RawExtract:
    """Read the wanted columns of the files of an extract.

    Parameters
    ----------
    connection : Ibis backend
        DuckDB.
    name : str
        Name of the extract in the mapping.
    extract : Extract
    files : sequence of Path
    wanted : dict of str to bool
        Raw columns, and whether a file must hold them; one that need not and does not is empty.
    scratch : Path
        Folder for the copies.

    Raises
    ------
    InputError
        If a file cannot be read as declared, or lacks a column.
    """
    tables = []
    for number, path in enumerate(files):
        progress(f"reading {path.name}")
        found = _found(path, name, _header(path, extract), wanted)
        if path.suffix.lower() == ".parquet":
            table = connection.read_parquet(str(path))
        else:
            copy = scratch / f"{name}-{number}.parquet"
            _copy(path, extract, list(found.values()), copy)
            table = connection.read_parquet(str(copy))
        texts = {
            column: as_text(table[found[column]]) if column in found else ibis.null().cast("string")
            for column in wanted
        }
        tables.append(table.select(**texts, **{FILE: ibis.literal(number, "int64")}))
    return RawExtract(name, tuple(files), reduce(lambda one, other: one.union(other), tables))


def as_text(value: Value) -> StringValue:
    """Any value as text: whole numbers without decimals, dates as YYYY-MM-DD."""
    kind = value.type()
    if isinstance(kind, dt.Timestamp):
        value = value.date()
    text = value.cast("string")
    if isinstance(kind, dt.Floating | dt.Decimal):
        text = text.re_replace(r"\.0+$", "")
    return text


def _found(path: Path, name: str, header: list[str], wanted: dict[str, bool]) -> dict[str, str]:
    """The spelling in the file of each wanted column that it holds, whatever the case."""
    spelled = {column.lower(): column for column in header}
    if not any(column.lower() in spelled for column in wanted):
        raise InputError(
            f"{path}: the first line names none of the columns {', '.join(wanted)}: it must be a "
            f"line of names; check the separator and the names of the extract '{name}' in the "
            "mapping"
        )
    for column, needed in wanted.items():
        if needed and column.lower() not in spelled:
            raise InputError(
                f"{path}: column '{column}' is missing ({nearest(column, header)}); give its name "
                f"in this extract ('{name}') in the mapping"
            )
    return {column: spelled[column.lower()] for column in wanted if column.lower() in spelled}


def _header(path: Path, extract: Extract) -> list[str]:
    """Names of the columns of a file."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _csv_header(path, extract)[0]
    if suffix == ".parquet":
        try:
            return list(pq.read_schema(path).names)
        except (pa.ArrowException, OSError):
            raise InputError(f"{path}: not a readable Parquet file") from None
    return next(_sas_chunks(path, extract, columns=None)).columns.tolist()


def _copy(path: Path, extract: Extract, columns: list[str], copy: Path) -> None:
    schema = pa.schema([(column, pa.string()) for column in columns])
    batches = _csv_batches if path.suffix.lower() == ".csv" else _sas_batches
    with pq.ParquetWriter(copy, schema) as writer:
        for batch in batches(path, extract, columns):
            writer.write_table(batch.cast(schema))


def _csv_header(path: Path, extract: Extract) -> tuple[list[str], str, str]:
    """Names of the columns of a CSV file, its encoding and its separator."""
    encoding = _encoding(path, extract)
    with path.open("rb") as file:
        first = file.readline()
    try:
        line = first.decode(encoding).lstrip("\ufeff").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _wrong_encoding(path, extract) from None
    if not line.strip():
        raise InputError(f"{path}: the file is empty; it needs a first line of column names")
    separator = {"tab": "\t", "auto": max(_SEPARATORS, key=line.count)}.get(
        extract.separator, extract.separator
    )
    names = next(csv.reader([line], delimiter=separator))
    return [name.strip() for name in names], encoding, separator


def _encoding(path: Path, extract: Extract) -> str:
    """The encoding of a CSV file: as declared, else UTF-8 where the whole file is."""
    if extract.encoding != "auto":
        return "utf-8" if extract.encoding == "utf-8" else _WINDOWS
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _WINDOWS
    return "utf-8"


def _wrong_encoding(path: Path, extract: Extract) -> InputError:
    return InputError(
        f"{path}: the file is not in {extract.encoding}: correct the encoding of this extract in "
        "the mapping, or write auto"
    )


def _csv_batches(path: Path, extract: Extract, columns: list[str]) -> Iterator[pa.Table]:
    header, encoding, separator = _csv_header(path, extract)
    try:
        reader = pa_csv.open_csv(
            path,
            pa_csv.ReadOptions(
                column_names=header, skip_rows=1, encoding=encoding, block_size=_BLOCK
            ),
            pa_csv.ParseOptions(delimiter=separator),
            pa_csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise _unreadable_csv(path, extract, separator, error) from None
    except UnicodeError:
        raise _wrong_encoding(path, extract) from None
    try:
        for batch in reader:
            yield pa.Table.from_batches([batch])
    except UnicodeError:
        raise _wrong_encoding(path, extract) from None
    except pa.ArrowInvalid as error:
        raise _unreadable_csv(path, extract, separator, error) from None


def _unreadable_csv(
    path: Path, extract: Extract, separator: str, error: pa.ArrowInvalid
) -> InputError:
    """Why a CSV file cannot be read, without the line that the library quotes."""
    if "UTF8" in str(error):
        return _wrong_encoding(path, extract)
    shown = "tab" if separator == "\t" else separator
    return InputError(
        f"{path}: a line does not have as many values as the first line has columns, with the "
        f"separator '{shown}': correct the file, or the separator of this extract in the mapping"
    )


def _sas_batches(path: Path, extract: Extract, columns: list[str]) -> Iterator[pa.Table]:
    for frame in _sas_chunks(path, extract, columns):
        yield pa.table({column: _sas_text(frame[column]) for column in columns})


def _sas_chunks(path: Path, extract: Extract, columns: list[str] | None) -> Iterator[pd.DataFrame]:
    """Blocks of rows of a SAS file; one without rows, with every column, when none is asked."""
    import pyreadstat

    encoding = None if extract.encoding == "auto" else extract.encoding
    try:
        if columns is None:
            yield pyreadstat.read_sas7bdat(path, metadataonly=True, encoding=encoding)[0]
            return
        chunks = pyreadstat.read_file_in_chunks(
            pyreadstat.read_sas7bdat,
            path,
            chunksize=_SAS_ROWS,
            usecols=columns,
            encoding=encoding,
        )
        for frame, _ in chunks:
            yield frame
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, UnicodeDecodeError):
        raise InputError(
            f"{path}: not a readable SAS7BDAT file; export it again, or as CSV or Parquet"
        ) from None


def _sas_text(values: pd.Series) -> pa.Array:
    """A column of a SAS file as text: numbers without needless decimals, empty where missing."""
    if pd.api.types.is_datetime64_any_dtype(values):
        texts = values.dt.strftime("%Y-%m-%d")
    elif pd.api.types.is_float_dtype(values):
        texts = values.map(lambda number: f"{number:.15g}", na_action="ignore")
    else:
        texts = values.map(str, na_action="ignore")
    return pa.array(texts.astype(object).where(values.notna(), None), pa.string())
