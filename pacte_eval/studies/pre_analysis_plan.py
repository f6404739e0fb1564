"""The pre-analysis plan of a study, in French, from its declarations alone."""

from __future__ import annotations

from collections.abc import Sequence

from pacte_eval.definitions.estimators_in_french import alternative_in_french, estimator_in_french
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import NO_BREAK as FIXED
from pacte_eval.definitions.numerals import THIN, number, percent
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.prose import cohort_in_french, warnings_in_french
from pacte_eval.definitions.protocol import SHOWN, Protocol
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.definitions.subgroups import publics_asked, territories_asked
from pacte_eval.definitions.vocabulary import COVARIATES, OUTCOMES

ESTIMANDS = {
    "now-vs-wait": "entrer maintenant plutôt qu'attendre, quitte à se former plus tard, pour "
    "celles et ceux qui sont entrés",
    "participation": "participer plutôt que ne pas participer, pour celles et ceux qui ont "
    "participé",
}


def plan_in_french(project: Project, study: StudyDefinition, protocol: Protocol) -> str:
    """The plan as Markdown: what will be computed, how it will be judged, and what changed since.

    Parameters
    ----------
    protocol : Protocol
        Whose hashes, amendments and overrides close the plan.
    """
    sections = [
        ("Question", [study.title, f"Question du plan d'évaluation{FIXED}: `{study.question}`."]),
        ("Population et données", _population(project, study)),
        ("Comparaisons et effets visés", _comparisons(study)),
        ("Résultat principal", _primary(study)),
        ("Méthode", _method(project, study)),
        ("Publics, territoires et tests multiples", _subgroups(project, study)),
        ("Contrôles et seuils, fixés avant toute estimation", _thresholds(study)),
        ("Ce qui éprouve l'effet principal", _evidence(study)),
        ("Scellé", _seal()),
        ("Gel, amendements et dérogations", _history(protocol)),
    ]
    lines = [f"# Plan d'analyse{FIXED}: {study.title}", ""]
    for place, (title, content) in enumerate(sections, 1):
        lines += [f"## {place}. {title}", "", *_paragraphs(content), ""]
    return "\n".join(lines)


def _population(project: Project, study: StudyDefinition) -> list[str]:
    if study.cohort is None:
        persons = project.persons(study.id, str(study.persons))
        return [f"Fichier de personnes{FIXED}: {persons.label}."]
    cohort = project.cohort(study.cohort)
    read_back = cohort_in_french(cohort, project.publics(), project.territories())
    return [f"{cohort.label}.", *(f"- {line}" for line in read_back), *warnings_in_french(cohort)]


def _comparisons(study: StudyDefinition) -> list[str]:
    return [
        f"- **{one.label}** (`{one.id}`){FIXED}: «{THIN}{one.treated}{THIN}» contre "
        f"«{THIN}{one.control}{THIN}»{THIN}; effet visé{FIXED}: {ESTIMANDS[one.estimand]}."
        for one in study.comparisons
    ]


def _primary(study: StudyDefinition) -> list[str]:
    primary = study.primary
    outcome = OUTCOMES.get(primary.outcome, primary.outcome)
    return [
        f"Un seul effet répond à la question{FIXED}: comparaison `{primary.comparison}`, "
        f"«{THIN}{outcome}{THIN}», {_when(primary.month)}. Il est testé une fois, sans correction.",
        f"Horizons rapportés{FIXED}: {', '.join(_when(month) for month in study.horizons)}.",
    ]


def _method(project: Project, study: StudyDefinition) -> list[str]:
    lines = [f"Estimateur principal{FIXED}: {estimator_in_french(study.estimators.main)}."]
    if study.cohort is not None:
        cohort = project.cohort(study.cohort)
        names = ", ".join(COVARIATES.get(name, name) for name in cohort.covariates)
        first, last = cohort.history.match
        lines.append(
            f"Caractéristiques comparées, mesurées la veille de l'entrée{FIXED}: {names}. Passé "
            f"d'emploi utilisé{FIXED}: mois {_signed(first)} à {_signed(last)}."
        )
        held = cohort.history.hold_out
        if held is not None:
            lines.append(
                f"Mois laissés hors de la comparaison, pour le placebo{FIXED}: "
                f"{_signed(held[0])} à {_signed(held[1])}."
            )
    lines.append(
        f"Contraste de différence, sous une autre hypothèse{FIXED}: fenêtre de référence "
        f"{_window(study.difference.reference)}."
    )
    return lines


def _subgroups(project: Project, study: StudyDefinition) -> list[str]:
    publics, territories = publics_asked(project, study), territories_asked(project, study)
    if not publics and not territories:
        return ["Aucun public ni territoire n'est étudié à part."]
    lines = []
    if publics:
        names = "; ".join(public.label for public in publics)
        lines.append(f"Publics{FIXED}: {names.replace('; ', f'{THIN}; ')}.")
    if territories:
        names = "; ".join(territory.name for territory in territories)
        lines.append(f"Territoires{FIXED}: {names.replace('; ', f'{THIN}; ')}.")
    lines.append(
        "Familles de tests, fixées ici avant le secret statistique : l'effet principal (un test); "
        "les horizons et les indicateurs de la comparaison principale (Romano–Wolf); les publics; "
        "les territoires; les croisements (Benjamini–Hochberg, Benjamini–Yekutieli à côté); les "
        "interactions, à part. Les contrôles de robustesse ne sont d'aucune famille.".replace(
            "; ", f"{THIN}; "
        ).replace(" : ", f"{FIXED}: ")
    )
    return lines


