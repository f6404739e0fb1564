"""The cells of a study: its whole population, then each public and territory it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pacte_eval.definitions.cells import PublicDefinition, Territory
from pacte_eval.frames import Comparison
from pacte_eval.results.schemas import WHOLE


@dataclass(frozen=True)
class Cell:
    """A group of people for whom the effect is told apart."""

    id: str
    kind: Literal["region", "public", "territoire", "croisement"]
    label: str
    columns: tuple[str, ...] = ()
    zoning: str = ""

    def of(self, comparison: Comparison) -> Comparison | None:
        """The comparison restricted to the cell, or None when an arm has nobody in it."""
        if not self.columns:
            return comparison
        inside: np.ndarray = np.all(comparison.cells[list(self.columns)].to_numpy(bool), axis=1)
        arms = comparison.treated[inside]
        if not inside.any() or arms.all() or not np.any(arms):
            return None
        return comparison.subset(inside)


def cells_of(publics: Sequence[PublicDefinition], territories: Sequence[Territory]) -> list[Cell]:
    """The whole population, the publics, then the territories."""
    return [
        Cell(WHOLE, "region", "Ensemble des personnes étudiées"),
        *(Cell(public.id, "public", public.label, (public.id,)) for public in publics),
        *(Cell(zone.id, "territoire", zone.name, (zone.id,), zone.zoning) for zone in territories),
    ]
