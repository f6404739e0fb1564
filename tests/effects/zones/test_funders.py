"""Entries by funder: what was added, what replaced, and what cannot be known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.effects.zones import FunderDecomposition, decompose_funders


def entries(scale: float = 1.0, **zone: str) -> pd.DataFrame:
    """The programme pays for 100 from quarter 4 on; one other falls by 30, another rises by 5."""
    rows = [
        {"payeur": payer, "trimestre": quarter, "n": scale * (before if quarter < 4 else after)}
        for payer, before, after in (("Région", 120, 90), ("OPCO", 60, 65), ("Pacte", 0, 100))
        for quarter in range(8)
        if before or quarter >= 4
    ]
    return pd.DataFrame(rows).assign(**zone)


def decompose(frame: pd.DataFrame, **options: object) -> FunderDecomposition:
    given = {
        "funder": "payeur",
        "period": "trimestre",
        "count": "n",
        "programme": "Pacte",
        "start": 4,
    }
    return decompose_funders(frame, **(given | options))  # type: ignore[arg-type]


def test_changes_add_up_and_bounds_are_not_a_point() -> None:
    found = decompose(entries())
    row = found.rates.iloc[0]
    assert found.table.set_index("funder")["change"].to_dict() == {
        "Région": -30,
        "OPCO": 5,
        "Pacte": 100,
    }
    assert (row["funded"], row["others"], row["decreases"]) == (100, -25, 30)
    assert row["substitution"] == pytest.approx(0.3)
    assert (row["additional_low"], row["additional_high"]) == (70, 100)
    assert np.isnan(row["additional"])
    assert row["verdict"] == "non identifiable"
    text = found.summary()
    assert "Entrées financées par Pacte\u202f: +100 par période" in text
    assert "par les autres financeurs\u202f: −25" in text
    assert "taux de substitution\u202f: 30\u202f% au plus" in text
    assert "non identifiable sans données extérieures (entre 70 et 100" in text
    assert found.filled == 4
    assert "4 combinaisons" in text


def test_other_funders_elsewhere_give_a_point() -> None:
    elsewhere = entries()[lambda frame: frame["payeur"] != "Pacte"]
    elsewhere = elsewhere.assign(n=np.where(elsewhere["trimestre"] < 4, 50.0, 55.0))
    row = decompose(entries(), outside=elsewhere).rates.iloc[0]
    assert row["additional"] == pytest.approx(100 - (180 * 1.1 - 155))
    text = decompose(entries(), outside=elsewhere).summary()
    assert "supposés évoluer comme ailleurs\u202f: +57 par période" in text
    assert "non identifiable" not in text
    assert "eux-mêmes traités" in text
    with pytest.raises(InputError, match="0 entries before the start in outside="):
        decompose(entries(), outside=elsewhere.assign(n=0.0))


def test_everything_replaced_and_nothing_funded() -> None:
    frame = entries()
    frame.loc[(frame["payeur"] == "Région") & (frame["trimestre"] >= 4), "n"] = 0
    row = decompose(frame).rates.iloc[0]
    assert (row["substitution"], row["additional_low"]) == (1, 0)
    frame = entries()
    frame.loc[frame["payeur"] == "Pacte", "n"] = 0
    found = decompose(frame)
    assert found.rates[["substitution", "additional_low", "additional_high"]].isna().all(axis=None)
    assert "sans objet" in found.summary()


def test_zones_apart_and_small_counts_unwritten() -> None:
    both = pd.concat([entries(ze="Marseille"), entries(scale=0.02, ze="Gap")])
    found = decompose(both, zone="ze")
    assert found.rates["zone"].tolist() == ["Marseille", "Gap"]
    assert found.rates["funded"].tolist() == pytest.approx([100, 2])
    written = found.summary().splitlines()
    assert written[0].startswith("Marseille\u202f: entrées financées par Pacte\u202f: +100")
    assert written[1] == "Gap\u202f: effectifs de moins de 11 entrées, non écrits."


def test_tables_that_cannot_be_read_are_refused() -> None:
    frame = entries()
    with pytest.raises(InputError, match=r"programme 'Pact' is no funder.*'Pacte'\?"):
        decompose(frame, programme="Pact")
    with pytest.raises(InputError, match="column 'zone' is not a column"):
        decompose(frame, zone="zone")
    with pytest.raises(InputError, match="1 rows of entries have a funder and period again"):
        decompose(pd.concat([frame, frame.iloc[:1]]))
    with pytest.raises(InputError, match="2 rows of entries have 'n' missing, negative"):
        decompose(frame.assign(n=frame["n"].where(frame.index > 1, -1)))
    with pytest.raises(InputError, match="1 periods have no row at all, as 2"):
        decompose(frame[frame["trimestre"] != 2])
    with pytest.raises(InputError, match="start=8 must lie between the periods 0 and 7"):
        decompose(frame, start=8)
    with pytest.raises(InputError, match="'trimestre' missing or not a whole number"):
        decompose(frame.assign(trimestre=frame["trimestre"] + 0.5))
    with pytest.raises(InputError, match="1 rows of entries have no funder or zone"):
        decompose(frame.assign(payeur=frame["payeur"].where(frame.index > 0)))
