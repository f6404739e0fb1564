"""Newton's method on a smooth convex function: it finds the minimum, or the direction in which the
function falls for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import eigh

_ITERATIONS = 200
_PRECISION = 1e-13
_ROUNDING = 1e-13
_SUFFICIENT = 1e-4
_QUADRATIC = 1e-2
_SHORTEST = 1e-10
_FLAT = 1e-11
_LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class Point:
    """A function at some parameters.

    Attributes
    ----------
    value : float
        Infinite where it overflows.
    gradient : float array, shape (p,)
    hessian : float array, shape (p, p)
    """

    value: float
    gradient: np.ndarray
    hessian: np.ndarray


class Convex(Protocol):
    """A convex function of p parameters."""

    def at(self, parameters: np.ndarray) -> Point: ...


class NoMinimumError(Exception):
    """The function has no minimum.

    Attributes
    ----------
    direction : float array, shape (p,)
        The last step of Newton's method: along it the function is nearly flat, or falls.
    """

    def __init__(self, direction: np.ndarray) -> None:
        super().__init__("a convex function without minimum")
        self.direction = direction


def minimise(
    function: Convex,
    start: np.ndarray,
    *,
    flat: float = _FLAT,
    precision: float = _PRECISION,
) -> np.ndarray:
    """Parameters of the minimum: float array, shape (p,).

    Parameters
    ----------
    function : Convex
    start : float array, shape (p,)
    flat : float
        Least curvature along any direction, as a share of that at the start.
    precision : float
        The Newton decrement (twice what a step lowers the function by) from where the last step is
        taken.

    Raises
    ------
    NoMinimumError
        If the function is flat at the start, its curvature falls under `flat`, or no step lowers
        it.

    Notes
    -----
    The last step is taken from where the Newton decrement is under the precision and a hundredth
    of the one before. Near a minimum each decrement is of the order of the square of the last;
    where the function falls for ever, towards a limit, they fall by a constant factor, e.
    """
    if len(start) == 0:
        return start
    parameters = start
    point = first = function.at(parameters)
    before = np.inf
    for _ in range(_ITERATIONS):
        try:
            curvature, directions = eigh(point.hessian, first.hessian)
        except np.linalg.LinAlgError:
            # Flat at the start, to rounding, along the direction of least curvature.
            raise NoMinimumError(np.linalg.eigh(first.hessian)[1][:, 0]) from None
        along = directions.T @ point.gradient
        moves = along / np.maximum(curvature, _LEAST)
        step = -directions @ moves
        if curvature[0] < flat:
            raise NoMinimumError(step)
        decrement = float(along @ moves)
        if decrement <= min(precision, _QUADRATIC * before):
            return parameters + step
        rounding, length = _ROUNDING * (1 + abs(point.value)), 1.0
        reached = function.at(parameters + step)
        while not reached.value <= point.value + rounding - _SUFFICIENT * length * decrement:
            length /= 2
            if length < _SHORTEST:
                raise NoMinimumError(step)
            reached = function.at(parameters + length * step)
        parameters, point, before = parameters + length * step, reached, decrement
    raise NoMinimumError(step)
