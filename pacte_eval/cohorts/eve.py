"""The eve of time zero: what the tables say of a person the day before, and nothing later.

Registrations at most 31 days apart are one spell of unemployment, whatever their categories; the
elapsed unemployment of a unit is the number of months since its current spell began.
"""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from pacte_eval.cohorts.candidates import month_of
from pacte_eval.cohorts.places import locate
from pacte_eval.tables.source import Source

SAME_SPELL_DAYS = 31
BANDS = ((0, 2), (3, 5), (6, 11), (12, 23))
ATTRIBUTES = (
    "category",
    "sex",
    "birth_month",
    "diploma",
    "nationality",
    "marital_status",
    "children",
    "lone_parent",
    "qualification",
    "rome",
    "experience_months",
    "reason",
    "disability",
    "rsa",
    "qpv",
    "zrr",
    "commune",
)


def spells(source: Source) -> Table:
    """Spells of unemployment: ``person, spell_start, spell_end`` (open ones end with coverage)."""
    registrations = source.tables["registrations"]
    episodes = registrations.select(
        "person",
        "start",
        end=registrations.end.fill_null(source.coverage["registrations"][1]),
    )
    before = ibis.window(
        group_by=episodes.person,
        order_by=[episodes.start, episodes.end],
        preceding=(None, 1),
    )
    previous_end = episodes.mutate(previous_end=episodes.end.max().over(before))
    gap = previous_end.start.epoch_days() - previous_end.previous_end.epoch_days()
    marked = previous_end.mutate(
        opens=(previous_end.previous_end.isnull() | (gap > SAME_SPELL_DAYS)).cast("int32")
    )
    upto = ibis.window(
        group_by=marked.person, order_by=[marked.start, marked.end], preceding=None, following=0
    )
    numbered = marked.mutate(spell=marked.opens.sum().over(upto))
    return numbered.group_by("person", "spell").aggregate(
        spell_start=numbered.start.min(), spell_end=numbered.end.max()
    )


def describe(candidates: Table, source: Source, months_before: int) -> Table:
    """Candidates with what is known of them on the eve of their time zero.

    Parameters
    ----------
    candidates : ibis.Table
        With ``candidate`` (a unique integer), ``person``, ``time_zero``, ``entry_month``.
    months_before : int
        Months over which an earlier training is looked for.

    Returns
    -------
    ibis.Table
        The candidates with the attributes of the registration episode of the eve (empty where
        there is none), ``unemployment_duration`` (months), ``previous_spells`` (begun in the 24
        months before), ``trained_before`` (trainings begun in those months or under way).
    """
    dated = candidates.mutate(eve=(candidates.time_zero - ibis.interval(days=1)).cast("date"))
    return (
        dated.left_join(_episode_of_eve(dated, source), "candidate")
        .drop("candidate_right")
        .left_join(_current_spell(dated, source), "candidate")
        .drop("candidate_right")
        .left_join(_earlier_trainings(dated, source, months_before), "candidate")
        .drop("candidate_right")
    )


def _episode_of_eve(dated: Table, source: Source) -> Table:
    registrations = source.tables["registrations"]
    end = registrations.end.fill_null(source.coverage["registrations"][1])
    episodes = registrations.select(
        *ATTRIBUTES, on_register=registrations.person, start=registrations.start, last_day=end
    )
    present = dated.select("candidate", "person", "eve").join(
        episodes,
        [
            dated.person == episodes.on_register,
            episodes.start <= dated.eve,
            episodes.last_day >= dated.eve,
        ],
    )
    order = [present.start.desc(), present.last_day.desc(), present.category, present.commune]
    ranked = present.mutate(rank=ibis.row_number().over(group_by=present.candidate, order_by=order))
    return locate(ranked.filter(ranked["rank"] == 0).select("candidate", *ATTRIBUTES))


def _current_spell(dated: Table, source: Source) -> Table:
    known = spells(source).rename(registered_person="person")
    held = dated.select("candidate", "person", "eve", "time_zero", "entry_month").join(
        known, [dated.person == known.registered_person, known.spell_start <= dated.eve]
    )
    current = held.spell_end >= held.eve
    recent = held.spell_start >= (held.time_zero - ibis.interval(months=24)).cast("date")
    return held.group_by("candidate").aggregate(
        unemployment_duration=(held.entry_month - month_of(held.spell_start)).min(where=current),
        previous_spells=(recent & ~current).sum(),
    )


def _earlier_trainings(dated: Table, source: Source, months_before: int) -> Table:
    trainings = source.tables["trainings"].select("person", "start", "end").rename(trainee="person")
    joined = dated.select("candidate", "person", "eve", "time_zero").join(
        trainings, [dated.person == trainings.trainee, trainings.start < dated.time_zero]
    )
    recent = joined.start >= (joined.time_zero - ibis.interval(months=months_before)).cast("date")
    under_way = (joined.end >= joined.eve).fill_null(False)
    return joined.group_by("candidate").aggregate(trained_before=(recent | under_way).sum())
