"""Writes a population as ForCE delivers it: BREST, FH, I-MILO and MMO, with their names and codes.

What ForCE does not hold is lost on the way: the axis of the Pacte, the lot, the level prepared,
who dropped out, working time, digital difficulty, judicial supervision. A certifier's file is
written beside, since BREST says nothing of certifications.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pacte_eval.definitions.errors import InputError
from pacte_eval.synthetic.simulation import Population
from pacte_eval.synthetic.timeline import COVERAGE
from pacte_eval.synthetic.writing import description_of, is_synthetic, plain_type, write_yaml

FileFormat = Literal["csv", "parquet"]

DE = (
    "id_force", "Region", "NDEM", "SEXE", "DATNAIS", "AGE", "DEPCOM", "NATION", "SITMAT", "NENF",
    "NIVFOR", "DIPLOME", "QUALIF", "ROME", "ROMEAPL", "EXPER", "EXPEUNIT", "CONTRAT", "TEMPS",
    "SALMT", "SALUNIT", "MOBDIST", "CATREGR", "CEMPLOI", "DATINS", "MOTINS", "DATANN", "MOTANN",
    "ANCIEN", "ZUS", "ZRR", "SITPAR_A", "BOETH", "RSA",
)  # fmt: skip
BREST = (
    "id_force", "ID_BREST", "ANNEE_ENTREE", "DATE_ENTREE", "DATE_FIN", "DISPOSITIF",
    "DISPOSITIF_TR", "COMMANDITAIRE", "OBJECTIF_STAGE", "DOMAINE_FORMATION", "FORMACODE",
    "DUREE_FORMATION_HEURES_REDRESSEE", "TYPE_REMUNERATION", "NIV_DIPLOME", "NIV_DIPLOME_TR",
    "PUBLIC_PIC", "TRAVAILLEUR_HANDICAPE", "QPV", "SEXE", "MOIS_NAISSANCE", "ANNEE_NAISSANCE",
    "AGE_ENTREE_STAGE", "CODE_POSTAL", "COMMUNE", "DEPARTEMENT_HABITATION", "REGION_HABITATION",
    "CPF_autonome", "CPF_PE",
)  # fmt: skip
MMO = (
    "id_force", "IdSISMMO", "L_Contrat_SQN", "H_Etab_SQN", "DebutCTT", "FinCTT", "Nature",
    "MotifRecours", "MotifRupture", "PcsEse", "DispPolitiquePublique", "ModeExercice",
    "Quali_Salaire_Base", "Salaire_Base", "siret_AF", "CodeApet",
)  # fmt: skip
P2 = ("id_force", "P2DATDEB", "P2DATFIN", "P2NBHEUR", "OBJFORM", "FORMACOD", "TYPVALID")

_DIPLOMAS = {
    "aucun": (("AFS", ""), ("C12", "N"), ("CP4", "N"), ("NV5", "N")),
    "cap_bep": (("NV5", "D"), ("NV5", "D"), ("NV4", "N")),
    "bac": (("NV4", "D"), ("NV4", "D"), ("NV3", "N")),
    "bac_2": (("NV3", "D"), ("NV2", "N")),
    "bac_3_plus": (("NV2", "D"), ("NV1", "D")),
}
_NATIONS = {"francaise": ("01",), "ue": ("22", "25"), "hors_ue": ("11", "12", "31")}
_MARITAL = {"celibataire": ("C",), "marie": ("M",), "divorce": ("D",), "veuf": ("V",)}
_QUALIFICATIONS = {
    "manoeuvre": ("1",),
    "ouvrier_specialise": ("2",),
    "ouvrier_qualifie": ("3", "4"),
    "employe_non_qualifie": ("5",),
    "employe_qualifie": ("6",),
    "technicien": ("7", "8"),
    "cadre": ("9",),
}
_REASONS = {
    "fin_de_contrat": ("04",),
    "fin_de_mission": ("05",),
    "licenciement": ("01", "02"),
    "demission": ("03",),
    "premiere_entree": ("06",),
    "autre": ("07", "99"),
}
_CATEGORIES = {"A": ("1", "2", "3"), "B": ("1",), "C": ("2",), "D": ("4",), "E": ("5",)}
_SEXES = {"M": ("1",), "F": ("2",)}
_BENEFITS = {"are": ("ARE", "AREF"), "ass": ("ASS",), "autre": ("ATA", "AFD")}
_OBJECTIVES = {
    "certification": ("1 - Certification",),
    "professionnalisation": ("2 - Professionnalisation",),
    "pre_qualification": ("3 - Préparation à la qualification",),
    "adaptation_au_poste": ("4 - Adaptation au poste de travail",),
    "remise_a_niveau": ("5 - Remise à niveau, maîtrise des savoirs de base",),
    "mobilisation": ("6 - Remobilisation, aide au projet",),
    "perfectionnement": ("7 - Perfectionnement, élargissement des compétences",),
    "creation_entreprise": ("8 - Création d'entreprise",),
}
_FUNDERS = {
    "region": ("Région", "Conseil régional"),
    "etat": ("État",),
    "pole_emploi": ("Pôle emploi",),
    "opco": ("OPCO",),
    "agefiph": ("Agefiph",),
    "beneficiaire": ("Bénéficiaire",),
    "autre": ("Autre commanditaire",),
}
_NATURES = {
    "cdi": ("01", "09"),
    "cdd": ("02", "07", "32"),
    "interim": ("03", "08"),
    "autre": ("29", "60"),
}
_STATUSES = {
    "obtenue": ("obtenue",),
    "partielle": ("partielle",),
    "non_obtenue": ("non obtenue",),
    "inconnue": ("inconnue",),
}
_VALIDATIONS = {
    "obtenue": ("O",),
    "partielle": ("P",),
    "non_obtenue": ("N",),
    "inconnue": ("I",),
}
_SITUATIONS = {
    "sans_solution": ("DEMANDEUR D'EMPLOI", "NON PROFESSIONNELLE"),
    "emploi": ("EMPLOI",),
    "formation": ("FORMATION",),
    "scolarite": ("SCOLARITÉ",),
    "autre": ("AUTRE",),
}
_CHUNK = 500_000
_MOST_OF_B = 78

Codes = Mapping[str, tuple[str, ...]]
Piece = tuple[str, pd.DataFrame]


def write_force(
    population: Population,
    out: Path,
    *,
    progress: Callable[[float], None] = lambda share: None,
    file_format: FileFormat = "csv",
) -> None:
    """Write a population in the shape of ForCE.

    SAS7BDAT files cannot be written: no open library makes files that SAS reads.

    Parameters
    ----------
    population : Population
    out : Path
        A folder that does not exist, or that an earlier simulation wrote, which is then replaced.
    progress : callable
        Called with the share done.
    file_format : {"csv", "parquet"}
        CSV in latin-1, separated by semicolons, with commas in decimals; or Parquet.

    Raises
    ------
    InputError
        If `out` is something else, or cannot be written.
    """
    if out.exists() and not is_synthetic(out / "source.yml"):
        raise InputError(
            f"{out} exists and was not written by 'pacte simulate': give another folder"
        )
    steps = len(population.tables) + 1
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
            made = Path(name) / "extracts"
            made.mkdir()
            with ExitStack() as stack:
                files = _Files(made, file_format, stack)
                for number, pieces in enumerate(_pieces(population.tables), 1):
                    for extract, frame in pieces:
                        files.append(extract, frame)
                    progress(min(number / steps, 1.0))
            write_yaml(description_of(population), made / "source.yml")
            if out.exists():
                out.rename(Path(name) / "old")
            made.rename(out)
            progress(1.0)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from error


def _pieces(tables: Mapping[str, pa.Table]) -> Iterator[Iterator[Piece]]:
    """Pieces of files, in order, of what each table becomes."""
    yield _register(tables["registrations"])
    yield _brest(tables["trainings"])
    yield _p2(tables["trainings"], tables["certifications"])
    yield _mmo(tables["contracts"])
    yield _certifier(tables["certifications"])
    if "missions_locales" in tables:
        yield _imilo(tables["missions_locales"])


def _register(table: pa.Table) -> Iterator[Piece]:
    """FH: registrations, hours of reduced activity, benefits.

    Consecutive episodes in A, B or C of one registration, that change on the first of a month, are
    one row of `de`, told apart by the hours of `e0`.
    """
    rows = _frame(table)
    new = ~rows.duplicated()
    repeats = np.bincount(new.cumsum() - 1)
    rows = rows[new].reset_index(drop=True)
    follows = _follows(rows) & (repeats == 1)
    follows[1:] &= repeats[:-1] == 1
    group = np.cumsum(~follows) - 1
    opening = rows[~follows].reset_index(drop=True)
    closing = rows[np.append(~follows[1:], True)].reset_index(drop=True)
    rank = opening.groupby("person").cumcount() + 1
    numbers = rank.astype(str)
    turn = _turn(opening["person"])
    obtained = _codes(opening["diploma"], {k: _joined(v) for k, v in _DIPLOMAS.items()}, turn)
    level = obtained.str.split("/", expand=True)
    years = opening["experience_months"] % 12 == 0
    de = pd.DataFrame(
        {
            "id_force": opening["person"],
            "Region": "93",
            "NDEM": numbers,
            "SEXE": _codes(opening["sex"], _SEXES, turn),
            "DATNAIS": opening["birth_month"] + pd.to_timedelta(turn % 28, unit="D"),
            "DEPCOM": opening["commune"],
            "NATION": _codes(opening["nationality"], _NATIONS, turn),
            "SITMAT": _codes(opening["marital_status"], _MARITAL, turn),
            "NENF": opening["children"].astype("Int64"),
            "NIVFOR": level[0],
            "DIPLOME": level[1],
            "QUALIF": _codes(opening["qualification"], _QUALIFICATIONS, turn),
            "ROME": opening["rome"],
            "EXPER": (opening["experience_months"] // np.where(years, 12, 1)).astype("Int64"),
            "EXPEUNIT": pd.Series(np.where(years, "AN", "MM")),
            "CATREGR": _codes(opening["category"], _CATEGORIES, turn),
            "DATINS": opening["start"],
            "MOTINS": _codes(opening["reason"], _REASONS, turn),
            "DATANN": closing["end"],
            "ZUS": _yes(opening["qpv"]),
            "ZRR": _yes(opening["zrr"]),
            "BOETH": _yes(opening["disability"]),
            "RSA": _yes(opening["rsa"]),
        }
    )
    twice = np.repeat(np.arange(len(de)), repeats[~follows])
    yield "fh_de", de.iloc[twice].reindex(columns=list(DE))
    yield "fh_e0", _hours(rows, numbers.to_numpy()[group])
    if "benefit" in rows:
        yield "fh_d2", _benefits(rows)


def _follows(rows: pd.DataFrame) -> np.ndarray:
    """Whether a row goes on with the registration of the row before, in another of A, B and C."""
    before = rows.shift()
    same = [name for name in rows if name not in ("start", "end", "category", "benefit")]
    alike = ((rows[same] == before[same]) | (rows[same].isna() & before[same].isna())).all(axis=1)
    searching = rows["category"].isin(["A", "B", "C"]) & before["category"].isin(["A", "B", "C"])
    follows = (
        alike
        & searching
        & (rows["category"] != before["category"])
        & (rows["start"] == before["end"] + pd.Timedelta(days=1))
        & (rows["start"].dt.day == 1)
    )
    return follows.to_numpy(bool)


def _hours(rows: pd.DataFrame, numbers: np.ndarray) -> pd.DataFrame:
    """`e0`: hours worked in each month of the episodes in B and C."""
    worked = rows["category"].isin(["B", "C"]).to_numpy()
    rows, numbers = rows[worked], numbers[worked]
    first = _month_number(rows["start"])
    last = _month_number(rows["end"].fillna(pd.Timestamp(COVERAGE[1])))
    count = last - first + 1
    episode = np.repeat(np.arange(len(rows)), count)
    month = first[episode] + np.arange(len(episode)) - np.repeat(count.cumsum() - count, count)
    turn = _turn(rows["person"])[episode] + month.astype(np.uint64) * np.uint64(7)
    few = rows["category"].to_numpy()[episode] == "B"
    hours = np.where(few, 1 + turn % _MOST_OF_B, _MOST_OF_B + 1 + turn % 73)
    return pd.DataFrame(
        {
            "id_force": rows["person"].to_numpy()[episode],
            "NDEM": numbers[episode],
            "MOIS": pd.Series(month // 12).astype(str)
            + pd.Series(month % 12 + 1).map("{:02}".format),
            "NBHEUR": hours.astype(np.int64),
        }
    )


def _benefits(rows: pd.DataFrame) -> pd.DataFrame:
    """`d2`: benefits drawn, each until the next episode of the person begins."""
    following = rows["start"].shift(-1).where(rows["person"] == rows["person"].shift(-1))
    end = rows["end"].fillna(pd.Timestamp.max.floor("D"))
    end = end.where(~(following <= end), following - pd.Timedelta(days=1))
    drawn = rows["benefit"].notna() & (rows["benefit"] != "aucune") & (end >= rows["start"])
    rows, end = rows[drawn], end[drawn]
    return pd.DataFrame(
        {
            "id_force": rows["person"],
            "D2DATDEB": rows["start"],
            "D2DATFIN": end.where(rows["end"].notna()),
            "ALLOC": _codes(rows["benefit"], _BENEFITS, _turn(rows["person"])),
        }
    )


def _brest(table: pa.Table) -> Iterator[Piece]:
    """BREST: entries into training, a file for each year of entry."""
    for rows in _chunks(table):
        turn = _turn(rows["training"])
        year = rows["start"].dt.year
        brest = pd.DataFrame(
            {
                "id_force": rows["person"],
                "ID_BREST": rows["training"],
                "ANNEE_ENTREE": year.astype(str),
                "DATE_ENTREE": rows["start"],
                "DATE_FIN": rows["end"],
                "DISPOSITIF": rows["scheme"],
                "DISPOSITIF_TR": rows["scheme"],
                "COMMANDITAIRE": _codes(rows["funder"], _FUNDERS, turn).fillna("NON RENSEIGNE"),
                "OBJECTIF_STAGE": _codes(rows["objective"], _OBJECTIVES, turn).fillna("9"),
                "FORMACODE": rows["formacode"].fillna("99999"),
                "DUREE_FORMATION_HEURES_REDRESSEE": (rows["minutes"] / 60).fillna(9999.0),
            }
        ).reindex(columns=list(BREST))
        for number, part in brest.groupby(year):
            yield f"brest_{number}", part


def _p2(trainings: pa.Table, certifications: pa.Table) -> Iterator[Piece]:
    """`p2`: the trainings of job-seekers, and how they were validated."""
    said = _frame(certifications).drop_duplicates("training").set_index("training")["status"]
    for rows in _chunks(trainings):
        linked = rows[rows["person"].notna()].drop_duplicates()
        turn = _turn(linked["training"])
        yield (
            "fh_p2",
            pd.DataFrame(
                {
                    "id_force": linked["person"],
                    "P2DATDEB": linked["start"],
                    "P2DATFIN": linked["end"],
                    "P2NBHEUR": linked["minutes"] / 60,
                    "OBJFORM": _codes(linked["objective"], _OBJECTIVES, turn).str[0],
                    "FORMACOD": linked["formacode"],
                    "TYPVALID": _codes(linked["training"].map(said), _VALIDATIONS, turn),
                }
            ).reindex(columns=list(P2)),
        )


def _mmo(table: pa.Table) -> Iterator[Piece]:
    """MMO: a file for each year, with the contracts under way in it as they were known then."""
    first, last = COVERAGE[0].year, COVERAGE[1].year
    for rows in _chunks(table):
        turn = _turn(rows["contract"])
        subsidised = rows["subsidised"].map({True: "41", False: "99"})
        mmo = pd.DataFrame(
            {
                "id_force": rows["person"],
                "L_Contrat_SQN": rows["contract"],
                "DebutCTT": rows["start"].dt.strftime("%Y-%m-%d"),
                "FinCTT": rows["end"].dt.strftime("%Y-%m-%d"),
                "Nature": _codes(rows["nature"], _NATURES, turn),
                "DispPolitiquePublique": subsidised,
                "ModeExercice": rows["full_time"].map({True: "10", False: "20"}),
                "Quali_Salaire_Base": "7",
                "Salaire_Base": rows["monthly_pay"] / 100,
                "siret_AF": rows["establishment"],
            }
        ).reindex(columns=list(MMO))
        started, ended = rows["start"].dt.year, rows["end"].dt.year
        for year in range(first, last + 1):
            under_way = (started <= year) & ~(ended < year)
            known = mmo["FinCTT"].where((ended <= year) | (year == last))
            yield f"mmo_{year}", mmo.assign(FinCTT=known)[under_way]


def _certifier(table: pa.Table) -> Iterator[Piece]:
    """A certifier's file, keyed by the entry."""
    for rows in _chunks(table):
        certified = pd.DataFrame(
            {
                "ID_BREST": rows["training"],
                "STATUT": _codes(rows["status"], _STATUSES, _turn(rows["training"])),
                "DATE_DECISION": rows["date"],
            }
        )
        if "origin" in rows:
            certified["ORIGINE"] = rows["origin"]
        yield "certificateur", certified


