"""The effect on those who certify if trained, and on those who do not, between bounds.

Nobody certifies untrained, so that controls do not tell who would: their outcomes are a mixture of
both principal strata (Frangakis and Rubin 2002, *Biometrics* 58), in the shares of trainees. The
best and worst splits of the mixture bound the effect (Horowitz and Manski 1995, *Econometrica*
63). If those who would certify do at least as well untrained, one end comes nearer. Within cells
known before entry, splits are constrained more, and bounds are never wider without dominance;
dominance within cells is another assumption than dominance overall, and its bounds may differ
either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted
from pacte_eval.designs import Design
from pacte_eval.effects.certified.forms import Form, form
from pacte_eval.effects.certified.identified_intervals import imbens_manski, stoye
from pacte_eval.effects.certified.masked import Means, masked_means
from pacte_eval.effects.certified.mixture import MixtureCell, mixture_end
from pacte_eval.effects.certified.sentences import bounds_sentence
from pacte_eval.effects.certified.states import (
    CERTIFIED,
    NOT_CERTIFIED,
    UNKNOWN,
    Certification,
    check_inputs,
)
from pacte_eval.effects.certified.trimmed import tails
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.effects.table import check_level
from pacte_eval.frames import Outcomes

WIDEST_TOLD = 0.5
KINKS = 2.0
STRATA = {CERTIFIED: "certifie si formé", NOT_CERTIFIED: "ne certifie pas si formé"}
# Of the masses of a cell, those in the stratum, out of it, not known, their employed, the controls.
_ORDER = {CERTIFIED: [0, 1, 2, 3, 5, 6], NOT_CERTIFIED: [1, 0, 2, 4, 5, 6]}
_NOTHING = 1e-12
_EMPTY = ["low", "high", "low_se", "high_se", "ci_low", "ci_high", "ci_low_stoye", "ci_high_stoye"]


@dataclass(frozen=True, eq=False)
class _Ends:
    """Sharp ends, ends held wide at kinks, and what each cluster contributes to the latter."""

    sharp: tuple[float, float]
    wide: tuple[float, float]
    contributions: np.ndarray


def principal_stratum_bounds(
    design: Design,
    outcomes: Outcomes,
    certification: Certification,
    *,
    dominance: bool = False,
    cells: pd.Series | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Bounds of the effect in each principal stratum, by period.

    Parameters
    ----------
    design : Design
        Of trainees against people who wait, for the effect on the treated.
    outcomes : Outcomes
        Of zeros and ones; or of any values where all states are known: bounds are then means of
        the lowest and highest parts of controls.
    certification : Certification
        Trainees whose state is not known may all be of either stratum, whichever is worse.
    dominance : bool
        Assume that those who would certify do at least as well untrained as those who would not
        (within cells, where there are cells).
    cells : Series indexed by unit, optional
        Known before entry: bounds within cells are averaged by the trainees of the stratum. The
        controls of a cell are its own.
    level : float

    Returns
    -------
    DataFrame
        Two rows per period, by stratum: ``stratum``, ``month``, ``low``, ``high`` (sharp bounds),
        ``low_se``, ``high_se``, ``ci_low``, ``ci_high`` (Imbens–Manski 2004), ``ci_low_stoye``,
        ``ci_high_stoye`` (Stoye 2009), ``share`` (of trainees known to be of the stratum),
        ``share_unknown``, ``informative`` (no wider than 50 points; missing where the outcome is
        not of zeros and ones), ``contribution_kind`` (``"none"``), ``sentence``.

    Raises
    ------
    InputError
        If a cell has trainees and no control, a unit has no cell, the outcome takes other values
        than 0 and 1 where states are unknown, or the design is not for the treated.

    Notes
    -----
    Errors are from the joint contributions of shares, rates of trainees and rates of controls, by
    person. An end is the least (or largest) of few smooth functions: where one lies within two
    standard errors of that which binds, the interval and its error are those of the function that
    makes the wider bound, so that the interval errs outwards; ``low`` and ``high`` stay sharp. Of
    an outcome that takes other values, quantiles are held to be smooth: at the edge of an atom, as
    that of zeros, its error is that of one side. A period where a cell has trainees observed and
    no control observed has no bounds. A stratum that only trainees of unknown state may be in has
    no error, and widest bounds.
    """
    check_inputs(design, certification)
    check_level(level)
    comparison = design.comparison
    state = certification.aligned(comparison)
    codes = _cells(design, cells)
    values = outcomes.aligned(comparison.unit).astype(np.float64)
    binary = bool(np.isin(values[np.isfinite(values)], (0.0, 1.0)).all())
    weighty = design.weights[comparison.treated] != 0
    unknown = int(np.count_nonzero(weighty & (state == UNKNOWN)))
    if unknown and not binary:
        raise InputError(
            f"certification of {counted(unknown, 'treated unit')} is not known: outcome "
            f"'{outcomes.name}' has no worst value, unlike one of zeros and ones; keep those "
            "whose state is known"
        )
    unit = "points" if binary else outcomes.measure
    rows = []
    for place, month in enumerate(outcomes.periods):
        at = _Month(design, values[:, place], state, codes)
        for stratum in STRATA:
            row = _row(at, stratum, binary, dominance, level)
            rows.append(
                {
                    "stratum": STRATA[stratum],
                    "month": month,
                    **row,
                    "contribution_kind": "none",
                    "sentence": bounds_sentence(row, stratum, month, unit, dominance=dominance),
                }
            )
    table = pd.DataFrame(rows)
    table["informative"] = table["informative"].astype("boolean")
    return table


