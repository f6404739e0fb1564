"""One population for the tests of this folder, and the same one written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pacte_eval.synthetic import Population, simulate, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def population() -> Population:
    return simulate(40_000, 2019)


@pytest.fixture(scope="session")
def source(population: Population, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "region"
    write(population, out)
    return out
