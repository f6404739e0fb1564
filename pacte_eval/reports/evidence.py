"""What a committee asks beside the effect: tests in their families, other estimators, and so on.

Tables, figures and sentences of the study's own page, from protected tables only.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from pacte_eval.definitions.numerals import NO_BREAK as FIXED
from pacte_eval.definitions.numerals import THIN
from pacte_eval.definitions.vocabulary import OUTCOMES
from pacte_eval.figures.specification_curve import specification_curve
from pacte_eval.reports.french import (
    amount,
    escape_markdown,
    interval,
    markdown_table,
    number,
    percent,
)
from pacte_eval.reports.page import Page
from pacte_eval.reports.tables import written
from pacte_eval.results import ProtectedTable

RISK = 0.05
_CELLS = ("publics", "territoires")
MOST_CROSSINGS = 20


def p_value(value: float) -> str:
    """A p-value as pages write it."""
    return f"<{FIXED}0,001" if value < 0.001 else number(value, 3)


def primary_test(page: Page) -> Markdown:
    """The one test of the primary effect, in a sentence."""
    frame = _tests(page, ["effet principal"]).frame
    row = frame.iloc[0]
    if pd.isna(row["p"]):
        return Markdown("L'effet principal n'a pas de test publiable.")
    return Markdown(
        f"**L'effet principal** est un seul test, sans correction{FIXED}: p {_equal(row['p'])}. "
        "Avec une puissance de 80 %, il pouvait déceler un effet de "
        f"{_size(page)(row['mde'], row['outcome'])}."
    )


def tests(page: Page) -> Markdown:
    """Horizons and outcomes, held together."""
    return Markdown(
        markdown_table(
            _tests(page, ["horizons et résultats"]),
            ["outcome", "month", "effect", "p_adjusted", "mde"],
            titles={
                "outcome": "Résultat",
                "month": "Mois",
                "effect": "Effet",
                "p_adjusted": "p corrigée",
                "mde": "Décelable",
            },
            formats={
                "outcome": lambda name: escape_markdown(_short(name)),
                "p_adjusted": p_value,
            },
            composed={
                "effect": (("estimate", "ci_low", "ci_high", "outcome"), _effect(page)),
                "mde": (("mde", "outcome"), _size(page)),
            },
        )
    )


def tests_of_cells(page: Page) -> Markdown:
    """Publics and territories at the primary month, with their corrected p-values."""
    table = _tests(page, list(_CELLS)).select(month=page.study.primary.month)
    return Markdown(_of_cells(page, table))


def crossings(page: Page) -> Markdown:
    """The crossings retained at the primary month, or the best measured of them."""
    table = _tests(page, ["croisements"]).select(month=page.study.primary.month)
    frame = table.frame.dropna(subset=["estimate"])
    order = frame.sort_values(["p_adjusted", "se"], kind="stable")["cell"]
    kept = (order if len(order) else table.frame["cell"])[:MOST_CROSSINGS].tolist()
    return Markdown(_of_cells(page, table.select(cell=kept)))


def crossings_in_words(page: Page) -> Markdown:
    """How many crossings there are, can be told, and stand out."""
    frame = _tests(page, ["croisements"]).select(month=page.study.primary.month).frame
    told = frame["estimate"].notna()
    out = int((frame.loc[told, "p_adjusted"] <= RISK).sum())
    unbalanced = int((frame["balance"] == "fail").sum())
    found = (
        "Aucun ne se distingue"
        if out == 0
        else f"{number(out)} se {'distingue' if out == 1 else 'distinguent'}"
    )
    return Markdown(
        "Croisements d'un public et d'un territoire où l'on trouve assez de personnes formées pour "
        f"tenter une comparaison{FIXED}: {number(len(frame))}, dont {number(int(told.sum()))} avec "
        f"une estimation publiable et {number(unbalanced)} non équilibrés. {found} d'un effet nul "
        "après correction. Un croisement qui ne se distingue pas n'est pas pour autant sans effet"
        f"{THIN}: le plus petit effet décelable dit ce que ses effectifs permettaient de voir."
    )


def specifications_in_words(page: Page) -> Markdown:
    """How far the estimators agree with the main one at the primary month."""
    frame = _at_primary(page, "specifications").frame.dropna(subset=["estimate"])
    main = frame[frame["main"].astype(bool)]
    if main.empty:
        return Markdown("L'effet principal n'est pas publiable : rien ne peut lui être comparé.")
    others = frame[~frame["main"].astype(bool) & frame["same_question"].astype(bool)]
    if others.empty:
        return Markdown("Aucun autre estimateur n'a été demandé.")
    same_sign = (others["estimate"] > 0) == bool(main["estimate"].iloc[0] > 0)
    clear = (main["p"].iloc[0] <= RISK) == (others["p"] <= RISK)
    low, high = frame["estimate"][frame["same_question"].astype(bool)].agg(["min", "max"])
    return Markdown(
        f"Parmi les {number(len(others))} autres estimateurs qui répondent à la même question, "
        f"{percent(same_sign.mean(), 0)} donnent un effet de même signe que l'estimateur principal "
        f"et {percent((same_sign & clear).mean(), 0)} concluent de même au seuil de "
        f"5{THIN}%. Les estimations vont de {amount(low, 'points', sign=True)} à "
        f"{amount(high, 'points', sign=True)}."
    )


def specifications(page: Page) -> Figure:
    """The primary effect by each estimator, in the order of their estimates."""
    frame = _at_primary(page, "specifications").frame
    order = frame.sort_values("estimate", kind="stable", na_position="last")
    return specification_curve(order)


def specifications_table(page: Page) -> Markdown:
    """The same numbers, with whom each estimator is about."""
    return Markdown(
        markdown_table(
            _at_primary(page, "specifications"),
            ["label", "effect", "target_population"],
            titles={
                "label": "Estimateur",
                "effect": "Effet",
                "target_population": "Effet mesuré sur",
            },
            composed={
                "effect": (
                    ("estimate", "ci_low", "ci_high"),
                    lambda effect, low, high: written(effect, low, high, "points"),
                )
            },
        )
    )


def pooling(page: Page) -> Markdown:
    """Raw and shrunken effects of zones at the primary month."""
    return Markdown(
        markdown_table(
            _at_primary(page, "pooling"),
            ["label", "effect", "shrunken", "ranks"],
            titles={
                "label": "Territoire",
                "effect": "Brut",
                "shrunken": "Lissé",
                "ranks": "Rang",
            },
            composed={
                "effect": (("estimate", "ci_low", "ci_high", "outcome"), _effect(page)),
                "shrunken": (
                    ("shrunken", "shrunken_low", "shrunken_high", "outcome"),
                    _effect(page),
                ),
                "ranks": (("rank_low", "rank_high"), _ranks),
            },
        )
    )


def interactions(page: Page) -> Markdown:
    """Each question, its corrected p-value and what it means."""
    return Markdown(
        markdown_table(
            _at_primary(page, "interactions"),
            ["question", "p_adjusted", "sentence"],
            titles={"question": "Question", "p_adjusted": "p corrigée", "sentence": "En clair"},
            formats={"p_adjusted": p_value},
        )
    )


def cost_in_words(page: Page) -> Markdown:
    """What the cost is made of, and what it is not."""
    declared = page.study.cost
    if declared is None:
        raise ValueError("the study declares no cost")
    return Markdown(
        f"Le coût d'une formation est une moyenne{FIXED}: {amount(declared.unit, 'euros')} "
        f"({escape_markdown(declared.source)}). Ce n'est pas le coût propre aux personnes de cette "
        "étude. On en retire ce que coûtent les formations suivies ensuite par les personnes "
        f"semblables ({amount(declared.later, 'euros')} chacune), puis on divise par l'effet. "
        "Quand les données n'excluent pas une absence d'effet, aucun coût maximal ne peut être "
        "donné"
        f"{FIXED}: «{THIN}non borné{THIN}»."
    )


def costs(page: Page) -> Markdown:
    """Costs at each horizon, and per month of work."""
    primary = page.study.primary
    table = page.results.table("costs").select(comparison=primary.comparison)
    return Markdown(
        markdown_table(
            table,
            ["month", "net_cost", "sentence"],
            titles={"month": "Mois", "net_cost": "Coût net", "sentence": "En clair"},
            formats={
                "net_cost": lambda value: amount(value, "euros"),
                "sentence": lambda text: escape_markdown(text.replace("**", "")),
            },
        )
    )


def plasmode(page: Page) -> Markdown:
    """Every estimator on simulated outcomes, from the least error up."""
    table = page.results.table("plasmode").select(comparison=page.study.primary.comparison)
    return Markdown(
        markdown_table(
            table,
            ["label", "effect", "bias", "rmse", "rank"],
            titles={
                "label": "Estimateur",
                "effect": "Effet planté",
                "bias": "Biais (± erreur de simulation)",
                "rmse": "Erreur quadratique",
                "rank": "Rang",
            },
            formats={
                "effect": lambda value: amount(value, "points"),
                "rmse": lambda value: amount(value, "points"),
            },
            composed={
                "bias": (
                    ("bias", "bias_mc_error"),
                    lambda bias, error: (
                        f"{number(bias, 2, scale=100)} ± {number(error, 2, scale=100)}"
                    ),
                )
            },
        )
    )


MODELS = {
    "multilevel": ["multiniveau"],
    "forest": ["calibration", "projection", "valeur de la règle", "branche de la règle"],
}


def heterogeneity(page: Page, model: str) -> Markdown:
    """What a model says of each declared characteristic, in sentences."""
    table = _at_primary(page, "heterogeneity").select(model=MODELS[model])
    frame = table.frame.assign(
        order=lambda rows: rows["model"].map(MODELS[model].index),
        head=lambda rows: rows["p"].isna(),
    ).sort_values(["order", "head", "term"], ascending=[True, False, True], kind="stable")
    lines = []
    for row in frame.to_dict("records"):
        if pd.isna(row["sentence"]):
            continue
        text = str(row["sentence"])
        if row["model"] == "branche de la règle":
            text = f"{row['term']}{FIXED}: {text} ({percent(row['estimate'], 0)} des personnes)."
        lines.append(f"- {escape_markdown(text)}")
    return Markdown("\n".join(lines))


def sensitivity(page: Page) -> Markdown:
    """The effect, or the p-value, under each setting of each method."""
    return Markdown(
        markdown_table(
            _at_primary(page, "sensitivity"),
            ["method", "setting", "estimate", "range", "p_high"],
            titles={
                "method": "Méthode",
                "setting": "Réglage",
                "estimate": "Effet",
                "range": "Entre",
                "p_high": "p, au pire",
            },
            formats={"p_high": p_value},
            composed={
                "estimate": (("estimate", "outcome"), _size(page, sign=True)),
                "range": (("low", "high", "outcome"), _between(page)),
            },
        )
    )


def given_employment(page: Page) -> Markdown:
    """Bounds on pay and hours of people in work, beside the naive difference."""
    table = page.results.table("given_employment").select(comparison=page.study.primary.comparison)
    return Markdown(
        markdown_table(
            table,
            ["outcome", "month", "naive", "bounds", "interval"],
            titles={
                "outcome": "Résultat",
                "month": "Mois",
                "naive": "Écart naïf",
                "bounds": "Bornes",
                "interval": "Intervalle à 95 %",
            },
            formats={"outcome": lambda name: escape_markdown(_short(name))},
            composed={
                "naive": (("naive", "outcome"), _size(page, sign=True)),
                "bounds": (("low", "high", "outcome"), _between(page)),
                "interval": (("ci_low", "ci_high", "outcome"), _between(page)),
            },
        )
    )


def certified(page: Page) -> Markdown:
    """The identity of rates, in a sentence for each horizon."""
    frame = _certified(page, ["identité"]).frame
    lines = [
        f"- {row['month']} mois{FIXED}: {escape_markdown(row['sentence'])}"
        for row in frame.to_dict("records")
        if pd.notna(row["sentence"]) and pd.notna(row["rate"])
    ]
    return Markdown("\n".join(lines) or "Les taux ne sont pas publiables.")


def certified_contrasts(page: Page) -> Markdown:
    """Naive contrasts and bounds at the primary month, never one number alone."""
    methods = [name for name in _methods(page) if name != "identité"]
    table = _certified(page, methods).select(month=page.study.primary.month)
    return Markdown(
        markdown_table(
            table,
            ["method", "group", "naive", "bounds", "interval"],
            titles={
                "method": "Méthode",
                "group": "Groupe",
                "naive": "Écart",
                "bounds": "Bornes",
                "interval": "Intervalle à 95 %",
            },
            composed={
                "naive": (("estimate",), lambda value: amount(value, "points", sign=True)),
                "bounds": (("low", "high", "informative"), _told_bounds),
                "interval": (("ci_low", "ci_high"), interval),
            },
        )
    )


def _told_bounds(low: float, high: float, informative: bool) -> str:
    return interval(low, high) if informative else "non informatif"


def _methods(page: Page) -> list[str]:
    return sorted(page.results.table("certified").frame["method"].unique())


def _certified(page: Page, methods: list[str]) -> ProtectedTable:
    return page.results.table("certified").select(method=methods)


def _ranks(low: float, high: float) -> str:
    return number(low) if low == high else f"{number(low)} à {number(high)}"


def _at_primary(page: Page, table: str) -> ProtectedTable:
    primary = page.study.primary
    return page.results.table(table).select(comparison=primary.comparison, month=primary.month)


def _tests(page: Page, of: list[str]) -> ProtectedTable:
    return page.results.table("tests").select(comparison=page.study.primary.comparison, family=of)


def _of_cells(page: Page, table: ProtectedTable) -> str:
    return markdown_table(
        table,
        ["label", "n_treated", "effect", "p_adjusted", "p_by", "mde"],
        titles={
            "label": "Population",
            "n_treated": "Formés",
            "effect": "Effet",
            "p_adjusted": "p corrigée",
            "p_by": "p (BY)",
            "mde": "Décelable",
        },
        formats={"p_adjusted": p_value, "p_by": p_value},
        composed={
            "effect": (("estimate", "ci_low", "ci_high", "outcome"), _effect(page)),
            "mde": (("mde", "outcome"), _size(page)),
        },
    )


def _equal(p: float) -> str:
    return p_value(p) if p < 0.001 else f"={FIXED}{p_value(p)}"


def _short(outcome: str) -> str:
    """An outcome's name without what its brackets say."""
    return OUTCOMES.get(outcome, outcome).split(" (")[0]


def _units(page: Page) -> dict[str, str]:
    """The unit of each outcome."""
    frame = page.results.table("effects").frame.drop_duplicates("outcome")
    return dict(zip(frame["outcome"], frame["unit"], strict=True))


def _effect(page: Page) -> Callable[[float, float, float, str], str]:
    """What writes an effect in the unit of its outcome."""
    units = _units(page)
    return lambda effect, low, high, outcome: written(effect, low, high, units[outcome])


def _between(page: Page) -> Callable[[float, float, str], str]:
    """What writes two ends in the unit of their outcome."""
    units = _units(page)
    return lambda low, high, outcome: interval(low, high, units[outcome])


def _size(page: Page, *, sign: bool = False) -> Callable[[float, str], str]:
    """What writes a size, or a difference, in the unit of its outcome."""
    units = _units(page)
    return lambda size, outcome: amount(size, units[outcome], sign=sign)
