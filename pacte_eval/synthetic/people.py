"""Who the people are: correlated traits, drawn so that the stock has the known shares.

Weights below describe the persons who ever register; the stock holds more of those who stay long
(few diplomas, disability, RSA), so they are not the shares that `marginals` counts in the stock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from pacte_eval.definitions.library import shipped_library
from pacte_eval.synthetic.draws import person_keys
from pacte_eval.synthetic.timeline import MONTHS
from pacte_eval.tables.contract import columns

CODES = {name: column.codes for name, column in columns("registrations").items() if column.codes}

ZONE_SHARES = {
    "0059": 7.0, "9301": 1.0, "9302": 2.0, "9303": 0.6, "9304": 1.6, "9305": 8.0,
    "9306": 1.5, "9307": 11.5, "9308": 8.0, "9309": 2.7, "9310": 23.0, "9311": 5.5,
    "9312": 3.0, "9313": 3.0, "9314": 4.0, "9315": 10.5, "9316": 3.0, "9317": 4.1,
}  # fmt: skip
ZONES = tuple(ZONE_SHARES)
COAST, ALPS = ("9305", "9306", "9307", "9313", "9314", "9315"), ("9303", "9304")

_QPV = {"9310": 0.262, "9307": 0.11, "9315": 0.11, "0059": 0.19, "9309": 0.15, "9311": 0.12,
        "9316": 0.15, "9317": 0.12, "9308": 0.06, "9312": 0.09}  # fmt: skip
_LOW_DIPLOMA = {"9317": 0.65, "9316": 0.65, "9311": 0.65}

ROMES = (
    "A1414", "A1203", "C1401", "D1106", "D1211", "D1507", "E1101", "F1602", "F1703", "F1704",
    "G1602", "G1603", "G1803", "H2903", "I1310", "J1501", "K1302", "K1304", "K2204", "K2503",
    "M1203", "M1602", "M1607", "M1801", "N1101", "N1103", "N1105", "N4101", "N4105", "K2111",
)  # fmt: skip
_ROMES_OF_WOMEN = {"D1106", "D1507", "G1602", "G1803", "J1501", "K1302", "K1304", "K2204",
                   "M1203", "M1602", "M1607", "E1101"}  # fmt: skip
_ROMES_OF_DIPLOMA = {"C1401", "E1101", "M1203", "M1607", "M1801", "H2903", "K2111", "D1211"}
UNQUALIFIED = ("manoeuvre", "ouvrier_specialise", "employe_non_qualifie")


@dataclass(frozen=True)
class People:
    """One entry per person in every array; codes are positions in `CODES`, months are positions.

    `frailty` is the latent employability that no table holds (standard normal, high is good).
    """

    key: np.ndarray
    first_month: np.ndarray
    birth_month: np.ndarray
    worked_before: np.ndarray
    frailty: np.ndarray
    female: np.ndarray
    diploma: np.ndarray
    nationality: np.ndarray
    marital_status: np.ndarray
    children: np.ndarray
    lone_parent: np.ndarray
    qualification: np.ndarray
    rome: np.ndarray
    experience_months: np.ndarray
    reason: np.ndarray
    disability: np.ndarray
    rsa: np.ndarray
    qpv: np.ndarray
    zrr: np.ndarray
    season: np.ndarray
    zone: np.ndarray
    commune: np.ndarray
    next_commune: np.ndarray
    move_month: np.ndarray

    def __len__(self) -> int:
        return len(self.key)

    @property
    def unqualified(self) -> np.ndarray:
        """Whether the job sought asks for no qualification."""
        return np.isin(self.qualification, [CODES["qualification"].index(x) for x in UNQUALIFIED])


def communes() -> pd.DataFrame:
    """Main communes of the 18 zones: commune, name, departement, ze2010, all text.

    In Marseille people live in an arrondissement: the commune as a whole is left out.
    """
    path = shipped_library() / "cohorts" / "territories" / "communes.csv"
    known = pd.read_csv(path, dtype=str)
    return known[known["commune"] != "13055"].reset_index(drop=True)


def draw_people(seed: int, first: int, count: int) -> People:
    """Draw persons numbered `first` to `first + count - 1`.

    Parameters
    ----------
    seed, first : int
        Both key the stream: the same block of persons is always drawn alike.
    count : int
        Number of persons.
    """
    rng = np.random.default_rng([seed, first])
    zone = _choose(rng, np.tile(list(ZONE_SHARES.values()), (count, 1)))
    female = rng.random(count) < 0.52
    first_month = np.where(rng.random(count) < 0.5, 0, rng.integers(1, MONTHS - 2, count))
    age = _ages(rng, count, first_month)
    nationality = _choose(rng, np.tile([0.86, 0.045, 0.095], (count, 1)))
    diploma = _diplomas(rng, zone, female, age, nationality)
    below_bac = diploma < 2
    qpv = rng.random(count) < expit(
        _logit(np.array([_QPV.get(code, 0.03) for code in ZONES]))[zone]
        + 0.45 * below_bac
        - 0.5 * (diploma > 2)
        + 0.8 * (nationality == 2)
    )
    disability = rng.random(count) < expit(-3.05 + 0.045 * (age - 40) + 1.05 * below_bac)
    marital = _choose(
        rng,
        np.column_stack(
            [
                np.interp(age, [16, 25, 35, 50, 62], [0.99, 0.9, 0.6, 0.42, 0.3]),
                np.interp(age, [16, 25, 35, 50, 62], [0.01, 0.09, 0.34, 0.4, 0.45]),
                np.interp(age, [16, 25, 35, 50, 62], [0.0, 0.01, 0.06, 0.17, 0.2]),
                np.interp(age, [16, 25, 35, 50, 62], [0.0, 0.0, 0.0, 0.01, 0.05]),
            ]
        ),
    )
    children = rng.poisson(
        np.interp(age, [16, 22, 30, 40, 50, 62], [0.0, 0.08, 0.75, 1.35, 0.8, 0.15])
        * np.where(marital == 0, 0.6, 1.25)
    ).clip(0, 9)
    lone_parent = (children > 0) & (marital != 1) & (rng.random(count) < 0.15 + 0.45 * female)
    rsa = (age >= 25) & (
        rng.random(count)
        < expit(-1.7 + 0.6 * below_bac + 0.45 * qpv + 0.75 * lone_parent - 0.5 * (diploma > 2))
    )
    worked_before = rng.random(count) < np.interp(age, [17, 20, 25, 32], [0.15, 0.5, 0.8, 0.92])
    qualification = _qualifications(rng, female, diploma)
    commune, next_commune = _homes(rng, zone)
    coast = np.isin(zone, [ZONES.index(code) for code in COAST])
    alps = np.isin(zone, [ZONES.index(code) for code in ALPS])
    luck = rng.random(count)
    return People(
        key=person_keys(seed, first, count),
        first_month=first_month.astype(np.int64),
        birth_month=first_month - age * 12 - rng.integers(0, 12, count),
        worked_before=worked_before,
        frailty=rng.standard_normal(count),
        female=female,
        diploma=diploma,
        nationality=nationality,
        marital_status=marital,
        children=children,
        lone_parent=lone_parent,
        qualification=qualification,
        rome=_romes(rng, female, diploma),
        experience_months=(
            rng.gamma(1.5, 0.25, count).clip(0, 1) * (age - 16) * 12 * worked_before
        ).astype(np.int64),
        reason=np.where(
            worked_before,
            _choose(rng, np.tile([0.46, 0.12, 0.2, 0.08, 0.0, 0.14], (count, 1))),
            np.where(rng.random(count) < 0.7, 4, 5),
        ),
        disability=disability,
        rsa=rsa,
        qpv=qpv,
        zrr=_in_zrr(rng, zone),
        season=np.where(alps & (luck < 0.25), 2, np.where(coast & (luck < 0.12), 1, 0)),
        zone=zone,
        commune=commune,
        next_commune=next_commune,
        move_month=np.where(rng.random(count) < 0.06, rng.integers(6, MONTHS, count), MONTHS),
    )


def _ages(rng: np.random.Generator, count: int, first_month: np.ndarray) -> np.ndarray:
    """Age in years at the first registration: more young people among the later ones."""
    group = _choose(
        rng,
        np.where(
            (first_month == 0)[:, None],
            np.array([[0.2, 0.62, 0.18]]),
            np.array([[0.42, 0.44, 0.14]]),
        ),
    )
    draws = [rng.integers(17, 26, count), rng.integers(26, 50, count), rng.integers(50, 60, count)]
    return np.choose(group, draws)


def _diplomas(
    rng: np.random.Generator,
    zone: np.ndarray,
    female: np.ndarray,
    age: np.ndarray,
    nationality: np.ndarray,
) -> np.ndarray:
    low = np.array([_LOW_DIPLOMA.get(code, 0.51) for code in ZONES])[zone]
    odds = _logit(low) + 0.25 * (age >= 50) + 0.2 * (nationality == 2) - 0.15 * female
    below = rng.random(len(zone)) < expit(odds)
    none = rng.random(len(zone)) < expit(
        -0.1 + 0.5 * (nationality == 2) + 0.35 * (age < 22) - 0.1 * female
    )
    above = _choose(
        rng,
        np.where(
            (age < 24)[:, None], np.array([[0.62, 0.22, 0.16]]), np.array([[0.42, 0.27, 0.31]])
        ),
    )
    return np.where(below, np.where(none, 0, 1), 2 + above)


def _qualifications(
    rng: np.random.Generator, female: np.ndarray, diploma: np.ndarray
) -> np.ndarray:
    """Columns as in the contract: two unqualified workers, a qualified one, two employees, …"""
    men = np.array(
        [
            [0.15, 0.17, 0.22, 0.17, 0.26, 0.02, 0.01],
            [0.07, 0.11, 0.35, 0.11, 0.31, 0.04, 0.01],
            [0.04, 0.06, 0.17, 0.12, 0.48, 0.10, 0.03],
            [0.02, 0.03, 0.08, 0.07, 0.45, 0.24, 0.11],
            [0.01, 0.01, 0.04, 0.04, 0.33, 0.19, 0.38],
        ]
    )
    women = np.array(
        [
            [0.07, 0.06, 0.05, 0.36, 0.44, 0.01, 0.01],
            [0.03, 0.03, 0.06, 0.23, 0.61, 0.03, 0.01],
            [0.02, 0.02, 0.03, 0.16, 0.68, 0.07, 0.02],
            [0.01, 0.01, 0.02, 0.09, 0.65, 0.15, 0.07],
            [0.01, 0.0, 0.01, 0.05, 0.49, 0.15, 0.29],
        ]
    )
    return _choose(rng, np.where(female[:, None], women[diploma], men[diploma]))


def _romes(rng: np.random.Generator, female: np.ndarray, diploma: np.ndarray) -> np.ndarray:
    of_women = np.array([code in _ROMES_OF_WOMEN for code in ROMES])
    of_diploma = np.array([code in _ROMES_OF_DIPLOMA for code in ROMES])
    by_sex = np.where(female[:, None], np.where(of_women, 3.0, 0.6), np.where(of_women, 0.6, 2.0))
    by_diploma = np.where((diploma > 2)[:, None], np.where(of_diploma, 4.0, 1.0), 1.0)
    return _choose(rng, by_sex * by_diploma * np.where(of_diploma, 0.6, 1.0))


def _homes(rng: np.random.Generator, zone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A commune of the zone, and another of the same zone and departement for those who move.

    Communes weigh the inverse of their rank in the file, Marseille's arrondissements alike.
    """
    table = communes()
    weight = 1.0 / (table.groupby("ze2010").cumcount().to_numpy() + 1.0)
    weight[table["commune"].str.startswith("132").to_numpy()] = 0.5
    home = np.zeros(len(zone), np.int64)
    moved = np.zeros(len(zone), np.int64)
    for number, code in enumerate(ZONES):
        rows = np.flatnonzero((table["ze2010"] == code).to_numpy())
        people = np.flatnonzero(zone == number)
        home[people] = rng.choice(rows, people.size, p=weight[rows] / weight[rows].sum())
        for departement in table["departement"].iloc[rows].unique():
            near = rows[(table["departement"].iloc[rows] == departement).to_numpy()]
            here = people[np.isin(home[people], near)]
            moved[here] = rng.choice(near, here.size)
    return home, moved


def _in_zrr(rng: np.random.Generator, zone: np.ndarray) -> np.ndarray:
    rural = {"9301": 0.6, "9302": 0.3, "9303": 0.5, "9304": 0.4, "9313": 0.15, "9316": 0.2}
    share = np.array([rural.get(code, 0.01) for code in ZONES])[zone]
    return rng.random(len(zone)) < share


def _choose(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """One column per row, drawn in proportion to the weights, shape (rows,)."""
    cumulated = weights.cumsum(axis=1)
    luck = rng.random(len(weights)) * cumulated[:, -1]
    return (luck[:, None] > cumulated[:, :-1]).sum(axis=1)


def _logit(share: np.ndarray) -> np.ndarray:
    return np.log(share / (1.0 - share))
