"""Which standard error and which adjustment a design may have, and what they are called."""

from __future__ import annotations

from typing import Literal, get_args

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, nearest
from pacte_eval.designs import Design
from pacte_eval.designs.design import Kind
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.effects.inputs import Clusters
from pacte_eval.effects.matched import LOCAL_FIT
from pacte_eval.effects.wild import REPLICATIONS
from pacte_eval.frames.columns import is_factor

StandardError = Literal[
    "abadie-imbens",
    "abadie-imbens-2016",
    "abadie-imbens-homoscedastic",
    "abadie-imbens-homoscedastic-sample",
    "linearised",
    "otsu-rai",
    "wild-cluster",
    "m-estimation",
    "influence-function",
    "HC0",
    "HC1",
    "HC2",
    "HC3",
]
Adjustment = Literal["none", "regression", "augmented"]
ContributionKind = Literal["influence", "linearised", "none"]

_FEW_CLUSTERS = 40
_SANDWICH: tuple[StandardError, ...] = ("HC1", "HC0", "HC2", "HC3")
# Matched errors that leave out the estimation of the score.
_SCORE_KNOWN: tuple[StandardError, ...] = (
    "abadie-imbens",
    "abadie-imbens-homoscedastic",
    "abadie-imbens-homoscedastic-sample",
    "linearised",
    "otsu-rai",
)
# The default of each kind of design comes first.
_ALLOWED: dict[Kind, tuple[StandardError, ...]] = {
    "neighbours": (
        "abadie-imbens",
        "abadie-imbens-2016",
        "abadie-imbens-homoscedastic",
        "abadie-imbens-homoscedastic-sample",
        "linearised",
        "otsu-rai",
        "wild-cluster",
        *_SANDWICH,
    ),
    "kernel": ("linearised", "otsu-rai", "wild-cluster", *_SANDWICH),
    "pairs": (*_SANDWICH, "wild-cluster"),
    "sets": (*_SANDWICH, "wild-cluster"),
    "weights": ("m-estimation", "influence-function", "wild-cluster", *_SANDWICH),
}


def is_sandwich(se: StandardError) -> bool:
    return se in _SANDWICH


def is_homoscedastic(se: StandardError) -> bool:
    return se.startswith("abadie-imbens-homoscedastic")


def contributions_of(se: StandardError, design: Design) -> StandardError:
    """The error whose contributions are used: a cluster bootstrap resamples the default's."""
    return _ALLOWED[design.kind][0] if se == "wild-cluster" else se


def contribution_kind(se: StandardError, design: Design) -> ContributionKind:
    se = contributions_of(se, design)
    if is_homoscedastic(se):
        return "none"
    return "influence" if se in ("m-estimation", "influence-function") else "linearised"


def read_adjustment(adjust: Adjustment | None, design: Design) -> Adjustment:
    """The adjustment asked for; by default that of matching on several continuous covariates.

    Raises
    ------
    InputError
        If it is unknown, or has no meaning for the estimand.
    """
    if adjust is None:
        return "regression" if _several_continuous(design) else "none"
    if adjust not in get_args(Adjustment):
        raise InputError(f"adjust='{adjust}' is unknown: {nearest(adjust, get_args(Adjustment))}")
    if adjust != "none" and design.estimand == "ATO":
        raise InputError(
            f"adjust='{adjust}' is not for estimand='ATO': overlap weights balance the score's "
            "covariates already; give adjust='none'"
        )
    return adjust


def _several_continuous(design: Design) -> bool:
    """Whether neighbours were found by a distance on two or more continuous covariates."""
    if str(design.settings.get("distance", "score")) in ("score", "linear-score"):
        return False
    covariates = design.comparison.covariates
    named = str(design.settings.get("mahalanobis_on", "all covariates"))
    chosen = covariates.columns
    if named != "all covariates":
        chosen = chosen.intersection(named.split(", "))
    columns = [covariates[name] for name in chosen]
    return sum(not is_factor(column) and column.nunique() > 2 for column in columns) > 1


def read_error(se: StandardError | None, design: Design, adjust: Adjustment) -> StandardError:
    """The standard error asked for, or the default of the design.

    Raises
    ------
    InputError
        If it is unknown, or not valid with the design or the adjustment.
    """
    se = _allowed(se, design)
    if se == "abadie-imbens-2016" and (reason := _why_score_is_known(design)):
        raise InputError(f"se='{se}' {reason}: use se='abadie-imbens'")
    if se == "influence-function" and adjust != "augmented":
        raise InputError(
            f"se='influence-function' goes with adjust='augmented', not '{adjust}': use "
            "se='m-estimation'"
        )
    if is_sandwich(contributions_of(se, design)) and adjust != "none":
        _check_sandwich(se, design, adjust)
    return se


