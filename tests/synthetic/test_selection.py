"""Entry into training depends on what the tables hold, and on frailty only where it is asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm

from pacte_eval.synthetic import Population, simulate, timeline

DAY = 15


def risk_sets(population: Population) -> pd.DataFrame:
    """People at risk on the eve of the 15th of six months of 2019, and whether they enter then.

    Everything but `frailty` is read in the tables.
    """
    register = population.tables["registrations"].to_pandas(date_as_object=False)
    register = register.drop_duplicates().sort_values(["person", "start"], ignore_index=True)
    register["number"] = register["person"].astype(str).str[1:].astype(int)
    register["end"] = register["end"].fillna(pd.Timestamp(timeline.COVERAGE[1]))
    reached = register.groupby("number")["end"].cummax().shift()
    joined = (register["number"] == register["number"].shift()) & (
        (register["start"] - reached).dt.days <= 31
    )
    register["spell"] = register["start"].where(~joined).ffill()

    trainings = population.tables["trainings"].to_pandas(date_as_object=False)
    trainings = trainings.dropna(subset=["person"]).drop_duplicates("training")
    trainings["number"] = trainings["person"].astype(str).str[1:].astype(int)
    blocks = population.people_drawn
    frailty = np.concatenate([block.frailty for block in blocks])

    sets = []
    for month in range(timeline.position("2019-01"), timeline.position("2020-01"), 2):
        day = pd.Timestamp(int(timeline.FIRST_DAYS[month]) + DAY - 1, unit="D")
        eve = day - pd.Timedelta(days=1)
        known = register[(register["start"] <= eve) & (register["end"] >= eve)]
        known = known[known["category"].isin(["A", "B", "C"])].drop_duplicates("number")
        past = trainings[trainings["start"] < day]
        recent = past[past["start"] > day - pd.DateOffset(months=25)]["number"]
        known = known[~known["number"].isin(recent)].dropna(
            subset=["diploma", "qualification", "commune"]
        )
        enters = trainings[(trainings["start"] >= day) & (trainings["start"] < day.replace(day=28))]
        worked = population.employed[known["number"]]
        age = (day.year - known["birth_month"].dt.year) * 12
        age = (age + day.month - known["birth_month"].dt.month) // 12
        elapsed = (day.year - known["spell"].dt.year) * 12
        elapsed = (elapsed + day.month - known["spell"].dt.month).clip(upper=24)
        sets.append(
            known.assign(
                enters=known["number"].isin(enters["number"]).astype(float),
                age=age,
                elapsed=elapsed,
                worked_1=worked[:, month - 24 : month - 18].sum(axis=1),
                worked_2=worked[:, month - 18 : month - 12].sum(axis=1),
                worked_3=worked[:, month - 12 : month - 6].sum(axis=1),
                month=month,
                frailty=frailty[known["number"]],
            )
        )
    return pd.concat(sets, ignore_index=True)


def frailty_coefficient(sets: pd.DataFrame) -> tuple[float, float]:
    """Coefficient of frailty and its standard error, given what the tables hold."""
    unqualified = sets["qualification"].isin(
        ["manoeuvre", "ouvrier_specialise", "employe_non_qualifie"]
    )
    design = pd.concat(
        [
            sets[["frailty", "age", "elapsed", "children", "worked_1", "worked_2", "worked_3"]],
            sets[["disability", "rsa", "qpv", "lone_parent"]],
            pd.get_dummies(sets["diploma"].astype(str), drop_first=True),
            pd.get_dummies(sets["month"], drop_first=True, prefix="month"),
            pd.get_dummies(sets["commune"].astype(str).str[:2], drop_first=True, prefix="dep"),
            (sets["sex"] == "F").rename("female"),
            unqualified.rename("unqualified"),
            (sets["age"] < 26).rename("young"),
            (sets["age"] >= 50).rename("senior"),
            (sets["elapsed"] >= 12).rename("long"),
        ],
        axis=1,
    ).astype(float)
    fit = sm.Logit(sets["enters"], sm.add_constant(design)).fit(disp=0)
    return float(fit.params["frailty"]), float(fit.bse["frailty"])


def test_given_the_tables_entry_does_not_depend_on_frailty(population: Population) -> None:
    coefficient, error = frailty_coefficient(risk_sets(population))
    assert error < 0.05
    assert abs(coefficient) < 3 * error


def test_confounding_selects_on_frailty() -> None:
    strength = 0.5
    coefficient, error = frailty_coefficient(risk_sets(simulate(15_000, 3, confounding=strength)))
    assert abs(coefficient - strength) < 3 * error
    assert coefficient > 5 * error


def test_those_who_enter_worked_less_just_before(population: Population) -> None:
    trainings = population.tables["trainings"].to_pandas(date_as_object=False)
    trainings = trainings.dropna(subset=["person"]).drop_duplicates("training")
    trainings = trainings[trainings["start"].dt.year == 2019]
    person = trainings["person"].astype(str).str[1:].astype(int).to_numpy()
    months = trainings["start"].dt.year * 12 + trainings["start"].dt.month - 1
    entry = months.to_numpy() - timeline.START
    rate = [population.employed[person, entry + k].mean() for k in (-24, -12, -1)]
    assert rate[0] > rate[2] + 0.15
    assert rate[1] > rate[2] + 0.05
