"""Functions of estimated means with their gradients, for the delta method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Form:
    """A smooth function of k means at their estimates, with its gradient, of shape (k,)."""

    value: float
    gradient: np.ndarray

    def __add__(self, other: Form) -> Form:
        return Form(self.value + other.value, self.gradient + other.gradient)

    def __sub__(self, other: Form) -> Form:
        return Form(self.value - other.value, self.gradient - other.gradient)

    def times(self, factor: Form) -> Form:
        return Form(
            self.value * factor.value,
            self.gradient * factor.value + factor.gradient * self.value,
        )

    def over(self, divisor: Form) -> Form:
        value = self.value / divisor.value
        return Form(value, (self.gradient - value * divisor.gradient) / divisor.value)

    def scaled(self, factor: float) -> Form:
        return Form(self.value * factor, self.gradient * factor)


def form(values: np.ndarray, place: int) -> Form:
    """One of k means, as a function of them all."""
    gradient = np.zeros(len(values))
    gradient[place] = 1.0
    return Form(float(values[place]), gradient)
