"""Certified or not: observed after entry, and so never one number alone.

On the design of trainees against people who wait: the identity of rates, the naive contrasts under
their name, weighting on what is known up to the end of training, and bounds of the effect on those
who certify if trained, with and without dominance.
"""

from __future__ import annotations

import pandas as pd

from pacte_eval.cohorts import Cohort
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.study import ComparisonDefinition
from pacte_eval.effects.certified.bounds import STRATA, principal_stratum_bounds
from pacte_eval.effects.certified.identity import identity, identity_sentence
from pacte_eval.effects.certified.naive import naive_contrast
from pacte_eval.effects.certified.sequential import sequential_weighting
from pacte_eval.effects.certified.states import (
    CERTIFIED,
    NOT_CERTIFIED,
    UNKNOWN,
    WORDS,
    Certification,
)
from pacte_eval.studies.analysis import Analysis, Designed, lost

IDENTITY, NAIVE, SEQUENTIAL = "identité", "contraste naïf", "pondération séquentielle"
BOUNDS, DOMINANCE = "bornes", "bornes sous dominance"
CONTRASTS = (
    "certifiés contre semblables en attente",
    "non certifiés contre semblables en attente",
    "certifiés contre non certifiés",
)
_COLUMNS = [
    *["method", "group", "month", "rate", "estimate", "low", "high", "ci_low", "ci_high", "share"],
    *["informative", "sentence", "n_treated"],
]


def certified_or_not(
    analysis: Analysis, whole: Designed, asked: ComparisonDefinition
) -> pd.DataFrame:
    """Everything that may be said of those who obtained and of those who did not.

    Parameters
    ----------
    analysis : Analysis
        Of the comparison that sets all the trainees against people who wait.
    whole : Designed
        Its designs on the whole population.
    asked : ComparisonDefinition
        The comparison of what is observed after entry.

    Returns
    -------
    DataFrame
        ``method``, ``group``, ``month``, ``rate``, ``estimate``, ``low``, ``high``, ``ci_low``,
        ``ci_high``, ``share``, ``informative``, ``sentence``, ``n_treated``, ``n_lost``,
        ``outcome``.
    """
    study = analysis.study
    outcome = analysis.cohort.outcomes[study.primary.outcome].at(study.horizons)
    design = whole.level
    states = Certification.from_series(_states(analysis.cohort, asked), design.comparison)
    counts = dict(zip(WORDS, states.shares(design)["n"], strict=True))
    parts = [
        _identity(identity(design, outcome, states), counts),
        _contrasts(naive_contrast(design, outcome, states).table, NAIVE),
        _bounds(principal_stratum_bounds(design, outcome, states), BOUNDS, counts),
        _bounds(
            principal_stratum_bounds(design, outcome, states, dominance=True), DOMINANCE, counts
        ),
    ]
    try:
        weighted = sequential_weighting(design, outcome, states, _until_the_end(analysis.cohort))
    except InputError:
        weighted = pd.DataFrame()
    if len(weighted):
        known = counts[CERTIFIED] + counts[NOT_CERTIFIED]
        parts.append(_contrasts(weighted, SEQUENTIAL).assign(n_treated=known))
    rows = pd.concat([part.reindex(columns=_COLUMNS) for part in parts], ignore_index=True)
    return rows.assign(n_lost=lost(design), outcome=outcome.name)


def _states(cohort: Cohort, asked: ComparisonDefinition) -> pd.Series:
    """True, False, or missing where it is not known, by unit."""
    states = pd.Series(pd.NA, index=cohort.after_entry.index, dtype=object)
    states[cohort.after_entry[asked.treated].to_numpy(dtype=bool)] = True
    states[cohort.after_entry[asked.control].to_numpy(dtype=bool)] = False
    return states


def _identity(table: pd.DataFrame, counts: dict[int, int]) -> pd.DataFrame:
    """The rate of trainees, and that of each state with its share."""
    rows = []
    groups = {
        "formés": ("rate_trainees", None, sum(counts.values())),
        "certifiés": ("rate_certified", "share_certified", counts[CERTIFIED]),
        "non certifiés": ("rate_not", "share_not", counts[NOT_CERTIFIED]),
        "certification inconnue": ("rate_unknown", "share_unknown", counts[UNKNOWN]),
    }
    for _, row in table.iterrows():
        for group, (rate, share, count) in groups.items():
            rows.append(
                {
                    "group": group,
                    "month": row["month"],
                    "rate": row[rate],
                    "share": 1.0 if share is None else row[share],
                    "sentence": identity_sentence(row) if share is None else None,
                    "n_treated": count,
                }
            )
    return pd.DataFrame(rows).assign(method=IDENTITY)


def _contrasts(table: pd.DataFrame, method: str) -> pd.DataFrame:
    names = dict(zip(table["comparison"].unique(), CONTRASTS, strict=True))
    return table.assign(method=method, group=table["comparison"].map(names))


def _until_the_end(cohort: Cohort) -> pd.DataFrame:
    """How long each trainee stayed, known once training ends and not before.

    A length that is not known is the median one, with a flag.
    """
    events = cohort.history(after_entry=True)
    ends = events[events["event"].isin(["fin", "abandon"])].set_index("unit")["day"]
    zero = pd.to_datetime(cohort.units["time_zero"])
    days = (ends[~ends.index.duplicated()].reindex(cohort.units.index) - zero).dt.days
    known = days.notna()
    history = pd.DataFrame({"duree_suivie": days.fillna(days.median()).astype(float)})
    return history if known.all() else history.assign(duree_connue=known.astype(float))


def _bounds(table: pd.DataFrame, method: str, counts: dict[int, int]) -> pd.DataFrame:
    group = {words: state for state, words in STRATA.items()}
    of = table["stratum"].map(group)
    return table.rename(columns={"stratum": "group"}).assign(
        method=method, n_treated=of.map(counts)
    )
