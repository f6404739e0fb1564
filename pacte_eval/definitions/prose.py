"""Definitions read back in plain French, so that a reader can check what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pacte_eval.definitions.cells import PublicDefinition, Territory, territory
from pacte_eval.definitions.cohort import (
    AfterEntryArm,
    Age,
    AllOf,
    AnyOf,
    AtLeast,
    CohortDefinition,
    ControlArm,
    Covered,
    CumulatedUnemployment,
    ElapsedUnemployment,
    FirstTraining,
    InPublic,
    Level,
    Linked,
    LivesIn,
    NotObjectives,
    NoTraining,
    Registered,
    Rule,
    TrainingArm,
    TrainingFilter,
)
from pacte_eval.definitions.months import month_name
from pacte_eval.definitions.numerals import number
from pacte_eval.definitions.vocabulary import (
    COVARIATES,
    FUNDERS,
    LEVELS,
    OBJECTIVES,
    OUTCOMES,
)

_SEMICOLON = "\u202f; "
_BLOCKS = {
    "age": "âge",
    "employment_history": "mois travaillés avant l'entrée",
    "earnings_history": "salaires perçus avant l'entrée",
}


def rule_in_french(
    rule: Rule,
    publics: Mapping[str, PublicDefinition] = MappingProxyType({}),
    territories: Mapping[str, Territory] = MappingProxyType({}),
) -> str:
    """One rule of eligibility, as a row of the flow chart says it.

    Parameters
    ----------
    publics, territories : mappings by identifier
        Where the names of those that the rule refers to are found; the shipped territories and
        the bare identifiers otherwise.
    """

    def inner(rules: Sequence[Rule]) -> str:
        read = [_lower(rule_in_french(one, publics, territories)) for one in rules]
        composed = [isinstance(one, (AllOf, AnyOf, AtLeast)) and not one.label for one in rules]
        return _SEMICOLON.join(
            f"({text})" if nested else text for text, nested in zip(read, composed, strict=True)
        )

    match rule:
        case Linked():
            return "Rattachée à une personne"
        case Age():
            return f"Âge de {rule.between[0]} à {rule.between[1]} ans"
        case Registered():
            categories = _listed(list(rule.categories))
            return f"Inscrite comme demandeur d'emploi (catégories {categories}) la veille"
        case LivesIn():
            place = territories.get(rule.territory) or territory(rule.territory)
            return f"Habite le territoire\u00a0: {place.name}"
        case ElapsedUnemployment():
            return f"Inscrite depuis {rule.between[0]} à {rule.between[1]} mois"
        case CumulatedUnemployment():
            return (
                f"Inscrite {rule.between[0]} à {rule.between[1]} mois au cours des "
                f"{rule.months_before} mois précédents"
            )
        case Level():
            return (
                f"Diplôme le plus élevé\u00a0: {_listed([LEVELS[code] for code in rule.in_], 'ou')}"
            )
        case InPublic():
            public = publics.get(rule.public)
            return f"Public\u00a0: {_lower(public.label if public else rule.public)}"
        case NoTraining():
            return f"Aucune formation dans les {rule.months_before} mois précédents"
        case FirstTraining():
            return "Aucune formation auparavant, aussi loin que remontent les données"
        case AllOf() | AnyOf() | AtLeast() if rule.label:
            return rule.label
        case AllOf():
            return f"Remplit toutes ces conditions\u00a0: {inner(rule.of)}"
        case AnyOf():
            return f"Remplit au moins une de ces conditions\u00a0: {inner(rule.of)}"
        case AtLeast():
            return f"Remplit au moins {rule.count} de ces conditions\u00a0: {inner(rule.of)}"
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
    if isinstance(arm, ControlArm):
        waiting = arm.controls == "not-yet-trained"
        return "En attente de formation" if waiting else "Jamais formées"
    if isinstance(arm, AfterEntryArm):
        return f"{arm_in_french(arm.of, definition)}, {_fact(arm)}"
    chosen = _conditions(arm)
    return f"Formation\u00a0: {_SEMICOLON.join(chosen)}"


def cohort_in_french(
    definition: CohortDefinition,
    publics: Mapping[str, PublicDefinition] = MappingProxyType({}),
    territories: Mapping[str, Territory] = MappingProxyType({}),
) -> list[str]:
    """A cohort read back in French, one sentence or list item a line of Markdown.

    Parameters
    ----------
    publics, territories : mappings by identifier
        Where the names of those that the rules refer to are found.
    """
    first, last = definition.entry.period
    keep = {
        "first": "pour chaque personne, la première de la période",
        "last": "pour chaque personne, la dernière de la période",
        "every": "toutes celles de la période, une personne pouvant en avoir plusieurs",
    }[definition.entry.keep]
    where = _conditions(definition.entry.where)
    origin = "l'entrée" if definition.entry.clock == "entry" else "la fin de la formation"
    rules = [_in_full(rule, publics, territories) for rule in definition.population]
    lines = [
        f"Entrées en formation de {month_name(first)} à {month_name(last)}\u202f; {keep}.",
        *([f"Entrées retenues\u00a0: {_SEMICOLON.join(where)}."] if where else []),
        *(
            f"Groupe «\u202f{arm_in_french(name, definition)}\u202f»\u00a0: "
            f"{_members(name, definition)}."
            for name in definition.arms
        ),
        *(f"Condition\u00a0: {_lower(rule)}." for rule in rules),
        "Personnes en attente tirées au sort parmi celles du même mois"
        + (
            " et de la même tranche d'ancienneté d'inscription"
            if "unemployment_band" in definition.controls.same
            else ""
        )
        + f", {definition.controls.per_treated} pour une entrée au plus (ordre par hachage, "
        f"graine {definition.controls.seed}).",
        f"Suivi de {definition.window.before} mois avant à {definition.window.after} mois après "
        f"{origin}.",
        *_contracts(definition),
        "Mesures\u00a0: " + _listed([_lower(OUTCOMES[name]) for name in definition.outcomes]) + ".",
        "Caractéristiques retenues, connues la veille de l'entrée\u00a0: "
        + _listed([_BLOCKS.get(name) or _lower(COVARIATES[name]) for name in definition.covariates])
        + ".",
        _past(definition),
        *warnings_in_french(definition),
    ]
    return [line.replace(" -", " −") for line in lines]


def warnings_in_french(definition: CohortDefinition) -> tuple[str, ...]:
    """What a reader must be told of a cohort's definition, beside its results."""
    warnings = []
    if definition.entry.clock == "end":
        warnings.append(
            "Attention\u00a0: les mois sont comptés depuis la fin de la formation. La date de "
            "fin s'observe après l'entrée\u202f; les personnes en attente reçoivent une fin "
            "fictive, tirée des durées de formation de leur groupe, et rien n'est exigé d'elles à "
            "cette date."
        )
    if any(arm.controls == "never-trained" for arm in definition.control_arms.values()):
        warnings.append(
            "Attention\u00a0: le groupe «\u202fjamais formées\u202f» est défini par l'avenir. Ceux "
            "qui retrouvent vite un emploi n'ont plus à se former et y sont trop nombreux\u00a0: "
            "un écart avec ce groupe est un résultat naïf, jamais le résultat principal."
        )
    if definition.after_entry_arms:
        warnings.append(
            "Attention\u00a0: des groupes sont définis par ce qui s'observe après l'entrée "
            "(certification, abandon). Un écart entre eux n'est pas un effet\u00a0: il se lit avec "
            "des bornes."
        )
    return tuple(warnings)


