"""Does an interval calibrated on negative controls hold the truth, and where does it not?

Run from the root of the repository::

    python benchmarks/coverage/calibration.py [REPLICATIONS] [--only TEXT]

prints a table and writes it in ``calibration.csv`` beside this file, 2,000 replications by
default. An estimate is truth, bias and noise; so is that of each control, whose truth is zero.
``usual`` ignores bias; ``plug_in`` takes the mean and spread of the controls' bias as known, as in
Schuemie et al. (2018); ``calibrated`` is the toolkit's. ``rule`` says what is required of
``calibrated``: 93 to 97 % where the bias of the estimate is drawn as the controls' are
(``tested``); where it is not, nothing is, and the table shows what happens (``reported``). The
error of a coverage of 95 % over 2,000 replications is half a point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from cases import run_cases

from pacte_eval.diagnostics.calibration import calibrated, fitted_bias
from pacte_eval.effects import Effects
from pacte_eval.effects.table import Wording, tidy

SEED = 2018
NORMAL = 1.959964
TRUTH = 0.1
WORDS = Wording("", "emploi", "", "ATT", "", "", "", "", "", "none")


@dataclass(frozen=True)
class Case:
    """Biases of controls, N(mean, sd²), and of the estimate, N(own_mean, own_sd²)."""

    name: str
    controls: int = 30
    mean: float = 0.02
    sd: float = 0.02
    own_mean: float = 0.02
    own_sd: float = 0.02
    heavy: bool = False

    @property
    def rule(self) -> str:
        """Whether the bias of the estimate is drawn as those of the controls are."""
        alike = (self.mean, self.sd) == (self.own_mean, self.own_sd)
        return "tested" if alike and not self.heavy else "reported"

    def drawn(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Biases of mean 0 and variance 1: float array, shape (count,)."""
        if self.heavy:
            return random.standard_t(3, count) / np.sqrt(3)
        return random.standard_normal(count)


CASES = [
    *(Case(f"same bias, {count} controls", count) for count in (20, 30, 50, 100)),
    Case("no bias anywhere", mean=0.0, sd=0.0, own_mean=0.0, own_sd=0.0),
    Case("one bias, shared by all", sd=0.0, own_sd=0.0),
    Case("wide bias", sd=0.06, own_sd=0.06),
    Case("same mean and spread, heavy tails", heavy=True),
    Case("controls without bias, the estimate biased", mean=0.0, sd=0.0),
    Case("bias of the estimate, opposite to the controls'", own_mean=-0.06),
    Case("bias of the estimate, three times as wide", own_sd=0.06),
    Case("controls biased, the estimate not", mean=0.06, sd=0.01, own_mean=0.0, own_sd=0.0),
]


def run(case: Case, replications: int) -> pd.DataFrame:
    """The row of a case."""
    random = np.random.default_rng([SEED, CASES.index(case)])
    found = np.empty((replications, 6))
    for row in found:
        error = random.uniform(0.01, 0.03, case.controls)
        biases = case.drawn(random, case.controls + 1)
        drawn = case.mean + case.sd * biases[1:]
        bias = fitted_bias(drawn + error * random.standard_normal(case.controls), error)
        se = 0.02
        point = TRUTH + case.own_mean + case.own_sd * biases[0] + se * random.standard_normal()
        frame = pd.DataFrame({"month": [24], "estimate": [point], "se": [se]})
        made = calibrated(Effects(tidy(frame, WORDS)), bias).iloc[0]
        spread = NORMAL * np.hypot(se, bias.sd)
        row[:] = (
            made["calibrated"] - TRUTH,
            abs(point - TRUTH) <= NORMAL * se,
            abs(point - bias.mean - TRUTH) <= spread,
            made["calibrated_low"] <= TRUTH <= made["calibrated_high"],
            bias.mean,
            bias.sd,
        )
    error_left, usual, plug_in, inside, mean, sd = found.T
    return pd.DataFrame(
        [
            {
                "case": case.name,
                "rule": case.rule,
                "replications": replications,
                "controls": case.controls,
                "bias_left": error_left.mean(),
                "mean_of_mu": mean.mean(),
                "mean_of_sigma": sd.mean(),
                "coverage_usual": usual.mean(),
                "coverage_plug_in": plug_in.mean(),
                "coverage_calibrated": inside.mean(),
            }
        ]
    )


def run_named(name: str, replications: int) -> pd.DataFrame:
    """The row of the case of a name, which is what another process can be sent."""
    return run(next(case for case in CASES if case.name == name), replications)


if __name__ == "__main__":
    run_cases(__file__, __doc__, [case.name for case in CASES], run_named)
