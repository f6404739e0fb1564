"""The sentences of a page, in plain French, from the same protected tables as its figures."""

from __future__ import annotations

from typing import Any

import pandas as pd
from IPython.display import Markdown

from pacte_eval.definitions.estimators import EstimatorDefinition, uses_a_score
from pacte_eval.definitions.estimators_in_french import estimator_in_french, whom_in_french
from pacte_eval.definitions.prose import arm_in_french, cohort_in_french
from pacte_eval.reports.french import (
    amount,
    dollars,
    escape_markdown,
    interval,
    interval_in_words,
    number,
    per_hundred,
    percent,
    reliability,
)
from pacte_eval.reports.page import Page
from pacte_eval.results.schemas import DIFFERENCE, LEVEL, RAW_GAP

THIN, FIXED = "\u202f", "\u00a0"


def notice(page: Page) -> Markdown:
    """The label of synthetic or public data, and the failed verdicts, above everything."""
    parts = [synthetic_notice()] if page.synthetic else []
    failed = page.verdict_rows().query("verdict == 'fail'")
    if len(failed):
        sentences = "\n".join(f"- {escape_markdown(text)}" for text in failed["sentence"])
        parts.append(_callout("important", "Contrôles défavorables", sentences))
    return Markdown("\n\n".join(parts))


def synthetic_notice() -> str:
    """The label of synthetic data, as Markdown."""
    return _callout(
        "warning",
        "Données synthétiques",
        "Les personnes de cette page n'existent pas. Elles sont tirées au hasard par un "
        "programme, à la ressemblance des données du Pacte, pour mettre l'outil à "
        f"l'épreuve{THIN}: aucun chiffre d'ici n'est un résultat du Pacte.",
    )


def takeaways(page: Page) -> Markdown:
    """What to remember: the effect, in persons, its interval in words, and how reliable it is."""
    row = page.primary_row()
    month = page.study.primary.month
    if row is None:
        return Markdown(
            f"**Rien ne peut être dit pour «{THIN}{escape_markdown(page.label)}{THIN}»**{FIXED}: "
            "trop peu de personnes formées, ou trop peu de personnes semblables, pour publier un "
            "résultat sans risquer d'en désigner une."
        )
    verdict = reliability(page.verdict_rows()["verdict"], page.n_treated)
    effect, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    lines = [
        _headline(row, month),
        f"**En nombre de personnes en emploi**{FIXED}: {per_hundred(effect, low, high)}.",
        f"**Précision.** Compte tenu du hasard, {interval_in_words(low, high)}.",
        f"**Fiabilité{FIXED}: {verdict}.** {verdict.words}",
    ]
    share = row["controls_trained_since"]
    if pd.notna(share):
        lines.append(
            f"À cette date, {percent(share, 0)} des personnes semblables étaient à leur tour "
            f"entrées en formation{THIN}: l'effet compare «{THIN}se former maintenant{THIN}» à "
            f"«{THIN}attendre, quitte à se former plus tard{THIN}»."
        )
    support = page.results.table("support").select(cell=page.cell, design=LEVEL).frame.iloc[0]
    if pd.notna(support["share_supported"]):
        lines.append(_supported(support, page.study.thresholds.min_support))
    return Markdown("\n".join(f"- {line}" for line in lines))


def nothing_estimated(page: Page) -> Markdown:
    """What a page says whose estimates are sealed: nothing of any effect."""
    state = page.results.table("protocol").frame.iloc[-1]
    return Markdown(
        f"**Aucun effet n'est estimé à ce stade.** {escape_markdown(str(state['reason']))}\n\nLes "
        "personnes, leurs semblables et les contrôles de la comparaison sont décrits ci-dessous"
        f"{THIN}; ce que ces personnes sont devenues après l'entrée n'a pas été lu pour cette page."
    )


def protocol(page: Page) -> Markdown:
    """What a protocol is worth, and how many times the design was judged."""
    attempts = page.results.run_log.get("design_attempts")
    count = (
        ""
        if attempts is None
        else f" Nombre de fois où le plan de comparaison a été jugé sur ces données{FIXED}: "
        f"{number(attempts)}."
    )
    return Markdown(
        "L'étude, la cohorte, les listes de codes et les seuils ont été gelés sous une empreinte. "
        "C'est une garantie de procédure{thin}: l'outil consigne ce qu'il calcule, et ne peut rien "
        "dire de ce qui est fait en dehors de lui.".replace("{thin}", THIN)
        + count
    )


