"""What is observed after entry: who obtained, who dropped out, who trained later, and when.

Nothing here may define a comparison unless a study declares it: a cohort hands it out only when
asked for by name.
"""

from __future__ import annotations

import pandas as pd

from pacte_eval.definitions.cohort import AfterEntryArm, CohortDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.tables.source import Source

OBTAINED = ("obtenue",)
NOT_OBTAINED = ("partielle", "non_obtenue")


def memberships(definition: CohortDefinition, source: Source, units: pd.DataFrame) -> pd.DataFrame:
    """Which units are in each arm told apart after entry.

    A unit whose certification is not known is in neither of the arms it would tell apart.

    Parameters
    ----------
    units : DataFrame
        With ``arm`` and ``training``.

    Returns
    -------
    DataFrame of bool
        One column an arm, one row a unit.

    Raises
    ------
    InputError
        If the source has no certifications where an arm needs them.
    """
    members = pd.DataFrame(index=units.index)
    for name, arm in definition.after_entry_arms.items():
        inside = (units["arm"] == arm.of).to_numpy()
        members[name] = inside & units["training"].isin(_trainings_of(arm, source, name)).to_numpy()
    return members


def _trainings_of(arm: AfterEntryArm, source: Source, name: str) -> pd.Series:
    """Keys of the trainings that the fact of an arm holds for."""
    if arm.dropped_out is not None:
        trainings = source.tables["trainings"]
        kept = trainings.filter(trainings.dropped_out == arm.dropped_out)
        return kept.select("training").to_pandas()["training"]
    certifications = source.tables.get("certifications")
    if certifications is None:
        raise InputError(
            f"{source.folder}: arm '{name}' needs the table of certifications, which the source "
            "does not have: give a certifier's file or a survey, or remove the arm"
        )
    obtained = certifications.filter(certifications.status.isin(OBTAINED)).select("training")
    if arm.certified:
        return obtained.distinct().to_pandas()["training"]
    not_obtained = certifications.filter(certifications.status.isin(NOT_OBTAINED))
    return (
        not_obtained.anti_join(obtained, "training")
        .select("training")
        .distinct()
        .to_pandas()["training"]
    )


def history_of(source: Source, units: pd.DataFrame) -> pd.DataFrame:
    """Events after time zero, each with its day.

    Parameters
    ----------
    units : DataFrame
        With ``person, training, time_zero``.

    Returns
    -------
    DataFrame
        ``unit, event, day, value``: the end of the unit's own training (``fin``, or ``abandon``
        where the person left it), its ``certification`` (value: the status), and every
        ``entree_ulterieure`` (value: the objective). A day that is not known is empty.
    """
    events = [_own_training(source, units), _later_entries(source, units)]
    if "certifications" in source.tables:
        events.append(_certifications(source, units))
    found = pd.concat(events, ignore_index=True)[["unit", "event", "day", "value"]]
    found["day"] = pd.to_datetime(found["day"])
    return found.sort_values(["unit", "day", "event", "value"], ignore_index=True)


def _own(units: pd.DataFrame) -> pd.DataFrame:
    return units[["training"]].dropna().astype(object).reset_index()


def _own_training(source: Source, units: pd.DataFrame) -> pd.DataFrame:
    trainings = source.tables["trainings"].select("training", "end", "dropped_out").to_pandas()
    joined = _own(units).merge(trainings, on="training")
    left = joined["dropped_out"].map({True: "abandon", False: "fin"}).fillna("fin")
    return joined.assign(event=left, day=joined["end"], value=None)


def _certifications(source: Source, units: pd.DataFrame) -> pd.DataFrame:
    decided = source.tables["certifications"].select("training", "status", "date").to_pandas()
    joined = _own(units).merge(decided, on="training")
    return joined.assign(event="certification", day=joined["date"], value=joined["status"])


def _later_entries(source: Source, units: pd.DataFrame) -> pd.DataFrame:
    trainings = source.tables["trainings"]
    starts = trainings.filter(trainings.person.notnull()).select(
        "person", "training", "start", "objective"
    )
    entries = starts.to_pandas().rename(columns={"training": "entered"})
    held = units[["person", "training", "time_zero"]].astype({"person": object, "training": object})
    joined = held.reset_index().merge(entries, on="person")
    joined["start"] = pd.to_datetime(joined["start"])
    later = joined[
        (joined["start"] >= joined["time_zero"]) & (joined["entered"] != joined["training"])
    ]
    return later.assign(event="entree_ulterieure", day=later["start"], value=later["objective"])
