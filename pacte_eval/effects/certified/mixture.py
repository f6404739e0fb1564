"""Ends of the effect in a principal stratum, from the masses of a cell and what they covary by.

Controls are a mixture of people who would certify and people who would not, in shares that trainees
tell. Horowitz and Manski (1995, *Econometrica* 63, 281–302): the mass A of employed people in a
part of mass X of s lies in [max(0, q − s + X), min(q, X)]. Where the state of some trainees is not
known, x of their mass is in the stratum, for any x, with y of their employed, itself in
[max(0, r − u + x), min(r, x)]. The effect (r + y − A) / (own + x) is extreme where x is one of few
linear functions of the masses, found by Dinkelbach's method (1967, *Management Science* 13) across
cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pacte_eval.effects.certified.forms import Form, form

OWN = 0
_TURNS = 50


@dataclass(frozen=True, eq=False)
class MixtureCell:
    """The masses of a cell, shares of all trainees, and their covariance.

    Parameters
    ----------
    masses : float array, shape (6,)
        In the stratum, out of it, not known; employed of the first, employed of those not known;
        the mass of the cell times the rate of its controls.
    covariance : float array, shape (6, 6)
    """

    masses: np.ndarray
    covariance: np.ndarray

    def candidates(self) -> list[Form]:
        """Masses of the unknown that may be in the stratum where an end is reached."""
        nothing = self._linear()
        unknown = self._linear(unknown=1)
        if unknown.value <= 0:
            return [nothing]
        others = [
            self._linear(unknown_rate=1),
            self._linear(unknown=1, unknown_rate=-1),
            self._linear(control=1, own=-1),
            self._linear(other=1, unknown=1, control=-1),
        ]
        inside = [one for one in others if 0 <= one.value <= unknown.value]
        return [nothing, unknown, *inside]

    def numerator(self, x: Form, side: int, dominated: bool, kinks: float) -> Form:
        """The mass of additional employed when x of the unknown are in the stratum.

        Parameters
        ----------
        x : Form
        side : int
            1 for the upper end, −1 for the lower one.
        dominated : bool
            Whether controls of the stratum do as well as all controls, at this end.
        kinks : float
            Pieces within so many standard errors of the one that binds are held to bind too: the
            one that makes the wider bound is taken.
        """
        stratum = self._linear(own=1) + x
        rate, control = self._linear(unknown_rate=1), self._linear(control=1)
        whole = self._linear(own=1, other=1, unknown=1)
        nothing = self._linear()
        if side > 0:
            employed = [rate, x]
            untrained = [nothing, nothing - (control - whole + stratum)]
        else:
            employed = [nothing, rate - self._linear(unknown=1) + x]
            untrained = [nothing - control, nothing - stratum]
        if dominated:
            untrained = [nothing - stratum.times(control).over(whole)]
        return (
            self._linear(own_rate=1)
            + self._binding(employed, side, kinks)
            + self._binding(untrained, side, kinks)
        )

    def _binding(self, pieces: Sequence[Form], side: int, kinks: float) -> Form:
        """The least piece of an upper end, the largest of a lower one; or one that may be."""
        bound = min(pieces, key=lambda piece: side * piece.value)
        near = [
            piece
            for piece in pieces
            if abs(piece.value - bound.value) <= kinks * self._error(piece - bound)
        ]
        return max(near, key=lambda piece: side * piece.value) if near else bound

    def _error(self, form: Form) -> float:
        return float(np.sqrt(max(form.gradient @ self.covariance @ form.gradient, 0.0)))

    def _linear(
        self,
        *,
        own: float = 0,
        other: float = 0,
        unknown: float = 0,
        own_rate: float = 0,
        unknown_rate: float = 0,
        control: float = 0,
    ) -> Form:
        gradient = np.array([own, other, unknown, own_rate, unknown_rate, control], dtype=float)
        return Form(float(gradient @ self.masses), gradient)


def mixture_end(
    cells: Sequence[MixtureCell], side: int, *, dominated: bool, kinks: float = 0.0
) -> Form:
    """An end of the effect in a stratum, whose known mass is not zero.

    Parameters
    ----------
    cells : sequence of MixtureCell
    side : int
        1 for the upper end, −1 for the lower one.
    dominated : bool
        As for `MixtureCell.numerator`.
    kinks : float
        As for `MixtureCell.numerator`: with 0, the sharp end.

    Returns
    -------
    Form
        Of the 6 masses of each cell, one cell after the other.
    """
    own = [form(cell.masses, OWN) for cell in cells]
    options = [
        [(cell.numerator(x, side, dominated, kinks), mass + x) for x in cell.candidates()]
        for cell, mass in zip(cells, own, strict=True)
    ]
    found = 0.0
    for _ in range(_TURNS):
        chosen = [_extreme(several, side, found) for several in options]
        size = sum(mass.value for _, mass in chosen)
        before, found = found, sum(gain.value for gain, _ in chosen) / size
        if abs(found - before) <= 1e-14 * max(1.0, abs(found)):
            break
    gradient = [(gain.gradient - found * mass.gradient) / size for gain, mass in chosen]
    return Form(float(found), np.concatenate(gradient))


def _extreme(options: Sequence[tuple[Form, Form]], side: int, level: float) -> tuple[Form, Form]:
    """The option whose gain is furthest beyond a level of its mass."""
    return max(options, key=lambda pair: side * (pair[0].value - level * pair[1].value))
