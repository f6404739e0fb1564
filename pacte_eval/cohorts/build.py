"""From a definition and a source to a cohort, in the order of the flow chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Table

from pacte_eval.cohorts.candidates import control_candidates, treated_candidates
from pacte_eval.cohorts.cohort import Cohort, LazyOutcomes
from pacte_eval.cohorts.covariates import build_covariates
from pacte_eval.cohorts.eligibility import (
    age,
    apply_tests,
    months_before_training,
    observed_months,
    tests_of,
)
from pacte_eval.cohorts.eve import describe
from pacte_eval.cohorts.monthly import Calendar, contracts_of, outcome_calendars, trained_since
from pacte_eval.cohorts.publics import belongs
from pacte_eval.cohorts.risk_sets import draw_controls, unemployment_band
from pacte_eval.definitions.cells import PublicDefinition
from pacte_eval.definitions.cohort import CohortDefinition, OutcomeName
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.prose import arm_in_french
from pacte_eval.definitions.vocabulary import MEASURES, OUTCOMES
from pacte_eval.frames import Outcomes
from pacte_eval.tables.source import Source

TRAINED_SINCE = "formation_depuis"
COVERAGE_NOTE = (
    "Contrats de travail salariés du secteur privé\u202f; ni fonction publique, ni travail "
    "indépendant."
)


def build_cohort(
    definition: CohortDefinition,
    source: Source,
    publics: Sequence[PublicDefinition] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Cohort:
    """Build a cohort.

    Parameters
    ----------
    definition : CohortDefinition
    source : Source
    publics : sequence of PublicDefinition
        Publics to flag on every unit.
    progress : callable
        Told each step in a few words.

    Raises
    ------
    InputError
        If no entry, or no control, is left by the rules.
    """
    progress("finding entries into training")
    treated, treated_flow = _treated(source, definition)
    _refuse_empty(treated_flow, definition)
    progress("finding people at risk on the same dates")
    controls, control_flow = _controls(source, treated, definition)
    _refuse_empty(control_flow, definition)
    units = _units(treated, controls)
    progress("reading contracts month by month")
    persons = pd.Index(sorted(units["person"].unique()))
    units["person_row"] = persons.get_indexer(pd.Index(units["person"]))
    months = observed_months(source)
    calendars = outcome_calendars(contracts_of(source, persons), len(persons), months)
    covariates = build_covariates(
        units, definition, {name: calendars[name]() for name in ("emploi", "salaire")}
    )
    periods = np.arange(-definition.window.before, definition.window.after + 1)
    return Cohort(
        label=definition.label,
        units=units[["person", "arm", "training", "time_zero", "entry_month", "weight"]],
        covariates=pd.DataFrame(covariates.columns, index=units.index),
        strata=units[list(definition.controls.same)].copy(),
        cells=pd.DataFrame(
            {public.id: belongs(units, public) for public in publics}
            | {"departement": units["departement"], "ze2010": units["zone"]},
            index=units.index,
        ),
        outcomes=_outcomes(definition, source, units, persons, calendars, periods),
        flow=pd.concat([treated_flow, control_flow], ignore_index=True),
        arm_labels={name: arm_in_french(name, definition) for name in definition.arms},
        covariate_labels=covariates.labels,
        outcome_labels={name: OUTCOMES[name] for name in definition.outcomes},
        history=dict(covariates.history),
    )


def _treated(source: Source, definition: CohortDefinition) -> tuple[Table, pd.DataFrame]:
    candidates = _numbered(treated_candidates(source, definition), ["arm", "time_zero", "training"])
    described = _describe(candidates, source, definition)
    tests = tests_of(described, definition, source, treated=True)
    first = ("entries", "Entrées en formation de la période")
    kept, flow = apply_tests(described, tests, first)
    return kept.cache(), flow


def _controls(
    source: Source, treated: Table, definition: CohortDefinition
) -> tuple[Table, pd.DataFrame]:
    candidates = _numbered(
        control_candidates(source, treated, definition), ["entry_month", "person"]
    )
    described = _describe(candidates, source, definition)
    tests = tests_of(described, definition, source, treated=False)
    first = ("present", "Personnes inscrites au cours d'un mois d'entrée (une fois par mois)")
    at_risk, flow = apply_tests(described, tests, first)
    drawn = draw_controls(at_risk, treated, definition.controls).cache()
    kept = int(drawn.count().execute())
    before = int(flow["remaining"].iloc[-1])
    cells = "du même mois et de la même tranche d'ancienneté"
    flow.loc[len(flow)] = (
        definition.control_arm,
        len(flow),
        "drawn",
        f"Tirée au sort parmi les personnes {cells}",
        before - kept,
        kept,
    )
    return drawn, flow


def _numbered(candidates: Table, order: list[str]) -> Table:
    key = ibis.row_number().over(order_by=[candidates[column] for column in order])
    return candidates.mutate(candidate=key).cache()


def _describe(candidates: Table, source: Source, definition: CohortDefinition) -> Table:
    described = describe(candidates, source, months_before_training(definition))
    described = described.mutate(age=age(described))
    return described.mutate(
        unemployment_band=unemployment_band(described.unemployment_duration)
    ).cache()


def _refuse_empty(flow: pd.DataFrame, definition: CohortDefinition) -> None:
    if flow.empty:
        raise InputError(
            f"cohort '{definition.id}' is empty: the source has no entry of its arms' objectives "
            "in the period"
        )
    for arm, rows in flow.groupby("arm"):
        if rows["remaining"].iloc[-1] == 0:
            rule = rows.loc[rows["remaining"] == 0, "rule"].iloc[0]
            raise InputError(
                f"cohort '{definition.id}' is empty: nobody is left in arm '{arm}' after the rule "
                f"'{rule}'"
            )


def _units(treated: Table, controls: Table) -> pd.DataFrame:
    arms = [
        treated.mutate(fraction=ibis.literal(1.0)).drop("first_entry", "candidate"),
        controls.mutate(training=ibis.null("string")).drop("candidate"),
    ]
    frames = [arm.select(sorted(arm.columns)).to_pandas() for arm in arms]
    units = pd.concat(frames, ignore_index=True)
    units = units.sort_values(["arm", "entry_month", "person"], ignore_index=True)
    units["weight"] = 1 / units["fraction"]
    return units.rename_axis("unit")


def _outcomes(
    definition: CohortDefinition,
    source: Source,
    units: pd.DataFrame,
    persons: pd.Index,
    calendars: dict[str, Callable[[], Calendar]],
    periods: np.ndarray,
) -> LazyOutcomes:
    rows, months = units["person_row"].to_numpy(), units["entry_month"].to_numpy()

    def monthly(name: OutcomeName) -> Callable[[], Outcomes]:
        return lambda: Outcomes(
            name=name,
            values=calendars[name]().around(rows, months, periods),
            periods=tuple(periods.tolist()),
            units=units.index,
            measure=MEASURES[name],
            coverage=COVERAGE_NOTE,
        )

    def trained() -> Outcomes:
        return Outcomes(
            name=TRAINED_SINCE,
            values=trained_since(source, persons, units, periods),
            periods=tuple(periods.tolist()),
            units=units.index,
            measure="part",
        )

    makers: dict[str, Callable[[], Outcomes]] = {
        name: monthly(name) for name in definition.outcomes
    }
    return LazyOutcomes(makers | {TRAINED_SINCE: trained})
