"""From a definition and a source to a cohort, in the order of the flow chart.

Entries first, all at once; then people at risk, one month of entry at a time so that memory does
not grow with the period; then what is known of those kept on their eve; their contracts last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pacte_eval.cohorts.after_entry import history_of, memberships
from pacte_eval.cohorts.attributes import text_in, texts, texts_taken
from pacte_eval.cohorts.calendar_panel import CalendarPanels, first_entries
from pacte_eval.cohorts.candidates import (
    Candidates,
    control_candidates,
    deal_durations,
    treated_candidates,
)
from pacte_eval.cohorts.cohort import Cohort, LazyOutcomes
from pacte_eval.cohorts.covariates import Covariates, build_covariates, columns_read
from pacte_eval.cohorts.eligibility import (
    FLOW,
    Eligibility,
    Test,
    apply_tests,
    flow_of,
    observed_months,
)
from pacte_eval.cohorts.eve import BAND_LABELS, NEVER, Eve
from pacte_eval.cohorts.lives import read_lives
from pacte_eval.cohorts.outcomes import outcome_makers, refuse_unmeasured
from pacte_eval.cohorts.publics import membership, not_measured, not_measured_in_french
from pacte_eval.cohorts.register import NONE, Register, read_register
from pacte_eval.cohorts.risk_sets import draw
from pacte_eval.cohorts.shelf import Shelf
from pacte_eval.definitions.cells import Group, PublicDefinition, Territory, read_territories
from pacte_eval.definitions.cohort import CohortDefinition, ControlArm, LivesIn, Rule, flattened
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.months import month_code
from pacte_eval.definitions.prose import arm_in_french, rule_in_french, warnings_in_french
from pacte_eval.definitions.vocabulary import OUTCOMES
from pacte_eval.tables.source import Source

Progress = Callable[[str], None]
_ENTRIES = ("entries", "Entrées en formation de la période")
_PRESENT = ("present", "Personnes inscrites au cours d'un mois d'entrée (une fois par mois)")
_KEPT_ENTRY = {
    "first": "Première entrée de la personne dans la période",
    "last": "Dernière entrée de la personne dans la période",
}
_UNITS = ["person", "arm", "training", "time_zero", "entry_month", "origin_month", "weight"]


def build_cohort(
    definition: CohortDefinition,
    source: Source,
    publics: Sequence[PublicDefinition] = (),
    progress: Progress = lambda _: None,
    territories: Sequence[Territory] = (),
    spill: Path | None = None,
) -> Cohort:
    """Build a cohort.

    Parameters
    ----------
    definition : CohortDefinition
    source : Source
    publics, territories : sequences
        Those to flag on every unit; the rules of the definition may name them.
    progress : callable
        Told each step in a few words.
    spill : Path, optional
        Folder where large arrays go to files; by default everything stays in memory.

    Raises
    ------
    InputError
        If no entry, or no control, is left by the rules, or a rule names a public or a territory
        that is unknown or that the source does not measure.
    """
    built = _Build(definition, source, publics, territories, progress)
    return built.cohort(Shelf() if spill is None else Shelf.on_disk(spill))


def trace(
    definition: CohortDefinition,
    source: Source,
    person: str,
    publics: Sequence[PublicDefinition] = (),
    progress: Progress = lambda _: None,
    territories: Sequence[Territory] = (),
) -> pd.DataFrame:
    """What became of a person's entries and months at risk, up to the rule that excluded each.

    Returns
    -------
    DataFrame
        ``arm, time_zero, excluded_by`` (the French label of the rule, empty for a unit of the
        cohort), one row per candidate. Secret: it is about one person.

    Raises
    ------
    InputError
        If the person is in no registration and no training.
    """
    built = _Build(definition, source, publics, territories, progress)
    return built.trace(person)


@dataclass
class _Build:
    """The stages of one build; each is a method, in the order they run."""

    definition: CohortDefinition
    source: Source
    publics: Sequence[PublicDefinition]
    territories: Sequence[Territory]
    progress: Progress
    traced: int = NONE
    traces: list[pd.DataFrame] = field(default_factory=list)

    def cohort(self, shelf: Shelf) -> Cohort:
        """Every stage."""
        refuse_unmeasured(self.definition, self.source.held)
        arms, flow = self._arms()
        self.progress("describing units on their eve")
        units, cells = self._units(arms)
        self.progress("reading contracts month by month")
        persons, first = np.unique(units["person_number"].to_numpy(), return_inverse=True)
        since = np.full(len(persons), np.iinfo(np.int32).max)
        np.minimum.at(since, first, units["zero_day"].to_numpy())
        entries = first_entries(self.register, self.definition, persons, since)
        units["person_row"] = np.searchsorted(persons, units.pop("person_number")).astype(np.int32)
        min_days = self.definition.contracts.min_days
        lives = read_lives(self.source, self.register, persons, min_days, shelf, self.progress)
        del self.register  # makes room for the months of contracts
        covariates = build_covariates(units, self.definition, lives.calendar, shelf)
        window = self.definition.window
        periods = np.arange(-window.before, window.after + 1)
        makers = outcome_makers(lives, units, self.definition.outcomes, periods)
        cohort = self._assembled(units, cells, flow, covariates, LazyOutcomes(makers))
        own = units[["person", "person_row", "arm", "time_zero", "weight"]]
        panels = CalendarPanels(lives, own, cohort.covariates, entries, self.definition.outcomes)
        return replace(cohort, panels=panels)

    def trace(self, person: str) -> pd.DataFrame:
        """The candidates of one person, with the test that each failed."""
        place = self.register.persons.index(person).as_py()
        if place < 0:
            raise InputError("this person is in no registration and no training of the source")
        self.traced = place
        self._arms()
        found = pd.concat(self.traces, ignore_index=True)
        return found.sort_values(["arm", "time_zero"], ignore_index=True)

    @cached_property
    def eligibility(self) -> Eligibility:
        """Rules with the publics and territories they name, all known and measured."""
        publics = {public.id: public for public in self.publics}
        places = read_territories() | {place.id: place for place in self.territories}
        named: list[tuple[str, str, dict[str, Group]]] = [
            ("public", name, dict(publics)) for name in self.definition.publics
        ]
        named += [
            ("territory", rule.territory, dict(places))
            for rule in flattened(self.definition.population)
            if isinstance(rule, LivesIn)
        ]
        for kind, name, known in named:
            where = f"cohort '{self.definition.id}': a rule names the {kind} '{name}', which"
            if name not in known:
                raise InputError(f"{where} is unknown: {nearest(name, known)}")
            missing = not_measured(known[name], self.source.held)
            if missing:
                raise InputError(f"{where} the source does not measure: no {', '.join(missing)}")
        return Eligibility(self.definition, publics, places, observed_months(self.source))

    @cached_property
    def register(self) -> Register:
        """The register in order, with the attributes that anything here reads."""
        columns = self.eligibility.columns | columns_read(self.definition.covariates)
        for cell in self._cells:
            columns |= cell.columns
        wanted = columns | {"category", "birth_month"}
        self.progress("putting the register in order")
        return read_register(self.source, wanted, self.definition.controls.seed)

    @property
    def _cells(self) -> list[Group]:
        """Publics and territories that the source measures."""
        asked: list[Group] = [*self.publics, *self.territories]
        return [cell for cell in asked if not not_measured(cell, self.source.held)]

    def _arms(self) -> tuple[dict[str, tuple[Candidates, np.ndarray]], pd.DataFrame]:
        """Units of every arm with the fraction drawn of each, and the flow chart."""
        treated, flow = self._treated()
        arms = {name: (kept, np.ones(len(kept))) for name, kept in treated.items()}
        flows = [flow]
        together = Candidates.together(list(treated.values()))
        for name, arm in self.definition.control_arms.items():
            drawn, fraction, flow = self._controls(name, arm, together)
            arms[name] = (drawn, fraction)
            flows.append(flow)
        return arms, pd.concat(flows, ignore_index=True)

    def _treated(self) -> tuple[dict[str, Candidates], pd.DataFrame]:
        found = treated_candidates(self.register, self.definition)
        self.progress("finding entries into training")
        kept, flows = {}, []
        for name, (candidates, kept_entry) in found.items():
            tests = self._tests_of_entries(candidates, kept_entry)
            passed = apply_tests(Eve(self.register, candidates), tests)
            flow = flow_of(name, passed, tests, _ENTRIES)
            self._refuse_empty(flow)
            self._remember(name, candidates, passed, tests)
            flows.append(flow)
            kept[name] = candidates.where(passed == len(tests))
        return kept, pd.concat(flows, ignore_index=True)

    def _tests_of_entries(self, candidates: Candidates, kept_entry: np.ndarray) -> list[Test]:
        by_training = np.zeros(len(self.register.trainings.person), dtype=bool)
        by_training[candidates.training[kept_entry]] = True
        entry, tests = self.definition.entry, []
        for rule in self.definition.population:
            tests.append(self._test(rule))
            if rule.rule == "linked" and entry.keep in _KEPT_ENTRY:
                tests.append(
                    Test(
                        entry.keep,
                        _KEPT_ENTRY[entry.keep],
                        lambda eve: by_training[eve.candidates.training],
                    )
                )
            if rule.rule == "linked" and entry.clock == "end":
                tests.append(
                    Test(
                        "dated",
                        "Date de fin de formation connue",
                        lambda eve: eve.candidates.duration != NONE,
                    )
                )
        return tests

    def _controls(
        self, name: str, arm: ControlArm, treated: Candidates
    ) -> tuple[Candidates, np.ndarray, pd.DataFrame]:
        """Controls of an arm, drawn month of entry by month of entry, and the fraction of each."""
        tests = [self._test(rule) for rule in self.definition.population if rule.rule != "linked"]
        tests += _tests_of_risk(arm)
        drawn, fractions, flows = [], [], []
        months = np.unique(treated.entry_month)
        for number, month in enumerate(months, 1):
            kept, fraction, flow = self._drawn(name, tests, treated, int(month))
            drawn.append(kept)
            fractions.append(fraction)
            flows.append(flow)
            self.progress(
                f"people at risk in {month_code(int(month))} ({number} of {len(months)} months)"
            )
        stacked = pd.concat(flows, ignore_index=True)
        keys = ["arm", "order", "rule", "label"]
        flow = stacked.groupby(keys, sort=False, as_index=False)[["excluded", "remaining"]].sum()
        self._refuse_empty(flow)
        return Candidates.together(drawn), np.concatenate(fractions), flow[FLOW]

    def _drawn(
        self, name: str, tests: Sequence[Test], treated: Candidates, month: int
    ) -> tuple[Candidates, np.ndarray, pd.DataFrame]:
        of_month = treated.where(treated.entry_month == month)
        candidates = control_candidates(self.register, np.sort(of_month.time_zero), month)
        cells, treated_cells = self._risk_set(candidates), self._risk_set(of_month)
        if self.definition.entry.clock == "end":
            lengths = {
                int(cell): np.sort(of_month.duration[treated_cells == cell])
                for cell in np.unique(treated_cells)
            }
            candidates = deal_durations(candidates, cells, lengths, self.register.luck)
        passed = apply_tests(Eve(self.register, candidates), tests)
        at_risk = np.flatnonzero(passed == len(tests))
        names = self._risk_set_names(month)
        wanted = np.bincount(treated_cells, minlength=len(names))
        wanted *= self.definition.controls.per_treated
        chosen = draw(
            self.register.persons.take(pa.array(candidates.person[at_risk])),
            cells[at_risk],
            names,
            wanted,
            self.definition.controls.seed,
        )
        present = np.bincount(cells[at_risk], minlength=len(names))
        fraction = np.minimum(wanted / np.maximum(present, 1), 1.0)
        kept = at_risk[chosen]
        passed[kept] += 1
        label = _DRAWN[len(self.definition.controls.same)]
        tests = [*tests, Test("drawn", label, lambda eve: np.ones(len(eve.candidates), bool))]
        self._remember(name, candidates, passed, tests)
        flow = flow_of(name, passed, tests, _PRESENT)
        return candidates.where(kept), fraction[cells[kept]], flow

    def _risk_set(self, candidates: Candidates) -> np.ndarray:
        """Cell of each candidate within its month: its band of unemployment, where bands count.

        Those without a band are in no spell on their eve, and fail the rule of registration.
        """
        if "unemployment_band" not in self.definition.controls.same:
            return np.zeros(len(candidates), np.int64)
        bands = text_in(Eve(self.register, candidates)["unemployment_band"])
        return np.where(bands.codes < 0, len(BAND_LABELS), bands.codes).astype(np.int64)

    def _risk_set_names(self, month: int) -> list[str]:
        same = self.definition.controls.same
        if "unemployment_band" not in same:
            return [str(month)]
        texts = [{"entry_month": str(month), "unemployment_band": band} for band in BAND_LABELS]
        return ["-".join(parts[cell] for cell in same) for parts in texts] + [f"{month}-"]

    def _test(self, rule: Rule) -> Test:
        eligibility = self.eligibility
        label = rule_in_french(rule, eligibility.publics, eligibility.territories)
        return Test(rule.rule, label, lambda eve: eligibility.passes(rule, eve))

    def _refuse_empty(self, flow: pd.DataFrame) -> None:
        if flow["remaining"].iloc[-1]:
            return
        arm = flow["arm"].iloc[0]
        rule = flow.loc[flow["remaining"] == 0, "rule"].iloc[0]
        why = {
            "entries": f"the source has no entry of the objectives and filters of arm '{arm}' in "
            "the period",
            "present": "nobody is registered in the months of entry",
        }.get(rule, f"nobody is left in arm '{arm}' after the rule '{rule}'")
        raise InputError(f"cohort '{self.definition.id}' is empty: {why}")

    def _remember(
        self, arm: str, candidates: Candidates, passed: np.ndarray, tests: Sequence[Test]
    ) -> None:
        """Keep the candidates of the person traced, with the test that each failed."""
        if self.traced == NONE:
            return
        mine = np.flatnonzero(candidates.person == self.traced)
        labels = [*(test.label for test in tests), ""]
        self.traces.append(
            pd.DataFrame(
                {
                    "arm": arm,
                    "time_zero": candidates.time_zero[mine].astype("datetime64[D]"),
                    "excluded_by": [labels[number] for number in passed[mine]],
                }
            )
        )

    def _units(
        self, arms: dict[str, tuple[Candidates, np.ndarray]]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Units in the order of arm, entry month, person and time zero, and the cells they are in.

        Returns
        -------
        (DataFrame, DataFrame)
            Index ``unit`` in both; in the second one Boolean column a public or territory.
        """
        names = sorted(arms)
        candidates = Candidates.together([arms[name][0] for name in names])
        fraction = np.concatenate([arms[name][1] for name in names])
        arm = np.repeat(np.arange(len(names)), [len(arms[name][0]) for name in names])
        order = np.lexsort(
            [
                candidates.training,
                candidates.time_zero,
                candidates.person,
                candidates.entry_month,
                arm,
            ]
        )
        candidates, arm, fraction = candidates.where(order), arm[order], fraction[order]
        eve = Eve(self.register, candidates)
        read = columns_read(self.definition.covariates) | {"unemployment_band"}
        index = pd.RangeIndex(len(candidates), name="unit")
        persons = texts(pa.chunked_array([self.register.persons.take(pa.array(candidates.person))]))
        ended = candidates.time_zero + candidates.duration + 1
        from_end = self.definition.entry.clock == "end"
        units = pd.DataFrame({name: eve[name] for name in sorted(read)}, index=index)
        units = units.assign(
            person=persons,
            person_number=candidates.person,
            arm=np.array(names, dtype=object)[arm],
            training=texts_taken(self.register.trainings.training, candidates.training),
            time_zero=candidates.time_zero.astype("datetime64[D]").astype("datetime64[s]"),
            zero_day=candidates.time_zero,
            origin_day=ended if from_end else candidates.time_zero,
            entry_month=candidates.entry_month,
            origin_month=candidates.origin_month,
            weight=1 / fraction,
        )
        cells = {cell.id: membership(eve, cell.where) for cell in self._cells}
        return units, pd.DataFrame(cells, index=index)

    def _assembled(
        self,
        units: pd.DataFrame,
        cells: pd.DataFrame,
        flow: pd.DataFrame,
        covariates: Covariates,
        outcomes: LazyOutcomes,
    ) -> Cohort:
        definition, source = self.definition, self.source
        return Cohort(
            label=definition.label,
            units=units[_UNITS],
            covariates=pd.DataFrame(covariates.columns, index=units.index, copy=False),
            strata=units[list(definition.controls.same)].copy(),
            cells=cells,
            outcomes=outcomes,
            flow=flow,
            arm_labels={name: arm_in_french(name, definition) for name in definition.arms},
            covariate_labels=covariates.labels,
            outcome_labels={name: OUTCOMES[name] for name in definition.outcomes},
            covariate_months=covariates.months,
            measured=covariates.measured,
            after_entry=memberships(definition, source, units),
            not_measurable={
                cell.id: not_measured_in_french(missing)
                for cell in (*self.publics, *self.territories)
                if (missing := not_measured(cell, source.held))
            },
            warnings=warnings_in_french(definition),
            read_history=partial(history_of, source, units[_UNITS]),
        )


def _tests_of_risk(arm: ControlArm) -> list[Test]:
    tests = [
        Test(
            "not_entering",
            "N'entre pas en formation ce jour-là",
            lambda eve: eve.next_training() != eve.candidates.time_zero,
        )
    ]
    if arm.controls == "never-trained":
        tests.append(
            Test(
                "never_trained",
                "N'entre jamais en formation ensuite, jusqu'à la fin des données",
                lambda eve: eve.next_training() == NEVER,
            )
        )
    return tests


_DRAWN = {
    1: "Tirée au sort parmi les personnes du même mois",
    2: "Tirée au sort parmi les personnes du même mois et de la même tranche d'ancienneté",
}