def question(page: Page) -> Markdown:
    """The question, and what the comparison stands for."""
    asked = next(c for c in page.study.comparisons if c.id == page.study.primary.comparison)
    treated = arm_in_french(asked.treated, page.cohort).lower()
    return Markdown(
        f"Que change, pour une personne inscrite comme demandeuse d'emploi, l'entrée en "
        f"{treated} plutôt que l'attente{THIN}? L'effet mesuré est celui de l'**entrée en "
        "formation** sur celles et ceux qui sont entrés, mois par mois. Ce n'est pas l'effet du "
        "Pacte dans son ensemble, qui finance ces formations parmi d'autres."
    )


def data(page: Page) -> Markdown:
    """What the data are and what they do not see."""
    before, after = page.cohort.window.before, page.cohort.window.after
    return Markdown(
        "Trois sources réunies par une clé de personne sans identité{thin}: les inscriptions comme "
        "demandeur d'emploi, les entrées en formation et les contrats de travail. Chaque personne "
        f"est suivie de {before} mois avant à {after} mois après l'entrée.\n\n"
        "**Ce que la source voit.** {coverage} Une personne partie travailler dans un hôpital "
        "public ou à son compte y paraît sans emploi.".replace("{thin}", THIN).replace(
            "{coverage}", escape_markdown(" ".join(page.coverage()))
        )
    )


def not_measured(page: Page) -> Markdown:
    """Why nothing can be said of this public or territory."""
    row = next(row for row in page.not_measured if row["cell"] == page.cell)
    return Markdown(
        f"**{escape_markdown(row['sentence'])}**\n\nCe n'est pas dire que cette population est "
        "vide ni que la formation n'a pas d'effet sur elle\u202f: les données de l'étude ne "
        "permettent pas de savoir qui en fait partie. Ces personnes restent comptées dans "
        "l'ensemble, dont l'effet n'est pas pour autant le leur."
    )


def method(page: Page) -> Markdown:
    """The method in plain words."""
    main = page.study.estimators.main
    match = page.cohort.history.match
    return Markdown(
        f"Pour chaque personne entrée en formation, {whom_in_french(main)} parmi celles qui, "
        "**le même mois**, étaient inscrites depuis aussi longtemps et n'étaient pas encore "
        "entrées en formation. La ressemblance porte sur l'âge, le sexe, le diplôme, la famille, "
        "le territoire, l'inscription et l'emploi des deux années précédentes "
        f"(mois {_month(match[0])} à {_month(match[1])}){_summed_up(main)}. La différence "
        "d'emploi entre les deux groupes, mois après mois, est l'effet de la formation, à "
        "condition que rien d'important n'ait été oublié parmi les caractéristiques "
        "comparées.\n\n"
        f"{_held_out(page)}Les intervalles tiennent compte du fait qu'une même personne peut "
        "servir à plusieurs dates.\n\n"
        f"Estimateur{FIXED}: {estimator_in_french(main)}{_errors(page)}."
    )


def _summed_up(estimator: EstimatorDefinition) -> str:
    """That the characteristics make one score, where they do."""
    if not uses_a_score(estimator):
        return ""
    return f", résumés en un score{THIN}: la probabilité d'entrer en formation"


def _errors(page: Page) -> str:
    """How standard errors of the level effects are made, as their table says."""
    kinds = page.results.table("effects").select(cell=page.cell, contrast=LEVEL).frame["se_kind"]
    return f"{THIN}; erreurs types{FIXED}: {escape_markdown(kinds.iloc[0])}" if len(kinds) else ""


def _held_out(page: Page) -> str:
    hold = page.cohort.history.hold_out
    if hold is None:
        return (
            "Aucun mois passé n'a été gardé à part pour vérifier que les deux groupes se "
            "ressemblaient. "
        )
    return (
        f"Les mois {_month(hold[0])} à {_month(hold[1])} n'ont pas servi à choisir les personnes "
        f"semblables{THIN}: si les deux groupes y diffèrent, la comparaison est suspecte. "
    )