def _imilo(table: pa.Table) -> Iterator[Piece]:
    """I-MILO: situations of those whom a mission locale follows."""
    for rows in _chunks(table):
        yield (
            "imilo",
            pd.DataFrame(
                {
                    "id_force": rows["person"],
                    "DATE_DEBUT_SITUATION": rows["start"],
                    "DATE_FIN_SITUATION": rows["end"],
                    "SITUATION": _codes(rows["situation"], _SITUATIONS, _turn(rows["person"])),
                }
            ),
        )


def _chunks(table: pa.Table) -> Iterator[pd.DataFrame]:
    for first in range(0, max(len(table), 1), _CHUNK):
        yield _frame(table.slice(first, _CHUNK))


def _frame(table: pa.Table) -> pd.DataFrame:
    plain = [field.with_type(plain_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(plain)).to_pandas(date_as_object=False)


def _turn(keys: pd.Series) -> np.ndarray:
    """A number that is always the same for a key, to take codes in turn."""
    return pd.util.hash_array(keys.to_numpy(object), categorize=False)


def _codes(values: pd.Series, codes: Codes, turn: np.ndarray) -> pd.Series:
    """Values as raw codes, one of several in turn; empty where empty."""
    words = values.to_numpy(object)
    raw = np.full(len(words), None, object)
    for value, variants in codes.items():
        here = words == value
        raw[here] = np.array(variants, object)[turn[here] % len(variants)]
    return pd.Series(raw, values.index, dtype="str")


def _joined(pairs: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple("/".join(pair) for pair in pairs)


def _yes(values: pd.Series) -> pd.Series:
    return values.map({True: "O", False: "N"})


def _month_number(days: pd.Series) -> np.ndarray:
    return (days.dt.year * 12 + days.dt.month - 1).to_numpy(np.int64)


class _Files:
    """Files that rows are added to, piece by piece."""

    def __init__(self, folder: Path, file_format: FileFormat, stack: ExitStack) -> None:
        self.folder, self.file_format, self.stack = folder, file_format, stack
        self.writers: dict[str, pq.ParquetWriter] = {}

    def append(self, extract: str, frame: pd.DataFrame) -> None:
        """Add rows to the file of an extract."""
        path = self.folder / f"{extract}.{self.file_format}"
        if self.file_format == "csv":
            frame.to_csv(
                path,
                mode="a",
                header=not path.exists(),
                index=False,
                sep=";",
                decimal=",",
                date_format="%Y-%m-%d",
                encoding="latin-1",
            )
            return
        if extract not in self.writers:
            schema = pa.schema([(name, _arrow_type(frame[name])) for name in frame])
            writer = pq.ParquetWriter(path, schema, store_schema=False)
            self.writers[extract] = self.stack.enter_context(writer)
        schema = self.writers[extract].schema
        table = pa.Table.from_pandas(frame, schema, preserve_index=False, safe=False)
        self.writers[extract].write_table(table)


def _arrow_type(values: pd.Series) -> pa.DataType:
    if pd.api.types.is_datetime64_any_dtype(values):
        return pa.date32()
    if pd.api.types.is_integer_dtype(values):
        return pa.int64()
    if pd.api.types.is_float_dtype(values) and values.notna().any():
        return pa.float64()
    return pa.string()
