"""From a commune of residence to the departement and the zones it belongs to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.cohorts.attributes import UNKNOWN_FLAG, Values, taken
from pacte_eval.definitions.cells import TERRITORIES
from pacte_eval.definitions.library import shipped_library

PLACES = ("departement", "ze2010", "ze2020", "isolated_rural")
_MARSEILLE = "13055"
_ARRONDISSEMENTS = [str(code) for code in range(13201, 13217)]


def read_communes() -> pd.DataFrame:
    """The shipped communes: ``commune, name, departement, ze2010, ze2020``, codes as text."""
    return pd.read_csv(shipped_library() / TERRITORIES / "communes.csv", dtype=str)


def locate(commune: pd.Categorical, communes: pd.DataFrame | None = None) -> dict[str, Values]:
    """Where people live.

    Parameters
    ----------
    commune : Categorical
        Commune of residence of each person.
    communes : DataFrame, optional
        Table of the contract, one row per commune; the shipped communes when there is none. An
        arrondissement of Marseille that is not in it is where Marseille is.

    Returns
    -------
    dict of str to Values
        ``departement`` (from the code of the commune when that is not in the table), ``ze2010``,
        ``ze2020`` (texts) and ``isolated_rural`` (flag), unknown where the table does not say.
    """
    known = (read_communes() if communes is None else communes).set_index("commune")
    known = known.reindex(columns=PLACES)
    if _MARSEILLE in known.index:
        parts = [code for code in _ARRONDISSEMENTS if code not in known.index]
        whole = known.loc[[_MARSEILLE] * len(parts)].set_axis(parts)
        known = pd.concat([known, whole])
    levels = pd.Index(commune.categories.astype(str))
    found = known.reindex(levels)
    prefix = np.where(levels.str.startswith("97"), levels.str[:3], levels.str[:2])
    found["departement"] = found["departement"].fillna(pd.Series(prefix, index=levels))
    rural = found.pop("isolated_rural").map({True: 1, False: 0}).fillna(UNKNOWN_FLAG)
    by_level: dict[str, Values] = {
        name: pd.Categorical(found[name].astype(object)) for name in found.columns
    }
    by_level["isolated_rural"] = rural.to_numpy(np.int8)
    return {name: taken(by_level[name], commune.codes) for name in PLACES}
