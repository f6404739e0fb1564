"""Which registered persons the other tables know, by what their first registration says of them."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import pandas as pd
from ibis.expr.types import StringColumn, Table

from pacte_eval.definitions.vocabulary import DEPARTEMENTS
from pacte_eval.tables.contract import columns
from pacte_eval.tables.row_checks import month_number

ELSEWHERE = "autre"
YES_NO = ("oui", "non")
GROUPS: dict[str, tuple[str, ...]] = {
    "sex": columns("registrations")["sex"].codes,
    "age_band": ("moins_26", "26_49", "50_plus"),
    "diploma": columns("registrations")["diploma"].codes,
    "disability": YES_NO,
    "rsa": YES_NO,
    "qpv": YES_NO,
    "departement": (*DEPARTEMENTS, ELSEWHERE),
}


def linked_persons(tables: Mapping[str, Table]) -> pd.DataFrame:
    """Count persons registered, and those of them that contracts and trainings know.

    Where two registrations start on a person's first day, each characteristic is the first of their
    codes in order.

    Parameters
    ----------
    tables : dict of str to ibis Table
        Registrations, contracts and trainings, in the contract's shape.

    Returns
    -------
    DataFrame
        One row a combination of levels of `GROUPS` (empty where not known): ``persons``, and those
        of them known by ``contracts`` and by ``trainings``.
    """
    dated = tables["registrations"].filter(ibis._.person.notnull(), ibis._.start.notnull())
    firsts = dated.group_by(first_person="person").aggregate(first_day=dated.start.min())
    first = dated.join(
        firsts, [dated.person == firsts.first_person, dated.start == firsts.first_day]
    )
    levels = first.select("person", **_levels(first))
    persons = levels.group_by("person").aggregate(
        **{group: levels[group].min() for group in GROUPS}
    )
    for name in ("contracts", "trainings"):
        known = tables[name].select(**{name: "person"}).distinct()
        persons = persons.left_join(known, persons.person == known[name])
    counted = persons.group_by(list(GROUPS)).aggregate(
        persons=persons.count(),
        contracts=persons.contracts.count(),
        trainings=persons.trainings.count(),
    )
    return counted.execute()


def _levels(table: Table) -> dict[str, StringColumn]:
    """The characteristics as codes; what no code stands for is empty."""
    age = (month_number(table.start) - month_number(table.birth_month)) // 12
    young, middle, old = GROUPS["age_band"]
    departement = table.commune.substr(0, 2)
    return {
        "age_band": ibis.cases((age < 26, young), (age < 50, middle), (age >= 50, old)),
        "departement": ibis.cases(
            (departement.isin(list(DEPARTEMENTS)), departement),
            (table.commune.notnull(), ELSEWHERE),
        ),
        **{
            name: table[name].isin(GROUPS[name]).ifelse(table[name], ibis.null("string"))
            for name in ("sex", "diploma")
        },
        **{
            name: ibis.cases((table[name], YES_NO[0]), (~table[name], YES_NO[1]))
            for name in ("disability", "rsa", "qpv")
        },
    }
