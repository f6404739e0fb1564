"""How much each unit counts at a period: the design's weights, shared anew among those observed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.sets import Matches

NOTHING = 1e-12
# Share of a set's mass, in a kernel whose sums are floats, that is no more than rounding.
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of targets and members of sets; one column where everyone is observed.

    Attributes
    ----------
    matches : Matches
    used : bool array, shape (m, t)
        Targets observed with at least one of their matched units.
    own : float array, shape (m, t)
        Share of each target, which sum to one.
    members : float array, shape (n, t)
        Sum of the shares of each unit in the sets it serves.
    mass : float array, shape (m, t)
        Sum of the entries of the observed units of each set.
    """

    matches: Matches
    used: np.ndarray
    own: np.ndarray
    members: np.ndarray
    mass: np.ndarray

    def mean(self, outcome: np.ndarray) -> np.ndarray:
        """Mean of the observed units of each set, 0 where there is none: (n, t) to (m, t)."""
        return np.where(self.used, self.matches.total(outcome) / self.mass, 0.0)

    def square_sums(self) -> np.ndarray:
        """Sum of the squared shares of each unit in the sets it serves: shape (n, t)."""
        part = np.where(self.used, self.own / self.mass, 0.0)
        return self.matches.spread_squares(part**2) * (self.members != 0)


def matched_shares(matches: Matches, weights: np.ndarray, observed: np.ndarray) -> Shares:
    """Shares when only some units are observed.

    Parameters
    ----------
    matches : Matches
    weights : float array, shape (n,)
        Sampling weights.
    observed : bool array, shape (n, t)
    """
    whole = mass = matches.mass[:, np.newaxis]
    if not observed.all():
        mass = matches.total(observed.astype(np.float64))
    used = observed[matches.target] & (mass > ROUNDING * whole)
    mass = np.where(used, mass, 1.0)
    weight = weights[matches.target][:, np.newaxis] * used
    with np.errstate(invalid="ignore", divide="ignore"):
        own = weight / weight.sum(axis=0)
    part = np.where(used, own / mass, 0.0)
    members = matches.spread(part) * observed
    members[np.abs(members) < NOTHING * part.max(axis=0, initial=0.0)] = 0.0
    return Shares(matches, used, own, members, mass)


def outcome_weights(design: Design, observed: np.ndarray) -> np.ndarray:
    """What each unit weighs in the mean of its arm at each period: shape (n, t).

    A target of sets counts where it is observed with one of its comparison units at least.
    """
    if observed.all():
        return design.weights[:, np.newaxis]
    if design.matches is None:
        return design.weights[:, np.newaxis] * observed
    shares = matched_shares(design.matches, design.comparison.weights, observed)
    weights = shares.members
    weights[design.matches.target] += np.where(shares.used, shares.own, 0.0)
    return weights
