"""What the contract asks of several extracts at once: episodes by hours, benefits, entries found.

Days are counted since 1970 inside this module, as integers: an episode that is still open ends on
`OPEN`.
"""

from __future__ import annotations

from datetime import date

import ibis
from ibis.expr.types import StringValue, Table

from pacte_eval.definitions.mapping import ReducedActivity
from pacte_eval.tables.translation import day_of

OPEN = 2_932_896  # 9999-12-31


@ibis.udf.scalar.builtin
def last_day(day: date) -> date:  # type: ignore[empty-body]
    """The last day of the month of a date."""


def by_hours(rows: Table, hours: Table, rule: ReducedActivity, last: date) -> Table:
    """Registrations cut where the hours worked in a month change their category.

    Parameters
    ----------
    rows : ibis Table
        Columns of the contract, and ``activity_key``, the registration that a row is.
    hours : ibis Table
        ``activity_key``, ``month`` (first day) and ``minutes``; of several rows for a month, the
        one with the most minutes counts.
    rule : ReducedActivity
        Categories that hours decide between, and up to how many.
    last : date
        Last day covered: what comes after is not known, so an episode open then stays open.

    Returns
    -------
    ibis Table
        The columns of `rows`, one row an episode; equal neighbours of a registration are merged.
    """
    spell = ["activity_key", "first", "until"]
    rows = rows.mutate(
        first=rows.start.epoch_days().cast("int64"),
        until=rows.end.epoch_days().cast("int64").fill_null(OPEN),
    )
    decided = rows.filter(rows.category.isin(rule.categories)).select(spell).distinct()
    idle = _category(ibis.literal(0, "int64"), rule)
    worked = _worked(decided, hours, rule, last).filter(lambda t: t.kind != idle)
    merged = _merged(worked, spell)
    in_order = ibis.window(group_by=spell, order_by="begin")
    around = merged.mutate(
        next_begin=merged.begin.lead().over(in_order),
        place=ibis.row_number().over(in_order),
    )
    end_of_data = _days(last)
    after = around.mutate(
        begin=around.finish + 1,
        finish=(around.next_begin - 1).fill_null(around.until),
        kind=idle,
    ).filter(lambda t: (t.begin <= t.finish) & ((t.begin <= end_of_data) | (t.until < OPEN)))
    before = around.filter((around.place == 0) & (around.begin > around["first"])).mutate(
        finish=around.begin - 1, begin=around["first"], kind=idle
    )
    untouched = decided.anti_join(merged, spell).mutate(
        begin=lambda t: t["first"], finish=lambda t: t.until, kind=idle
    )
    pieces = [
        part.select(*spell, "begin", "finish", "kind")
        for part in (merged, after, before, untouched)
    ]
    episodes = ibis.union(*pieces)
    cut = rows.filter(rows.category.isin(rule.categories)).drop("category", "start", "end")
    cut = cut.join(episodes, spell).rename(category="kind")
    whole = rows.filter(~rows.category.isin(rule.categories)).mutate(
        begin=lambda t: t["first"], finish=lambda t: t.until
    )
    order = [name for name in rows.columns if name not in ("first", "until")]
    dated = [
        part.mutate(
            start=day_of(part.begin),
            end=ibis.cases(
                (part.finish < OPEN, day_of(part.finish)), else_=ibis.null().cast("date")
            ),
        ).select(order)
        for part in (cut, whole)
    ]
    return ibis.union(*dated)


def with_benefit(rows: Table, drawn: Table, otherwise: str) -> Table:
    """Episodes with the benefit that each overlaps the longest.

    Parameters
    ----------
    rows : ibis Table
        With ``benefit_key``, the person.
    drawn : ibis Table
        ``benefit_key``, ``start``, ``end`` and ``benefit``.
    otherwise : str
        The benefit of an episode that overlaps none.
    """
    spell = ["benefit_key", "start", "until"]
    rows = rows.mutate(until=rows.end.epoch_days().cast("int64").fill_null(OPEN))
    drawn = drawn.select(
        key="benefit_key",
        draw_first=drawn.start.epoch_days().cast("int64"),
        draw_last=drawn.end.epoch_days().cast("int64").fill_null(OPEN),
        drawn="benefit",
    ).filter(lambda t: t.drawn.notnull())
    spells = rows.select(spell).distinct()
    first = spells.start.epoch_days().cast("int64")
    met = spells.join(
        drawn,
        [
            spells.benefit_key == drawn.key,
            drawn.draw_first <= spells.until,
            drawn.draw_last >= first,
        ],
    )
    days = (
        ibis.least(met.until, met.draw_last)
        - ibis.greatest(met.start.epoch_days().cast("int64"), met.draw_first)
        + 1
    )
    totals = (
        met.mutate(days=days).group_by([*spell, "drawn"]).aggregate(days=lambda t: t.days.sum())
    )
    longest = ibis.window(group_by=spell, order_by=[ibis.desc("days"), "drawn"])
    best = totals.mutate(place=ibis.row_number().over(longest)).filter(lambda t: t.place == 0)
    best = best.select(*spell, "drawn")
    joined = rows.left_join(best, spell)
    kept = [name for name in rows.columns if name not in ("until", "benefit")]
    return joined.mutate(benefit=joined.drawn.fill_null(otherwise)).select(*kept, "benefit")


