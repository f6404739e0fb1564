"""A small world where a latent trait, or observed history, decides who certifies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from pacte_eval.effects.certified import Certification
from pacte_eval.frames import Comparison, Outcomes


@dataclass(frozen=True, eq=False)
class World:
    """Trainees and controls, what became of them, and what they would have done."""

    comparison: Comparison
    outcomes: Outcomes
    certified: np.ndarray
    history: pd.DataFrame
    untrained: np.ndarray
    trained: np.ndarray
    all_certified: np.ndarray

    @property
    def certification(self) -> Certification:
        return Certification.from_series(self.certified, self.comparison)


def world(
    size: int, seed: int, *, latent: bool, trained_share: float = 0.5, missing: bool = False
) -> World:
    """People in one cell of two; certification is driven by a trait nobody sees, or by attendance.

    The trait moves employment too; the certificate itself is worth 0.10.
    """
    random = np.random.default_rng(seed)
    x = random.integers(0, 2, size)
    treated = random.random(size) < expit(np.log(trained_share / (1 - trained_share)) + 0.4 * x)
    trait = random.standard_normal(size)
    attendance = random.integers(0, 2, size) if latent else (trait > 0).astype(int)
    driver = 1.8 * trait if latent else 1.5 * attendance - 0.5
    certified = random.random(size) < expit(0.8 + driver)
    draw = random.random(size)
    base = 0.3 + 0.1 * x + 0.24 * (trait > 0)
    untrained = (draw < base).astype(float)
    trained = (draw < base + 0.05 + 0.10 * certified).astype(float)
    all_certified = (draw < base + 0.15).astype(float)
    value = np.where(treated, trained, untrained)
    values = np.column_stack([value, value])
    if missing:
        values[:, 1] = np.nan
    frame = pd.DataFrame({"treated": treated, "x": x, "cell": np.where(x, "b", "a")})
    comparison = Comparison.from_frame(frame, treated="treated", covariates=["x"], cells=["cell"])
    return World(
        comparison,
        Outcomes("emploi", values, (12, 24), comparison.unit, measure="part"),
        certified,
        pd.DataFrame({"attendance": attendance}, index=comparison.unit),
        untrained,
        trained,
        all_certified,
    )
