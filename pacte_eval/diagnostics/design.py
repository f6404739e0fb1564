"""Is the design good enough to be used? Balance, common support and effective number of controls,
judged before any outcome is read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.numerals import number, percent
from pacte_eval.designs import Design
from pacte_eval.diagnostics.verdicts import SEVERITY, Verdict, Verdicts

_HALF_90 = 1.6448536269514722


def balance_verdict(
    design: Design, max_smd: float = 0.1, label: Callable[[str, str], str] | None = None
) -> Verdicts:
    """Balance of every covariate and level after matching.

    With the 90 % interval of the standardised mean difference: pass if it lies within ±`max_smd`,
    warning if within twice that, fail if wholly outside twice that, else inconclusive. The
    verdict is that of the gravest covariate, which is named (among equals, the largest gap).

    Parameters
    ----------
    design : Design
    max_smd : float
    label : callable, optional
        The French name of a covariate and level (empty for a number); their codes by default.

    Raises
    ------
    InputError
        If `max_smd` is not positive.
    """
    if not max_smd > 0:
        raise InputError(f"max_smd={max_smd} must be positive")
    table = design.balance()
    table = table[table["covariate"] != "score"].reset_index(drop=True)
    if table.empty:
        return Verdicts.single(
            "équilibre",
            np.nan,
            max_smd,
            "non testable",
            "Aucune caractéristique n’est disponible pour juger la ressemblance.",
        )
    verdicts = [
        _judge(gap, error, max_smd)
        for gap, error in zip(table["smd_after"], table["smd_se"], strict=True)
    ]
    rank = np.array([SEVERITY.index(verdict) for verdict in verdicts])
    gravest = np.flatnonzero(rank == rank.max())
    worst = int(gravest[np.argmax(table["smd_after"].abs().to_numpy()[gravest])])
    row, verdict = table.iloc[worst], verdicts[worst]
    name = (label or _codes)(str(row["covariate"]), str(row["level"]))
    gap, error = float(row["smd_after"]), float(row["smd_se"])
    if np.isfinite(gap) and np.isfinite(error):
        span = (
            f"écart standardisé {number(gap, 3)} "
            f"[{number(gap - _HALF_90 * error, 3)}\u202f; {number(gap + _HALF_90 * error, 3)}]"
        )
    else:
        span = "écart non mesurable, toutes les personnes formées étant pareilles"
    meaning = {
        "pass": f"Toutes les caractéristiques se ressemblent à ±{number(max_smd, 2)} près",
        "warning": "Toutes les caractéristiques se ressemblent à "
        f"±{number(2 * max_smd, 2)} près, mais pas toutes à ±{number(max_smd, 2)}",
        "fail": f"Au moins une caractéristique diffère de plus de ±{number(2 * max_smd, 2)}",
        "non concluant": "Les effectifs ne permettent pas de conclure sur la ressemblance",
    }[verdict]
    sentence = f"{meaning}\u202f; la moins ressemblante est «\u202f{name}\u202f» ({span})."
    return Verdicts.single("équilibre", gap, max_smd, verdict, sentence)


def _codes(covariate: str, level: str) -> str:
    return f"{covariate} ({level})" if level else covariate


def _judge(gap: float, error: float, bound: float) -> Verdict:
    if not np.isfinite(gap):
        return "fail"
    low, high = gap - _HALF_90 * error, gap + _HALF_90 * error
    if -bound <= low and high <= bound:
        return "pass"
    if -2 * bound <= low and high <= 2 * bound:
        return "warning"
    if low > 2 * bound or high < -2 * bound:
        return "fail"
    return "non concluant"


def support_verdict(design: Design, min_support: float) -> Verdicts:
    """Share of the treated who have a control: pass from `min_support`, else fail."""
    if not 0 < min_support <= 1:
        raise InputError(f"min_support={min_support} must lie between 0 and 1")
    share = design.supported_share
    verdict: Verdict = "pass" if share >= min_support else "fail"
    title = "" if verdict == "pass" else "\u202f; l’effet ne vaut que pour elles"
    sentence = (
        f"{percent(share)} des personnes formées ont au moins une personne semblable "
        f"(seuil\u202f: {percent(min_support, 0)}){title}."
    )
    return Verdicts.single("support commun", share, min_support, verdict, sentence)


def effective_size_verdict(design: Design, min_size: float) -> Verdicts:
    """Kish's effective number of controls: pass from `min_size`, else fail."""
    if not min_size > 0:
        raise InputError(f"min_size={min_size} must be positive")
    size = design.effective_sample_size()
    verdict: Verdict = "pass" if size >= min_size else "fail"
    sentence = (
        f"Les personnes semblables, pondérées, en valent {number(size, 0)} toutes différentes "
        f"(seuil\u202f: {number(min_size, 0)})."
    )
    return Verdicts.single("effectif de témoins efficace", size, min_size, verdict, sentence)
