"""From a commune of residence to the departement and the zones it belongs to."""

from __future__ import annotations

import ibis
import pandas as pd
from ibis.expr.types import Table

from pacte_eval.definitions.cells import TERRITORIES
from pacte_eval.definitions.library import shipped_library

PLACES = {
    "departement": "string",
    "ze2010": "string",
    "ze2020": "string",
    "isolated_rural": "boolean",
}
_MARSEILLE = "13055"
_ARRONDISSEMENTS = [str(code) for code in range(13201, 13217)]


def read_communes() -> pd.DataFrame:
    """The shipped communes: ``commune, name, departement, ze2010, ze2020``, codes as text."""
    return pd.read_csv(shipped_library() / TERRITORIES / "communes.csv", dtype=str)


def locate(people: Table, communes: Table | None = None) -> Table:
    """Add where people live.

    Parameters
    ----------
    people : ibis.Table
        With ``commune``.
    communes : ibis.Table, optional
        Table of the contract, one row per commune; the shipped communes when there is none. An
        arrondissement of Marseille that is not in it is where Marseille is.

    Returns
    -------
    ibis.Table
        The same rows with ``departement`` (from the code of the commune when that is not in the
        table), ``ze2010``, ``ze2020`` (text) and ``isolated_rural``, empty where not known.
    """
    known = (_shipped() if communes is None else communes).select("commune", *PLACES)
    whole = known.filter(known.commune == _MARSEILLE).drop("commune")
    parts = ibis.memtable({"commune": _ARRONDISSEMENTS}).anti_join(known, "commune")
    places = known.union(parts.cross_join(whole))
    located = people.left_join(places, "commune").drop("commune_right")
    overseas = located.commune.startswith("97")
    prefix = overseas.ifelse(located.commune.substr(0, 3), located.commune.substr(0, 2))
    return located.mutate(departement=located.departement.fill_null(prefix))


def _shipped() -> Table:
    communes = read_communes().reindex(columns=["commune", *PLACES])
    return ibis.memtable(communes, schema={"commune": "string", **PLACES})
