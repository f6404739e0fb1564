"""The quality report counts the same rows wherever the tables lie."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from pacte_eval.definitions.project import Project
from pacte_eval.results import ResultSet
from pacte_eval.studies.check import check_source
from pacte_eval.synthetic import simulate, write


def test_the_same_findings_on_every_engine(
    tmp_path: Path, engine: str, as_engine: Callable[[Path, str], Path]
) -> None:
    folder = tmp_path / "tables"
    write(simulate(1000, 7), folder)
    path = folder / "registrations.parquet"
    table = pq.read_table(path).to_pandas()
    table.loc[table.index % 7 == 0, "category"] = "Z"
    table.loc[table.index % 11 == 0, "start"] = date(2030, 1, 1)
    pq.write_table(pq.read_table(path).from_pandas(table, pq.read_schema(path)), path)
    found = {
        name: ResultSet.open(check_source(Project(tmp_path), source, tmp_path / name)).tables
        for name, source in (("files", folder), ("engine", as_engine(folder, engine)))
    }
    assert len(found["files"]["findings"]) > 200
    for name, expected in found["files"].items():
        pd.testing.assert_frame_equal(found["engine"][name].frame, expected.frame)
