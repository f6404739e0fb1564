"""Is the planted path of the synthetic population recovered, each estimator beside its own truth?

Run from the root of the repository::

    python benchmarks/effects/planted_path.py

simulates 50,000 job-seekers with a seed fixed before the first run, builds the cohort and the
comparison of the study ``certifiante-2019``, and writes beside this file ``planted_path.csv``,
``planted_path.svg`` and ``planted_path.png``.

Matching, entropy balancing and the doubly robust estimator answer "train now, or not now": each is
set beside the mean of that effect over the very treated that it keeps (``truth``; before entry it
is nil), in ``gap_in_se`` standard errors. Group-time effects answer another question, "train, or
never train", and suppose that employment of entrants and of others would have moved in parallel. It
would not: people enter training when they are out of work, and those who left unemployment do not.
They are shown with their own truth, and miss it: it is not a finding about that estimator, which is
proved on a population of its own (``tests/synthetic/test_staggered.py``).

**Synthetic data: nothing here is a finding about the Pacte.**
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pacte_eval.cohorts import Cohort, build_cohort
from pacte_eval.definitions.numerals import number
from pacte_eval.definitions.project import Project
from pacte_eval.designs import Design, EntropyBalancing
from pacte_eval.effects import Effects, estimate
from pacte_eval.effects.differences.group_time.estimator import GroupTimeATT
from pacte_eval.effects.doubly_robust import DoublyRobust
from pacte_eval.figures import effect_paths, to_png, to_svg
from pacte_eval.frames import Comparison
from pacte_eval.studies.designs import named_design, pool_rare_levels
from pacte_eval.synthetic import att, read_truth, simulate, write
from pacte_eval.tables.source import open_source

ROOT = Path(__file__).resolve().parents[2]
PEOPLE, SEED = 50_000, 20
HORIZONS = (3, 6, 12, 18, 24, 36)
MATCHED = Project(ROOT).cohort("entrants-2019").history.match
OUTCOME, TREATED, CONTROL = "emploi", "certifiante", "en_attente"
NOW_OR_WAIT, NOW_OR_NEVER = "now-vs-wait", "now-vs-never"
_FIGURE = {
    "matching": "Appariement, 5 voisins\u202f: entrer maintenant ou non",
    "entropy-balancing": "Équilibrage entropique\u202f: entrer maintenant ou non",
    "doubly-robust": "Doublement robuste\u202f: entrer maintenant ou non",
    "group-time": "Groupe × période\u202f: entrer ou jamais, tendances parallèles",
}


@dataclass(frozen=True)
class Recovered:
    """An estimator's path beside the truth of its own estimand and support.

    Attributes
    ----------
    path : DataFrame
        ``month, estimate, se, ci_low, ci_high, band_low, band_high, n_treated, truth, gap_in_se``,
        ``matched`` (balanced by construction).
    supported : int
        Treated persons that the estimate and its truth are of.
    """

    estimator: str
    estimand: str
    path: pd.DataFrame
    supported: int


def population(folder: Path, people: int = PEOPLE, seed: int = SEED) -> tuple[Cohort, pd.DataFrame]:
    """The cohort of the study on a population drawn anew, and the truth of its entries."""
    write(simulate(people, seed), folder)
    cohort = build_cohort(Project(ROOT).cohort("entrants-2019"), open_source(folder))
    truth = read_truth(folder)
    return cohort, truth[truth["entered"]].astype({"person": str})


def recover(cohort: Cohort, truth: pd.DataFrame) -> Iterator[Recovered]:
    """The three estimators of the comparison, then the group-time effects."""
    main = Project(ROOT).study("certifiante-2019").estimators.main
    comparison = pool_rare_levels(cohort.compare(TREATED, CONTROL), main.cells)
    outcome = cohort.outcomes[OUTCOME]
    matched = named_design(main, comparison).fit(comparison)
    yield _beside("matching", cohort, truth, matched, estimate(matched, outcome, cluster="person"))
    weighed = _with_strata(comparison)
    balanced = EntropyBalancing().fit(weighed)
    yield _beside(
        "entropy-balancing", cohort, truth, balanced, estimate(balanced, outcome, cluster="person")
    )
    robust = DoublyRobust(folds=5, seed=SEED).fit(weighed, outcome)
    yield _recovered(
        "doubly-robust", robust, _entries(cohort, weighed.unit[weighed.treated], truth)
    )
    yield _group_time(cohort, truth)


def _with_strata(comparison: Comparison) -> Comparison:
    """The comparison with the cells that controls were drawn in among its covariates."""
    lacking = comparison.strata.columns.difference(comparison.covariates.columns)
    strata = comparison.strata[lacking].astype(str).astype("category")
    return replace(comparison, covariates=comparison.covariates.join(strata))


def _beside(
    name: str, cohort: Cohort, truth: pd.DataFrame, design: Design, effects: Effects
) -> Recovered:
    kept = design.support["treated"] & design.support["kept"]
    units = pd.Index(design.support.loc[kept, "unit"])
    return _recovered(name, effects, _entries(cohort, units, truth))


def _entries(cohort: Cohort, units: pd.Index, truth: pd.DataFrame) -> pd.DataFrame:
    """The truth of treated units, each its own row."""
    return cohort.units.loc[units, ["training"]].merge(truth, on="training", validate="1:1")


def _recovered(name: str, effects: Effects, entries: pd.DataFrame) -> Recovered:
    path = _path(effects, att(entries, "y_wait"))
    path["matched"] = path["month"].between(*MATCHED)
    return Recovered(name, NOW_OR_WAIT, path, len(entries))


def _group_time(cohort: Cohort, truth: pd.DataFrame) -> Recovered:
    """Effects of months since entry, beside those of the same entries against never training."""
    panel = cohort.panel(OUTCOME)
    effects = GroupTimeATT(control="not-yet-treated", method="reg", base="universal").fit(
        replace(panel, covariates=pd.DataFrame(index=panel.unit))
    )
    entered = pd.DataFrame({"person": panel.unit.astype(str), "entry_month": panel.first_treated})
    entries = entered.dropna().merge(
        truth[truth["arm"] == "certification"].drop_duplicates(["person", "entry_month"]),
        on=["person", "entry_month"],
        validate="1:1",
    )
    dynamic = effects.aggregate("dynamic")
    path = _path(dynamic, att(entries, "y_never")).assign(matched=False)
    return Recovered("group-time", NOW_OR_NEVER, path, len(entries))


def _path(effects: Effects, truth: pd.Series) -> pd.DataFrame:
    table = effects.table.join(effects.bands()[["band_low", "band_high"]])
    table = table[table["month"].notna()]
    table = table[table["month"].isin(truth.index)].astype({"month": int})
    names = ["month", "estimate", "se", "ci_low", "ci_high", "band_low", "band_high", "n_treated"]
    path = table[names].sort_values("month", ignore_index=True)
    path["truth"] = path["month"].map(truth.where(truth.index >= 0, 0.0))
    gap = path["estimate"] - path["truth"]
    path["gap_in_se"] = gap / path["se"].where(path["se"] > 0, np.nan)
    return path


def table(found: list[Recovered]) -> pd.DataFrame:
    """The paths of all estimators, one row per month."""
    return pd.concat(
        [
            one.path.assign(estimator=one.estimator, estimand=one.estimand, supported=one.supported)
            for one in found
        ],
        ignore_index=True,
    ).set_index(["estimator", "estimand", "supported", "month"])


def drawn(rows: pd.DataFrame) -> Figure:
    """The figure of a table of paths."""
    frame = rows.reset_index().rename(columns={"month": "period"})
    titles = [
        f"{_FIGURE[name]}, {number(supported)}\u00a0entrants"
        for name, supported in zip(frame["estimator"], frame["supported"], strict=True)
    ]
    figure = effect_paths(
        frame.assign(panel=titles, outcome=OUTCOME, unit="points"), axis="Mois depuis l'entrée"
    )
    figure.text(
        0.99, 0.985, "Données synthétiques", ha="right", va="top", fontsize=9, weight="bold"
    )
    return figure


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        rows = table(list(recover(*population(Path(scratch) / "population")))).round(6)
    print(rows[rows.index.get_level_values("month").isin(HORIZONS)].round(4).to_string())
    here = Path(__file__).with_suffix("")
    rows.to_csv(here.with_suffix(".csv"))
    figure = drawn(rows)
    here.with_suffix(".svg").write_bytes(to_svg(figure))
    here.with_suffix(".png").write_bytes(to_png(figure))


if __name__ == "__main__":
    main()