def _thresholds(study: StudyDefinition) -> list[str]:
    asked = study.thresholds
    return [
        f"- Ressemblance{FIXED}: intervalle à 90{THIN}% de chaque écart standardisé dans "
        f"±{number(asked.max_smd, 2)}.",
        f"- Support commun{FIXED}: au moins {percent(asked.min_support, 0)} des personnes formées.",
        f"- Taille efficace du groupe de comparaison{FIXED}: au moins "
        f"{number(asked.min_effective_size)}.",
        f"- Placebo{FIXED}: test conjoint des mois laissés hors de la comparaison, favorable à "
        f"partir de 5{THIN}%.",
        f"- Effet minimal décelable sur un taux, puissance de 80{THIN}%{FIXED}: au plus "
        f"{number(asked.max_detectable_effect, 1, scale=100)} points de pourcentage.",
        f"- Rattachement{FIXED}: au moins {percent(asked.min_linked, 0)} des entrées.",
        f"- Équipoise{FIXED}: au moins {percent(asked.min_equipoise, 0)} de chaque groupe, à "
        "défaut une réserve.",
        *(
            f"- Résultat que la formation ne peut changer{FIXED}: «{THIN}"
            f"{OUTCOMES.get(one.outcome, one.outcome)}{THIN}», mois {_signed(one.months[0])} à "
            f"{_signed(one.months[1])}. {_plain(one.because)}"
            for one in study.negative_controls
        ),
    ]


def _evidence(study: StudyDefinition) -> list[str]:
    """Everything declared beside the main effect; robustness is in no family of tests."""
    asked = study.thresholds
    lines = [
        *(
            f"- Autre estimateur{FIXED}: {alternative_in_french(one)}."
            for one in study.estimators.alternatives
        ),
        f"- Facteur inobservé{FIXED}: bornes de Rosenbaum (Γ à partir de "
        f"{number(asked.min_gamma, 1)}), E-value de l'intervalle (à partir de "
        f"{number(asked.min_e_value, 1)}), modèle marginal (Λ à partir de "
        f"{number(asked.min_lambda, 1)}), variable omise, facteur simulé.",
        *(
            f"- Sans le bloc «{THIN}{_plain(block)}{THIN}»{FIXED}: "
            f"{', '.join(COVARIATES.get(name, name) for name in names)}."
            for block, names in study.blocks.items()
        ),
    ]
    if study.plasmode is not None:
        planted = ", ".join(number(one, 1, scale=100) for one in study.plasmode.effects)
        lines.append(
            f"- Résultats simulés sur ces personnes, {number(study.plasmode.draws)} tirages, "
            f"effets plantés de {planted} points{FIXED}: pour choisir, non pour certifier."
        )
    if study.cost is not None:
        lines.append(
            f"- Coût d'un emploi supplémentaire{FIXED}: {number(study.cost.unit)}{THIN}€ par "
            f"parcours ({_plain(study.cost.source)}), {number(study.cost.later)}{THIN}€ par "
            "formation ultérieure des personnes semblables."
        )
    if study.heterogeneity is not None:
        names = ", ".join(COVARIATES.get(name, name) for name in study.heterogeneity.persons)
        lines.append(
            f"- Caractéristiques pouvant aller avec un effet plus grand{FIXED}: {names}"
            + (
                f"{THIN}; des lieux{FIXED}: {', '.join(study.heterogeneity.places)}."
                if study.heterogeneity.places
                else "."
            )
        )
    return lines


def _seal() -> list[str]:
    return [
        "Sur données confidentielles, les effets après l'entrée ne sont ni calculés ni écrits tant "
        "que ces contrôles ne sont pas tous favorables, ou qu'une dérogation motivée n'est pas "
        "enregistrée. Un contrôle défavorable n'efface pas une estimation{thin}: elle est publiée "
        "avec lui. C'est une garantie de procédure de l'outil, qui ne peut rien dire de ce qui "
        "est fait en dehors de lui.".replace("{thin}", THIN)
    ]


def _history(protocol: Protocol) -> list[str]:
    lines = [
        f"- {protocol.frozen.isoformat()}{FIXED}: gel, empreinte `{protocol.hash[:SHOWN]}`, "
        f"pacte_eval {protocol.toolkit}.",
        *(
            f"- {one.date.isoformat()}{FIXED}: amendement, empreinte `{one.hash[:SHOWN]}`, "
            f"{', '.join(f'`{name}`' for name in one.changed)}{FIXED}: {_plain(one.reason)}"
            for one in protocol.amendments
        ),
        *(
            f"- {one.date.isoformat()}{FIXED}: dérogation, empreinte `{one.hash[:SHOWN]}`"
            f"{FIXED}: {_plain(one.reason)}"
            for one in protocol.overrides
        ),
    ]
    files = [f"| `{name}` | `{digest}` |" for name, digest in sorted(protocol.files.items())]
    return [*lines, "\n".join(["| Déclaration | SHA-256 |", "|---|---|", *files])]


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("|", "\\|")


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """Items of a list under one another, everything else apart."""
    written: list[str] = []
    for line in lines:
        in_list = line.startswith("- ") and bool(written) and written[-1].startswith("- ")
        written += [line] if in_list or not written else ["", line]
    return written


def _when(period: Period) -> str:
    return f"mois {_signed(period)}" if isinstance(period, int) else str(period)


def _signed(month: int) -> str:
    return number(month) if month <= 0 else f"+{number(month)}"


def _window(window: Sequence[Period]) -> str:
    first, last = window[0], window[-1]
    if isinstance(first, int) and isinstance(last, int):
        return f"mois {_signed(first)} à {_signed(last)}"
    return str(first) if first == last else f"{first} à {last}"
