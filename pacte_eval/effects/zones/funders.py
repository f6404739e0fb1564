"""Entries into training by who paid for them, before and after: how much was added, how much
replaced.

What other funders would have paid for otherwise is not observed. Entries replaced are bounded
between none and all of the decreases of other funders; a point is given only against other funders
elsewhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import SMALLEST_SHOWN, InputError, nearest
from pacte_eval.definitions.numerals import THIN, number, percent, signed
from pacte_eval.frames.columns import select

_ALL = "ensemble"
_UNKNOWN = "non identifiable"


@dataclass(frozen=True, eq=False)
class FunderDecomposition:
    """How entries changed, funder by funder, per period.

    Attributes
    ----------
    table : DataFrame
        ``zone`` (``"ensemble"`` where there is one), ``funder``, ``before`` and ``after`` (mean
        entries per period), ``change``, ``total_before``, ``total_after``.
    rates : DataFrame
        One row per zone: ``funded`` (rise of entries paid for by the programme), ``others`` (change
        of all others together), ``decreases`` (of those that fell, summed), ``substitution``
        (decreases over `funded`, at most 1), ``additional_low`` and ``additional_high`` (entries
        added, between all and none of the decreases being replaced entries), ``additional``
        (against other funders elsewhere), ``verdict``. Missing where nothing more was funded, or
        nothing is known from elsewhere.
    sentences : tuple of str
        In French; where a sum of entries is under 11, none is written.
    filled : int
        Combinations of zone, funder and period without a row, taken for no entry.
    """

    table: pd.DataFrame
    rates: pd.DataFrame
    sentences: tuple[str, ...]
    filled: int

    def summary(self) -> str:
        """The sentences, one by line."""
        return "\n".join(self.sentences)


def decompose_funders(
    entries: pd.DataFrame,
    *,
    funder: str,
    period: str,
    count: str,
    programme: str,
    start: int,
    zone: str | None = None,
    outside: pd.DataFrame | None = None,
) -> FunderDecomposition:
    """Change in entries paid for by the programme, and by other funders.

    Parameters
    ----------
    entries : DataFrame
        One row per funder and period (and zone); combinations without a row are no entry, and
        counted.
    funder, period, count, zone : str
        Columns; `count` holds entries; one decomposition per zone where `zone` is given.
    programme : str
        The funder whose entries are judged, as written in the column `funder`.
    start : int
        First period of the programme.
    outside : DataFrame, optional
        The same columns where the programme is not, or is less: other funders are taken to have
        moved here as all of them together did there.

    Returns
    -------
    FunderDecomposition

    Raises
    ------
    InputError
        If a column is missing, the programme is no funder, counts are not numbers from 0 on, a row
        comes twice, a period between the first and the last has no row at all, or no period
        precedes or follows `start`.
    """
    columns = [funder, period, count]
    known = select(entries, [*columns, *([zone] if zone else [])], "column")
    funders = [str(name) for name in known[funder].dropna().unique()]
    if programme not in funders:
        raise InputError(
            f"programme '{programme}' is no funder of '{funder}': {nearest(programme, funders)}"
        )
    here = _Counts.of(known, columns, zone)
    table = here.means(start)
    growth = None
    if outside is not None:
        there = _Counts.of(select(outside, columns, "column"), columns, None).means(start)
        growth = _growth(there[there["funder"] != programme])
    rates, sentences = [], []
    for name, part in table.groupby("zone", sort=False):
        made = _Rates.of(part, programme, growth)
        rates.append({"zone": name} | asdict(made))
        sentences.append(_sentence(str(name), made, part, programme))
    return FunderDecomposition(
        table,
        pd.DataFrame(rates),
        (*sentences, *_limits(growth is not None, here.filled)),
        here.filled,
    )


@dataclass(frozen=True, eq=False)
class _Counts:
    """Entries: a row per zone and funder, a column per period."""

    names: pd.DataFrame
    periods: np.ndarray
    values: np.ndarray
    filled: int

    @classmethod
    def of(cls, rows: pd.DataFrame, columns: list[str], zone: str | None) -> _Counts:
        funder, period, count = columns
        numbers = pd.to_numeric(rows[count], errors="coerce").to_numpy(dtype=np.float64)
        when = pd.to_numeric(rows[period], errors="coerce").to_numpy(dtype=np.float64)
        names = pd.DataFrame(
            {"zone": rows[zone].to_numpy() if zone else _ALL, "funder": rows[funder].to_numpy()}
        )
        _refuse(
            ~(np.isfinite(numbers) & (numbers >= 0)), f"'{count}' missing, negative or no number"
        )
        _refuse(
            ~np.isfinite(when) | (when != np.rint(when)),
            f"'{period}' missing or not a whole number",
        )
        _refuse(names.isna().any(axis=1).to_numpy(), "no funder or zone: name them")
        _refuse(
            names.assign(when=when).duplicated().to_numpy(),
            "a funder and period again: add them up",
        )
        periods = np.arange(int(when.min()), int(when.max()) + 1)
        empty = periods[~np.isin(periods, when)]
        if len(empty):
            raise InputError(
                f"{len(empty)} periods have no row at all, as {empty[0]}: complete them"
            )
        place, found = pd.factorize(pd.MultiIndex.from_frame(names[["zone"]]))
        who, funders = pd.factorize(names["funder"])
        values = np.full((len(found), len(funders), len(periods)), np.nan)
        values[place, who, when.astype(int) - periods[0]] = numbers
        every = pd.MultiIndex.from_product(
            [[one[0] for one in found], funders], names=["zone", "funder"]
        )
        flat = values.reshape(len(every), len(periods))
        return cls(
            every.to_frame(index=False), periods, np.nan_to_num(flat), int(np.isnan(flat).sum())
        )

    def means(self, start: int) -> pd.DataFrame:
        """Mean entries per period before and after the start, by zone and funder."""
        after = self.periods >= start
        if after.all() or not after.any():
            raise InputError(
                f"start={start} must lie between the periods {self.periods[0]} and "
                f"{self.periods[-1]}, some being before it"
            )
        earlier, later = self.values[:, ~after], self.values[:, after]
        made = self.names.assign(before=earlier.mean(axis=1), after=later.mean(axis=1))
        made["change"] = made["after"] - made["before"]
        return made.assign(total_before=earlier.sum(axis=1), total_after=later.sum(axis=1))


@dataclass(frozen=True)
class _Rates:
    funded: float
    others: float
    decreases: float
    substitution: float = np.nan
    additional_low: float = np.nan
    additional_high: float = np.nan
    additional: float = np.nan
    verdict: str = _UNKNOWN

    @classmethod
    def of(cls, part: pd.DataFrame, programme: str, growth: float | None) -> _Rates:
        own = part["funder"] == programme
        change, others = part["change"], part.loc[~own]
        funded = float(change[own].sum())
        decreases = float((-change[~own]).clip(lower=0).sum())
        first = cls(funded, float(change[~own].sum()), decreases)
        if funded <= 0:
            return first
        replaced = min(decreases, funded)
        expected = np.nan if growth is None else float(others["before"].sum()) * growth
        return cls(
            first.funded,
            first.others,
            first.decreases,
            replaced / funded,
            funded - replaced,
            funded,
            funded - (expected - float(others["after"].sum())),
            _UNKNOWN if growth is None else "relatif aux autres financeurs ailleurs",
        )


def _growth(others: pd.DataFrame) -> float:
    before = float(others["before"].sum())
    if before <= 0:
        raise InputError("other funders have 0 entries before the start in outside=: give more")
    return float(others["after"].sum()) / before


def _sentence(zone: str, rates: _Rates, part: pd.DataFrame, programme: str) -> str:
    own = part["funder"] == programme
    totals = part[["total_before", "total_after"]]
    sums = [*totals[own].sum(), *totals[~own].sum()]
    where = "" if zone == _ALL else f"{zone}{THIN}: "
    if any(0 < total < SMALLEST_SHOWN for total in sums):
        return f"{where}effectifs de moins de {SMALLEST_SHOWN} entrées, non écrits."
    told = (
        f"{where}{'Entrées' if not where else 'entrées'} financées par {programme}{THIN}: "
        f"{signed(rates.funded)} par période{THIN}; par les autres financeurs{THIN}: "
        f"{signed(rates.others)}{THIN}; taux de substitution{THIN}: "
    )
    if np.isnan(rates.substitution):
        return f"{told}sans objet, rien n’étant financé de plus."
    told += f"{percent(rates.substitution, 0)} au plus."
    if rates.verdict == _UNKNOWN:
        low, high = number(rates.additional_low), number(rates.additional_high)
        return (
            f"{told} Entrées ajoutées{THIN}: {_UNKNOWN} sans données extérieures (entre {low} et "
            f"{high} par période si les autres financeurs n’avaient pas changé d’eux-mêmes à la "
            "hausse)."
        )
    return (
        f"{told} Entrées ajoutées, les autres financeurs étant supposés évoluer comme ailleurs"
        f"{THIN}: {signed(rates.additional)} par période."
    )


def _limits(compared: bool, filled: int) -> list[str]:
    told = [
        f"Borne basse{THIN}: toute baisse d’un autre financeur est une substitution{THIN}; borne "
        f"haute{THIN}: aucune ne l’est."
    ]
    if compared:
        told.append(
            f"Ailleurs aussi, des programmes ont financé des entrées{THIN}: l’écart est relatif à "
            "des territoires eux-mêmes traités."
        )
    if filled:
        told.append(
            f"{number(filled)} combinaisons de financeur et de période sans ligne, tenues pour "
            "aucune entrée."
        )
    return told


def _refuse(wrong: np.ndarray, what: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        raise InputError(f"{count} rows of entries have {what}")