def entries_found(said: Table, trainings: Table, within_days: int) -> tuple[Table, Table]:
    """What is said of an entry, with the key of the entry of the same person nearest in time.

    Parameters
    ----------
    said : ibis Table
        ``person``, ``start`` and what is said.
    trainings : ibis Table
        In the shape of the contract.
    within_days : int
        Most days between the two starts.

    Returns
    -------
    tuple of ibis Table
        What is said with a column ``training``, one row an entry; and the rows of no entry.
    """
    said = said.distinct()
    entries = trainings.filter(trainings.person.notnull()).select(
        "training", entered_by="person", entered="start"
    )
    met = said.join(entries, said.person == entries.entered_by)
    met = met.mutate(
        apart=(met.start.epoch_days().cast("int64") - met.entered.epoch_days().cast("int64")).abs()
    ).filter(lambda t: t.apart <= within_days)
    nearest = ibis.window(group_by=said.columns, order_by=["apart", "training"])
    met = met.mutate(place=ibis.row_number().over(nearest)).filter(lambda t: t.place == 0)
    others = [name for name in said.columns if name not in ("person", "start")]
    once = ibis.window(group_by="training", order_by=["apart", *others])
    met = met.mutate(rank=ibis.row_number().over(once)).filter(lambda t: t["rank"] == 0)
    found = met.select("training", *others)
    lost = said.anti_join(met, ["person", "start"])
    return found, lost


def _category(minutes: ibis.expr.types.IntegerValue, rule: ReducedActivity) -> StringValue:
    return ibis.cases(
        *(
            (minutes <= int(rule.up_to_hours[category] * 60), category)
            for category in rule.categories[:-1]
        ),
        else_=rule.beyond,
    )


def _worked(decided: Table, hours: Table, rule: ReducedActivity, last: date) -> Table:
    """The days of each registration in each month of which hours are known, and their category."""
    months = hours.group_by(["activity_key", "month"]).aggregate(minutes=hours.minutes.max())
    months = months.select(
        key="activity_key",
        month_first=months.month.epoch_days().cast("int64"),
        month_last=last_day(months.month).epoch_days().cast("int64"),
        kind=_category(months.minutes, rule),
    )
    met = decided.join(
        months,
        [
            decided.activity_key == months.key,
            months.month_first <= decided.until,
            months.month_last >= decided["first"],
        ],
    )
    finish = ibis.least(met.month_last, met.until)
    still_open = (met.until == OPEN) & (finish >= _days(last))
    return met.mutate(
        begin=ibis.greatest(met.month_first, met["first"]),
        finish=ibis.cases((still_open, ibis.literal(OPEN, "int64")), else_=finish),
    )


def _merged(worked: Table, spell: list[str]) -> Table:
    """Neighbours of one category made one episode."""
    in_order = ibis.window(group_by=spell, order_by="begin")
    marked = worked.mutate(
        fresh=(
            (worked.kind != worked.kind.lag().over(in_order))
            | (worked.begin != worked.finish.lag().over(in_order) + 1)
        )
        .fill_null(True)
        .cast("int64")
    )
    numbered = marked.mutate(
        island=marked.fresh.sum().over(
            ibis.window(group_by=spell, order_by="begin", preceding=None, following=0)
        )
    )
    return (
        numbered.group_by([*spell, "island", "kind"])
        .aggregate(begin=numbered.begin.min(), finish=numbered.finish.max())
        .drop("island")
    )


def _days(day: date) -> int:
    return (day - date(1970, 1, 1)).days
