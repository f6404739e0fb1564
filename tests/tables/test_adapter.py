"""Raw extracts become the contract: small hand-written ForCE files with the rows they must give.

`brest_2019.sas7bdat` holds five such rows, written by the ReadStat library; its dates are numbers
of days since 1960.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.mapping import (
    ColumnMapping,
    Extract,
    MappingDefinition,
    ReducedActivity,
)
from pacte_eval.definitions.reading import read_definition
from pacte_eval.tables import episodes, extracts
from pacte_eval.tables.adapt import MAPPING_FILE, adapt
from pacte_eval.tables.contract import Column, columns
from pacte_eval.tables.extracts import read_extract
from pacte_eval.tables.mapped_rows import RowReader
from pacte_eval.tables.mapping_checks import check_mapping
from pacte_eval.tables.source import open_source

Rows = list[dict[str, Any]]
FORCE = shipped_library() / "cohorts" / "mappings" / "force.yml"
FIXTURE = Path(__file__).parent / "brest_2019.sas7bdat"
COVERAGE = [date(2017, 1, 1), date(2019, 12, 31)]

DE = {
    "id_force": "P1", "NDEM": "1", "SEXE": "2", "DATNAIS": "1985-06-17", "DEPCOM": "13201",
    "NATION": "01", "SITMAT": "C", "NENF": "1", "NIVFOR": "NV5", "DIPLOME": "D", "QUALIF": "6",
    "ROME": "K1304", "EXPER": "2", "EXPEUNIT": "AN", "CATREGR": "1", "DATINS": "2018-01-10",
    "MOTINS": "04", "DATANN": "2018-06-20", "ZUS": "N", "ZRR": "N", "BOETH": "N", "RSA": "O",
}  # fmt: skip
E0 = {"id_force": "P1", "NDEM": "1", "MOIS": "201803", "NBHEUR": "78"}
D2 = {
    "id_force": "P1",
    "D2DATDEB": "2018-05-01",
    "D2DATFIN": "2018-06-10",
    "ALLOC": "AREF",
}
BREST = {
    "id_force": "P1", "ID_BREST": "B1", "DATE_ENTREE": "2018-06-21", "DATE_FIN": "2018-09-30",
    "DISPOSITIF": "AFC", "COMMANDITAIRE": "Région", "OBJECTIF_STAGE": "1 - Certification",
    "FORMACODE": "15031", "DUREE_FORMATION_HEURES_REDRESSEE": "327,5", "NOM": "SECRET",
}  # fmt: skip
MMO = {
    "id_force": "P1", "L_Contrat_SQN": "C1", "DebutCTT": "2018-10-15", "FinCTT": "", "Nature": "02",
    "DispPolitiquePublique": "99", "ModeExercice": "10", "Quali_Salaire_Base": "7",
    "Salaire_Base": "1521,22", "siret_AF": "E1",
}  # fmt: skip
WHOLE: dict[str, Rows] = {
    "fh_de": [DE], "fh_e0": [E0], "brest_2018": [BREST], "mmo_2018": [MMO],
}  # fmt: skip


@pytest.fixture(scope="module")
def mapping() -> MappingDefinition:
    return read_definition(FORCE, MappingDefinition)


@pytest.fixture
def raw(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes extracts as CSV files with a description beside, and their folder."""

    def write(
        files: dict[str, Rows], separator: str = ";", encoding: str = "latin-1", **described: Any
    ) -> Path:
        folder = tmp_path / "raw"
        folder.mkdir(exist_ok=True)
        for name, rows in files.items():
            write_csv(folder / f"{name}.csv", rows, separator, encoding)
        tables = ("registrations", "trainings", "contracts", "missions_locales")
        content = {"coverage": dict.fromkeys(tables, COVERAGE)} | described
        (folder / "source.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return folder

    return write


def write_csv(path: Path, rows: Rows, separator: str = ";", encoding: str = "latin-1") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)


