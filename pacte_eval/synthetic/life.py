"""A life month by month, in the world as it is or with entries into training blocked or forced.

One compiled function lives every world of a person. All draws are functions of (person, month,
purpose), so worlds differ only by what follows from the entry that was changed: before it they are
equal.

Order of a month: registration and the exit from it are decided on what happened up to the month
before; then comes the candidate day of entry into training, for who is at risk on its eve; last,
employment on the final day of the month.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from pacte_eval.synthetic import draws
from pacte_eval.synthetic.timeline import AFTER, FIRST_DAYS, MONTHS, position

A, B, C, D = range(4)
NEVER = MONTHS + 1
"""Stands for no month in a `Plan`."""

PERSISTENCE = 0.97
"""Monthly autocorrelation of the latent number that says who gains and who loses."""

TRUTH_FROM = position("2019-01")
"""First month at which those who never enter are drawn as people at risk."""

SHORT_JOB = 0.05
"""Monthly probability, without a job, of one so short that it covers no end of month."""

_SECOND_GAINS_FROM = 12
"""A second entry changes nothing before: at 36 months, effects of the first are still its own."""

_INNOVATION = math.sqrt(1.0 - PERSISTENCE**2)
_OLDEST = 62

# Monthly probabilities of registering after a lost job and otherwise, and of leaving the register
# in a job and without; share of jobs held while registered that are of 78 hours at most.
_REGISTERS_AFTER_JOB, _REGISTERS = 0.62, 0.14
_LEAVES_IN_JOB, _LEAVES = 0.085, 0.02
_SHORT_HOURS = 0.42


class Lives(NamedTuple):
    """What the loop needs of each person, one entry per person."""

    key: np.ndarray
    first_month: np.ndarray
    birth_month: np.ndarray
    worked_before: np.ndarray
    hire: np.ndarray
    separation: np.ndarray
    season: np.ndarray
    entry: np.ndarray
    objectives: np.ndarray
    stratum: np.ndarray
    certifies: np.ndarray
    response: np.ndarray


class Rules(NamedTuple):
    """What is the same for all: calendars, the hazard of entry, planted effects.

    `gain` and `loss` hold probabilities, shape (objectives, strata, months since entry): of being
    in a job when one would not have been, and the reverse. `uncertified` multiplies the gain of a
    person who would certify and is denied the certificate.
    """

    hire: np.ndarray
    separation: np.ndarray
    out_of_work: np.ndarray
    in_work: np.ndarray
    entry: np.ndarray
    duration: np.ndarray
    worked: np.ndarray
    age_bands: np.ndarray
    age_slope: float
    recent: float
    length: np.ndarray
    longest: int
    drops: np.ndarray
    gain: np.ndarray
    loss: np.ndarray
    recovery: np.ndarray
    uncertified: float


class Plan(NamedTuple):
    """What a world changes: entries blocked in some months, one forced, a certificate withheld."""

    blocked_from: int
    blocked_to: int
    forced: int
    withheld: bool


@njit
def age_band(age: int) -> int:
    """0 under 26, 1 from 26 to 49, 2 from 50 on."""
    return 0 if age < 26 else (1 if age < 50 else 2)


@njit
def _untrained(i: int, t: int, lives: Lives, rules: Rules, base: int, since: int) -> int:
    """Employment on the last day of month `t` of a person never trained, from the month before."""
    luck = draws.uniform(lives.key[i], t, draws.HIRE)
    age = (t - lives.birth_month[i]) // 12
    if age < 16 or age > _OLDEST or t == lives.first_month[i]:
        return 0
    if t < lives.first_month[i]:
        if not lives.worked_before[i]:
            return 0
        return int(luck >= 0.02) if base == 1 else int(luck < 0.3 or t == 0)
    season = lives.season[i]
    if base == 0:
        rate = lives.hire[i] * rules.hire[season, t] * rules.out_of_work[since]
        return int(luck < 1.0 - math.exp(-rate))
    rate = lives.separation[i] * rules.separation[season, t] * rules.in_work[since]
    return int(luck >= 1.0 - math.exp(-rate))


@njit
def _entry_odds(
    i: int, t: int, lives: Lives, rules: Rules, elapsed: int, recent: bool, worked: np.ndarray
) -> float:
    """Log-odds of entering training in month `t`; `worked` cumulates months in a job."""
    age = (t - lives.birth_month[i]) // 12
    return (
        lives.entry[i]
        + rules.entry[t]
        + rules.duration[min(elapsed, 24)]
        + rules.age_bands[age_band(age)]
        + rules.age_slope * (age - 35)
        + rules.worked[0] * (worked[t - 18] - worked[t - 24])
        + rules.worked[1] * (worked[t - 12] - worked[t - 18])
        + rules.worked[2] * (worked[t - 6] - worked[t - 12])
        + (rules.recent if recent else 0.0)
    )


@njit
def _objective(i: int, t: int, lives: Lives) -> int:
    luck = draws.uniform(lives.key[i], t, draws.OBJECTIVE)
    shares = lives.objectives[i, age_band((t - lives.birth_month[i]) // 12)]
    objective = 0
    while objective < shares.size - 1 and luck > shares[objective]:
        objective += 1
    return objective


@njit
def _days(i: int, t: int, lives: Lives, rules: Rules, objective: int) -> tuple[int, int]:
    """Planned and actual length in days of a training entered in month `t`."""
    key = lives.key[i]
    luck = draws.normal(key, t, draws.LENGTH, draws.LENGTH_PAIR)
    planned = int(math.exp(rules.length[objective, 0] + rules.length[objective, 1] * luck))
    planned = min(max(planned, 5), rules.longest)
    completes = objective == 0 and lives.certifies[i]
    if completes or draws.uniform(key, t, draws.DROP) >= rules.drops[objective]:
        return planned, planned
    kept = 0.15 + 0.7 * draws.uniform(key, t, draws.DROP_DAY)
    return planned, max(int(planned * kept), 3)


@njit
def _category(key: np.uint64, t: int, before: int, run_start: int) -> int:
    """Category of month `t`: the job held at the end of the month before, or a very short one."""
    if before == 1:
        return B if draws.uniform(key, run_start, draws.HOURS) < _SHORT_HOURS else C
    return B if draws.uniform(key, t, draws.SHORT) < SHORT_JOB else A


@njit
def live_one(
    i: int,
    lives: Lives,
    rules: Rules,
    plan: Plan,
    until: int,
    employed: np.ndarray,
    entries: np.ndarray,
    episodes: np.ndarray,
) -> tuple[int, int, int]:
    """Live person `i` up to month `until`, writing into the three arrays; returns how many entries,
    how many episodes, and the month drawn among those at risk."""
    key = lives.key[i]
    worked = np.zeros(MONTHS + 1, np.int64)
    base, since, run_start = 0, 0, 0
    spell_month, left = 0, -10000
    category, opened, n_episodes = -1, 0, 0
    training_end, last_entry, n_entries = -1, -1000, 0
    at_risk, n_at_risk = -1, 0
    slot_month, slot_arm, slot_stratum = (
        np.full(2, -1),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
    )
    slot_luck = np.zeros(2)

    for t in range(until):
        first, last = FIRST_DAYS[t], FIRST_DAYS[t + 1] - 1
        age = (t - lives.birth_month[i]) // 12
        before = employed[t - 1] if t > 0 else 0
        exit_day = -1
        months_category = _category(key, t, before, run_start)

        # Registration, or the decision to leave the register.
        if category < 0:
            comes = t == lives.first_month[i]
            if t > lives.first_month[i] and before == 0 and age < _OLDEST:
                lost_job = t > 1 and employed[t - 2] == 1
                chance = _REGISTERS_AFTER_JOB if lost_job else _REGISTERS
                comes = draws.uniform(key, t, draws.REGISTER) < chance
            day = first + int(draws.uniform(key, t, draws.REGISTER_DAY) * 28)
            # A gap of about 31 days would be one spell or two by the way of counting: none occurs.
            if comes and (day - left < 30 or day - left > 33):
                if day - left > 31:
                    spell_month = t
                category, opened = months_category, day
        elif training_end < first:
            chance = _LEAVES_IN_JOB if before == 1 else _LEAVES
            if age >= _OLDEST or draws.uniform(key, t, draws.LEAVE) < chance:
                exit_day = first + int(draws.uniform(key, t, draws.LEAVE_DAY) * 28)
            if category != months_category:
                n_episodes = _close(episodes, n_episodes, opened, first - 1, category)
                category, opened = months_category, first

        # Entry into training, for who is at risk on the eve of the candidate day.
        start = first + 1 + int(draws.uniform(key, t, draws.ENTER_DAY) * 27)
        eve = start - 1
        if category == D and training_end < eve:
            n_episodes = _close(episodes, n_episodes, opened, training_end, category)
            category, opened = months_category, training_end + 1
        if (
            0 <= category < D
            and opened <= eve
            and (exit_day < 0 or exit_day >= eve)
            and rules.entry[t] > -math.inf
        ):
            recent = t - last_entry <= 24
            odds = _entry_odds(i, t, lives, rules, t - spell_month, recent, worked)
            enters = draws.uniform(key, t, draws.ENTER) < 1.0 / (1.0 + math.exp(-odds))
            if t >= TRUTH_FROM:
                n_at_risk += 1
                if draws.uniform(key, t, draws.PICK) * n_at_risk < 1.0:
                    at_risk = t
            if plan.blocked_from <= t <= plan.blocked_to:
                enters = False
            if enters or t == plan.forced:
                objective = 0 if t == plan.forced else _objective(i, t, lives)
                planned, days = _days(i, t, lives, rules, objective)
                training_end = start + days - 1
                rank = 0 if n_entries == 0 else (2 if recent or slot_month[1] >= 0 else 1)
                if rank < 2:
                    slot_month[rank], slot_arm[rank] = t, objective
                    slot_stratum[rank] = (
                        lives.stratum[i] * 6 + 3 * int(lives.certifies[i]) + age_band(age)
                    )
                    slot_luck[rank] = draws.normal(key, t + MONTHS, draws.EFFECT, draws.EFFECT_PAIR)
                last_entry = t
                entries[n_entries, 0], entries[n_entries, 1] = t, start
                entries[n_entries, 2], entries[n_entries, 3] = start + planned - 1, training_end
                entries[n_entries, 4], entries[n_entries, 5] = objective, rank
                n_entries += 1
                n_episodes = _close(episodes, n_episodes, opened, eve, category)
                category, opened, exit_day = D, start, -1
        if category == D and training_end < last:
            n_episodes = _close(episodes, n_episodes, opened, training_end, category)
            category, opened = months_category, training_end + 1
        if exit_day >= 0:
            n_episodes = _close(episodes, n_episodes, opened, exit_day, category)
            category, left = -1, exit_day

        # Employment on the last day: without training, then what training changes.
        was = base
        base = _untrained(i, t, lives, rules, base, since)
        since = since + 1 if base == was else 0
        now = base
        for slot in range(2):
            months = min(t - slot_month[slot], AFTER)
            if slot_month[slot] < 0 or months < (1 if slot == 0 else _SECOND_GAINS_FROM):
                continue
            innovation = draws.normal(key, t, draws.EFFECT, draws.EFFECT_PAIR)
            slot_luck[slot] = PERSISTENCE * slot_luck[slot] + _INNOVATION * innovation
            place = 0.5 * math.erfc(-slot_luck[slot] / math.sqrt(2.0))
            arm, stratum = slot_arm[slot], slot_stratum[slot]
            if now == 0:
                gain = rules.gain[arm, stratum, months] * lives.response[i] * rules.recovery[t]
                if plan.withheld and arm == 0 and lives.certifies[i]:
                    gain *= rules.uncertified
                now = int(place < gain)
            elif slot == 0:
                now = int(place >= rules.loss[arm, stratum, months] * lives.response[i])
        if now == 1 and before == 0:
            run_start = t
        employed[t] = now
        worked[t + 1] = worked[t] + now

    if category >= 0:
        n_episodes = _close(episodes, n_episodes, opened, -1, category)
    return n_entries, n_episodes, at_risk


@njit
def _close(episodes: np.ndarray, count: int, start: int, end: int, category: int) -> int:
    """Write an episode unless it is empty; returns how many there are."""
    if 0 <= end < start:
        return count
    episodes[count, 0], episodes[count, 1], episodes[count, 2] = start, end, category
    return count + 1
