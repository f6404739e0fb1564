"""Which declared characteristics go with a larger effect, of people and of places at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs import Design
from pacte_eval.designs.parts import part_of
from pacte_eval.effects.heterogeneity import forest, multilevel
from pacte_eval.frames import Comparison
from pacte_eval.studies.analysis import UNITS, Analysis, Designed, lost

MULTILEVEL, PROJECTION, CALIBRATION = "multiniveau", "projection", "calibration"
WORTH, LEAF = "valeur de la règle", "branche de la règle"
ELSEWHERE = "ailleurs"
TREES = 100
MOST_TREATED, SEED = 4_000, 2019
_COLUMNS = ["model", "term", "label", "kind", "estimate", "se", "ci_low", "ci_high", "p"]


def heterogeneity(analysis: Analysis, whole: Designed) -> pd.DataFrame:
    """A multilevel model of the effect, and a causal forest with what holds it to account.

    Returns
    -------
    DataFrame
        ``model``, ``term``, ``label``, ``kind``, ``estimate``, ``se``, ``ci_low``, ``ci_high``,
        ``p``, ``sentence``, ``n_treated``, ``n_lost``. A model that cannot be fitted on these
        people has one row that says why.
    """
    study, asked = analysis.study, analysis.study.heterogeneity
    if asked is None:
        return pd.DataFrame()
    month = study.primary.month
    outcome = analysis.cohort.outcomes[study.primary.outcome].at([month])
    unit = UNITS.get(outcome.measure, outcome.measure)
    labels = analysis.cohort.covariate_labels | {
        share_of(name): f"Part de «\u202f{name}\u202f» dans le territoire" for name in asked.places
    }
    within = territory_of(whole.comparison, asked.within)
    parts = []
    try:
        model = multilevel(
            whole.level,
            outcome,
            month,
            persons=list(asked.persons),
            within=within,
            places=places(whole.comparison, within, asked.places),
            labels=labels,
            unit=unit,
        )
    except InputError as error:
        parts.append(_impossible(MULTILEVEL, error, whole))
    else:
        head = pd.DataFrame({"term": ["territoires"], "sentence": [model.sentences[0]]})
        parts.append(
            pd.concat([head, model.table], ignore_index=True).assign(
                model=MULTILEVEL, n_treated=model.n_treated
            )
        )
    try:
        grown = forest(
            at_most(whole.level, MOST_TREATED),
            outcome,
            month,
            persons=list(asked.persons),
            labels=labels,
            unit=unit,
            trees=TREES,
        )
    except InputError as error:
        parts.append(_impossible(CALIBRATION, error, whole))
    else:
        leaves = grown.policy.rename(columns={"rule": "term", "share": "estimate"})
        leaves["sentence"] = np.where(leaves["treats"], "à former", "à ne pas former")
        parts += [
            grown.calibration.assign(model=CALIBRATION, n_treated=grown.n_treated),
            grown.projection.assign(model=PROJECTION, n_treated=grown.n_treated),
            grown.values.rename(columns={"policy": "term"}).assign(
                model=WORTH, n_treated=grown.n_treated
            ),
            leaves.assign(model=LEAF),
        ]
    rows = pd.concat(parts, ignore_index=True)
    kept = [*_COLUMNS, "sentence", "n_treated"]
    rows = rows.reindex(columns=kept).assign(n_lost=lost(whole.level), month=month)
    return rows.assign(outcome=study.primary.outcome)


def at_most(design: Design, treated: int) -> Design:
    """The design for so many of its treated drawn at random, or for all where they are fewer."""
    if design.n_treated <= treated:
        return design
    luck = np.random.default_rng(SEED).random(len(design.comparison))
    kept = design.comparison.treated & (design.weights != 0)
    return part_of(design, luck <= np.partition(luck[kept], treated - 1)[treated - 1])


def territory_of(comparison: Comparison, zoning: str) -> pd.Series:
    """The territory of a zoning that each unit lives in, by unit."""
    names = [name for name in comparison.cells.columns if str(name).startswith(f"{zoning}-")]
    if not names:
        raise InputError(f"heterogeneity.within: no territory of zoning '{zoning}' is measured")
    inside = comparison.cells[names].to_numpy(dtype=bool)
    found = np.where(inside.any(axis=1), np.array(names)[inside.argmax(axis=1)], ELSEWHERE)
    return pd.Series(found, index=comparison.unit)


def places(
    comparison: Comparison, territory: pd.Series, asked: Sequence[str]
) -> pd.DataFrame | None:
    """For each territory, the share of the people compared with who are of some publics."""
    if not asked:
        return None
    absent = [name for name in asked if name not in comparison.cells.columns]
    if absent:
        raise InputError(f"heterogeneity.places names '{absent[0]}', which is not measured")
    controls = ~comparison.treated
    shares = comparison.cells.loc[controls, list(asked)].astype(float)
    return shares.groupby(territory.to_numpy()[controls]).mean().rename(columns=share_of)


def share_of(name: str) -> str:
    """The name of a characteristic of places: the share of a public in them."""
    return f"part {name}"


def _impossible(model: str, error: InputError, whole: Designed) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": [model],
            "term": ["non ajusté"],
            "sentence": [f"Ce modèle n’a pu être ajusté sur ces personnes ({error})."],
            "n_treated": [whole.level.n_treated],
        }
    )
