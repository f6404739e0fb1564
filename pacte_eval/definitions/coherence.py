"""Whether a study fits the cohort or the file it is on: checked before any data is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.study import ComparisonDefinition, StudyDefinition


def check_on_cohort(study: StudyDefinition, cohort: CohortDefinition) -> None:
    """Check a study against the cohort it names.

    Raises
    ------
    InputError
        If an arm, an outcome or a month is not there, if the matching is not exact on the cells
        controls are drawn in, or if a comparison asks for what this version does not estimate.
    """
    months = range(-cohort.window.before, cohort.window.after + 1)
    _check(study, list(cohort.arms), dict.fromkeys(cohort.outcomes, months))
    for comparison in study.comparisons:
        _refuse_what_waits(study, comparison, cohort)
    _check_negative_controls(study, cohort)
    _check_covariates(study, cohort.covariates)
    main = study.estimators.main
    absent = [cell for cell in cohort.controls.same if cell not in main.cells]
    if absent:
        setting = next((key for key in ("exact", "within", "on") if hasattr(main, key)), None)
        raise InputError(
            f"study '{study.id}': estimators.main"
            + (f".{setting} lacks" if setting else f": {main.design} ignores")
            + f" {', '.join(absent)}: who is compared must have entered the same month after as "
            "long a wait, in the cells controls are drawn in"
            + ("" if setting else "; choose a design that has exact or within")
        )


def _check_negative_controls(study: StudyDefinition, cohort: CohortDefinition) -> None:
    first, last = cohort.history.match
    for control in study.negative_controls:
        where = f"study '{study.id}': negative control '{control.outcome}'"
        if control.outcome not in cohort.outcomes:
            raise InputError(f"{where} is unknown: {nearest(control.outcome, cohort.outcomes)}")
        begin, end = control.months
        if begin < -cohort.window.before:
            raise InputError(
                f"{where} is not observed at {begin}: the window of cohort '{cohort.id}' begins "
                f"{cohort.window.before} months before entry"
            )
        if begin <= last and end >= first:
            raise InputError(
                f"{where} uses months {begin} to {end}, which history.match ({first} to {last}) "
                "balances by construction: they would prove nothing; choose other months"
            )


def _check_covariates(study: StudyDefinition, covariates: Sequence[str]) -> None:
    named = {f"blocks.{block}": names for block, names in study.blocks.items()}
    if study.heterogeneity is not None:
        named["heterogeneity.persons"] = study.heterogeneity.persons
    for where, names in named.items():
        for name in names:
            if name not in covariates:
                raise InputError(
                    f"study '{study.id}': {where} names '{name}', which is no covariate: "
                    f"{nearest(name, covariates)}"
                )


def _refuse_what_waits(
    study: StudyDefinition, comparison: ComparisonDefinition, cohort: CohortDefinition
) -> None:
    """Refuse the comparisons that a matching alone does not answer."""
    where = f"study '{study.id}': comparison '{comparison.id}'"
    told_after = [
        arm for arm in (comparison.treated, comparison.control) if arm in cohort.after_entry_arms
    ]
    if told_after and not comparison.after_entry:
        raise InputError(
            f"{where} names the arm '{told_after[0]}', defined by what is observed after entry: "
            "declare after_entry: true"
        )
    if told_after:
        _check_certified(study, comparison, cohort, where)
        return
    never = [name for name, arm in cohort.control_arms.items() if arm.controls == "never-trained"]
    if comparison.control in never:
        raise InputError(
            f"{where} has for control people who never train, which conditions on the future: it "
            "needs weights that this version does not have; compare with people who wait"
        )


def _check_certified(
    study: StudyDefinition, comparison: ComparisonDefinition, cohort: CohortDefinition, where: str
) -> None:
    """Those certified against those not, of an arm that the study sets against waiting."""
    arms = cohort.after_entry_arms
    treated, control = arms.get(comparison.treated), arms.get(comparison.control)
    if (
        treated is None
        or control is None
        or treated.certified is not True
        or control.certified is not False
        or treated.of != control.of
    ):
        raise InputError(
            f"{where} compares what is observed after entry: only the certified of an arm with its "
            "not certified may be, and bounds answer for it; build the cohort alone with pacte "
            "cohort for anything else"
        )
    if comparison.id == study.primary.comparison:
        raise InputError(f"{where} cannot be the primary one: it has no single effect")
    if beside_waiting(study, cohort, treated.of) is None:
        raise InputError(
            f"{where} needs a comparison of arm '{treated.of}' with people who wait: bounds are "
            "made from it; add it to comparisons"
        )


def beside_waiting(
    study: StudyDefinition, cohort: CohortDefinition, arm: str
) -> ComparisonDefinition | None:
    """The first comparison of an arm with people who wait, None where the study has none."""
    waiting = [name for name, one in cohort.control_arms.items() if one.controls != "never-trained"]
    found = (one for one in study.comparisons if one.treated == arm and one.control in waiting)
    return next(found, None)


def check_on_persons(study: StudyDefinition, persons: PersonsDefinition) -> None:
    """Check a study against the file of persons it names.

    Raises
    ------
    InputError
        If an arm, an outcome or a period is not there, or if publics or territories are asked for.
    """
    if study.subgroups.publics or study.subgroups.territories:
        raise InputError(
            f"study '{study.id}': a file of persons has no publics or territories: remove subgroups"
        )
    if study.negative_controls:
        raise InputError(
            f"study '{study.id}': negative_controls are months before entry, which a file of "
            "persons does not have: remove them"
        )
    _check_covariates(study, list(persons.covariates))
    periods = {name: item.labels for name, item in persons.outcomes.items()}
    _check(study, list(persons.arms), periods)


def _check(
    study: StudyDefinition, arms: Sequence[str], outcomes: Mapping[str, Sequence[Period]]
) -> None:
    named = [
        (f"comparison '{one.id}'", arm)
        for one in study.comparisons
        for arm in (one.treated, one.control)
    ]
    if study.experiment is not None:
        named += [
            ("experiment", study.experiment.treated),
            ("experiment", study.experiment.control),
        ]
    for where, arm in named:
        if arm not in arms:
            raise InputError(
                f"study '{study.id}': {where} names the arm '{arm}', which is unknown: "
                f"{nearest(arm, arms)}"
            )
    outcome = study.primary.outcome
    if outcome not in outcomes:
        raise InputError(
            f"study '{study.id}': primary.outcome '{outcome}' is unknown: "
            f"{nearest(outcome, outcomes)}"
        )
    windows = [
        window
        for window in (study.difference.reference, *study.difference.sensitivity)
        if window != "symmetric"
    ]
    mirrored = [month for month in study.horizons if isinstance(month, int)]
    if "symmetric" in study.difference.sensitivity and not any(
        -month in outcomes[outcome] for month in mirrored
    ):
        raise InputError(
            f"study '{study.id}': difference.sensitivity 'symmetric' needs a horizon whose mirror "
            f"month is observed for '{outcome}'"
        )
    asked = [*study.horizons, *(period for window in windows for period in window)]
    for period in asked:
        if period not in outcomes[outcome]:
            first, last = outcomes[outcome][0], outcomes[outcome][-1]
            raise InputError(
                f"study '{study.id}': '{outcome}' is not observed at {period!r}: its periods go "
                f"from {first} to {last}"
            )
