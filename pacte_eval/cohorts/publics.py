"""Who belongs to a public or lives in a territory on the eve, and what a source cannot tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import and_, or_

import pandas as pd
from ibis.expr.types import BooleanValue, Table

from pacte_eval.cohorts.places import read_communes
from pacte_eval.definitions.cells import AnyOf, Condition, Group, PublicDefinition, Requirement
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.vocabulary import SOURCE_COLUMNS
from pacte_eval.tables.contract import columns

_REGISTERED = columns("registrations")
_HOME = "registrations.commune"
_MADE_FROM = {
    "age": ("registrations.birth_month",),
    "unemployment_duration": ("registrations.start",),
    "unemployment_band": ("registrations.start",),
    "departement": (_HOME,),
    "ze2010": (_HOME, "communes.ze2010"),
    "ze2020": (_HOME, "communes.ze2020"),
    "isolated_rural": (_HOME, "communes.isolated_rural"),
    "neet": ("missions_locales.situation",),
}


def membership(described: Table, where: Sequence[Requirement]) -> BooleanValue:
    """Whether people meet every requirement; a missing value does not meet one.

    Parameters
    ----------
    described : ibis.Table
        With the attributes of the eve that the requirements are on.

    Raises
    ------
    InputError
        If a condition names a code that the contract does not have.
    """
    return reduce(and_, (_meets(described, requirement) for requirement in where))


def _meets(described: Table, requirement: Requirement) -> BooleanValue:
    if isinstance(requirement, AnyOf):
        return reduce(or_, (_meets(described, condition) for condition in requirement.any_))
    values = described[requirement.column]
    if requirement.in_ is not None:
        _check_codes(requirement.column, requirement.in_)
        test = values.isin(requirement.in_)
    elif requirement.is_ is not None:
        test = values == requirement.is_
    elif requirement.between is not None:
        test = values.between(*requirement.between)
    elif requirement.at_least is not None:
        test = values >= requirement.at_least
    else:
        test = values <= requirement.at_most
    return test.fill_null(False)


def _check_codes(column: str, values: Sequence[str]) -> None:
    codes = _REGISTERED[column].codes if column in _REGISTERED else ()
    for value in values:
        if codes and value not in codes:
            raise InputError(
                f"a condition on '{column}' names '{value}', which is no code of it: "
                f"{nearest(value, codes)}"
            )


def not_measured(group: Group, held: Mapping[str, Collection[str]]) -> list[str]:
    """What a public or a territory needs and a source does not hold.

    A definition that needs any of these is not measurable on the source, which is not the same as
    being empty.

    Parameters
    ----------
    held : mapping
        For each table of the source, its columns that hold at least one value.

    Returns
    -------
    list of str
        Columns such as ``registrations.justice``, in alphabetical order; none when measurable.
    """
    communes = held.get("communes") or _shipped_columns()
    present = {
        f"{table}.{column}"
        for table, names in {**held, "communes": communes}.items()
        for column in names
    }
    needed = {
        source
        for attribute in group.columns
        for source in _MADE_FROM.get(attribute, (f"registrations.{attribute}",))
    }
    return sorted(needed - present)


def _shipped_columns() -> list[str]:
    communes = read_communes()
    return [str(name) for name in communes.columns if communes[name].notna().any()]


def not_measured_in_french(missing: Sequence[str]) -> str:
    """What a page says in place of an effect: ``Non mesurable : la source ne dit pas …``."""
    words = [SOURCE_COLUMNS[column] for column in missing]
    return f"Non mesurable\u00a0: la source ne dit pas {' ni '.join(words)}."


def belongs(units: pd.DataFrame, public: PublicDefinition) -> pd.Series:
    """Whether each unit meets every condition of a public; a missing value does not.

    Raises
    ------
    InputError
        If a condition is on a column that units do not have.
    """
    member = pd.Series(True, index=units.index)
    for column in sorted(public.columns):
        if column not in units.columns:
            raise InputError(
                f"public '{public.id}' is on '{column}', which is not measured: "
                f"{nearest(column, units.columns)}"
            )
    for requirement in public.where:
        if isinstance(requirement, AnyOf):
            member &= reduce(or_, (_holds(units[one.column], one) for one in requirement.any_))
        else:
            member &= _holds(units[requirement.column], requirement)
    return member


def _holds(values: pd.Series, condition: Condition) -> pd.Series:
    if condition.in_ is not None:
        return values.isin(condition.in_)
    if condition.is_ is not None:
        return values.isin([condition.is_])
    if condition.between is not None:
        return values.between(*condition.between)
    if condition.at_least is not None:
        return values.ge(condition.at_least)
    return values.le(condition.at_most)
