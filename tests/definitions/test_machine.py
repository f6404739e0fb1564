"""What a machine declares, in words, and what it has where it declares nothing."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.machine import Machine, parse_size, read_machine


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4_000_000_000),
        ("4 Go", 4_000_000_000),
        ("1,5 go", 1_500_000_000),
        ("512MiB", 536_870_912),
        ("0.25 TB", 250_000_000_000),
        (" 300000KB ", 300_000_000),
        ("200000000B", 200_000_000),
    ],
)
def test_sizes_in_words(text: str, size: int) -> None:
    assert parse_size(text) == size


@given(st.integers(200, 10**6), st.sampled_from(["", " "]))
def test_units_agree(megabytes: int, space: str) -> None:
    assert parse_size(f"{megabytes}{space}MB") == parse_size(f"{megabytes * 1000}{space}kB")
    assert parse_size(f"{megabytes}{space}MiB") > parse_size(f"{megabytes}{space}MB")


@pytest.mark.parametrize("text", ["4", "GB", "4 GB of memory", "-4GB", "4PB", "", 4, None, "4 m"])
def test_what_is_not_a_size(text: object) -> None:
    with pytest.raises(ValueError, match="a number and its unit, such as 4GB"):
        parse_size(text)


def test_without_a_file_the_machine_is_what_it_is(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    total = psutil.virtual_memory().total
    assert machine.memory == pytest.approx(0.75 * total, rel=1e-6)
    assert 1 <= machine.threads <= (psutil.cpu_count() or 1)
    assert machine.spill == tmp_path / ".cache" / "spill"
    assert machine.source is None


def test_a_file_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "machine.yml").write_text(
        "source: donnees/force\nmemory: 4 GB\nthreads: 3\nspill: /scratch/pacte\n", encoding="utf-8"
    )
    assert read_machine(tmp_path) == Machine.model_construct(
        source=tmp_path / "donnees" / "force",
        memory=4_000_000_000,
        threads=3,
        spill=Path("/scratch/pacte"),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("memory: 4", "key 'memory': a size is a number and its unit"),
        ("memory: 10MB", "key 'memory': 10MB is too little to read tables with"),
        ("threads: 0", "key 'threads': input should be greater than or equal to 1"),
        ("memoire: 4GB", "unknown key 'memoire': did you mean 'memory'?"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "machine.yml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_machine(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'machine.yml'}: {words}")
