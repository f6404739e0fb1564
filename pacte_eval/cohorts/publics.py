"""Who belongs to a public or lives in a territory on the eve, and what a source cannot tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce

import numpy as np
import pandas as pd

from pacte_eval.cohorts.attributes import Values, text_in
from pacte_eval.cohorts.places import read_communes
from pacte_eval.definitions.cells import AnyOf, Group, Requirement
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


def membership(attributes: Mapping[str, Values], where: Sequence[Requirement]) -> np.ndarray:
    """Whether people meet every requirement; a missing value does not meet one.

    Parameters
    ----------
    attributes : mapping of str to Values
        The attributes of the eve that the requirements are on, one value a person.

    Returns
    -------
    bool array

    Raises
    ------
    InputError
        If a condition names a code that the contract does not have.
    """
    return reduce(np.logical_and, (_meets(attributes, requirement) for requirement in where))


def _meets(attributes: Mapping[str, Values], requirement: Requirement) -> np.ndarray:
    if isinstance(requirement, AnyOf):
        return reduce(np.logical_or, (_meets(attributes, one) for one in requirement.any_))
    values = attributes[requirement.column]
    if isinstance(values, pd.Categorical):
        wanted = requirement.in_ or ()
        _check_codes(requirement.column, wanted)
        return is_one_of(values, wanted)
    if requirement.is_ is not None:
        return values == int(requirement.is_)
    if requirement.between is not None:
        return (values >= requirement.between[0]) & (values <= requirement.between[1])
    if requirement.at_least is not None:
        return values >= requirement.at_least
    return values <= requirement.at_most


def is_one_of(values: Values, wanted: Collection[str]) -> np.ndarray:
    """Whether texts are among some; a missing one is not."""
    texts = text_in(values)
    chosen = np.append(texts.categories.isin(list(wanted)), False)
    return np.asarray(chosen[texts.codes])


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
