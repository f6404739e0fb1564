"""Several arms: pairs taken from them, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from pacte_eval.definitions.errors import InputError
from pacte_eval.frames import Arms

FRAME = pd.DataFrame(
    {
        "arm": ["b", "a", "c", "a", "b"],
        "x": [1.0, 2.0, 3.0, 4.0, 5.0],
        "band": ["n", "n", "s", "s", "n"],
        "who": list("pqrst"),
        "person": [0, 1, 2, 3, 0],
        "w": [1.0, 2.0, 1.0, 1.0, 3.0],
    }
)


def arms(frame: pd.DataFrame = FRAME) -> Arms:
    return Arms.from_frame(
        frame,
        arm="arm",
        covariates=["x"],
        strata=["band"],
        unit="who",
        cluster="person",
        weights="w",
        labels={"a": "certifiante"},
    )


def test_a_pair_keeps_the_order_and_all_that_is_known() -> None:
    comparison = arms().compare("a", "b")
    assert list(comparison.unit) == ["p", "q", "s", "t"]
    assert list(comparison.treated) == [False, True, True, False]
    assert comparison.covariates["x"].tolist() == [1, 2, 4, 5]
    assert comparison.strata["band"].tolist() == ["n", "n", "s", "n"]
    assert list(comparison.cluster) == [0, 1, 3, 0]
    assert list(comparison.weights) == [1, 2, 1, 3]
    assert (comparison.treated_label, comparison.control_label) == ("certifiante", "b")


def test_mistakes_get_one_sentence() -> None:
    with pytest.raises(InputError, match=r"no arm 'd'"):
        arms().compare("d", "a")
    with pytest.raises(InputError, match="cannot be compared with itself"):
        arms().compare("a", "a")
    with pytest.raises(InputError, match="without arm"):
        arms(FRAME.assign(arm=FRAME["arm"].where(FRAME["x"] > 1)))
    with pytest.raises(InputError, match="two or more"):
        arms(FRAME.assign(arm="a"))
    with pytest.raises(InputError, match="'arms' is not a column"):
        Arms.from_frame(FRAME, arm="arms", covariates=["x"])


def test_repr_counts_units_by_arm() -> None:
    assert repr(arms()) == "Arms(2 a, 2 b, 1 c, 1 covariates)"


def test_arms_take_rows_with_several_identifiers_and_refuse_those_without() -> None:
    several = FRAME.set_index(["who", "person"])
    made = Arms.from_frame(several, arm="arm", covariates=["x"])
    assert made.compare("a", "b").unit.tolist() == several.index[several["arm"] != "c"].tolist()
    with pytest.raises(InputError, match="without identifier"):
        Arms.from_frame(
            FRAME.assign(who=FRAME["who"].where(FRAME["who"] != "p")),
            arm="arm",
            covariates=["x"],
            unit="who",
        )
