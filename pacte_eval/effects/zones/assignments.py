"""Who might have been treated instead: sets of zones, or of whole regions, as many as were treated.

One region is one cluster: where the treated zones are whole regions compared with others, regions
are exchanged. Where some zones of a region are treated and others are not, zones are exchanged
within each region, which keeps the number of treated zones of each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd

MOST = 999
_SEED = 20_190_401


@dataclass(frozen=True, eq=False)
class Exchange:
    """What is exchanged with what.

    Attributes
    ----------
    unit : int array, shape (n,)
        Number of the unit (region or zone) of each zone.
    stratum : int array, shape (units,)
        Units are exchanged within a stratum.
    treated : bool array, shape (units,)
    by_region : bool
        Whether a unit is a region.
    """

    unit: np.ndarray
    stratum: np.ndarray
    treated: np.ndarray
    by_region: bool

    @classmethod
    def of(cls, treated: np.ndarray, region: np.ndarray) -> Exchange:
        """Regions where the treated zones make up whole ones, else zones within regions."""
        code, found = pd.factorize(region)
        share = np.bincount(code, treated) / np.bincount(code)
        if len(found) > 1 and np.isin(share, (0.0, 1.0)).all():
            return cls(code, np.zeros(len(found), dtype=int), share == 1, True)
        return cls(np.arange(len(treated)), code, treated, False)

    def all_sets(self) -> tuple[list[np.ndarray], bool]:
        """Masks of zones that might have been treated, the true one first, and whether all are.

        At most 1,000: beyond, 999 are drawn from a fixed seed.
        """
        places = [np.flatnonzero(self.stratum == one) for one in np.unique(self.stratum)]
        counts = [int(self.treated[place].sum()) for place in places]
        return self._masks(places, counts, self.treated)

    def control_sets(self) -> tuple[list[np.ndarray], bool]:
        """Masks of untreated zones that might be taken for treated, leaving some as donors.

        Returns
        -------
        sets : list of bool arrays, shape (n,)
            Empty where there are no more controls than treated units.
        complete : bool
        """
        places = [
            np.flatnonzero((self.stratum == one) & ~self.treated) for one in np.unique(self.stratum)
        ]
        counts = [int(self.treated[self.stratum == one].sum()) for one in np.unique(self.stratum)]
        short = any(len(place) < count for place, count in zip(places, counts, strict=True))
        if short or sum(map(len, places)) <= sum(counts):
            return [], True
        return self._masks(places, counts, None)

    def _masks(
        self, places: list[np.ndarray], counts: list[int], first: np.ndarray | None
    ) -> tuple[list[np.ndarray], bool]:
        number = math.prod(
            math.comb(len(place), count) for place, count in zip(places, counts, strict=True)
        )
        complete = number <= MOST + 1
        drawn = _every(places, counts) if complete else _some(places, counts)
        sets = [np.isin(np.arange(len(self.treated)), chosen) for chosen in drawn]
        if first is not None:
            others = [one for one in sets if not np.array_equal(one, first)]
            sets = [first, *(others if complete else sets)]
        return [one[self.unit] for one in sets], complete


def _every(places: Sequence[np.ndarray], counts: Sequence[int]) -> Iterator[np.ndarray]:
    choices = [
        [np.array(one, dtype=int) for one in combinations(place, count)]
        for place, count in zip(places, counts, strict=True)
    ]
    return (np.concatenate(parts) for parts in product(*choices))


def _some(places: Sequence[np.ndarray], counts: Sequence[int]) -> Iterator[np.ndarray]:
    random = np.random.default_rng(_SEED)
    for _ in range(MOST):
        yield np.concatenate(
            [
                random.choice(place, count, replace=False)
                for place, count in zip(places, counts, strict=True)
            ]
        )
