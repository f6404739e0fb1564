"""Designs whose sets are disjoint: subclasses that hold units of both arms, each target being
compared with the units of the other arm in its subclass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.design import (
    NO_CONTROL,
    NO_TREATED,
    Design,
    Estimand,
    Estimator,
    Kind,
    matched_weights,
    support_table,
)
from pacte_eval.designs.matching.sets import MatchedSets, Matches
from pacte_eval.designs.matching.spaces import ScoreSpace
from pacte_eval.designs.scores.scored import Scored
from pacte_eval.designs.settings import check_choice
from pacte_eval.frames import Comparison

OWN_ROWS = "aucun semblable en dehors de ses propres lignes"


def check_estimand(estimand: str) -> None:
    """Refuse what subclasses do not estimate."""
    check_choice("estimand", estimand, [name for name in get_args(Estimand) if name != "ATO"])


def subclass_design(
    comparison: Comparison,
    code: np.ndarray,
    *,
    estimand: Estimand,
    settings: Mapping[str, object],
    space: ScoreSpace,
    scored: Scored | None = None,
    kind: Kind = "sets",
    reasons: Sequence[tuple[np.ndarray, str]] = (),
    estimator: Estimator,
) -> Design:
    """The design that compares, in each subclass, one arm with the other.

    Parameters
    ----------
    comparison : Comparison
    code : int array, shape (n,)
        Subclass of each unit, −1 outside any.
    estimand, settings, space, kind
        As in `Design`.
    scored : Scored, optional
        The score and its support.
    reasons : sequence of (bool array of shape (n,), str)
        Why units are left out, before "nobody of the other arm in the cell".
    estimator : Estimator
        What makes the design.

    Raises
    ------
    InputError
        If no subclass holds both arms.
    """
    found = subclass_sets(comparison, code, estimand)
    served = found.size > 0
    if not served.any():
        raise InputError(
            "no cell holds treated and control units of different persons: match on fewer "
            "variables or on coarser ones"
        )
    matches = found.take(served)
    weights = matched_weights(comparison, matches)
    treated = comparison.treated
    alone = np.zeros(len(comparison), dtype=bool)
    alone[found.target[~served & (np.diff(found.sets.indptr)[found.of] > 0)]] = True
    trimmed = [] if scored is None else [(~scored.kept, scored.reason)]
    reasons = [*trimmed, (alone, OWN_ROWS), *reasons, (treated, NO_CONTROL)]
    if estimand != "ATT":
        reasons = [*reasons, (~treated, NO_TREATED)]
    return Design(
        comparison=comparison,
        weights=weights,
        support=support_table(comparison, weights > 0, reasons),
        settings=settings,
        kind=kind,
        estimand=estimand,
        score=None if scored is None else scored.values,
        matches=matches,
        space=space,
        model=None if scored is None else scored.model,
        estimator=estimator,
    )


def subclass_sets(comparison: Comparison, code: np.ndarray, estimand: Estimand) -> MatchedSets:
    """For each target, the units of the other arm in its subclass, but those of its own person.

    Parameters
    ----------
    comparison : Comparison
    code : int array, shape (n,)
        Subclass of each unit, −1 outside any.
    estimand : str
        Targets are the treated (ATT), the controls (ATC) or both (ATE).

    Returns
    -------
    MatchedSets
        One set for each arm of a subclass; entries are sampling weights. The set of a target may
        be empty.
    """
    treated, weights, size = comparison.treated, comparison.weights, len(comparison)
    inside = code >= 0
    sources = np.flatnonzero(inside & {"ATT": ~treated, "ATC": treated}.get(estimand, inside))
    targets = np.flatnonzero(inside & {"ATT": treated, "ATC": ~treated}.get(estimand, inside))
    row = 2 * code + treated
    rows = 2 * (int(code.max()) + 1)
    sources = sources[np.argsort(row[sources], kind="stable")]
    pointer = np.concatenate([[0], np.cumsum(np.bincount(row[sources], minlength=rows))])
    sets = sparse.csr_matrix((weights[sources], sources, pointer), shape=(rows, size))
    of = row[targets] + np.where(treated[targets], -1, 1)
    own = _own_members(comparison, row, of, targets, sources)
    return MatchedSets(targets, of, sets, own)


def _own_members(
    comparison: Comparison,
    row: np.ndarray,
    of: np.ndarray,
    targets: np.ndarray,
    sources: np.ndarray,
) -> sparse.csr_matrix | None:
    """Entries of each target's set that are its own person's, None where there are none."""
    person = comparison.person
    persons = int(person.max()) + 1
    if persons == len(person):
        return None
    key = row[sources] * persons + person[sources]
    order = np.argsort(key, kind="stable")
    wanted = of * persons + person[targets]
    low = np.searchsorted(key[order], wanted)
    count = np.searchsorted(key[order], wanted, "right") - low
    if not count.any():
        return None
    pointer = np.concatenate([[0], np.cumsum(count)])
    place = np.arange(pointer[-1]) + np.repeat(low - pointer[:-1], count)
    member = sources[order[place]]
    shape = (len(targets), len(comparison))
    return sparse.csr_matrix((comparison.weights[member], member, pointer), shape=shape)


def set_codes(matches: Matches, size: int) -> np.ndarray:
    """Number of the set of each unit, targets and comparison units together.

    Parameters
    ----------
    matches : Matches
        Those of a design of pairs or of sets.
    size : int
        Rows n of the comparison.

    Returns
    -------
    int array, shape (n,)
        From 0; −1 for a unit outside any set.

    Raises
    ------
    InputError
        If a comparison unit belongs to several sets, as it may with replacement.
    """
    if not isinstance(matches, MatchedSets):
        raise InputError("a kernel or weights compare each target with everyone: no sets to number")
    used = np.unique(matches.of)
    members = matches.sets[used]
    row = np.repeat(used, np.diff(members.indptr))
    code = np.full(size, -1, dtype=np.int64)
    code[members.indices] = row
    if np.any(code[members.indices] != row):
        raise InputError(
            "comparison units belong to several sets, as with replacement: cluster by person "
            "rather than by set"
        )
    both = code[matches.target] >= 0
    links = (np.ones(both.sum()), (matches.of[both], code[matches.target[both]]))
    rows = matches.sets.shape[0]
    _, joined = connected_components(sparse.csr_matrix(links, shape=(rows, rows)), directed=False)
    code[matches.target] = matches.of
    inside = code >= 0
    code[inside] = np.unique(joined[code[inside]], return_inverse=True)[1]
    return code