def _in_full(
    rule: Rule, publics: Mapping[str, PublicDefinition], territories: Mapping[str, Territory]
) -> str:
    """A rule with, for one that has a label, what it asks."""
    read = rule_in_french(rule, publics, territories)
    if not isinstance(rule, (AllOf, AnyOf, AtLeast)) or not rule.label:
        return read
    bare = rule.model_copy(update={"label": None})
    return f"{read} ({_lower(rule_in_french(bare, publics, territories))})"


def _members(name: str, definition: CohortDefinition) -> str:
    arm = definition.arms[name]
    if isinstance(arm, AfterEntryArm):
        return f"parmi le groupe «\u202f{arm_in_french(arm.of, definition)}\u202f», {_fact(arm)}"
    if isinstance(arm, TrainingArm):
        return _SEMICOLON.join(_conditions(arm))
    if arm.controls == "never-trained":
        return (
            "personnes inscrites à la même date qui, jusqu'à la fin des données, n'entrent en "
            "formation ni ce jour-là ni ensuite"
        )
    return (
        "personnes inscrites à la même date qui n'entrent pas en formation ce jour-là\u202f; une "
        "entrée plus tard ne les écarte pas"
    )


def _fact(arm: AfterEntryArm) -> str:
    if arm.certified is not None:
        return "certification obtenue" if arm.certified else "certification non obtenue"
    return "abandon en cours de formation" if arm.dropped_out else "formation suivie jusqu'au bout"


def _conditions(condition: TrainingFilter) -> list[str]:
    """The conditions of a filter, in words."""
    words = []
    if isinstance(condition.objective, NotObjectives):
        others = [OBJECTIVES[code] for code in condition.objective.not_]
        words.append(f"objectif de formation autre que {_listed(others)}")
    elif condition.objectives is not None:
        codes = [code for code in OBJECTIVES if code in condition.objectives]
        words.append(f"objectif de formation {_listed([OBJECTIVES[code] for code in codes])}")
    named = {
        "scheme": ("dispositif", {}),
        "funder": ("financeur", FUNDERS),
        "level": ("niveau préparé", LEVELS),
        "axis": ("axe du Pacte", {}),
        "lot": ("lot", {}),
    }
    for field, (word, labels) in named.items():
        values = getattr(condition, field)
        if values is not None:
            words.append(f"{word} {_listed([labels.get(value, value) for value in values], 'ou')}")
    if condition.formacode is not None:
        words.append(f"Formacode commençant par {_listed(list(condition.formacode), 'ou')}…")
    if condition.hours is not None:
        least, most = (number(bound) for bound in condition.hours)
        words.append(f"durée prévue de {least} à {most} heures")
    return words


def _contracts(definition: CohortDefinition) -> list[str]:
    days = definition.contracts.min_days
    return [f"Contrats de moins de {days} jours non comptés dans l'emploi."] if days else []


def _past(definition: CohortDefinition) -> str:
    first, last = definition.history.match
    step = definition.history.step
    how = "mois par mois" if step == 1 else f"par périodes de {step} mois"
    line = f"Mois d'emploi passés utilisés pour la comparaison\u00a0: de {first} à {last}, {how}"
    if definition.history.hold_out is None:
        return f"{line}\u202f; aucun mois n'est gardé à part pour la vérification."
    held = definition.history.hold_out
    return f"{line}\u202f; mois gardés à part pour la vérification\u00a0: de {held[0]} à {held[1]}."


def _listed(words: list[str], last: str = "et") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _lower(text: str) -> str:
    initials = text[:2].isupper()
    return text if initials else text[:1].lower() + text[1:]