@dataclass(frozen=True, eq=False)
class _Month:
    """A design and an outcome at one period."""

    design: Design
    outcome: np.ndarray
    state: np.ndarray
    codes: np.ndarray

    @property
    def observed(self) -> np.ndarray:
        return np.isfinite(self.outcome)

    def arm(self, treated: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Outcome (0 where censored), cell and weight (summing to one) of the units of an arm."""
        member = self.design.comparison.treated == treated
        outcome = np.where(self.observed, self.outcome, 0.0)[member]
        weight = outcome_weights(self.design, self.observed[:, np.newaxis])[member, 0]
        total = weight.sum()
        return outcome, self.codes[member], weight / total if total > 0 else weight

    @cached_property
    def present(self) -> np.ndarray:
        """Cells of the trainees observed."""
        _, codes, weight = self.arm(True)
        return np.flatnonzero(np.bincount(codes, weight, minlength=int(self.codes.max()) + 1) > 0)

    @cached_property
    def masses(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Seven masses of each cell, and their contributions (G, 7): certified, not, not known;
        their employed; and the mass of the cell times the rate of its controls."""
        outcome, codes, _ = self.arm(True)
        untrained, control_codes, _ = self.arm(False)
        states = [self.state == one for one in (CERTIFIED, NOT_CERTIFIED, UNKNOWN)]
        treated, control = [], []
        for cell in self.present:
            inside = [(codes == cell) & one for one in states]
            treated += [*inside, *(one * outcome for one in inside)]
            control += [control_codes == cell, (control_codes == cell) * untrained]
        means = self.means(_columns(treated), _columns(control))
        found = []
        for place in range(len(self.present)):
            first, second = 6 * place, 6 * len(self.present) + 2 * place
            six, given = means.value[first : first + 6], means.contributions[:, first : first + 6]
            part, employed = means.value[second : second + 2]
            size, rate = six[:3].sum(), employed / part
            moved = given[:, :3].sum(axis=1) * rate
            moved += (
                means.contributions[:, second : second + 2] @ np.array([-rate, 1.0]) * (size / part)
            )
            mass = np.append(np.where(np.abs(six) < _NOTHING, 0.0, six), size * rate)
            found.append((mass, np.column_stack([given, moved])))
        return found

    def means(self, treated: np.ndarray, control: np.ndarray) -> Means:
        return masked_means(self.design, self.observed, treated, control)


def _row(
    at: _Month, stratum: int, binary: bool, dominance: bool, level: float
) -> dict[str, float | bool | None]:
    """Bounds, intervals and shares of a stratum at a period."""
    weight = at.arm(True)[2]
    _, control_codes, control_weight = at.arm(False)
    row: dict[str, float | bool | None] = dict.fromkeys(_EMPTY, np.nan)
    row |= {"share": np.nan, "share_unknown": np.nan, "informative": None}
    present = at.present
    if not len(present) or not control_weight.sum() > 0:
        return row
    if not np.isin(present, control_codes[control_weight > 0]).all():
        return row
    share = float(weight[at.state == stratum].sum())
    unknown = float(weight[at.state == UNKNOWN].sum())
    row |= {"share": share, "share_unknown": unknown}
    if share == 0:
        if unknown > 0:
            row |= {"low": -1.0, "high": 1.0, "informative": False}
            row |= {"ci_low": -1.0, "ci_high": 1.0, "ci_low_stoye": -1.0, "ci_high_stoye": 1.0}
        return row
    ends = _mixture(at, stratum, dominance) if binary else _trimmed(at, stratum, dominance)
    errors = np.sqrt((ends.contributions**2).sum(axis=0))
    low_se, high_se = float(errors[0]), float(errors[1])
    crossed = float(ends.contributions[:, 0] @ ends.contributions[:, 1])
    correlation = crossed / (low_se * high_se) if low_se * high_se > 0 else 0.0
    row["low"], row["high"] = ends.sharp
    row["low_se"], row["high_se"] = low_se, high_se
    row["ci_low"], row["ci_high"] = imbens_manski(*ends.wide, low_se, high_se, level)
    row["ci_low_stoye"], row["ci_high_stoye"] = stoye(
        *ends.wide, low_se, high_se, correlation, len(ends.contributions), level
    )
    if binary:
        row["informative"] = bool(ends.sharp[1] - ends.sharp[0] <= WIDEST_TOLD + 1e-9)
    return row


def _mixture(at: _Month, stratum: int, dominance: bool) -> _Ends:
    """Ends for an outcome of zeros and ones."""
    order = _ORDER[stratum]
    contributions = [given[:, order] for _, given in at.masses]
    mixed = [
        MixtureCell(mass[order], given.T @ given)
        for (mass, _), given in zip(at.masses, contributions, strict=True)
    ]
    sides = _sides(stratum, dominance)
    sharp = [mixture_end(mixed, side, dominated=by) for side, by in sides.items()]
    wide = [mixture_end(mixed, side, dominated=by, kinks=KINKS) for side, by in sides.items()]
    return _Ends(
        (sharp[0].value, sharp[1].value),
        (wide[0].value, wide[1].value),
        np.column_stack(contributions) @ np.column_stack([end.gradient for end in wide]),
    )


def _trimmed(at: _Month, stratum: int, dominance: bool) -> _Ends:
    """Ends for an outcome of any values, all states being known."""
    outcome, codes, weight = at.arm(True)
    untrained, control_codes, control_weight = at.arm(False)
    treated: list[np.ndarray] = []
    control: list[np.ndarray] = []
    quantiles: list[tuple[float, float]] = []
    for cell in at.present:
        own = (codes == cell) & (at.state == stratum)
        size, mine = weight[codes == cell].sum(), control_codes == cell
        used = mine & (control_weight > 0)
        lowest, highest = np.zeros(len(mine)), np.zeros(len(mine))
        lower, lowest[used], upper, highest[used] = tails(
            untrained[used], control_weight[used], float(weight[own].sum() / size)
        )
        quantiles.append((lower, upper))
        treated += [codes == cell, own, own * outcome]
        control += [mine, lowest, highest, mine * untrained]
    means = at.means(_columns(treated), _columns(control))
    one = [form(means.value, place) for place in range(len(means.value))]
    ends = []
    for side, dominated in _sides(stratum, dominance).items():
        gain, share = Form(0.0, np.zeros(len(one))), Form(0.0, np.zeros(len(one)))
        for place, (lower, upper) in enumerate(quantiles):
            size, own, employed = one[3 * place : 3 * place + 3]
            first = 3 * len(quantiles) + 4 * place
            part, lowest_mean, highest_mean, mean = one[first : first + 4]
            if dominated:
                untrained_total = own.times(mean).over(part)
            elif side > 0:
                untrained_total = size.times(lowest_mean).over(part) + own.scaled(lower)
            else:
                untrained_total = size.times(highest_mean).over(part) + own.scaled(upper)
            gain, share = gain + employed - untrained_total, share + own
        ends.append(gain.over(share))
    both = (ends[0].value, ends[1].value)
    gradients = np.column_stack([end.gradient for end in ends])
    return _Ends(both, both, means.contributions @ gradients)


def _sides(stratum: int, dominance: bool) -> dict[int, bool]:
    """Lower (−1) and upper (1) ends, and which one dominance brings nearer."""
    return {-1: dominance and stratum == NOT_CERTIFIED, 1: dominance and stratum == CERTIFIED}


def _columns(several: list[np.ndarray]) -> np.ndarray:
    return np.column_stack(several).astype(np.float64)


def _cells(design: Design, cells: pd.Series | None) -> np.ndarray:
    """Number of the cell of each unit, from 0: int array, shape (n,)."""
    unit = design.comparison.unit
    if cells is None:
        return np.zeros(len(unit), dtype=np.int64)
    position = cells.index.get_indexer_for(unit)
    if len(position) != len(unit) or (position < 0).any():
        raise InputError("cells= needs one value per unit: index it by unit")
    codes = pd.factorize(cells.to_numpy()[position], sort=False)[0]
    lacking = int(np.count_nonzero(codes < 0))
    if lacking:
        raise InputError(f"cells= is missing for {counted(lacking, 'unit')}: give it a level")
    used, treated = design.weights != 0, design.comparison.treated
    alone = np.setdiff1d(codes[used & treated], codes[used & ~treated])
    if len(alone):
        raise InputError(
            f"cells=: {counted(len(alone), 'cell')} with trainees and no control in the design: "
            "merge cells"
        )
    return codes.astype(np.int64)