def table(folder: Path, name: str) -> Rows:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def only(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def changed(mapping: MappingDefinition, change: Callable[[dict[str, Any]], None]) -> Any:
    """A mapping with something edited, as an evaluator edits the file."""
    content = yaml.safe_load(FORCE.read_text(encoding="utf-8"))
    change(content)
    return MappingDefinition.model_validate(content)


def test_every_extract_finds_its_place(
    raw: Callable[..., Path], mapping: MappingDefinition, tmp_path: Path
) -> None:
    other = DE | {"id_force": "P2", "CATREGR": "4", "DATINS": "2019-01-01", "DATANN": ""}
    without = {"DIPLOME": "N", "NIVFOR": "NV4", "SITMAT": "M", "EXPER": "7", "EXPEUNIT": "MM"}
    first = MMO | {"FinCTT": ""}
    later = MMO | {"FinCTT": "2019-02-28", "Salaire_Base": "1600", "Quali_Salaire_Base": "7"}
    doubtful = MMO | {"L_Contrat_SQN": "C2", "Quali_Salaire_Base": "4", "Nature": "09"}
    unlinked = BREST | {"ID_BREST": "B2", "id_force": "", "DATE_ENTREE": "2018-07-01"}
    unsaid = {
        "OBJECTIF_STAGE": "9", "FORMACODE": "99999", "COMMANDITAIRE": "NON RENSEIGNE",
        "DUREE_FORMATION_HEURES_REDRESSEE": "9999",
    }  # fmt: skip
    folder = raw(
        {
            "fh_de": [DE, other | without],
            "fh_e0": [
                E0,
                E0 | {"NBHEUR": "12"},
                E0 | {"MOIS": "201804", "NBHEUR": "79"},
                E0 | {"MOIS": "201805", "NBHEUR": "0"},
                E0 | {"NDEM": "2", "MOIS": "201801", "NBHEUR": "100"},
            ],
            "fh_d2": [D2],
            "brest_2018": [BREST, unlinked | unsaid],
            "mmo_2018": [first],
            "mmo_2019": [later, doubtful],
            "certificateur": [
                {"ID_BREST": "B1", "STATUT": "obtenue", "DATE_DECISION": "15/10/2018"}
            ],
            "imilo": [
                {
                    "id_force": "P1",
                    "DATE_DEBUT_SITUATION": "01/02/2018",
                    "DATE_FIN_SITUATION": "",
                    "SITUATION": "SCOLARITÉ secondaire",
                }
            ],
        }
    )
    told: list[str] = []
    out = adapt(folder, mapping, tmp_path / "out", told.append)

    episodes_made = table(out, "registrations")
    assert [only(row, "person", "start", "end", "category") for row in episodes_made] == [
        ("P1", date(2018, 1, 10), date(2018, 2, 28), "A"),
        ("P1", date(2018, 3, 1), date(2018, 3, 31), "B"),
        ("P1", date(2018, 4, 1), date(2018, 4, 30), "C"),
        ("P1", date(2018, 5, 1), date(2018, 6, 20), "A"),
        ("P2", date(2019, 1, 1), None, "D"),
    ]
    assert [row["benefit"] for row in episodes_made] == ["aucune"] * 3 + ["are", "aucune"]
    traits = ("sex", "birth_month", "diploma", "marital_status", "children", "lone_parent")
    assert only(episodes_made[0], *traits) == (
        "F", date(1985, 6, 1), "cap_bep", "celibataire", 1, True,
    )  # fmt: skip
    assert only(episodes_made[4], *traits)[2:] == ("cap_bep", "marie", 1, False)
    assert [row["experience_months"] for row in episodes_made[-2:]] == [24, 7]
    assert only(episodes_made[0], "rsa", "disability", "qpv", "reason", "nationality") == (
        True, False, False, "fin_de_contrat", "francaise",
    )  # fmt: skip

    first_entry, second_entry = table(out, "trainings")
    assert only(first_entry, "training", "person", "objective", "funder", "minutes") == (
        "B1", "P1", "certification", "region", 19_650,
    )  # fmt: skip
    assert second_entry["person"] is None, "an entry that is not linked is kept"
    assert only(second_entry, "objective", "funder", "minutes", "formacode") == (None,) * 4

    kept, unsure = table(out, "contracts")
    assert only(kept, "contract", "end", "nature", "monthly_pay", "full_time", "subsidised") == (
        "C1", date(2019, 2, 28), "cdd", 160_000, True, False,
    )  # fmt: skip
    assert only(unsure, "nature", "monthly_pay") == ("cdi", None), "pay known to be unreliable"
    assert kept["establishment"] != "E1"
    assert len(kept["establishment"]) == 32

    assert table(out, "certifications") == [
        {"training": "B1", "status": "obtenue", "date": date(2018, 10, 15), "origin": None}
    ]
    assert table(out, "missions_locales") == [
        {"person": "P1", "start": date(2018, 2, 1), "end": None, "situation": "scolarite"}
    ]
    masked = "fewer than 11 rows"
    assert f"mmo: {masked} read, {masked} lost (said again in a later file)" in told
    assert f"brest: {masked} read, 0 rows lost" in told
    assert not any("SECRET" in sentence for sentence in told)

    source = open_source(out)
    assert source.nature == "confidential", "unless the description says otherwise"
    assert read_definition(out / MAPPING_FILE, MappingDefinition) == mapping


def test_the_same_bytes_twice_and_whole_or_nothing(
    raw: Callable[..., Path], mapping: MappingDefinition, tmp_path: Path
) -> None:
    folder = raw(WHOLE, nature="synthetic", label="Essai")
    out = adapt(folder, mapping, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    adapt(folder, mapping, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    described = yaml.safe_load((out / "source.yml").read_text(encoding="utf-8"))
    assert (described["nature"], described["label"]) == ("synthetic", "Essai")

    write_csv(folder / "mmo_2018.csv", [{"id_force": "P1", "DebutCTT": "2018-01-01"}])
    with pytest.raises(InputError, match=r"mmo_2018\.csv: column 'L_Contrat_SQN' is missing"):
        adapt(folder, mapping, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "raw"]


def test_another_vintage_is_read_by_editing_the_mapping(
    raw: Callable[..., Path], mapping: MappingDefinition, tmp_path: Path
) -> None:
    """Renamed columns and files, other codes, units, dates, separator and encoding."""
    usual = adapt(raw(WHOLE), mapping, tmp_path / "usual")
    for file in (tmp_path / "raw").iterdir():
        file.unlink()
    de = {name: value for name, value in DE.items() if name not in ("SEXE", "DATINS", "NENF")}
    entry = {name: value for name, value in BREST.items() if not name.startswith("DUREE")}
    folder = raw(
        {
            "inscriptions": [de | {"GENRE": "Femme", "DATINS": "10012018", "ENFANTS": "un"}],
            "activite": [E0],
            "stages": [entry | {"OBJECTIF_STAGE": "CERT", "MINUTES": "19650"}],
            "mmo_2018": [MMO | {"Salaire_Base": "152122"}],
        },
        separator=",",
        encoding="utf-8",
    )

    def edit(content: dict[str, Any]) -> None:
        content["extracts"]["fh_de"]["files"] = ["inscriptions*"]
        content["extracts"]["fh_e0"]["files"] = ["activite*"]
        content["extracts"]["brest"] |= {"files": ["stages*"], "separator": ","}
        register = content["tables"]["registrations"]["columns"]
        register["sex"] = {"from": "GENRE", "codes": {"Homme": "M", "Femme": "F"}}
        register["start"] = {"from": "DATINS", "formats": "DDMMYYYY"}
        register["children"] = {"from": "ENFANTS", "codes": {"zéro": 0, "un": 1}}
        register["lone_parent"] = {"constant": True}
        entries = content["tables"]["trainings"]["columns"]
        entries["objective"]["codes"] = {"CERT": "certification"}
        entries["minutes"] = "MINUTES"
        content["tables"]["contracts"]["columns"]["monthly_pay"] = "Salaire_Base"

    other = adapt(folder, changed(mapping, edit), tmp_path / "other")
    for name in ("registrations", "trainings", "contracts"):
        assert table(other, name) == table(usual, name)


MISSING = [
    ({"fh_de": None}, r"no file of the extract 'fh_de' \(fh_de\*, .*; put it there"),
    ({"mmo_2018": None}, "no file of the extract 'mmo'"),
    ({"fh_de": [{"id_force": "P1", "DATIN": "2018-01-10"}]}, r"'DATINS' is missing \(did you mean"),
]


@pytest.mark.parametrize(("change", "words"), MISSING)
def test_what_is_missing_is_named(
    raw: Callable[..., Path],
    mapping: MappingDefinition,
    tmp_path: Path,
    change: dict[str, Rows | None],
    words: str,
) -> None:
    files = {name: rows for name, rows in (WHOLE | change).items() if rows is not None}
    with pytest.raises(InputError, match=words):
        adapt(raw(files), mapping, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_coverage_and_target_are_checked_first(
    raw: Callable[..., Path], mapping: MappingDefinition, tmp_path: Path
) -> None:
    folder = raw(WHOLE)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.doc").write_text("precious", encoding="utf-8")
    with pytest.raises(InputError, match="not written by 'pacte adapt'"):
        adapt(folder, mapping, tmp_path / "taken")
    (folder / "source.yml").unlink()
    with pytest.raises(InputError, match="coverage dates of registrations, trainings, contracts"):
        adapt(folder, mapping, tmp_path / "out")
    (folder / "source.yml").write_text("natur: public\n", encoding="utf-8")
    with pytest.raises(InputError, match="did you mean 'nature'"):
        adapt(folder, mapping, tmp_path / "out")
    with pytest.raises(InputError, match="no such folder"):
        adapt(tmp_path / "nowhere", mapping, tmp_path / "out")


# ---- what is not understood


def entries(count: int, **values: str) -> Rows:
    return [BREST | {"ID_BREST": f"B{i}"} | values for i in range(count)]


def read_entries(
    folder: Path, mapping: MappingDefinition, *names: str
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Some columns of trainings as the mapping reads them, what was told, and the losses."""
    told: list[str] = []
    scratch = folder.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    reader = RowReader(folder, mapping, ibis.duckdb.connect(), scratch, told.append)
    expected = columns("trainings")
    read = {
        name: (mapping.tables["trainings"].columns[name], expected[name])
        for name in ("training", *names)
    }
    rows = reader.rows("brest", "tables.trainings.columns", read, {})
    return rows.execute(), told, [loss.sentence() for loss in reader.losses]


def test_unknown_codes_are_counted_by_file_and_never_shown(
    raw: Callable[..., Path], mapping: MappingDefinition
) -> None:
    folder = raw(
        {
            "brest_2018": entries(20) + entries(14, OBJECTIF_STAGE="ZORGLUB"),
            "brest_2019": entries(20) + entries(2, OBJECTIF_STAGE="ZORGLUB"),
        }
    )
    rows, told, _ = read_entries(folder, mapping, "objective")
    assert rows["objective"].isna().sum() == 16
    where = (
        "with a code that the mapping does not know, left empty; add it under "
        "tables.trainings.columns.objective.codes of the mapping"
    )
    said = [sentence for sentence in told if "column" in sentence]
    assert said == [
        f"brest_2018.csv: column 'OBJECTIF_STAGE': 14 rows {where}",
        f"brest_2019.csv: column 'OBJECTIF_STAGE': fewer than 11 rows {where}",
    ]


def test_codes_that_are_all_unknown_stop(
    raw: Callable[..., Path], mapping: MappingDefinition
) -> None:
    folder = raw({"brest_2018": entries(12, OBJECTIF_STAGE="ZORGLUB")})
    with pytest.raises(InputError, match=r"'OBJECTIF_STAGE': not one of 12 values is") as caught:
        read_entries(folder, mapping, "objective")
    assert "ZORGLUB" not in str(caught.value)


def test_rows_lost_are_counted_with_the_reason(
    raw: Callable[..., Path], mapping: MappingDefinition
) -> None:
    never = entries(15, DATE_ENTREE="31/02/2018")
    reversed_ = entries(11, DATE_FIN="2018-06-20")
    folder = raw({"brest_2018": entries(30) + never + reversed_})
    rows, told, losses = read_entries(folder, mapping, "start", "end")
    assert len(rows) == 30
    assert losses == [
        "brest: 56 rows read, 15 rows lost (no usable start)",
        "brest: 56 rows read, 11 rows lost (end before start)",
    ]
    assert any("15 rows with a value that is no date in a known form" in line for line in told)


def test_values_that_the_contract_does_not_allow_are_left_empty(
    raw: Callable[..., Path], mapping: MappingDefinition
) -> None:
    wrong = entries(12, FORMACODE="A5", DUREE_FORMATION_HEURES_REDRESSEE="-3")
    folder = raw({"brest_2018": entries(30) + wrong})
    rows, told, _ = read_entries(folder, mapping, "formacode", "minutes")
    assert len(rows) == 42
    assert rows[["formacode", "minutes"]].isna().sum().tolist() == [12, 12]
    assert sum("12 rows with a value that the contract does not allow" in x for x in told) == 2


# ---- files


def read_file(path: Path, extract: Extract, *wanted: str) -> Rows:
    connection = ibis.duckdb.connect()
    scratch = path.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    made = read_extract(connection, "brest", extract, [path], dict.fromkeys(wanted, True), scratch)
    return made.table.drop(extracts.FILE).to_pyarrow().to_pylist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252"])
@pytest.mark.parametrize("separator", [";", ",", "|", "\t"])
def test_encoding_and_separator_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    path = tmp_path / "brest.csv"
    word = "Œuvre à façon; 5 €, oui" if encoding != "latin-1" else "à façon; 5, oui"
    write_csv(path, [{"Clé": word, "B": "1,5", "C": ""}], separator, encoding)
    assert read_file(path, Extract(files=("brest*",)), "CLÉ", "b", "C") == [
        {"CLÉ": word, "b": "1,5", "C": ""}
    ]


BROKEN = [
    (b"ID;X\n1;R\xe9gion\n", {"encoding": "utf-8"}, "not in utf-8: correct the encoding"),
    (b"ID;X\n1;\x81\n", {"encoding": "latin-1"}, "not in latin-1: correct the encoding"),
    (b"ID;X\n1;SECRET;3\n", {}, "a line does not have as many values"),
    (b"ID;X\n1;2\n", {"separator": ","}, "the first line names none of the columns ID, X"),
    (b"SECRET;2\n3;4\n", {}, "the first line names none of the columns ID, X"),
    (b"ID;Y\n1;2\n", {}, "column 'X' is missing"),
    (b"", {}, "the file is empty"),
]


@pytest.mark.parametrize(("content", "declared", "words"), BROKEN)
def test_a_broken_file_is_one_sentence_without_its_lines(
    tmp_path: Path, content: bytes, declared: dict[str, Any], words: str
) -> None:
    path = tmp_path / "brest.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_file(path, Extract(files=("brest*",), **declared), "ID", "X")
    assert str(caught.value).startswith(f"{path}: ")
    assert "SECRET" not in str(caught.value)
    quoted = None if caught.value.__suppress_context__ else caught.value.__context__
    assert quoted is None, "nor may a traceback quote a line"


@pytest.mark.parametrize("name", ["brest.parquet", "brest.sas7bdat"])
def test_a_file_of_another_format_than_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"id;x\n1;2\n")
    with pytest.raises(InputError, match="not a readable"):
        read_file(tmp_path / name, Extract(files=("brest*",)), "id")


def test_a_file_with_no_row_has_none(tmp_path: Path) -> None:
    path = tmp_path / "brest.csv"
    path.write_text("ID;X\n", encoding="utf-8")
    assert read_file(path, Extract(files=("brest*",)), "X") == []


def test_types_of_parquet_read_as_their_text(tmp_path: Path) -> None:
    path = tmp_path / "brest.parquet"
    rows = pa.table(
        {
            "NOM": ["SECRET"],
            "day": pa.array([date(2018, 2, 28)]),
            "moment": pa.array([pd.Timestamp(2018, 2, 28)]),
            "whole": [1234567890123.0],
            "part": [327.5],
            "number": [7],
            "flag": [True],
        }
    )
    pq.write_table(rows, path)
    wanted = [name for name in rows.column_names if name != "NOM"]
    assert read_file(path, Extract(files=("brest*",)), *wanted) == [
        {
            "day": "2018-02-28",
            "moment": "2018-02-28",
            "whole": "1234567890123",
            "part": "327.5",
            "number": "7",
            "flag": "true",
        }
    ]


def test_a_sas_file_is_read_by_blocks(
    mapping: MappingDefinition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracts, "_SAS_ROWS", 2)
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / FIXTURE.name).write_bytes(FIXTURE.read_bytes())
    names = ("person", "start", "end", "objective", "funder", "minutes", "formacode")
    rows, _, losses = read_entries(folder, mapping, *names)
    found = rows.astype(object).where(rows.notna(), None)
    assert found[["training", "person", "objective", "funder", "minutes"]].to_numpy().tolist() == [
        ["B1", "P1", "certification", "region", 19_650],
        ["B2", "P2", "adaptation_au_poste", "pole_emploi", None],
        ["B3", None, None, "etat", 2_100],
        ["B4", "P3", "remise_a_niveau", None, None],
    ]
    expected = pd.read_sas(FIXTURE, encoding="utf-8").head(4)
    days = pd.Timestamp(1960, 1, 1) + pd.to_timedelta(expected["DATE_ENTREE"], unit="D")
    assert pd.to_datetime(rows["start"]).tolist() == days.tolist()
    assert losses == ["brest: fewer than 11 rows read, fewer than 11 rows lost (no usable start)"]
    copied = pq.read_schema(folder.parent / "scratch" / "brest-0.parquet").names
    assert "NOM" not in copied, "what is not mapped is not read"


# ---- one way of reading a column at a time

NUMBER = Column("n", "integer", nullable=True, required=True, description="", minimum=0)
DAY = Column("d", "date", nullable=True, required=True, description="")
TEXT = Column("t", "text", nullable=True, required=True, description="")
FLAG = Column("f", "boolean", nullable=True, required=True, description="")

READINGS = [
    (DAY, {"from": "A"}, {"A": "2018-02-28"}, date(2018, 2, 28)),
    (DAY, {"from": "A"}, {"A": "2018-02-28 00:00:00"}, date(2018, 2, 28)),
    (DAY, {"from": "A"}, {"A": "28022018"}, None),
    (DAY, {"from": "A", "formats": "DDMMYYYY"}, {"A": "28022018"}, date(2018, 2, 28)),
    (DAY, {"from": "A", "formats": ["DDMONYYYY"]}, {"A": "28FEB2018"}, date(2018, 2, 28)),
    (DAY, {"from": "A", "formats": ["YYYYMM"]}, {"A": "201802"}, date(2018, 2, 1)),
    (DAY, {"from": "A", "formats": ["SAS"]}, {"A": "21243"}, date(2018, 2, 28)),
    (DAY, {"from": "A", "formats": ["SAS"]}, {"A": "-366"}, date(1958, 12, 31)),
    (DAY, {"from": "A", "formats": ["SAS"]}, {"A": "20180228"}, None),
    (DAY, {"from": "A", "month": True}, {"A": "2018-02-28"}, date(2018, 2, 1)),
    (DAY, {"from": ["A", "B"]}, {"A": "", "B": "2018-02-28"}, date(2018, 2, 28)),
    (NUMBER, {"from": "A", "times": 60}, {"A": " 1,26 "}, 76),
    (NUMBER, {"from": "A", "times": 100}, {"A": "1521.22"}, 152_122),
    (NUMBER, {"from": "A", "missing": ["9999"]}, {"A": "9999"}, None),
    (NUMBER, {"from": "A"}, {"A": "nan"}, None),
    (NUMBER, {"from": "A"}, {"A": "-1"}, None),
    (NUMBER, {"from": "A", "times": {"by": "B", "codes": {"AN": 12}}}, {"A": "2", "B": "AN"}, 24),
    (NUMBER, {"from": "A", "times": {"by": "B", "codes": {"AN": 12}}}, {"A": "2", "B": "?"}, None),
    (NUMBER, {"from": "A", "where": {"B": ["7"]}}, {"A": "2", "B": "7"}, 2),
    (NUMBER, {"from": "A", "where": {"B": ["7"]}}, {"A": "2", "B": "4"}, None),
    (TEXT, {"from": "A", "codes": {"12": "x", "1*": "y", "*": "z"}}, {"A": "12"}, "x"),
    (TEXT, {"from": "A", "codes": {"12": "x", "1*": "y", "*": "z"}}, {"A": "13"}, "y"),
    (TEXT, {"from": "A", "codes": {"1*": "x", "12*": "y"}}, {"A": "123"}, "y"),
    (TEXT, {"from": "A", "codes": {"12": "x", "1*": "y", "*": "z"}}, {"A": "2"}, "z"),
    (TEXT, {"from": "A", "codes": {"12": "x", "*": "z"}}, {"A": ""}, None),
    (TEXT, {"from": ["A", "B"], "codes": {"V/D": "x", "V/*": "y"}}, {"A": "V", "B": "D"}, "x"),
    (TEXT, {"from": ["A", "B"], "codes": {"V/D": "x", "V/*": "y"}}, {"A": "V", "B": ""}, "y"),
    (TEXT, {"from": "A", "hashed": True}, {"A": "a"}, "0cc175b9c0f1b6a831c399e269772661"),
    (TEXT, {"constant": "x"}, {"A": "a"}, "x"),
    (TEXT, {"from": "Z", "optional": True}, {"A": "a"}, None),
    (FLAG, {"from": "A", "codes": {"O": True, "N": False}}, {"A": "N"}, False),
]


def test_each_way_of_reading_a_column(tmp_path: Path, mapping: MappingDefinition) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    write_csv(folder / "brest.csv", [{"case": str(i), "A": "", "B": ""} | row for i, (*_, row, _) in
                                     enumerate(READINGS)])  # fmt: skip
    reader = RowReader(folder, mapping, ibis.duckdb.connect(), tmp_path, lambda _: None)
    read = {"case": (ColumnMapping.model_validate("case"), TEXT)} | {
        f"case_{i}": (ColumnMapping.model_validate(way), column)
        for i, (column, way, *_) in enumerate(READINGS)
    }
    rows = reader.rows("brest", "tables", read, {}).to_pyarrow().to_pylist()
    found = {int(row["case"]): row[f"case_{row['case']}"] for row in rows}
    assert found == {i: value for i, (*_, value) in enumerate(READINGS)}


# ---- episodes

MONTHS = [date(2018, 1, 1), date(2018, 2, 1), date(2018, 3, 1), date(2018, 4, 1)]
LAST = date(2018, 4, 30)
RULE = ReducedActivity.model_validate(
    {
        "from": "e0",
        "keys": "NDEM",
        "month": "MOIS",
        "minutes": "NBHEUR",
        "up_to_hours": {"A": 0, "B": 78},
        "beyond": "C",
    }
)
spells = st.lists(
    st.tuples(
        st.integers(0, 119),
        st.one_of(st.none(), st.integers(0, 119)),
        st.sampled_from("AD"),
        st.lists(st.sampled_from([None, 0, 40, 78, 79, 120]), min_size=4, max_size=4),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spells)
def test_hours_cut_registrations_as_a_count_day_by_day(drawn: Any) -> None:
    rows, hours, expected = [], [], []
    for number, (first, length, category, worked) in enumerate(drawn):
        start = MONTHS[0] + timedelta(days=first)
        end = None if length is None else start + timedelta(days=length)
        key = f"k{number}"
        rows.append({"activity_key": key, "start": start, "end": end, "category": category})
        hours += [
            {"activity_key": key, "month": month, "minutes": 60 * count}
            for month, count in zip(MONTHS, worked, strict=True)
            if count is not None
        ]
        expected += [(key, *piece) for piece in by_day(start, end, category, worked)]
    key_and = [("activity_key", pa.string())]
    shape = [("start", pa.date32()), ("end", pa.date32()), ("category", pa.string())]
    worked_shape = [("month", pa.date32()), ("minutes", pa.int64())]
    made = episodes.by_hours(
        ibis.memtable(pa.Table.from_pylist(rows, pa.schema(key_and + shape))),
        ibis.memtable(pa.Table.from_pylist(hours, pa.schema(key_and + worked_shape))),
        RULE,
        LAST,
    )
    found = [
        only(row, "activity_key", "start", "end", "category")
        for row in made.to_pyarrow().to_pylist()
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def by_day(
    start: date, end: date | None, category: str, worked: list[int | None]
) -> list[tuple[date, date | None, str]]:
    """Runs of days of one category, the last one open when the registration is."""
    final = end or max(start, LAST)
    pieces: list[tuple[date, date | None, str]] = []
    for offset in range((final - start).days + 1):
        today = start + timedelta(days=offset)
        kind = category
        if category == "A":
            position = (today.year - 2018) * 12 + today.month - 1
            count = (worked[position] if position < 4 else 0) or 0
            kind = "A" if count == 0 else "B" if count <= 78 else "C"
        if pieces and pieces[-1][2] == kind:
            pieces[-1] = (pieces[-1][0], today, kind)
        else:
            pieces.append((today, today, kind))
    if end is None:
        pieces[-1] = (pieces[-1][0], None, pieces[-1][2])
    return pieces


def test_the_longest_benefit_wins_and_duplicates_stay() -> None:
    day = date(2018, 1, 1)
    spell = {"benefit_key": "a", "start": day, "end": day + timedelta(days=99)}
    rows = [spell, spell, spell | {"benefit_key": "b", "end": None}]
    drawn = [
        {"benefit_key": "a", "start": day, "end": day + timedelta(days=9), "benefit": "are"},
        {"benefit_key": "a", "start": day + timedelta(days=10), "end": None, "benefit": "ass"},
        {
            "benefit_key": "b",
            "start": date(2017, 1, 1),
            "end": date(2017, 12, 31),
            "benefit": "are",
        },
    ]
    made = episodes.with_benefit(
        ibis.memtable(pa.Table.from_pylist(rows)),
        ibis.memtable(pa.Table.from_pylist(drawn)),
        "aucune",
    )
    found = made.to_pyarrow().to_pylist()
    assert sorted(only(row, "benefit_key", "benefit") for row in found) == [
        ("a", "ass"), ("a", "ass"), ("b", "aucune"),
    ]  # fmt: skip


def test_the_entry_nearest_in_time_is_found() -> None:
    day = date(2018, 1, 20)
    trainings = [
        {"training": "T1", "person": "p", "start": day},
        {"training": "T2", "person": "p", "start": day + timedelta(days=20)},
        {"training": "T3", "person": None, "start": day},
    ]
    said = [
        {"person": "p", "start": day + timedelta(days=3), "status": "obtenue"},
        {"person": "p", "start": day + timedelta(days=13), "status": "non_obtenue"},
        {"person": "p", "start": day + timedelta(days=200), "status": "obtenue"},
        {"person": "q", "start": day, "status": "obtenue"},
    ]
    found, lost = episodes.entries_found(
        ibis.memtable(pa.Table.from_pylist(said)),
        ibis.memtable(pa.Table.from_pylist(trainings)),
        15,
    )
    pairs = found.select("training", "status").to_pyarrow().to_pylist()
    assert sorted(only(row, "training", "status") for row in pairs) == [
        ("T1", "obtenue"), ("T2", "non_obtenue"),
    ]  # fmt: skip
    assert int(lost.count().execute()) == 2


# ---- the mapping itself

WRONG = [
    (
        ("extracts", "brest", "encodin"),
        "auto",
        "unknown key 'extracts.brest.encodin': did you mean",
    ),
    (("tables", "trainings", "columns", "minutes", "time"), 60, "did you mean 'times'"),
    (("tables", "trainings", "from"), "brets", "the extract 'brets', which is not listed"),
    (
        ("tables", "trainings", "columns", "objective", "codes"),
        {1: "certification"},
        "a raw code is written between quotes",
    ),
    (
        ("tables", "trainings", "columns", "start", "formats"),
        ["JJMMAAAA"],
        "'JJMMAAAA' is no date format",
    ),
    (("tables", "trainings", "columns", "minutes", "constant"), 3, "either from or constant"),
]


@pytest.mark.parametrize(("place", "value", "words"), WRONG)
def test_mistakes_in_a_mapping_are_named(
    tmp_path: Path, place: tuple[str, ...], value: Any, words: str
) -> None:
    content = yaml.safe_load(FORCE.read_text(encoding="utf-8"))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_definition(path, MappingDefinition)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def drop_contracts(content: dict[str, Any]) -> None:
    del content["tables"]["contracts"]


def forget_axis(content: dict[str, Any]) -> None:
    content["tables"]["trainings"]["not_held"].remove("axis")


def invent_column(content: dict[str, Any]) -> None:
    content["tables"]["trainings"]["columns"]["objectif"] = "OBJECTIF_STAGE"


def invent_value(content: dict[str, Any]) -> None:
    content["tables"]["trainings"]["columns"]["objective"]["codes"]["1*"] = "certifiante"


def drop_codes(content: dict[str, Any]) -> None:
    content["tables"]["registrations"]["columns"]["sex"] = "SEXE"


def give_up_start(content: dict[str, Any]) -> None:
    del content["tables"]["contracts"]["columns"]["start"]
    content["tables"]["contracts"]["not_held"].append("start")


def misplace_hours(content: dict[str, Any]) -> None:
    hours = content["tables"]["registrations"]["reduced_activity"]
    content["tables"]["contracts"]["reduced_activity"] = hours


UNFIT = [
    (drop_contracts, "tables.contracts is missing"),
    (forget_axis, "column 'axis' is neither mapped nor in not_held"),
    (invent_column, "no column 'objectif': did you mean 'objective'"),
    (invent_value, "no value 'certifiante': did you mean 'certification'"),
    (drop_codes, "columns.sex: give codes"),
    (give_up_start, "column 'start' is required by the contract"),
    (misplace_hours, "only registrations may have it"),
]


@pytest.mark.parametrize(("change", "words"), UNFIT)
def test_a_mapping_that_does_not_fit_the_contract(
    mapping: MappingDefinition, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    with pytest.raises(InputError, match="mapping 'force': ") as caught:
        check_mapping(changed(mapping, change))
    assert words in str(caught.value)


def test_the_shipped_mapping_fits_the_contract(mapping: MappingDefinition) -> None:
    check_mapping(mapping)
    assert mapping.id == FORCE.stem
