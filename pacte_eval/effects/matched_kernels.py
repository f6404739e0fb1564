"""Loops over the rows of outcomes: means of matched sets, and what units contribute to an effect.

Outcomes lie with the periods of a unit side by side, in single or double precision, NaN where
censored; every sum is in double precision, in the order of the rows, whatever the threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Of a squared reuse, what is no more than rounding: the unit serves once.
_ONCE = 1e-14
_COPY = [
    f"boolean({values}[:, ::1], int64[::1], int64[::1], float64[::1], int64, int64, {made}[:, ::1])"
    for values in ("float32", "float64")
    for made in ("float32", "float64")
]
_DEVIATIONS = [
    f"void({values}[:, ::1], boolean, int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], "
    "float64[::1], int64[::1], int64[::1], float64[::1], int64, int64, float64, boolean, "
    "float64[::1], float64[:, ::1], float64[:, ::1])"
    for values in ("float32", "float64")
]
_SUMS = [
    f"void({values}[:, ::1], int64[::1], int64[::1], float64[::1], float64[::1], boolean[::1], "
    "float64[:, ::1], float64[:, ::1], float64[:, ::1], int64, int64, float64[:, ::1])"
    for values in ("float32", "float64")
]
_WALK = (
    "void(int64[::1], int64[::1], int64[::1], int64[::1], float64[::1], int64[::1], float64[::1], "
    "int64[::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[:, ::1], float64[:, ::1], "
    "float64[:, ::1], float64[::1], float64[::1], float64[::1], boolean, int64, int64, int64, "
    "float64[:, ::1], int64[:, ::1])"
)


@njit(_COPY, cache=True, nogil=True, error_model="numpy")
def copied(
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    base: np.ndarray,
    low: int,
    high: int,
    made: np.ndarray,
) -> bool:
    """Rows `low` to `high` of some columns less `base` (empty for none); whether one is missing."""
    missing = False
    for place in range(low, high):
        row = rows[place]
        for column in range(len(columns)):
            value = values[row, columns[column]]
            if len(base):
                made[place, column] = value - base[row]
            else:
                made[place, column] = value
            missing |= made[place, column] != made[place, column]
    return missing


@njit(_DEVIATIONS, cache=True, nogil=True, error_model="numpy")
def deviations(
    outcome: np.ndarray,
    complete: bool,
    row: np.ndarray,
    grouped: np.ndarray,
    group: np.ndarray,
    first: np.ndarray,
    member: np.ndarray,
    entry: np.ndarray,
    own_first: np.ndarray,
    own_member: np.ndarray,
    own_entry: np.ndarray,
    low: int,
    high: int,
    least: float,
    shrink: bool,
    weight: np.ndarray,
    made: np.ndarray,
    ratio: np.ndarray,
) -> None:
    """Outcomes of targets less the mean of the observed units of their sets, for sets `low` to
    `high`: NaN where the target, or too little of its set, is observed.

    Parameters
    ----------
    row : int array, shape (m,)
        Rows of the targets.
    grouped, group : int arrays, shape (m,) and (sets + 1,)
        Targets by set, and where those of each set begin.
    first, member, entry : arrays
        Sets, by compressed rows; `own_…` the entries of its set that are not a target's.
    least : float
        Share of its set, over which a target is used.
    shrink : bool
        Multiply by √(J / (J + 1)) for J units observed.
    weight : float array, shape (m,), or empty
        Where given, `ratio` is the weight of a target over the mass of its set, 0 where unused.
    """
    periods = outcome.shape[1]
    total, mass = np.zeros(periods), np.zeros(periods)
    sums, count = np.zeros(periods), np.zeros(periods)
    for one in range(low, high):
        if group[one] == group[one + 1]:
            continue
        whole = 0.0
        total[:] = 0.0
        mass[:] = 0.0
        for place in range(first[one], first[one + 1]):
            values, part = outcome[member[place]], entry[place]
            whole += part
            if complete:
                for period in range(periods):
                    total[period] += part * np.float64(values[period])
            else:
                for period in range(periods):
                    value = np.float64(values[period])
                    seen = value == value
                    total[period] += part * value if seen else 0.0
                    mass[period] += part if seen else 0.0
        if complete:
            mass[:] = whole
        for position in range(group[one], group[one + 1]):
            target = grouped[position]
            values = outcome[row[target]]
            left = whole
            sums[:] = total
            count[:] = mass
            for place in range(own_first[target], own_first[target + 1]):
                theirs, part = outcome[own_member[place]], own_entry[place]
                left -= part
                for period in range(periods):
                    value = np.float64(theirs[period])
                    seen = value == value
                    sums[period] -= part * value if seen else 0.0
                    count[period] -= part if seen else 0.0
            enough = least * left
            for period in range(periods):
                held = count[period]
                used = held > enough
                gap = np.float64(values[period]) - sums[period] / (held if used else 1.0)
                made[target, period] = gap if used else np.nan
            if shrink:
                for period in range(periods):
                    held = max(count[period], 0.0)
                    made[target, period] *= np.sqrt(held / (held + 1.0))
            if len(weight):
                for period in range(ratio.shape[1]):
                    used = made[target, period] == made[target, period]
                    held = count[period] if used else 1.0
                    ratio[target, period] = weight[target] / held if used else 0.0


@njit(_SUMS, cache=True, nogil=True, error_model="numpy")
def target_sums(
    outcome: np.ndarray,
    which: np.ndarray,
    row: np.ndarray,
    weight: np.ndarray,
    sign: np.ndarray,
    treated: np.ndarray,
    matched: np.ndarray,
    local: np.ndarray,
    ratio: np.ndarray,
    low: int,
    high: int,
    sums: np.ndarray,
) -> None:
    """Sums over the targets used among `which[low:high]`, added to `sums`, of shape (6, t): their
    weight, number, weighted effect, mean of the treated, local gap; the largest ratio."""
    periods = outcome.shape[1]
    last = ratio.shape[1] - 1
    for place in range(low, high):
        target = which[place]
        values, own, turn = outcome[row[target]], weight[target], sign[target]
        for period in range(periods):
            share = ratio[target, min(period, last)]
            if share > 0.0:
                value, gap = np.float64(values[period]), matched[target, period]
                sums[0, period] += own
                sums[1, period] += 1.0
                sums[2, period] += own * turn * gap
                sums[3, period] += own * (value if treated[target] else value - gap)
                sums[4, period] += own * turn * local[target, period]
                sums[5, period] = max(sums[5, period], share)


@njit(_WALK, cache=True, nogil=True, error_model="numpy")
def walk(
    cluster: np.ndarray,
    place: np.ndarray,
    first: np.ndarray,
    edge: np.ndarray,
    entry: np.ndarray,
    noise_row: np.ndarray,
    sign: np.ndarray,
    arm: np.ndarray,
    served: np.ndarray,
    squares: np.ndarray,
    weight: np.ndarray,
    noise: np.ndarray,
    gap: np.ndarray,
    ratio: np.ndarray,
    mass: np.ndarray,
    mean: np.ndarray,
    least: np.ndarray,
    independent: bool,
    low: int,
    high: int,
    start: int,
    made: np.ndarray,
    counts: np.ndarray,
) -> None:
    """What units `low` to `high` contribute, added to the rows of their clusters less `start`.

    Parameters
    ----------
    cluster, place, noise_row, sign, arm : arrays, shape (u,)
        For each unit: its cluster, its position among targets and among the rows of `noise` (−1
        for none), its sign and its arm.
    first, edge, entry : arrays
        Rows of `served` that each unit serves, by compressed rows, and with what entry.
    served, squares : float arrays, shape (rows, t) or (rows, 1)
        Sums of the ratios of the targets of a set, and of their squares.
    weight : float array, shape (m,)
    noise : float array, shape (k, t)
        NaN where the unit is not observed.
    gap, ratio : float arrays, shape (m, t)
    mass, mean, least : float arrays, shape (t,)
        Weight of the targets used, mean gap, and what a sum must exceed not to be rounding.
    independent : bool
        The reduced coefficient of Abadie and Imbens (2006) in place of full reuse.
    counts : int array, shape (2, t)
        Units of each arm that count.
    """
    periods = noise.shape[1]
    width = ratio.shape[1]
    reuse, reused = np.zeros(periods), np.zeros(periods)
    active = np.zeros(periods, dtype=np.bool_)
    for unit in range(low, high):
        to = made[cluster[unit] - start]
        active[:] = False
        at = noise_row[unit]
        if first[unit] < first[unit + 1] and at >= 0:
            reuse[:] = 0.0
            reused[:] = 0.0
            for position in range(first[unit], first[unit + 1]):
                part, row = entry[position], edge[position]
                if width == 1:
                    reuse[0] += part * served[row, 0]
                else:
                    for period in range(periods):
                        reuse[period] += part * served[row, period]
                if independent:
                    square = part * abs(part)
                    for period in range(width):
                        reused[period] += square * squares[row, period]
            if width == 1:
                reuse[:] = reuse[0]
                reused[:] = reused[0]
            for period in range(periods):
                own = noise[at, period]
                serves = (own == own) and abs(reuse[period]) >= least[period]
                share = reuse[period]
                if independent:
                    left = share * share - reused[period]
                    share = np.sqrt(left) if left > _ONCE * share * share else 0.0
                to[period] += sign[unit] * share / mass[period] * own if serves else 0.0
                active[period] = serves
        target = place[unit]
        if target >= 0:
            for period in range(periods):
                used = ratio[target, min(period, width - 1)] > 0.0
                own = weight[target] / mass[period]
                here = own * (sign[unit] * gap[target, period] - mean[period])
                to[period] += here if used else 0.0
                active[period] |= used
        for period in range(periods):
            counts[arm[unit], period] += active[period]
