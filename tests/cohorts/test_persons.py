"""Files of persons: three formats, one cohort; nothing is lost or guessed in silence."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pacte_eval.cohorts import Cohort
from pacte_eval.cohorts.persons import resolve
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.persons import PersonsDefinition

DECLARED: dict[str, Any] = {
    "id": "enquete",
    "label": "Une enquête",
    "nature": "public",
    "source": "Une enquête inventée",
    "arms": {
        "formes": {"label": "Formés", "file": "enquete.csv", "where": {"forme": 1}},
        "autres": {"label": "Autres", "file": "enquete.csv", "where": {"forme": 0}},
    },
    "person": "cle",
    "weights": "poids",
    "covariates": {
        "age": {"label": "Âge", "column": "age"},
        "diplome": {"label": "Diplôme", "column": "diplome"},
        "femme": {"label": "Femme", "column": "sexe", "equals": "F"},
        "passe": {"label": "Revenu passé", "column": "r1", "period": "2018"},
    },
    "outcomes": {
        "revenu": {"label": "Revenu", "measure": "euros", "periods": {"2018": "r1", "2020": "r2"}},
        "emploi": {
            "label": "Emploi",
            "measure": "part",
            "monthly": {"columns": "emploi_{month}", "first": -1, "last": 2},
        },
    },
}


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cle": [f"cle-{i}" for i in range(6)],
            "forme": [1, 0, 0, 1, 0, 0],
            "poids": [1.0, 2.0, 2.5, 1.0, 3.0, 1.5],
            "age": [30.0, 40.0, np.nan, 20.0, 50.0, 60.0],
            "diplome": ["bac", None, "cap_bep", "bac", "aucun", "bac"],
            "sexe": ["F", "M", "F", "M", "M", "F"],
            "r1": [100.0, 200.0, 300.0, 400.0, 500.0, 600.0],
            "r2": [110.0, np.nan, 310.0, 410.0, 510.0, 610.0],
            "emploi_-1": [0, 1, 0, 1, 0, 1],
            "emploi_0": [0.0, 1, 0, np.nan, 0, 1],
            "emploi_1": [1, 1, 0, 1, 0, 1],
            "emploi_2": [1, 0, 0, 1, 0, 1],
        }
    )


def definition(**changes: Any) -> PersonsDefinition:
    return PersonsDefinition.model_validate(copy.deepcopy(DECLARED) | changes)


def built(folder: Path, frame: pd.DataFrame | None = None, **changes: Any) -> Cohort:
    (people() if frame is None else frame).to_csv(folder / "enquete.csv", index=False)
    return Cohort.from_persons(definition(**changes), folder)


def in_files(name: str) -> dict[str, Any]:
    arms = copy.deepcopy(DECLARED["arms"])
    for arm in arms.values():
        arm["file"] = name
    return arms


def test_units_arms_and_weights(tmp_path: Path) -> None:
    cohort = built(tmp_path)
    assert list(cohort.units["arm"]) == ["formes"] * 2 + ["autres"] * 4
    assert list(cohort.units["person"]) == [f"cle-{i}" for i in (0, 3, 1, 2, 4, 5)]
    comparison = cohort.compare("formes", "autres")
    assert list(comparison.weights) == [1, 1, 2, 2.5, 3, 1.5]
    assert list(comparison.treated) == [True] * 2 + [False] * 4
    assert comparison.treated_label == "Formés"


def test_every_format_gives_the_same_cohort(tmp_path: Path) -> None:
    from_csv = built(tmp_path)
    people().to_parquet(tmp_path / "enquete.parquet")
    stata = people().rename(columns={"emploi_-1": "emploi_m1"})
    stata["diplome"] = stata["diplome"].fillna("")
    stata.to_stata(tmp_path / "enquete.dta", write_index=False)
    from_parquet = Cohort.from_persons(definition(arms=in_files("enquete.parquet")), tmp_path)
    pd.testing.assert_frame_equal(from_csv.units, from_parquet.units)
    pd.testing.assert_frame_equal(from_csv.covariates, from_parquet.covariates)
    outcomes = {"revenu": DECLARED["outcomes"]["revenu"]}
    from_stata = Cohort.from_persons(
        definition(arms=in_files("enquete.dta"), outcomes=outcomes), tmp_path
    )
    pd.testing.assert_series_equal(
        from_csv.covariates["age"], from_stata.covariates["age"], check_exact=False
    )
    np.testing.assert_array_equal(
        from_csv.outcomes["revenu"].values, from_stata.outcomes["revenu"].values
    )


def test_missing_values_are_kept_under_a_flag(tmp_path: Path) -> None:
    covariates = built(tmp_path).covariates
    assert list(covariates["age_missing"]) == ["non", "non", "non", "oui", "non", "non"]
    assert covariates["age"].iloc[3] == pytest.approx((30 + 40 + 20 + 50 + 60) / 5)
    assert list(covariates["diplome"]) == ["bac", "bac", "inconnu", "cap_bep", "aucun", "bac"]
    assert list(covariates["femme"]) == ["oui", "non", "non", "oui", "non", "oui"]
    assert covariates.notna().all(axis=None)
    frame = people()
    frame.loc[0, "sexe"] = None
    assert built(tmp_path, frame).covariates["femme"].iloc[0] == "inconnu"


def test_missing_outcomes_are_censored_never_zero(tmp_path: Path) -> None:
    outcomes = built(tmp_path).outcomes
    revenue, employed = outcomes["revenu"], outcomes["emploi"]
    assert revenue.periods == ("2018", "2020")
    assert np.isnan(revenue.values[2, 1])
    assert employed.periods == (-1, 0, 1, 2)
    assert np.isnan(employed.values[1, 1])
    assert np.isnan(revenue.values).sum() == np.isnan(employed.values).sum() == 1
    assert employed.measure == "part"


def test_past_outcomes_among_covariates_are_declared(tmp_path: Path) -> None:
    cohort = built(tmp_path)
    assert cohort.covariate_months == {"passe": ("2018", "2018")}
    assert cohort.covariate_labels["passe"] == "Revenu passé"


def test_the_flow_counts_every_row(tmp_path: Path) -> None:
    flow = built(tmp_path).flow.set_index(["arm", "rule"])
    assert flow.loc[("formes", "rows"), "remaining"] == 6
    assert flow.loc[("formes", "where"), "excluded"] == 4
    assert flow.loc[("autres", "where"), "remaining"] == 4


def test_without_keys_every_row_is_a_person(tmp_path: Path) -> None:
    cohort = built(tmp_path, person=None, weights=None)
    assert cohort.units["person"].is_unique
    assert (cohort.units["weight"] == 1).all()


def test_arms_may_lie_in_several_files(tmp_path: Path) -> None:
    frame = people()
    frame[frame["forme"] == 1].to_csv(tmp_path / "formes.csv", index=False)
    frame[frame["forme"] == 0].assign(autre=1).to_parquet(tmp_path / "autres.parquet")
    arms = {
        "formes": {"label": "Formés", "file": "formes.csv"},
        "autres": {"label": "Autres", "file": "autres.parquet"},
    }
    cohort = Cohort.from_persons(definition(arms=arms), tmp_path)
    assert cohort.units["arm"].value_counts().to_dict() == {"autres": 4, "formes": 2}
    assert list(cohort.flow["rule"]) == ["rows", "rows"]


def refused(folder: Path, *words: str, frame: pd.DataFrame | None = None, **changes: Any) -> None:
    with pytest.raises(InputError) as caught:
        built(folder, frame, **changes)
    for word in words:
        assert word in str(caught.value)
    assert "cle-" not in str(caught.value), "a person key in the message"


def test_repeated_and_empty_keys(tmp_path: Path) -> None:
    frame = people()
    frame.loc[[1, 2], "cle"] = "cle-9"
    frame.loc[4, "cle"] = None
    refused(tmp_path, "enquete.csv", "'cle'", "fewer than 11 rows without a key", frame=frame)


def test_a_person_of_both_arms_is_one_cluster(tmp_path: Path) -> None:
    frame = people()
    frame.loc[1, "cle"] = "cle-0"
    comparison = built(tmp_path, frame).compare("formes", "autres")
    assert comparison.cluster[0] == comparison.cluster[2]


def test_missing_columns(tmp_path: Path) -> None:
    frame = people()
    refused(tmp_path, "'age'", "missing", frame=frame.drop(columns="age"))
    refused(tmp_path, "'cle'", "missing", frame=frame.drop(columns="cle"))
    refused(tmp_path, "'emploi_2'", "did you mean 'emploi_", frame=frame.drop(columns="emploi_2"))
    refused(tmp_path, "'forme'", "missing", frame=frame.drop(columns="forme"))
    refused(tmp_path, "'poids'", "missing", frame=frame.drop(columns="poids"))


def test_an_outcome_that_is_not_a_number(tmp_path: Path) -> None:
    frame = people()
    frame["r2"] = "beaucoup"
    refused(tmp_path, "'r2'", "not a number", frame=frame)


def test_an_arm_without_a_row(tmp_path: Path) -> None:
    refused(tmp_path, "enquete.csv", "'formes'", frame=people().assign(forme=0))


def test_an_empty_file(tmp_path: Path) -> None:
    refused(tmp_path, "enquete.csv", "no row", frame=people().iloc[:0])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("absent.csv", "absent.dta"):
        with pytest.raises(InputError, match=f"{name}: no such file"):
            Cohort.from_persons(definition(arms=in_files(name)), tmp_path)
    for name in ("faux.parquet", "faux.dta"):
        (tmp_path / name).write_text("rien", encoding="utf-8")
        with pytest.raises(InputError, match=f"{name}: cannot be read"):
            Cohort.from_persons(definition(arms=in_files(name)), tmp_path)
    (tmp_path / "enquete.xlsx").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"not a CSV \(\.csv\), Parquet"):
        Cohort.from_persons(definition(arms=in_files("enquete.xlsx")), tmp_path)


def test_files_inside_a_package(tmp_path: Path) -> None:
    found = resolve("package:causaldata/nsw_mixtape/nsw_mixtape.dta", tmp_path)
    assert found.is_file()
    with pytest.raises(InputError, match="package 'absente' is not installed"):
        resolve("package:absente/x.dta", tmp_path)
    with pytest.raises(InputError, match=r"absent\.dta: no such file"):
        resolve("package:causaldata/absent.dta", tmp_path)


def test_an_unknown_outcome_or_arm(tmp_path: Path) -> None:
    cohort = built(tmp_path)
    with pytest.raises(InputError, match=r"no outcome 'revenus'.*did you mean 'revenu'"):
        cohort.outcomes["revenus"]
    with pytest.raises(InputError, match=r"no arm 'forme'.*did you mean 'formes'"):
        cohort.compare("forme", "autres")
    assert "revenu" in cohort.outcomes
    assert len(cohort.outcomes) == 2
    assert "cle-" not in repr(cohort)