def limits(page: Page) -> Markdown:
    """What the numbers do not say."""
    lines = [
        "**Ce que l'on n'observe pas.** La motivation, la santé ou le réseau ne figurent pas dans "
        "les fichiers. Si les personnes formées en diffèrent à passé d'emploi égal, l'effet est "
        "mal mesuré.",
        f"**Champ.** {escape_markdown(' '.join(page.coverage()))}",
        "**Personnes comparables.** L'effet vaut pour les personnes formées qui ont trouvé des "
        "semblables, pas pour les autres.",
        "**Attente et non absence de formation.** Une partie des personnes semblables se forment "
        "plus tard.",
        "**Crise sanitaire.** Les entrants de 2019 traversent 2020 et 2021 comme leurs semblables"
        f"{THIN}; leurs taux d'emploi baissent ensemble.",
        "**Effets sur les autres.** Un emploi obtenu par une personne formée peut l'être aux "
        f"dépens d'une autre{THIN}; l'étude ne le mesure pas.",
        "**Secret statistique.** Un nombre de personnes inférieur à 11 n'est jamais publié "
        f"(«{THIN}n.c.{THIN}»). Ces tableaux n'ont pas encore passé le contrôle des recoupements "
        "entre tableaux qui précède une diffusion.",
    ]
    return Markdown("\n".join(f"- {line}" for line in lines))


def cohort_read_back(page: Page) -> Markdown:
    """The cohort as declared, read back in French."""
    return Markdown(
        "\n".join(f"- {escape_markdown(line)}" for line in cohort_in_french(page.cohort))
    )


def persons_takeaways(page: Page) -> Markdown:
    """How far each estimate lands from the experiment."""
    rows = page.results.table("benchmark").frame.to_dict("records")
    benchmark = {row["source"]: row for row in rows}
    experiment = page.study.experiment
    if experiment is None:
        raise ValueError("the study declares no experiment")
    truth = benchmark[experiment.label]
    raw = benchmark[RAW_GAP]
    lines = [
        f"**La référence.** L'essai randomisé donne un gain de **{_dollars(truth['estimate'])}** "
        f"par an en 1978 (erreur type {_dollars(truth['se'])}).",
        f"**Sans correction**, les participants gagnent {_dollars(abs(raw['estimate']))} de "
        f"**moins** que les personnes de l'enquête{THIN}: ce ne sont pas les mêmes personnes.",
    ]
    for contrast, name in ((LEVEL, "L'appariement"), (DIFFERENCE, "La différence de différences")):
        row = page.primary_row(contrast)
        if row is not None:
            gap = row["estimate"] - truth["estimate"]
            side = "au-dessous" if gap < 0 else "au-dessus"
            lines.append(
                f"**{name}** donne {_dollars(row['estimate'])} "
                f"{interval(row['ci_low'], row['ci_high'], 'dollars')}, "
                f"{_dollars(abs(gap))} {side} de la référence"
                + (
                    f"{THIN}: l'intervalle contient la référence."
                    if row["ci_low"] <= truth["estimate"] <= row["ci_high"]
                    else f"{THIN}: l'intervalle ne contient pas la référence."
                )
            )
    verdict = reliability(page.verdict_rows()["verdict"], page.n_treated)
    lines.append(f"**Fiabilité{FIXED}: {verdict}.** {verdict.words}")
    return Markdown("\n".join(f"- {line}" for line in lines))


def _headline(row: dict[str, Any], month: int | str) -> str:
    """The effect in one sentence; one that contains zero is not told as a rise or a fall."""
    effect, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    treated, control = percent(row["treated_mean"]), percent(row["control_mean"])
    if low <= 0 <= high:
        return (
            f"{_when(month)} après l'entrée en formation, {treated} des personnes formées sont en "
            f"emploi, contre {control} si elles étaient restées en attente{FIXED}: **un écart de "
            f"{amount(effect, 'points', sign=True)} {interval(low, high)}, que le hasard suffit à "
            "expliquer**."
        )
    way = "supérieure" if effect > 0 else "inférieure"
    return (
        f"**{_when(month)} après l'entrée en formation, la part de personnes en emploi est {way} "
        f"de {amount(abs(effect), 'points')} {interval(*_bounds(effect, low, high))}** à ce "
        "qu'elle aurait été si les mêmes personnes étaient restées en attente"
        f"{FIXED}: {treated} contre {control}."
    )


