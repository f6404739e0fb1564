"""One comparison in one cell: designs and their verdicts first, effects after, as rows of tables.

The level design may use past outcomes up to the months held out; the difference design uses none
from its reference window onward. `Analysis.design` fixes both and reads no outcome after entry;
`Analysis.effects` estimates from what it fixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pacte_eval.cohorts import Cohort
from pacte_eval.cohorts.outcomes import TRAINED_SINCE
from pacte_eval.definitions.estimators import unrestricted
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.study import ComparisonDefinition, StudyDefinition
from pacte_eval.definitions.vocabulary import level_label
from pacte_eval.designs import Design
from pacte_eval.designs.design import NO_CONTROL, TOO_FAR
from pacte_eval.diagnostics import (
    Verdicts,
    attrition_verdict,
    balance_verdict,
    effective_size_verdict,
    equipoise_verdict,
    linkage_verdict,
    minimum_detectable_effect,
    negative_controls_verdict,
    no_negative_controls,
    no_placebo,
    placebo_verdict,
    power_verdict,
    support_verdict,
)
from pacte_eval.diagnostics.verdicts import Verdict
from pacte_eval.effects import Effects, estimate, full_att_bounds
from pacte_eval.frames import Comparison
from pacte_eval.results import Profile
from pacte_eval.results.schemas import DIFFERENCE, LEVEL, WHOLE
from pacte_eval.studies.cells import Cell
from pacte_eval.studies.designs import named_design, prepared, without_history_from

UNITS = {"part": "points"}
# Columns of effects that the tables of a study say in columns of their own.
SAID_OTHERWISE = [
    *["comparison", "cell", "estimand", "outcome"],
    *["weights", "base_period", "control_group"],
]
HALF = 0.5  # the largest standard deviation of a share


@dataclass
class Findings:
    """Rows of result tables, unprotected, gathered cell after cell."""

    rows: dict[str, list[pd.DataFrame]] = field(default_factory=dict)

    def add(self, table: str, rows: pd.DataFrame, **constant: str | int) -> None:
        """Append rows to a table, with constant columns such as the cell."""
        self.rows.setdefault(table, []).append(rows.assign(**constant))

    def add_by_month(self, table: str, rows: pd.DataFrame, **constant: str | int) -> None:
        """Append rows whose `month` is a relative month or the label of a period; none if empty."""
        if len(rows):
            self.add(table, dated(rows.rename(columns={"month": "when"})), **constant)

    def values(self, table: str, column: str) -> set[str]:
        """The values of a column in the rows added so far."""
        return {value for rows in self.rows.get(table, []) for value in rows[column]}

    def take(self, other: Findings) -> None:
        """Append the rows of others, table by table."""
        for table, frames in other.rows.items():
            self.rows.setdefault(table, []).extend(frames)

    def frame(self, table: str) -> pd.DataFrame:
        """All the rows of a table."""
        return pd.concat(self.rows[table], ignore_index=True)


@dataclass(frozen=True)
class Designed:
    """A cell whose designs are fixed, and what they are judged to be worth."""

    cell: Cell
    comparison: Comparison
    level: Design
    difference: Design
    verdicts: Verdicts


@dataclass(frozen=True)
class Estimated:
    """What is kept of a cell once it is estimated, to be set beside the others.

    Attributes
    ----------
    effects : Effects
        In level, at the horizons of the study, the cell being named in the table.
    balance : str
        The verdict on the balance of the design that they come from.
    lost : int
        Treated units without a match.
    """

    cell: Cell
    effects: Effects
    balance: Verdict
    lost: int


def at_horizons(effects: Effects, study: StudyDefinition, cell: str) -> Effects:
    """The effects of a cell at the horizons of a study, without their design."""
    kept = effects.kept(effects.table["month"].isin(study.horizons).to_numpy())
    return replace(kept, table=kept.table.assign(cell=cell))


@dataclass(frozen=True)
class Analysis:
    """What a study asks of one comparison.

    Attributes
    ----------
    held_out : sequence of int
        Past months that no design may use, kept for the placebo; empty where there are none.
    """

    study: StudyDefinition
    cohort: Cohort
    asked: ComparisonDefinition
    held_out: Sequence[int] = ()

    def design(self, comparison: Comparison, cell: Cell, findings: Findings) -> Designed:
        """Fix the designs of one cell and judge them, from what precedes entry alone."""
        estimator = self.study.estimators.main
        comparison = prepared(comparison, estimator)
        level = named_design(estimator, comparison).fit(comparison)
        start = self.study.difference.reference[0]
        reduced = without_history_from(
            comparison,
            self.cohort.covariate_months,
            start,
            self._periods(self.study.primary.outcome),
        )
        difference = named_design(estimator, reduced).fit(reduced)
        place = {"cell": cell.id, "comparison": self.asked.id}
        for name, design in ((LEVEL, level), (DIFFERENCE, difference)):
            labelled = {**place, "design": name}
            findings.add("balance", self._balance(design), n_lost=lost(design), **labelled)
            if design.score is not None:
                findings.add("overlap", _overlap(design), **labelled)
            findings.add("support", _support(design), **labelled)
        verdicts = self._verdicts(level, cell)
        self._judged(verdicts, level, place, findings)
        return Designed(cell, comparison, level, difference, verdicts)

    def effects(self, designed: Designed, findings: Findings) -> Estimated:
        """Estimate the effects of one cell from the designs that were fixed.

        Returns
        -------
        Estimated
            In level, at the horizons, for all outcomes on the whole population and for the primary
            one elsewhere.
        """
        place = {"cell": designed.cell.id, "comparison": self.asked.id}
        self._attrition(designed.level, place, findings)
        kept = self._level_effects(designed.level, place, findings)
        self._difference_effects(designed.difference, designed.comparison, place, findings)
        if lost(designed.level):
            self._beyond_support(designed.level, designed.comparison, place, findings)
        primary = self.study.primary.outcome
        outcomes = list(kept) if designed.cell.id == WHOLE else [primary]
        outcomes.sort(key=lambda name: name != primary)
        every = [kept[name] for name in outcomes]
        return Estimated(
            designed.cell,
            every[0].beside(*every[1:]) if len(every) > 1 else every[0],
            designed.verdicts.of("équilibre"),
            lost(designed.level),
        )

    def _attrition(self, design: Design, place: dict[str, str], findings: Findings) -> None:
        """The verdict on who is still observed: of the follow-up, and so not of the gate."""
        outcome = self.cohort.outcomes[self.study.primary.outcome].at(self.study.horizons)
        verdict = attrition_verdict(design, outcome, self.study.thresholds.max_attrition_gap)
        self._judged(verdict, design, place, findings)

    def judge(self, verdicts: Verdicts, design: Design, cell: Cell, findings: Findings) -> None:
        """Add verdicts on what a design gives in a cell."""
        self._judged(verdicts, design, {"cell": cell.id, "comparison": self.asked.id}, findings)

    def _judged(
        self, verdicts: Verdicts, design: Design, place: dict[str, str], findings: Findings
    ) -> None:
        findings.add(
            "verdicts",
            verdicts.table,
            design=LEVEL,
            n_treated=int(design.comparison.treated.sum()),
            n_supported=design.n_treated,
            **place,
        )

    def _periods(self, outcome: str) -> Sequence[Period]:
        return self.cohort.outcomes[outcome].periods

    def _level_effects(
        self, design: Design, place: dict[str, str], findings: Findings
    ) -> dict[str, Effects]:
        trained = None
        if TRAINED_SINCE in self.cohort.outcomes:
            since = estimate(design, self.cohort.outcomes[TRAINED_SINCE]).table
            trained = since.set_index("month")["control_mean"]
        kept = {}
        for name in self.cohort.outcome_labels:
            effects = estimate(design, self.cohort.outcomes[name], cluster="person")
            matched = self._matched_periods(name)
            rows = self._effect_rows(effects, name, LEVEL, "")
            rows["matched"] = rows["when"].isin(matched)
            if trained is not None:
                rows["controls_trained_since"] = rows["when"].map(trained)
            findings.add("effects", dated(rows), n_lost=lost(design), **place)
            kept[name] = at_horizons(effects, self.study, place["cell"])
        return kept

    def _difference_effects(
        self, design: Design, comparison: Comparison, place: dict[str, str], findings: Findings
    ) -> None:
        name = self.study.primary.outcome
        outcome = self.cohort.outcomes[name]
        reference = self.study.difference.reference
        effects = self._difference(design, name, reference)
        rows = self._effect_rows(effects, name, DIFFERENCE, _window(reference))
        rows["matched"] = rows["when"].isin(_months_of(reference, outcome.periods))
        findings.add("effects", dated(rows), n_lost=lost(design), **place)
        self._window_effects(effects.table, design, name, _window(reference), place, findings)
        for window in self.study.difference.sensitivity:
            if window == "symmetric":
                table = self._symmetric(design, name)
                self._window_effects(table, design, name, "symétrique", place, findings)
                continue
            reduced = without_history_from(
                comparison, self.cohort.covariate_months, window[0], outcome.periods
            )
            other = named_design(self.study.estimators.main, reduced).fit(reduced)
            table = self._difference(other, name, window).table
            self._window_effects(table, other, name, _window(window), place, findings)

    def _window_effects(
        self,
        table: pd.DataFrame,
        design: Design,
        outcome: str,
        reference: str,
        place: dict[str, str],
        findings: Findings,
    ) -> None:
        """The horizons of a difference from one reference window."""
        kept = table[table["month"].isin(self.study.horizons)]
        rows = kept[["month", "estimate", "se", "ci_low", "ci_high", "n_treated"]].rename(
            columns={"month": "when"}
        )
        findings.add(
            "windows",
            dated(rows),
            outcome=outcome,
            reference=reference,
            n_lost=lost(design),
            **place,
        )

    def _beyond_support(
        self, design: Design, comparison: Comparison, place: dict[str, str], findings: Findings
    ) -> None:
        """Who has no match, bounds for everyone, and the main estimator without caliper."""
        outcome = self.cohort.outcomes[self.study.primary.outcome]
        if outcome.measure == "part":
            estimator = unrestricted(self.study.estimators.main)
            wider = named_design(estimator, comparison).fit(comparison)
            bare = estimate(wider, outcome, cluster="person").table.set_index("month")
            bounds = full_att_bounds(design, outcome)
            bounds["without_caliper"] = bounds["month"].map(bare["estimate"])
            bounds["without_caliper_se"] = bounds["month"].map(bare["se"])
            kept = bounds[bounds["month"].isin(self.study.horizons)]
            findings.add("bounds", kept, outcome=outcome.name, n_treated=design.n_treated, **place)
        findings.add("lost", self._lost(design), **place)

    def _lost(self, design: Design) -> pd.DataFrame:
        kept = design.weights[design.comparison.treated] != 0
        covariates = design.comparison.covariates[design.comparison.treated]
        rows = [
            {
                "covariate": f"{name}[{level}]" if level else name,
                "label": self._label(name, level),
                "variable": name if level else None,
                "mean_kept": values[kept].mean(),
                "mean_lost": values[~kept].mean(),
            }
            for name in covariates.columns
            for level, values in _columns_of(covariates[name])
        ]
        return pd.DataFrame(rows).assign(n_kept=int(kept.sum()), n_lost=int((~kept).sum()))

    def _difference(self, design: Design, name: str, window: Sequence[Period]) -> Effects:
        return estimate(
            design,
            self.cohort.outcomes[name],
            contrast="difference",
            reference=list(window),
            cluster="person",
        )

    def _symmetric(self, design: Design, name: str) -> pd.DataFrame:
        """Each horizon against the month as far before entry, where that month is observed."""
        outcome = self.cohort.outcomes[name]
        tables = [
            self._difference(design, name, [-month, -month]).table.query("month == @month")
            for month in self.study.horizons
            if isinstance(month, int) and -month in outcome.periods
        ]
        return pd.concat(tables, ignore_index=True)

    def _effect_rows(
        self, effects: Effects, name: str, contrast: str, reference: str
    ) -> pd.DataFrame:
        measure = self.cohort.outcomes[name].measure
        kept = effects.table.drop(columns=SAID_OTHERWISE)
        return kept.rename(columns={"month": "when"}).assign(
            outcome=name,
            unit=UNITS.get(measure, measure),
            coverage=self.cohort.outcomes[name].coverage,
            contrast=contrast,
            reference=reference,
            estimand=self.asked.estimand,
        )

    def _matched_periods(self, name: str) -> set[Period]:
        """Periods that the level design balances by construction.

        Past outcomes all come from the same contracts or the same survey questions, so that a
        period that one covariate summarises is taken as balanced for every outcome.
        """
        periods = self._periods(name)
        spans = self.cohort.covariate_months.values()
        return {
            period
            for first, last in spans
            if first in periods and last in periods
            for period in _between(first, last, periods)
        }

    def _balance(self, design: Design) -> pd.DataFrame:
        table = design.balance()
        table = table[table["level"] != "non"]
        levels = table["level"].where(table["level"] != "")
        labels = [
            self._label(covariate, level)
            for covariate, level in zip(table["covariate"], table["level"], strict=True)
        ]
        return pd.DataFrame(
            {
                "covariate": table["covariate"]
                + levels.map(lambda level: f"[{level}]", na_action="ignore").fillna(""),
                "label": labels,
                "variable": table["covariate"].where(levels.notna()),
                "mean_treated": table["mean_treated_after"],
                "mean_control_before": table["mean_control_before"],
                "mean_control_after": table["mean_control_after"],
                "smd_before": table["smd_before"],
                "smd_after": table["smd_after"],
                "smd_se": table["smd_se"],
                "variance_ratio_before": table["variance_ratio_before"],
                "variance_ratio_after": table["variance_ratio_after"],
                "ks_before": table["ks_before"],
                "ks_after": table["ks_after"],
                "n_treated": design.n_treated,
                "n_control": design.n_control,
            }
        )

    def _label(self, covariate: str, level: str) -> str:
        """The French name of a covariate and level; a number and a flag need no level."""
        if covariate == "score":
            return "Score de propension"
        label = self.cohort.covariate_labels[covariate]
        return label if level in ("", "oui") else f"{label}\u00a0: {level_label(covariate, level)}"

    def _verdicts(self, design: Design, cell: Cell) -> Verdicts:
        """The gate: what is judged before any outcome after entry is read."""
        thresholds = self.study.thresholds
        verdicts = [self._linkage()] if cell.id == WHOLE else []
        verdicts += [
            _discreet(support_verdict(design, thresholds.min_support), lost(design)),
            balance_verdict(design, thresholds.max_smd, self._label),
            equipoise_verdict(design, thresholds.min_equipoise),
            effective_size_verdict(design, thresholds.min_effective_size),
        ]
        outcome = self.cohort.outcomes[self.study.primary.outcome]
        if outcome.measure == "part":
            verdicts.append(power_verdict(design, HALF, thresholds.max_detectable_effect))
        months = list(self.held_out)
        if months:
            before = estimate(design, outcome.at(months), cluster="person")
            verdicts.append(placebo_verdict(before, months))
        else:
            verdicts.append(no_placebo())
        verdicts.append(self._negative_controls(design))
        return Verdicts.joined(verdicts)

    def _linkage(self) -> Verdicts:
        """Of the entries of the treated arm, as its flow chart counts them."""
        flow = self.cohort.flow
        rows = flow[flow["arm"] == self.asked.treated].set_index("rule")["remaining"]
        entries = int(rows.get("entries", rows.iloc[0]))
        linked = int(rows.get("linked", entries))
        return linkage_verdict(entries, linked, self.study.thresholds.min_linked)

    def _negative_controls(self, design: Design) -> Verdicts:
        declared = self.study.negative_controls
        if not declared:
            return no_negative_controls()
        return negative_controls_verdict(
            {
                f"{self.cohort.outcome_labels[one.outcome]}, {_window(one.months)}": estimate(
                    design,
                    self.cohort.outcomes[one.outcome].at(range(one.months[0], one.months[1] + 1)),
                    cluster="person",
                )
                for one in declared
            }
        )


def lost(design: Design) -> int:
    """Treated units without a match."""
    return int(design.comparison.treated.sum()) - design.n_treated


def _discreet(verdict: Verdicts, lost: int) -> Verdicts:
    """A support verdict that does not tell a small number of people left out."""
    if not 0 < lost < Profile().min_persons:
        return verdict
    sentence = (
        "La part des personnes formées qui ont une personne semblable n'est pas communiquée"
        "\u202f: trop peu de personnes en dépendent."
    )
    return Verdicts(verdict.table.assign(value=np.nan, sentence=sentence))


def _support(design: Design) -> pd.DataFrame:
    reasons = design.support.loc[design.support["treated"], "reason"].value_counts()
    treated = design.comparison.treated
    return pd.DataFrame(
        {
            "n_treated": [int(treated.sum())],
            "n_supported": [design.n_treated],
            "share_supported": [design.supported_share],
            "n_control": [int((~treated).sum())],
            "n_control_used": [design.n_control],
            "effective_sample_size": [design.effective_sample_size()],
            "minimum_detectable_effect": [minimum_detectable_effect(design, HALF)],
            "n_outside_caliper": [int(reasons.get(TOO_FAR, 0))],
            "n_without_control": [int(reasons.get(NO_CONTROL, 0))],
        }
    )


def _columns_of(values: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """A number as it is, or whether a factor takes each of its levels but «non»."""
    if pd.api.types.is_numeric_dtype(values):
        yield "", values.to_numpy(dtype=float)
        return
    for level in sorted(values.astype(str).unique()):
        if level != "non":
            yield level, (values.astype(str) == level).to_numpy(dtype=float)


def _overlap(design: Design) -> pd.DataFrame:
    return (
        design.overlap(bins=20)
        .rename(
            columns={
                "low": "bin_low",
                "high": "bin_high",
                "treated": "n_treated",
                "control": "n_control",
            }
        )
        .drop(columns="supported")
    )


def dated(rows: pd.DataFrame) -> pd.DataFrame:
    """Relative months, whatever they are held as, go to `month`, labels of periods to `period`."""
    if pd.api.types.is_numeric_dtype(rows["when"]):
        months = rows["when"].astype("Int64")
        return rows.drop(columns="when").assign(month=months, period=None)
    return rows.rename(columns={"when": "period"}).assign(month=None)


def _window(window: Sequence[Period]) -> str:
    first, last = window[0], window[-1]
    if isinstance(first, int) and isinstance(last, int):
        return f"mois −{-first} à −{-last}"
    return str(first) if first == last else f"{first} à {last}"


def _between(first: Period, last: Period, periods: Sequence[Period]) -> Sequence[Period]:
    places = [periods.index(first), periods.index(last)]
    return periods[places[0] : places[1] + 1]


def _months_of(window: Sequence[Period], periods: Sequence[Period]) -> Sequence[Period]:
    return _between(window[0], window[-1], periods)
