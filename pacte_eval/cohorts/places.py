"""From a commune of residence to its departement and its employment zone."""

from __future__ import annotations

import ibis
import pandas as pd
from ibis.expr.types import Table

from pacte_eval.definitions.library import shipped_library


def read_communes() -> pd.DataFrame:
    """The shipped communes: ``commune, departement, ze2010``, codes as text."""
    path = shipped_library() / "cohorts" / "territories" / "communes.csv"
    return pd.read_csv(path, dtype=str)[["commune", "departement", "ze2010"]]


def locate(people: Table) -> Table:
    """Add ``departement`` and ``zone`` (employment zone 2010) to rows with a ``commune``."""
    known = ibis.memtable(read_communes()).select("commune", zone="ze2010")
    located = people.left_join(known, "commune").drop("commune_right")
    return located.mutate(departement=located.commune.substr(0, 2))