def _supported(support: pd.Series, minimum: float) -> str:
    share = support["share_supported"]
    sentence = (
        f"{percent(share)} des personnes formées ont trouvé des semblables"
        f"{THIN}; l'effet est celui de ces personnes."
    )
    if share < minimum:
        return (
            f"**Effet pour les {percent(share, 0)} comparables seulement.** {sentence} C'est moins "
            f"que le minimum fixé par l'étude ({percent(minimum, 0)})."
        )
    return sentence


def _bounds(effect: float, low: float, high: float) -> tuple[float, float]:
    """The interval of the size of an effect told without its sign."""
    return (low, high) if effect >= 0 else (-high, -low)


def _when(month: int | str) -> str:
    years = {12: "Un an", 24: "Deux ans", 36: "Trois ans"}
    return years.get(month, f"{month} mois") if isinstance(month, int) else str(month)


def _dollars(value: float) -> str:
    return escape_markdown(dollars(value))


def _month(month: int) -> str:
    return f"−{-month}" if month < 0 else str(month)


def _callout(kind: str, title: str, text: str) -> str:
    return f'::: {{.callout-{kind} title="{title}"}}\n{text}\n:::'


def persons_data(page: Page) -> Markdown:
    """Where a file of persons comes from, and who is in it."""
    arms = "\n".join(f"- {escape_markdown(arm.label)}" for arm in page.persons.arms.values())
    return Markdown(f"{escape_markdown(page.persons.source)}\n\n{arms}")


def persons_method(page: Page) -> Markdown:
    """The method in plain words, for a file of persons."""
    labels = [item.label[:1].lower() + item.label[1:] for item in page.persons.covariates.values()]
    return Markdown(
        "Pour chaque participant, on cherche dans l'enquête la personne la plus ressemblante. La "
        f"ressemblance porte sur{FIXED}: {escape_markdown(', '.join(labels))}. Ces "
        f"caractéristiques sont résumées en un score{THIN}: la probabilité d'être un participant. "
        "L'écart de revenu de 1978 entre les participants et ces personnes est l'effet estimé "
        "**par appariement**.\n\n"
        "La **différence de différences** ne compare pas les revenus de 1978 mais leur "
        "progression depuis "
        f"{escape_markdown(str(page.study.difference.reference[0]))}, sans apparier sur les "
        "revenus passés."
    )


def persons_reasons(page: Page) -> Markdown:
    """Why each estimate lands where it does, in plain words."""
    balance = page.results.table("balance").select(cell=page.cell, design=LEVEL).frame
    worst = max(balance.to_dict("records"), key=lambda row: abs(row["smd_after"]))
    support = page.results.table("support").select(cell=page.cell, design=LEVEL).frame.iloc[0]
    lines = [
        "**L'écart brut** compare des personnes sans emploi stable à un échantillon de toute la "
        f"population active{THIN}: il mesure surtout leur différence de départ.",
        "**L'appariement** retire l'essentiel de cet écart en ne gardant, parmi "
        f"{number(support['n_control'])} personnes, que {number(support['n_control_used'])} "
        "personnes semblables. Il en reste, parce que le score ne rend pas tout identique"
        f"{FIXED}: la caractéristique la moins bien équilibrée est «{THIN}"
        f"{escape_markdown(worst['label'])}{THIN}», à {number(abs(worst['smd_after']), 2)} écart "
        "type. Peu de personnes semblables portent beaucoup de poids, d'où un intervalle large.",
        "**La différence de différences** efface ce qui distingue durablement les deux groupes, "
        "mais suppose que leurs revenus auraient progressé du même pas. Or les participants "
        "entrent après une chute de revenu, qui se serait en partie résorbée d'elle-même"
        f"{THIN}: l'année de référence change le résultat.",
    ]
    return Markdown("\n".join(f"- {line}" for line in lines))
