"""Writes a population: a source folder and its truth in a folder beside, whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pacte_eval import __version__
from pacte_eval.definitions.errors import InputError
from pacte_eval.synthetic import truth
from pacte_eval.synthetic.simulation import Population
from pacte_eval.synthetic.timeline import COVERAGE


def write(
    population: Population, out: Path, *, progress: Callable[[float], None] = lambda share: None
) -> None:
    """Write the tables to `out` and the truth to the folder ``<out>-truth``.

    Parameters
    ----------
    population : Population
    out : Path
        A folder that does not exist, or that an earlier call wrote, which is then replaced.
    progress : callable
        Called with the share done.

    Raises
    ------
    InputError
        If `out` is something else, or cannot be written.
    """
    beside = out.with_name(out.name + "-truth")
    _check(out, beside)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
            scratch = Path(name)
            source, planted = scratch / "source", scratch / "truth"
            source.mkdir()
            planted.mkdir()
            for number, (table, rows) in enumerate(population.tables.items(), 1):
                _write_table(rows, source / f"{table}.parquet")
                progress(number / (len(population.tables) + 1))
            write_yaml(description_of(population), source / "source.yml")
            _write_table(population.truth, planted / "truth.parquet")
            write_yaml({**_origin(population), **truth.definitions()}, planted / "truth.yml")
            for made, place in ((planted, beside), (source, out)):
                if place.exists():
                    place.rename(scratch / f"old-{made.name}")
                made.rename(place)
            progress(1.0)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from error


def check_target(out: Path) -> None:
    """Refuse a folder that `write` would refuse, before anything is simulated."""
    _check(out, out.with_name(out.name + "-truth"))


def _check(out: Path, beside: Path) -> None:
    for place, mark in ((out, "source.yml"), (beside, "truth.yml")):
        if place.exists() and not is_synthetic(place / mark):
            raise InputError(
                f"{place} exists and was not written by 'pacte simulate': give another folder"
            )


def is_synthetic(file: Path) -> bool:
    """Whether a description file says that what lies beside it is synthetic."""
    try:
        described = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return False
    return isinstance(described, dict) and described.get("nature") == "synthetic"


def _origin(population: Population) -> dict[str, Any]:
    return {
        "nature": "synthetic",
        "label": "Données synthétiques",
        "seed": population.seed,
        "people": population.people,
        "variant": population.variant,
        "confounding": population.confounding,
        "version": __version__,
    }


def description_of(population: Population) -> dict[str, Any]:
    """What ``source.yml`` says of a population."""
    coverage: dict[str, list[date]] = {name: list(COVERAGE) for name in population.tables}
    return {**_origin(population), "coverage": coverage}


class _Plain(yaml.SafeDumper):
    """YAML that repeats a value rather than refer to it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_yaml(content: dict[str, Any], file: Path) -> None:
    """Write content as YAML, in the order given."""
    written = yaml.dump(
        content, Dumper=_Plain, allow_unicode=True, sort_keys=False, default_flow_style=None
    )
    file.write_text(written, encoding="utf-8")


def _write_table(table: pa.Table, file: Path) -> None:
    schema = pa.schema([pa.field(field.name, plain_type(field.type)) for field in table.schema])
    with pq.ParquetWriter(file, schema, compression="zstd", store_schema=False) as writer:
        for batch in table.to_batches(max_chunksize=500_000):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column once its dictionary is written out."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
