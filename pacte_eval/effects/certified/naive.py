"""The certified and the others, each against the same controls: what no design before entry
identifies, shown under its name.

Who certifies is decided after entry, by what also finds work. The three contrasts have the weights
and the sample of `identity`; they are descriptions, not effects.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pacte_eval.designs import Design
from pacte_eval.effects.certified.masked import kind_of, label_of, masked_means
from pacte_eval.effects.certified.states import (
    CERTIFIED,
    NOT_CERTIFIED,
    Certification,
    check_inputs,
)
from pacte_eval.effects.contributions import StoredContributions
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.effects.table import Wording, check_level, tidy
from pacte_eval.effects.task import population
from pacte_eval.frames import Outcomes

LABEL = "contraste naïf"


def naive_contrast(
    design: Design,
    outcomes: Outcomes,
    certification: Certification,
    *,
    level: float = 0.95,
) -> Effects:
    """Certified against controls, not certified against controls, certified against not certified.

    Parameters
    ----------
    design : Design
        Of trainees against people who wait, for the effect on the treated.
    outcomes : Outcomes
    certification : Certification
        Trainees whose state is not known are in no contrast; controls stay those of all trainees.
    level : float

    Returns
    -------
    Effects
        Three paths told apart by ``comparison``, of estimator ``"contraste naïf"``; by the delta
        method on the design's own contributions, summed by person or set. Missing at periods where
        a state has nobody.

    Raises
    ------
    InputError
        If the design is not for the treated, or shapes disagree.
    """
    check_inputs(design, certification)
    check_level(level)
    comparison = design.comparison
    values = outcomes.aligned(comparison.unit).astype(np.float64)
    state = certification.aligned(comparison)
    known = np.column_stack([state == CERTIFIED, state == NOT_CERTIFIED]).astype(np.float64)
    names = _contrasts(design)
    rows: list[pd.DataFrame] = []
    parts: list[np.ndarray] = []
    clusters = pd.Index([])
    for place, month in enumerate(outcomes.periods):
        column = values[:, place]
        observed = np.isfinite(column)
        outcome = np.where(observed, column, 0.0)
        in_arm = outcome[comparison.treated, np.newaxis]
        means = masked_means(
            design,
            observed,
            np.column_stack([known, known * in_arm]),
            outcome[~comparison.treated, np.newaxis],
        )
        share, mass, control = means.value[:2], means.value[2:4], means.value[4]
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(share > 0, mass / share, np.nan)
            gradient = np.zeros((5, 2))
            gradient[[0, 1], [0, 1]] = -rate / share
            gradient[[2, 3], [0, 1]] = 1 / share
        against = np.zeros(5)
        against[4] = 1.0
        gradients = np.column_stack(
            [
                gradient[:, 0] - against,
                gradient[:, 1] - against,
                gradient[:, 0] - gradient[:, 1],
            ]
        )
        lacking = np.isnan(gradients).any(axis=0)
        given = means.contributions @ np.where(lacking, 0.0, gradients)
        given[:, lacking] = np.nan
        used = outcome_weights(design, observed[:, np.newaxis])[:, 0] != 0
        counts = [int((used[comparison.treated] & (state == one)).sum()) for one in (1, 0)]
        controls = int(used[~comparison.treated].sum())
        rows.append(
            pd.DataFrame(
                {
                    **names,
                    "month": month,
                    "estimate": [rate[0] - control, rate[1] - control, rate[0] - rate[1]],
                    "se": np.sqrt((given**2).sum(axis=0)),
                    "n_treated": [counts[0], counts[1], counts[0]],
                    "n_control": [controls, controls, counts[1]],
                    "treated_mean": [rate[0], rate[1], rate[0]],
                    "control_mean": [control, control, rate[1]],
                }
            )
        )
        parts.append(given)
        clusters = means.clusters
    table = pd.concat(rows, ignore_index=True)
    order = np.argsort(np.arange(len(table)) % 3, kind="stable")
    wording = Wording(
        comparison="",
        outcome=outcomes.name,
        estimator=f"{LABEL} ({design.settings['design']})",
        estimand=f"{LABEL} après l’entrée, niveau",
        se_kind=label_of(design),
        target_population=population(design),
        weights="formés comparables de chaque état, par poids de sondage",
        base_period="aucune (niveau)",
        control_group=comparison.control_label,
        contribution_kind=kind_of(design),
    )
    return Effects(
        tidy(table.iloc[order], wording, level=level),
        StoredContributions(np.column_stack(parts)[:, order], clusters),
        level,
    )


def _contrasts(design: Design) -> Mapping[str, list[str]]:
    """Names of the three contrasts and of those compared with."""
    trained, waiting = design.comparison.treated_label, design.comparison.control_label
    return {
        "comparison": [
            f"{trained} certifiés contre {waiting}",
            f"{trained} non certifiés contre {waiting}",
            f"{trained} certifiés contre non certifiés",
        ],
        "control_group": [waiting, waiting, f"{trained} non certifiés"],
    }