def _allowed(se: StandardError | None, design: Design) -> StandardError:
    allowed = _ALLOWED[design.kind]
    if se is None:
        return allowed[0]
    if str(se) == "bootstrap" and design.kind == "neighbours":
        raise InputError(
            "se='bootstrap' is not valid for matching with a fixed number of neighbours: its "
            "variance does not converge to the true one (Abadie and Imbens 2008); use "
            "se='abadie-imbens', or se='otsu-rai' for a bootstrap that is"
        )
    if se not in get_args(StandardError):
        raise InputError(f"se='{se}' is unknown: {nearest(se, allowed)}")
    if se not in allowed:
        raise InputError(
            f"se='{se}' is not for a design of {design.settings['design']}: use "
            f"se='{allowed[0]}' (or {', '.join(allowed[1:])})"
        )
    return se


def counts_score(se: StandardError, design: Design) -> bool:
    """Whether a matched error has the term for an estimated score: wherever that term holds."""
    return se == "abadie-imbens-2016" or (
        se in ("linearised", "otsu-rai")
        and design.kind == "neighbours"
        and _why_score_is_known(design) is None
    )


def _why_score_is_known(design: Design) -> str | None:
    """Why the term of Abadie and Imbens (2016) does not hold for a design; None where it does."""
    if has_caliper(design):
        return "is not valid with a caliper"
    if not isinstance(design.space, ScoreSpace):
        return f"is for neighbours on the score, not distance='{design.settings['distance']}'"
    if design.model is None:
        return "needs a logit fitted by the design, not score= given"
    if design.model.coefficients is None:
        return "is not valid with a boosted score, which has no finite number of parameters"
    return None


def _check_sandwich(se: StandardError, design: Design, adjust: Adjustment) -> None:
    first = _ALLOWED[design.kind][0]
    if adjust == "augmented" or (not is_sandwich(first) and design.kind != "weights"):
        use = "adjust='regression'" if is_sandwich(first) else f"se='{first}'"
        raise InputError(
            f"se='{se}' is that of one weighted regression, which adjust='{adjust}' on a design "
            f"of {design.settings['design']} is not: use {use}"
        )
    if se in ("HC2", "HC3"):
        raise InputError(f"se='{se}' is not computed with adjust='{adjust}': use se='HC1'")


def has_caliper(design: Design) -> bool:
    return design.settings.get("caliper", "none") != "none"


def error_label(se: StandardError, design: Design, clusters: Clusters) -> str:
    """The standard error in words, with what it is conditional on."""
    local = f"ajustement local sur {LOCAL_FIT} témoins"
    if design.estimand != "ATT":
        local = f"ajustement local sur {LOCAL_FIT} voisins"
    linear = f"contributions linéarisées, {local}"
    homoscedastic = "Abadie–Imbens 2006, variance conditionnelle homoscédastique"
    score = ", score estimé (Abadie–Imbens 2016)" if counts_score(se, design) else ""
    source = contributions_of(se, design)
    label = {
        "abadie-imbens": "Abadie–Imbens 2006, variance conditionnelle au plus proche du même bras"
        if clusters.codes is None
        else linear,
        "abadie-imbens-2016": linear + score,
        "abadie-imbens-homoscedastic": homoscedastic,
        "abadie-imbens-homoscedastic-sample": f"{homoscedastic}, covariables fixes",
        "linearised": linear + score,
        "otsu-rai": f"bootstrap sauvage des {linear}{score} (Otsu–Rai 2017), "
        f"{REPLICATIONS} tirages",
        "m-estimation": "M-estimation"
        + ("" if design.weight_model else ", pondérations tenues pour fixes"),
        "influence-function": "fonction d'influence, score et régression tenus pour connus",
    }.get(source, f"{source}, pondérations tenues pour fixes")
    if (
        source in _SCORE_KNOWN
        and not counts_score(se, design)
        and design.model is not None
        and design.model.coefficients is not None
    ):
        label += ", score tenu pour connu"
    if se == "wild-cluster":
        label += f", bootstrap sauvage par grappe (Webb), {REPLICATIONS} tirages"
    if clusters.codes is not None:
        label += f", grappes par {clusters.label}"
        if clusters.number < _FEW_CLUSTERS:
            secret = clusters.number < SMALLEST_SHOWN and clusters.label in ("personne", "paire")
            shown = f"moins de {SMALLEST_SHOWN}" if secret else clusters.number
            label += f", peu de grappes ({shown})"
    if has_caliper(design):
        label += ", conditionnelle au plan (caliper)"
    elif design.kind in ("pairs", "sets"):
        label += ", conditionnelle au plan"
    elif "support" in design.settings:
        label += ", support tenu pour fixe"
    if design.model is not None and design.model.coefficients is None:
        label += ", intervalle descriptif (score par boosting)"
    return label
