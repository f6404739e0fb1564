"""`simulate`: people by blocks, their factual world, the tables made from it, and their truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pacte_eval.definitions.errors import InputError
from pacte_eval.synthetic import benefits, contracts, dirt, missions, model, tables, truth
from pacte_eval.synthetic.effects import Variant
from pacte_eval.synthetic.people import People, draw_people
from pacte_eval.synthetic.worlds import live

FEWEST = 1_000
_BLOCK = 100_000


@dataclass(frozen=True)
class Population:
    """A synthetic population: its tables, the truth, and what made them.

    Attributes
    ----------
    tables : dict of str to pyarrow.Table
        registrations, trainings, contracts, certifications and missions_locales, in the shape of
        the contract; text that repeats is dictionary-encoded.
    truth : pyarrow.Table
        See `pacte_eval.synthetic.truth`.
    employed : ndarray of int8, shape (people, months)
        Factual employment on the last day of each month from ``timeline.START`` on.
    people_drawn : list of People
        The traits, by block, latent ones included.
    """

    people: int
    seed: int
    confounding: float
    variant: Variant
    tables: dict[str, pa.Table]
    truth: pa.Table
    employed: np.ndarray
    people_drawn: list[People] = field(repr=False)


def simulate(
    people: int,
    seed: int,
    *,
    confounding: float = 0.0,
    variant: Variant = "standard",
    progress: Callable[[float], None] = lambda share: None,
) -> Population:
    """Draw a population with planted effects.

    Parameters
    ----------
    people : int
        Persons who register at least once between 2014 and 2023; at least 1,000.
    seed : int
        The same people and seed give the same population, to the byte.
    confounding : float
        Times the latent employability (standard normal), added to the log-odds of entering
        training: 0 leaves selection on what the tables hold.
    variant : {"standard", "multiplicity"}
        In the second, effects are exactly null in six zones and differ by zone and public
        elsewhere.
    progress : callable
        Called with the share done.

    Raises
    ------
    InputError
        If there are fewer than 1,000 people.
    """
    if people < FEWEST:
        raise InputError(f"--people {people} is too few: ask for at least {FEWEST}")
    effects = model.calibrated_effects(confounding)
    rules = model.build_rules(effects)
    parts: dict[str, list[pa.Table]] = {}
    employed, drawn = [], []
    n_trainings = n_contracts = 0
    for first in range(0, people, _BLOCK):
        block = draw_people(seed, first, min(_BLOCK, people - first))
        lives = model.build_lives(block, effects, confounding, variant)
        world = live(lives, rules)
        words = tables.person_words(first, len(block))
        jobs = contracts.draw_contracts(block, world.employed)
        benefit = benefits.draw_benefits(block, world.employed, world.episodes)
        situations = missions.draw_situations(block, world.entries, jobs)
        status = tables.statuses(block, world.entries, lives.certifies)
        clean = {
            "registrations": tables.registrations(block, world.episodes, benefit, words),
            "trainings": tables.trainings(block, world.entries, n_trainings, words),
            "contracts": tables.contracts(jobs, n_contracts, words),
            "certifications": tables.certifications(block, world.entries, status, n_trainings),
            "missions_locales": tables.missions_locales(situations, words),
        }
        made = dirt.soil(clean, seed, first)
        made["truth"] = truth.truth_table(block, lives, rules, world, status, n_trainings, words)
        for name, table in made.items():
            parts.setdefault(name, []).append(table)
        employed.append(world.employed)
        drawn.append(block)
        n_trainings += len(world.entries.person)
        n_contracts += len(jobs.person)
        progress((first + len(block)) / people)
    whole = {name: pa.concat_tables(some) for name, some in parts.items()}
    return Population(
        people=people,
        seed=seed,
        confounding=confounding,
        variant=variant,
        truth=whole.pop("truth"),
        tables=whole,
        employed=np.concatenate(employed),
        people_drawn=drawn,
    )
