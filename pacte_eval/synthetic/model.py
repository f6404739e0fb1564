"""The model of a population: its people's lives, the rules of their months, calibrated effects.

Calibration runs once per strength of confounding, on people drawn from a seed of its own: the
parameters of the model do not depend on the seed or the size of the population that is asked for.
"""

from __future__ import annotations

from functools import lru_cache

from scipy.special import expit

from pacte_eval.synthetic import draws, employment, training
from pacte_eval.synthetic.effects import (
    Effects,
    Variant,
    calibrate,
    no_effects,
    response,
    trait_stratum,
)
from pacte_eval.synthetic.life import Lives, Rules
from pacte_eval.synthetic.people import People, communes, draw_people
from pacte_eval.synthetic.worlds import live

_CALIBRATION_SEED, _CALIBRATION_PEOPLE = 1, 400_000


@lru_cache(maxsize=4)
def calibrated_effects(confounding: float) -> Effects:
    """The planted effects, calibrated on the model's own population."""
    people = draw_people(_CALIBRATION_SEED, 0, _CALIBRATION_PEOPLE)
    nothing = no_effects()
    world = live(build_lives(people, nothing, confounding, "standard"), build_rules(nothing))
    return calibrate(people, world.employed, world.entries)


def build_lives(people: People, effects: Effects, confounding: float, variant: Variant) -> Lives:
    """What the monthly loop needs of each person."""
    intercept, slope = effects.certify
    departement = communes()["departement"].to_numpy()[people.commune]
    return Lives(
        key=people.key,
        first_month=people.first_month,
        birth_month=people.birth_month,
        worked_before=people.worked_before,
        hire=employment.hiring_rate(people),
        separation=employment.separation_rate(people),
        season=people.season,
        entry=training.entry_odds(people, departement, confounding),
        objectives=training.objective_shares(people),
        stratum=trait_stratum(people),
        certifies=draws.uniforms(people.key, 0, draws.CERTIFIES)
        < expit(intercept + slope * people.frailty),
        response=response(people, variant),
    )


def build_rules(effects: Effects) -> Rules:
    """What the monthly loop applies to all."""
    return Rules(
        hire=employment.hiring_calendar(),
        separation=employment.separation_calendar(),
        out_of_work=employment.OUT_OF_WORK,
        in_work=employment.IN_WORK,
        entry=training.entry_calendar(),
        duration=training.DURATION,
        worked=training.WORKED,
        age_bands=training.AGE_BANDS,
        age_slope=training.AGE_SLOPE,
        recent=training.RECENT,
        length=training.LENGTH,
        longest=training.LONGEST,
        drops=training.DROPS,
        gain=effects.gain,
        loss=effects.loss,
        recovery=effects.recovery,
        uncertified=effects.uncertified,
    )
