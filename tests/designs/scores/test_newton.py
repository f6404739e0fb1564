"""Newton's method: the minimum where there is one, else the direction in which there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from pacte_eval.designs.scores.newton import NoMinimumError, Point, minimise


@dataclass(frozen=True)
class Separable:
    """A sum of functions of one parameter each, from their value and two derivatives."""

    parts: tuple[Callable[[float], tuple[float, float, float]], ...]

    def at(self, parameters: np.ndarray) -> Point:
        found = [part(value) for part, value in zip(self.parts, parameters, strict=True)]
        value, gradient, curvature = np.array(found).T
        return Point(float(value.sum()), gradient, np.diag(curvature))


def parabola(x: float) -> tuple[float, float, float]:
    return (x - 3) ** 2 / 2, x - 3, 1.0


def falling(x: float) -> tuple[float, float, float]:
    return float(np.exp(-x)), -float(np.exp(-x)), float(np.exp(-x))


def hyperbola(x: float) -> tuple[float, float, float]:
    """From farther than one, whole steps go away from the minimum, 7."""
    height = float(np.sqrt(1 + (x - 7) ** 2))
    return height, (x - 7) / height, height**-3


def test_the_minimum_is_found_from_afar() -> None:
    found = minimise(Separable((parabola, hyperbola)), np.array([1000.0, 2.0]))
    np.testing.assert_allclose(found, [3, 7], rtol=1e-9)


def test_without_parameters_there_is_nothing_to_find() -> None:
    assert len(minimise(Separable(()), np.zeros(0))) == 0


@pytest.mark.parametrize("flat", [1e-11, 1e-9])
def test_what_falls_for_ever_is_named_by_its_direction(flat: float) -> None:
    with pytest.raises(NoMinimumError) as failure:
        minimise(Separable((parabola, falling, hyperbola)), np.zeros(3), flat=flat)
    np.testing.assert_allclose(failure.value.direction, [0, 1, 0], atol=1e-3)


def test_of_two_directions_the_steeper_weighs_more() -> None:
    """One falls three times as fast: both are named in proportion, not an arbitrary mixture."""

    def faster(x: float) -> tuple[float, float, float]:
        value, slope, curvature = falling(x / 3)
        return value, slope / 3, curvature / 9

    with pytest.raises(NoMinimumError) as failure:
        minimise(Separable((falling, faster)), np.zeros(2))
    np.testing.assert_allclose(failure.value.direction, [1, 3], rtol=1e-6)


class Flat:
    """A function that does not depend on its second parameter."""

    def at(self, parameters: np.ndarray) -> Point:
        gradient = np.array([2 * parameters[0], 0.0])
        return Point(float(parameters[0] ** 2), gradient, np.diag([2.0, 0.0]))


def test_what_is_flat_at_the_start_is_named_by_its_direction() -> None:
    with pytest.raises(NoMinimumError) as failure:
        minimise(Flat(), np.ones(2))
    assert np.abs(failure.value.direction).tolist() == pytest.approx([0, 1])
