"""Definitions read back in plain French, so that a reader can check what was asked for."""

from __future__ import annotations

from pacte_eval.definitions.cells import territory
from pacte_eval.definitions.cohort import (
    Age,
    CohortDefinition,
    Covered,
    Linked,
    LivesIn,
    NotObjectives,
    NoTraining,
    Registered,
    Rule,
    TrainingArm,
)
from pacte_eval.definitions.months import month_name
from pacte_eval.definitions.vocabulary import COVARIATES, OBJECTIVES, OUTCOMES

_BLOCKS = {
    "age": "âge",
    "employment_history": "mois travaillés avant l'entrée",
    "earnings_history": "salaires perçus avant l'entrée",
}


def rule_in_french(rule: Rule) -> str:
    """One rule of eligibility, as a row of the flow chart says it."""
    match rule:
        case Linked():
            return "Rattachée à une personne"
        case Age():
            return f"Âge de {rule.between[0]} à {rule.between[1]} ans"
        case Registered():
            categories = _listed(list(rule.categories))
            return f"Inscrite comme demandeur d'emploi (catégories {categories}) la veille"
        case LivesIn():
            return f"Habite le territoire\u00a0: {territory(rule.territory).name}"
        case NoTraining():
            return f"Aucune formation dans les {rule.months_before} mois précédents"
        case Covered():
            return (
                f"Suivie par les données {rule.months_before} mois avant "
                f"et {rule.months_after} mois après"
            )


def arm_in_french(name: str, definition: CohortDefinition) -> str:
    """The label of an arm: its own, or one made from what it declares."""
    arm = definition.arms[name]
    if arm.label:
        return arm.label
    if not isinstance(arm, TrainingArm):
        return "En attente de formation"
    if isinstance(arm.objective, NotObjectives):
        others = [OBJECTIVES[code] for code in arm.objective.not_]
        return f"Formation d'un objectif autre que {_listed(others)}"
    codes = (arm.objective,) if isinstance(arm.objective, str) else arm.objective
    return f"Formation visant {_listed([OBJECTIVES[code] for code in codes])}"


def cohort_in_french(definition: CohortDefinition) -> list[str]:
    """A cohort read back in French, one sentence or list item a line of Markdown."""
    first, last = definition.entry.period
    lines = [
        f"Entrées en formation de {month_name(first)} à {month_name(last)}\u202f; "
        "pour chaque personne, la première de la période.",
        *(
            f"Groupe «\u202f{arm_in_french(name, definition)}\u202f»"
            + (
                f"\u00a0: objectif de formation {_objectives(arm)}."
                if isinstance(arm, TrainingArm)
                else "\u00a0: personnes inscrites qui n'étaient pas encore entrées en formation à "
                "la même date\u202f; une entrée plus tard ne les écarte pas."
            )
            for name, arm in definition.arms.items()
        ),
        *(f"Condition\u00a0: {_lower(rule_in_french(rule))}." for rule in definition.population),
        "Personnes en attente tirées au sort parmi celles du même mois"
        + (
            " et de la même tranche d'ancienneté d'inscription"
            if "unemployment_band" in definition.controls.same
            else ""
        )
        + f", {definition.controls.per_treated} pour une entrée au plus (ordre par hachage, "
        f"graine {definition.controls.seed}).",
        f"Suivi de {definition.window.before} mois avant à {definition.window.after} mois après "
        "l'entrée.",
        "Mesures\u00a0: " + _listed([_lower(OUTCOMES[name]) for name in definition.outcomes]) + ".",
        "Caractéristiques retenues, connues la veille de l'entrée\u00a0: "
        + _listed([_BLOCKS.get(name) or _lower(COVARIATES[name]) for name in definition.covariates])
        + ".",
        f"Mois d'emploi passés utilisés pour l'appariement\u00a0: de {definition.history.match[0]} "
        f"à {definition.history.match[1]}\u202f; mois gardés à part pour la vérification\u00a0: de "
        f"{definition.history.hold_out[0]} à {definition.history.hold_out[1]}.",
    ]
    return [line.replace(" -", " −") for line in lines]


def _objectives(arm: TrainingArm) -> str:
    if isinstance(arm.objective, NotObjectives):
        return "autre que " + _listed([OBJECTIVES[code] for code in arm.objective.not_])
    codes = (arm.objective,) if isinstance(arm.objective, str) else arm.objective
    return _listed([OBJECTIVES[code] for code in codes])


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} et {words[-1]}"


def _lower(text: str) -> str:
    return text if text.startswith(("RSA", "CDI")) else text[:1].lower() + text[1:]
