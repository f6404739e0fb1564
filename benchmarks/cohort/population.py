"""A population for measuring speed: tables in the shape of the contract, at any size, no truth.

Half of the people register before 2019 and are still there, trainings fall inside registrations,
contracts anywhere; one contract in a thousand is written twice.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

PERSONS = 1_500_000
REGISTRATIONS, TRAININGS, CONTRACTS = 2_000_000, 500_000, 20_000_000
BLOCK = 1_000_000
FIRST, LAST = date(2016, 1, 1), date(2024, 12, 31)
_EPOCH = date(1970, 1, 1)
_COMMUNES = ("13201", "13001", "06088", "83137", "84007", "05061", "04112", "13047")


def _number(day: date) -> int:
    return (day - _EPOCH).days


def _days(numbers: np.ndarray, empty: np.ndarray | None = None) -> pa.Array:
    return pa.array(numbers.astype(np.int32), mask=empty).cast(pa.date32())


def _keys(letter: str, numbers: np.ndarray) -> pa.Array:
    return pa.array([f"{letter}{number:08d}" for number in numbers.tolist()])


def _one_of(rng: np.random.Generator, size: int, *values: str) -> pa.Array:
    places = pa.array(rng.integers(0, len(values), size).astype(np.int32))
    return pa.DictionaryArray.from_arrays(places, pa.array(values)).cast(pa.string())


def write_population(out: Path, persons: int = PERSONS, seed: int = 1) -> Path:
    """Write a source folder whose tables grow with the number of persons.

    Parameters
    ----------
    persons : int
        1,500,000 gives 2 million registrations, half a million trainings, 20 million contracts.
    """
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True)
    share = persons / PERSONS
    keys = _keys("P", np.arange(persons))
    who, start, end = _registrations(rng, persons, int(REGISTRATIONS * share))
    _write(out, "registrations", _registered(rng, keys, who, start, end))
    chosen = rng.permutation(len(who))[: int(TRAININGS * share)]
    _write(out, "trainings", _trained(rng, keys, who[chosen], start[chosen], end[chosen]))
    _write_contracts(rng, out, keys, int(CONTRACTS * share))
    described = {
        "nature": "synthetic",
        "label": "Population de mesure",
        "coverage": {name: [FIRST, LAST] for name in ("registrations", "trainings", "contracts")},
    }
    (out / "source.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    return out


def _registrations(
    rng: np.random.Generator, persons: int, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Everybody once, some twice: the second spell a few months after the end of the first."""
    again = rng.permutation(persons)[: rows - persons]
    first = _number(date(2016, 6, 1)) + rng.integers(0, 2000, persons)
    length = 60 + rng.gamma(1.3, 350, persons).astype(np.int64)
    second = first[again] + length[again] + rng.integers(10, 200, len(again))
    who = np.concatenate([np.arange(persons), again])
    start = np.concatenate([first, second])
    end = start + np.concatenate([length, 60 + rng.gamma(1.3, 250, len(again)).astype(np.int64)])
    return who, start, end


