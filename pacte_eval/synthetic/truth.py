"""The truth of a population: what each person at risk would have done in the other worlds.

One row per entry into training, and one per person who never enters, at a month drawn among those
when they could have. Employment is given by month from -24 to +36 around it, -1 outside the months
that the tables cover. The truth lies beside the source, never in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pacte_eval.definitions.errors import InputError
from pacte_eval.synthetic import effects, tables
from pacte_eval.synthetic.life import Lives, Rules
from pacte_eval.synthetic.people import CODES, ZONES, People
from pacte_eval.synthetic.timeline import AFTER, BEFORE, COVERED, FIRST_DAYS, MONTHS, START
from pacte_eval.synthetic.training import CERTIFICATION, OBJECTIVES
from pacte_eval.synthetic.worlds import World, replay

WORLDS = ("y_now", "y_wait", "y_never", "y_withheld")
RELATIVE_MONTHS = np.arange(-BEFORE, AFTER + 1)


def truth_table(
    people: People,
    lives: Lives,
    rules: Rules,
    world: World,
    status: np.ndarray,
    first_training: int,
    words: pa.Array,
) -> pa.Table:
    """The truth of a block of people, entrants first, then those who never enter.

    Parameters
    ----------
    status : ndarray of int
        Outcome of each entry of `world`, as `tables.statuses` gives it.
    first_training : int
        Number of the first entry, as in the table of trainings.
    words : pa.Array
        Keys of the persons.
    """
    entries = world.entries
    entered = np.zeros(len(people), bool)
    entered[entries.person] = True
    others = np.flatnonzero(~entered & (world.at_risk >= 0))
    person = np.concatenate([entries.person, others])
    month = np.concatenate([entries.month, world.at_risk[others]])
    n, m = len(entries.person), len(others)

    factual = _window(world.employed, person, month)
    certifying = np.flatnonzero(entries.objective == CERTIFICATION)
    now, wait, never = factual.copy(), factual.copy(), factual.copy()
    wait[:n] = replay(lives, rules, person[:n], month[:n], "wait")
    never[:n] = replay(lives, rules, person[:n], month[:n], "never")
    now[n:] = replay(lives, rules, others, month[n:], "certification")
    withheld = np.full((n + m, factual.shape[1]), -1, np.int8)
    withheld[certifying] = replay(lives, rules, person[certifying], month[certifying], "withheld")

    nothing = np.full(m, -1)
    start = np.concatenate([entries.start, nothing])
    objective = np.concatenate([entries.objective, np.full(m, CERTIFICATION)])
    obtained = np.concatenate([status == tables.OBTAINED, nothing == 0])
    unknown = np.concatenate([(status < 0) | (status == tables.UNKNOWN), nothing < 0])
    keys = pa.concat_arrays(
        [
            tables.numbered("T", first_training + np.arange(n), 8),
            pa.nulls(m, pa.string()),
        ]
    )
    return pa.table(
        {
            "person": pa.DictionaryArray.from_arrays(pa.array(person.astype(np.int32)), words),
            "training": keys,
            "entry_month": pa.array((month + START).astype(np.int32)),
            "entry_date": tables.days(start),
            "entered": pa.array(np.arange(n + m) < n),
            "rank": pa.array(
                np.concatenate([entries.rank, nothing]).astype(np.int8),
                mask=np.arange(n + m) >= n,
            ),
            "arm": tables.text(objective, OBJECTIVES),
            "diploma": tables.text(people.diploma[person], CODES["diploma"]),
            "sex": tables.text(np.where(people.female, 0, 1)[person], ("F", "M")),
            "age": pa.array(((month - people.birth_month[person]) // 12).astype(np.int16)),
            "qpv": pa.array(people.qpv[person]),
            "disability": pa.array(people.disability[person]),
            "zone": tables.text(people.zone[person], ZONES),
            "frailty": pa.array(people.frailty[person].astype(np.float32)),
            "certifies": pa.array(lives.certifies[person]),
            "certified": pa.array(obtained, mask=unknown),
            **{
                name: _lists(values)
                for name, values in zip(WORLDS, (now, wait, never, withheld), strict=True)
            },
        }
    )


def _window(employed: np.ndarray, person: np.ndarray, month: np.ndarray) -> np.ndarray:
    months = month[:, None] + RELATIVE_MONTHS
    inside = (months >= COVERED) & (months < MONTHS)
    values = employed[person[:, None], np.where(inside, months, 0)]
    return np.where(inside, values, -1).astype(np.int8)


def _lists(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def definitions() -> dict[str, Any]:
    """What was planted, for ``truth.yml``."""
    return {
        "estimands": {
            "now_vs_wait": "y_now - y_wait: enter now, or not this month and then natural course",
            "now_vs_never": "y_now - y_never: enter now, or never from this month on",
            "certificate": "y_now - y_withheld: the certificate, for those who would certify",
        },
        "clock": "months since the month of entry; employment on the last day of the month",
        "months": [-BEFORE, AFTER],
        "target": "first entries (rank 0), all years of entry together",
        "rank": {
            0: "first entry of the person: the planted effect in full",
            1: "the next after 24 months without an entry: gains only, from the twelfth month on",
            2: "any other: changes nothing more",
        },
        "paths_points": effects.PATHS,
        "certification_at_24_months": {
            "by_diploma": dict(zip(effects.DIPLOMA_LEVELS, effects.BY_DIPLOMA, strict=True)),
            "by_sex": dict(zip(("M", "F"), effects.BY_SEX, strict=True)),
            "by_latent_certification": dict(zip(("non", "oui"), effects.BY_CERTIFIES, strict=True)),
            "certificate_itself": effects.CERTIFICATE,
            "share_certifying": effects.CERTIFIED,
            "untrained_rates": dict(zip(("non", "oui"), effects.UNTRAINED_RATES, strict=True)),
        },
        "first_day_of_simulation": str(np.datetime64(int(FIRST_DAYS[0]), "D")),
    }


def read_truth(path: Path) -> pd.DataFrame:
    """Read the truth beside a source.

    Parameters
    ----------
    path : Path
        The folder that `write` made beside the source (``DIR-truth``), or the source itself.

    Returns
    -------
    DataFrame
        One row per truth unit; ``y_now``, ``y_wait``, ``y_never`` and ``y_withheld`` hold arrays of
        int8 from month -24 to +36, -1 where not covered.

    Raises
    ------
    InputError
        If no truth lies there.
    """
    folder = path if path.name.endswith("-truth") else path.with_name(path.name + "-truth")
    file = folder / "truth.parquet"
    if not file.is_file():
        raise InputError(
            f"{file} does not exist: only a source made by 'pacte simulate' has a truth"
        )
    return pq.read_table(file).to_pandas()


def paths(units: pd.DataFrame, world: str) -> np.ndarray:
    """Employment of truth units in a world, shape (units, 61), NaN where not covered."""
    values = np.stack(units[world].to_list()).astype(float)
    values[values < 0] = np.nan
    return values


def att(units: pd.DataFrame, against: str = "y_wait", months: list[int] | None = None) -> pd.Series:
    """Mean effect of entering now on the given truth units.

    Parameters
    ----------
    units : DataFrame
        Rows of `read_truth`, repeated or weighted as the caller's target population asks.
    against : {"y_wait", "y_never", "y_withheld"}
        The other world.
    months : list of int, optional
        Months since entry; all from -24 to +36 by default.

    Returns
    -------
    Series
        Difference of employment rates (share, not points) by month, over the units covered then.
    """
    difference = paths(units, "y_now") - paths(units, against)
    effect = pd.Series(np.nanmean(difference, axis=0), index=RELATIVE_MONTHS, name="effect")
    return effect if months is None else effect.loc[months]
