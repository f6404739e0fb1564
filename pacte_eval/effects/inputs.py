"""What `estimate` is given, made regular: outcome values, the reference window, the clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.designs import Design
from pacte_eval.designs.matching.subclasses import set_codes
from pacte_eval.frames import Comparison, Outcomes

Labelled = TypeVar("Labelled", bound=pd.Series | pd.DataFrame)


Given = Outcomes | pd.DataFrame | pd.Series | np.ndarray


def read_outcomes(
    outcomes: Given | Sequence[Outcomes] | Mapping[str, Outcomes],
    comparison: Comparison,
    periods: Sequence[Period] | None,
) -> list[tuple[str, np.ndarray, tuple[Period, ...]]]:
    """Name, values and periods of each outcome; several are a sequence or mapping of `Outcomes`.

    Raises
    ------
    InputError
        If there is none, two have one name, or one is no `Outcomes`.
    """
    if isinstance(outcomes, (Outcomes, pd.DataFrame, pd.Series, np.ndarray)):
        return [read_outcome(outcomes, comparison, periods)]
    several = list(outcomes.values() if isinstance(outcomes, Mapping) else outcomes)
    if not several or not all(isinstance(one, Outcomes) for one in several):
        raise InputError("outcomes= of several must be a list or mapping of Outcomes")
    names = [one.name for one in several]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two outcomes are named '{twice}': name them apart")
    return [read_outcome(one, comparison, periods) for one in several]


def read_outcome(
    outcomes: Given, comparison: Comparison, periods: Sequence[Period] | None
) -> tuple[str, np.ndarray, tuple[Period, ...]]:
    if isinstance(outcomes, Outcomes):
        if periods is not None:
            raise InputError("periods= names the columns of an array: an Outcomes has its own")
        return outcomes.name, outcomes.aligned(comparison.unit), tuple(outcomes.periods)
    if len(outcomes) != len(comparison):
        raise InputError(f"outcomes have {len(outcomes)} rows for {len(comparison)} units")
    name = "outcome"
    if isinstance(outcomes, (pd.Series, pd.DataFrame)):
        outcomes = _by_unit(outcomes, comparison.unit, "outcomes")
        if isinstance(outcomes, pd.Series):
            name = name if outcomes.name is None else str(outcomes.name)
        elif periods is None:
            periods = tuple(outcomes.columns)
    values = _numbers(outcomes)
    if values.ndim == 1:
        values = values[:, np.newaxis]
        periods = (0,) if periods is None else periods
    elif periods is None:
        raise InputError(f"outcomes have {values.shape[1]} columns: name them with periods=")
    made = Outcomes(name, values, tuple(periods), comparison.unit)
    return name, made.values, tuple(made.periods)


def _by_unit(values: Labelled, unit: pd.Index, what: str) -> Labelled:
    """In the order of the units where the index names them, as given where it names none.

    A default index (0, 1, 2…) that does not name all of them is as none.
    """
    index = values.index
    named = index.isin(unit)
    if named.all() and index.is_unique:
        return values.reindex(unit)  # type: ignore[return-value]
    if named.any() and not index.equals(pd.RangeIndex(len(index))):
        raise InputError(
            f"the index of {what} names some units only, or one twice: index by unit, or give an "
            "array in the order of the comparison"
        )
    return values


def _numbers(outcomes: pd.DataFrame | pd.Series | np.ndarray) -> np.ndarray:
    """Outcomes as floats, in single precision where they come so."""
    try:
        if not isinstance(outcomes, (pd.Series, pd.DataFrame)):
            values = np.asarray(outcomes)
            return values if values.dtype == np.float32 else values.astype(np.float64, copy=False)
        single = bool(np.all(outcomes.dtypes == np.float32))
        dtype = np.float32 if single else np.float64
        return outcomes.to_numpy(dtype=dtype, na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError("outcomes must hold numbers: code text as numbers first") from None


@dataclass(frozen=True, eq=False)
class Clusters:
    """Who is independent of whom.

    Attributes
    ----------
    codes : int array, shape (n,), or None
        From 0, −1 outside any cluster; None where every unit is its own.
    number : int
        Clusters with a unit that the design uses.
    label : str
        What makes a cluster, in French.
    keys : array or pandas.Index, shape (n,)
        What each unit's cluster is known by.
    """

    codes: np.ndarray | None
    number: int
    label: str
    keys: np.ndarray | pd.Index

    def identities(self) -> pd.Index:
        """Identity of each cluster, in the order of codes, or of units."""
        if self.codes is None:
            return pd.Index(self.keys, name=self.label)
        first = np.full(int(self.codes.max()) + 1, -1)
        inside = np.flatnonzero(self.codes >= 0)[::-1]
        first[self.codes[inside]] = inside
        return pd.Index(np.asarray(self.keys)[first], name=self.label)


def read_clusters(
    cluster: str | np.ndarray | pd.Series | None, design: Design, *, by_set: bool
) -> Clusters:
    """The clusters asked for; by default the persons, or the sets.

    Parameters
    ----------
    cluster : str, array of shape (n,) or None
    design : Design
    by_set : bool
        Whether the default is the sets of the design, where each person is one unit.

    Raises
    ------
    InputError
        If the name is unknown, values are missing or not n, or the units of an arm, being
        several, are in one cluster.
    """
    comparison = design.comparison
    used = design.weights != 0
    if isinstance(cluster, str) and cluster == "unit":
        return Clusters(None, int(used.sum()), "unité", comparison.unit)
    if cluster is None and by_set and len(pd.unique(comparison.cluster)) == len(comparison):
        cluster = "set"
    if isinstance(cluster, str) and cluster == "set":
        codes, label = _sets(design), "paire" if design.kind == "pairs" else "ensemble apparié"
        member = codes
    else:
        member, label = _members(cluster, comparison)
        if pd.isna(member).any():
            raise InputError(f"cluster has {counted(int(pd.isna(member).sum()), 'missing value')}")
        codes = pd.factorize(member)[0]
    number = int(np.count_nonzero(np.bincount(codes[used & (codes >= 0)])))
    if number == 1:
        raise InputError("all units are in one cluster: no standard error can be computed")
    for arm, name in ((comparison.treated, "treated"), (~comparison.treated, "control")):
        if of_one_cluster(codes, used & arm):
            raise InputError(
                f"all {name} units are in one cluster, which says nothing of how their mean "
                "varies: no standard error can be computed; give finer ones, as cluster='unit'"
            )
    alone = len(codes) == codes.max() + 1
    return Clusters(None if alone else codes, number, label, member)


def of_one_cluster(codes: np.ndarray, units: np.ndarray) -> bool:
    """Whether some units, several of them, are all in one cluster."""
    found = codes[units]
    return len(found) > 1 and bool((found == found[0]).all())


def _sets(design: Design) -> np.ndarray:
    if design.matches is None or design.kind not in ("pairs", "sets"):
        raise InputError(
            f"cluster='set' needs sets that share no unit, which a design of "
            f"{design.settings['design']} does not make: give cluster='person'"
        )
    return set_codes(design.matches, len(design.comparison))


def _members(
    cluster: str | np.ndarray | pd.Series | None, comparison: Comparison
) -> tuple[np.ndarray, str]:
    if cluster is None or (isinstance(cluster, str) and cluster == "person"):
        return comparison.cluster, "personne"
    if isinstance(cluster, str):
        frames = (comparison.strata, comparison.covariates, comparison.cells)
        known = {str(column): frame for frame in frames for column in frame.columns}
        if cluster not in known:
            hint = nearest(cluster, [*known, "person", "unit", "set"])
            raise InputError(f"cluster '{cluster}' is no stratum, covariate or cell: {hint}")
        return known[cluster][cluster].to_numpy(), cluster
    if len(cluster) != len(comparison):
        raise InputError(f"cluster has {len(cluster)} values for {len(comparison)} units")
    if isinstance(cluster, pd.Series):
        cluster = _by_unit(cluster, comparison.unit, "cluster")
    return np.asarray(cluster), "groupe"


def read_window(
    contrast: str, reference: Sequence[Period] | None, labels: tuple[Period, ...]
) -> list[int] | None:
    """Positions of the reference periods, or None for a level."""
    if contrast == "level":
        if reference is not None:
            raise InputError("reference= is meaningless with contrast='level'")
        return None
    if contrast != "difference":
        raise InputError(
            f"contrast='{contrast}' is unknown: {nearest(contrast, ['level', 'difference'])}"
        )
    if not isinstance(reference, Sized) or isinstance(reference, str) or not len(reference):
        raise InputError(
            "contrast='difference' needs reference=, a list of periods as [-12, -7]: no default"
        )
    wanted = list(reference)
    if len(wanted) == 2 and all(isinstance(period, (int, np.integer)) for period in wanted):
        first, last = int(wanted[0]), int(wanted[1])
        if first > last:
            raise InputError(f"reference {wanted} ends before it starts")
        wanted = list(range(first, last + 1))
    missing = [period for period in wanted if period not in labels]
    if missing:
        raise InputError(f"reference period {missing[0]!r} is not a period of the outcome")
    return sorted({labels.index(period) for period in wanted})