def _registered(
    rng: np.random.Generator, keys: pa.Array, who: np.ndarray, start: np.ndarray, end: np.ndarray
) -> pa.Table:
    size = len(who)
    birth = (rng.integers(1958, 2002, size) - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    flags = ("lone_parent", "disability", "rsa", "qpv", "zrr")
    return pa.table(
        {
            "person": keys.take(pa.array(who)),
            "start": _days(start),
            "end": _days(end, end > _number(LAST)),
            "category": _one_of(rng, size, "A", "A", "A", "B", "C"),
            "sex": _one_of(rng, size, "F", "M"),
            "birth_month": pa.array(birth),
            "diploma": _one_of(rng, size, "aucun", "cap_bep", "bac", "bac_2", "bac_3_plus"),
            "nationality": _one_of(rng, size, "francaise", "ue", "hors_ue"),
            "marital_status": _one_of(rng, size, "celibataire", "marie", "divorce", "veuf"),
            "children": pa.array(rng.integers(0, 5, size).astype(np.int32)),
            "qualification": _one_of(rng, size, "manoeuvre", "employe_qualifie", "cadre"),
            "rome": _one_of(rng, size, "A1414", "D1106", "K1304", "N1103", "M1607"),
            "experience_months": pa.array(rng.integers(0, 240, size).astype(np.int32)),
            "reason": _one_of(rng, size, "fin_de_contrat", "licenciement", "demission"),
            "commune": _one_of(rng, size, *_COMMUNES),
            **{name: pa.array(rng.random(size) < 0.15) for name in flags},
        }
    )


def _trained(
    rng: np.random.Generator, keys: pa.Array, who: np.ndarray, start: np.ndarray, end: np.ndarray
) -> pa.Table:
    """Entries within the registration, four in five of them in 2019–2021 where it reaches it."""
    size = len(who)
    low = np.maximum(start + 20, _number(date(2019, 1, 1)))
    high = np.minimum(end - 1, _number(date(2021, 12, 31)))
    inside = (high > low) & (rng.random(size) < 0.9)
    low, high = np.where(inside, low, start + 1), np.where(inside, high, end)
    begins = low + (rng.random(size) * (high - low)).astype(np.int64)
    return pa.table(
        {
            "training": _keys("T", np.arange(size)),
            "person": pa.array(
                keys.take(pa.array(who)).to_numpy(zero_copy_only=False),
                mask=rng.random(size) < 0.02,
            ),
            "start": _days(begins),
            "end": _days(begins + rng.integers(20, 300, size)),
            "objective": _one_of(
                rng, size, *["certification"] * 17, "professionnalisation", "mobilisation"
            ),
            "scheme": _one_of(rng, size, "AFC", "AIF", "programme_regional"),
            "funder": _one_of(rng, size, "region", "pole_emploi"),
            "minutes": pa.array(rng.integers(30, 900, size).astype(np.int32) * 60),
            "formacode": _one_of(rng, size, "15031", "42056", "31054"),
            "level_prepared": _one_of(rng, size, "cap_bep", "bac"),
            "axis": _one_of(rng, size, "1", "2"),
            "dropped_out": pa.array(rng.random(size) < 0.1),
        }
    )


def _write_contracts(rng: np.random.Generator, out: Path, keys: pa.Array, rows: int) -> None:
    writer: pq.ParquetWriter | None = None
    for first in range(0, rows, BLOCK):
        size = min(BLOCK, rows - first)
        start = _number(FIRST) + rng.integers(0, _number(LAST) - _number(FIRST), size)
        length = rng.gamma(0.6, 300, size).astype(np.int64)
        pay = rng.integers(140_000, 300_000, size).astype(np.int32)
        block = pa.table(
            {
                "contract": _keys("C", first + np.arange(size)),
                "person": keys.take(pa.array(rng.integers(0, len(keys), size))),
                "start": _days(start),
                "end": _days(start + length, start + length > _number(LAST)),
                "nature": _one_of(rng, size, "cdi", "cdd", "cdd", "interim"),
                "full_time": pa.array(rng.random(size) < 0.7),
                "monthly_pay": pa.array(pay, mask=rng.random(size) < 0.01),
                "monthly_minutes": pa.array(np.full(size, 9_100, np.int32)),
                "establishment": _one_of(rng, size, *(f"E{i:06d}" for i in range(50_000))),
                "subsidised": pa.array(rng.random(size) < 0.03),
            }
        )
        twice = np.where(rng.random(size) < 0.001, 2, 1)
        block = block.take(pa.array(np.repeat(np.arange(size), twice)))
        writer = writer or pq.ParquetWriter(out / "contracts.parquet", block.schema)
        writer.write_table(block)
    if writer is not None:
        writer.close()


def _write(out: Path, name: str, table: pa.Table) -> None:
    pq.write_table(table, out / f"{name}.parquet")
