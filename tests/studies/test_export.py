"""What leaves a machine is what the toolkit wrote, and reports are made of it elsewhere."""

from __future__ import annotations

import json
import shutil
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pacte_eval.cli import main
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.library import write_project
from pacte_eval.definitions.project import Project
from pacte_eval.results import Profile, ResultSet, write_result_set
from pacte_eval.results.table import sealed
from pacte_eval.studies import unpack as unpacking
from pacte_eval.studies.export import export_study
from pacte_eval.studies.unpack import unpack

STUDY, SOURCE = "nsw-lalonde", "nsw-cps"
PLACE = f"{STUDY}/{SOURCE}/interne"
Files = dict[str, bytes]


@pytest.fixture
def here(tmp_path: Path, nsw: Path) -> Project:
    """A project where the study was run."""
    root = tmp_path / "ici"
    shutil.copytree(nsw, root / "results" / PLACE)
    return Project(root)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, nsw: Path) -> Path:
    """The archive of the study; it is not changed."""
    root = tmp_path_factory.mktemp("archive")
    shutil.copytree(nsw, root / "results" / PLACE)
    return export_study(Project(root), STUDY)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Project:
    """A project where nothing was run."""
    write_project(tmp_path / "ailleurs")
    return Project(tmp_path / "ailleurs")


def content(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def packed(archive: Path) -> Files:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def rewritten(folder: Path, **changes: Any) -> Path:
    """The result set written anew with changes."""
    results = ResultSet.open(folder)
    kept: dict[str, Any] = {
        "tables": results.tables,
        "definitions": results.definitions,
        "provenance": results.provenance,
        "run_log": results.run_log,
        "title": results.title,
        "nature": results.nature,
    }
    asked = {**kept, **changes}
    return write_result_set(folder, asked.pop("tables"), **asked)


def test_an_archive_holds_the_result_set_without_its_log(here: Project) -> None:
    folder = here.root / "results" / PLACE
    (folder / "notes.csv").write_text("à moi\n", encoding="utf-8")
    (folder / "secret").mkdir()
    (folder / "secret/personne.csv").write_text("à moi\n", encoding="utf-8")
    archive = export_study(here, STUDY)
    assert archive == here.root / f"{STUDY}-{SOURCE}.zip"
    expected = content(folder)
    for name in ("run-log.json", "notes.csv", "secret/personne.csv"):
        del expected[name]
    assert packed(archive) == {f"{PLACE}/{name}": held for name, held in expected.items()}
    assert list(packed(archive)) == sorted(packed(archive))


def test_the_same_results_give_the_same_bytes(here: Project, tmp_path: Path) -> None:
    first = export_study(here, STUDY, out=tmp_path / "a.zip").read_bytes()
    rewritten(here.root / "results" / PLACE, run_log={"finished": "later"})
    assert export_study(here, STUDY, SOURCE, tmp_path / "b.zip").read_bytes() == first
    assert export_study(here, STUDY, out=tmp_path / "a.zip").read_bytes() == first
    left = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert left == ["a.zip", "b.zip"]


def test_archives_that_cannot_be_written(here: Project, tmp_path: Path) -> None:
    other = tmp_path / "lettre.odt"
    other.write_text("à garder", encoding="utf-8")
    with pytest.raises(InputError, match="no archive: choose another --out"):
        export_study(here, STUDY, out=other)
    assert other.read_text(encoding="utf-8") == "à garder"
    with pytest.raises(InputError, match=r"a\.zip: cannot be written"):
        export_study(here, STUDY, out=tmp_path / "absent" / "a.zip")
    assert not (tmp_path / "absent").exists()


def test_a_study_that_was_not_run_or_on_several_sources(here: Project) -> None:
    with pytest.raises(InputError, match=r"did you mean 'nsw-lalonde'.*run it first"):
        export_study(here, "nsw-lalond")
    with pytest.raises(InputError, match=r"not run on 'nsw-cp'.*did you mean 'nsw-cps'"):
        export_study(here, STUDY, "nsw-cp")
    root = here.root / "results" / STUDY
    shutil.copytree(root / SOURCE, root / "autre")
    with pytest.raises(InputError, match="--source, one of autre, nsw-cps"):
        export_study(here, STUDY)


def test_confidential_results_stay_whatever_their_folder_is_called(here: Project) -> None:
    folder = rewritten(here.root / "results" / PLACE, nature="confidential")
    with pytest.raises(InputError, match=r"confidential.*'interne'.*'diffusable'.*yet"):
        export_study(here, STUDY)
    folder.rename(folder.with_name("diffusable"))
    with pytest.raises(InputError, match="no results"):
        export_study(here, STUDY)
    assert [path.name for path in here.root.iterdir()] == ["results"]


def relabelled(folder: Path) -> None:
    """Confidential results whose description alone was made to say public."""
    rewritten(folder, nature="confidential")
    described(folder, lambda package: package["pacte_eval"].update(nature="public"))


def described(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "datapackage.json"
    package = json.loads(path.read_text(encoding="utf-8"))
    change(package)
    text = json.dumps(package, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")


def with_a_small_number(folder: Path) -> None:
    """A count of ten, with the profile that would have let it through."""
    tables = dict(ResultSet.open(folder).tables)
    cells = tables["cells"]
    tables["cells"] = sealed(cells.frame.assign(n_treated=10), cells.schema, Profile(min_persons=1))
    rewritten(folder, tables=tables)


def with_a_small_share(folder: Path) -> None:
    """A mean that tells ten persons."""
    tables = dict(ResultSet.open(folder).tables)
    balance = tables["balance"]
    frame = balance.frame
    share = (10 / frame["n_treated"]).astype("Float64")
    tables["balance"] = sealed(frame.assign(mean_treated=share), balance.schema, balance.profile)
    rewritten(folder, tables=tables)


def with_twice_a_row(folder: Path) -> None:
    tables = dict(ResultSet.open(folder).tables)
    flow = tables["flow"]
    frame = flow.frame.assign(order=1, arm="x").convert_dtypes()
    tables["flow"] = sealed(frame, flow.schema, flow.profile)
    rewritten(folder, tables=tables)


def with_another_column(folder: Path) -> None:
    tables = dict(ResultSet.open(folder).tables)
    tables["cells"] = sealed(tables["flow"].frame, tables["flow"].schema, Profile())
    rewritten(folder, tables=tables)


WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another label": (relabelled, "was changed"),
    "a small number": (with_a_small_number, "'cells' gives away a number of persons under 11"),
    "a small share": (with_a_small_share, "'balance' gives away a number of persons under 11"),
    "two rows of a key": (with_twice_a_row, "several rows for one key"),
    "columns of another table": (with_another_column, "'cells' has not the columns"),
    "a table edited": (lambda f: (f / "flow.csv").write_text("a\n"), r"flow\.csv was changed"),
    "a table removed": (lambda f: (f / "flow.csv").unlink(), r"lacks flow\.csv"),
    "a path elsewhere": (
        lambda f: described(f, lambda d: d["resources"][0].update(path="../../x.csv")),
        r"'\.\./\.\./x\.csv' is no table",
    ),
    "a table of another name": (
        lambda f: rewritten(f, tables={"personnes": ResultSet.open(f).table("flow")}),
        r"'personnes\.csv' is no table",
    ),
    "something more in the description": (
        lambda f: described(f, lambda d: d.update(note="caché")),
        r"datapackage\.json was changed",
    ),
    "no description": (lambda f: described(f, dict.clear), "not a result set"),
    "an odd description": (
        lambda f: described(f, lambda d: d["resources"][0].update(schema=3)),
        "not a result set",
    ),
    "an odd provenance": (lambda f: rewritten(f, provenance={"definitions": [3]}), "not a result"),
    "a definition edited": (
        lambda f: (f / "definitions/study.yml").write_text("id: x\n"),
        r"definitions/study\.yml was changed",
    ),
    "a definition added": (
        lambda f: (f / "definitions/notes.yml").write_text("a: 1\n"),
        r"definitions/notes\.yml was changed, added",
    ),
    "a definition removed": (
        lambda f: (f / "definitions/persons.yml").unlink(),
        r"definitions/persons\.yml was changed, added or removed",
    ),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_what_the_toolkit_did_not_write_neither_leaves_nor_enters(
    here: Project, elsewhere: Project, tmp_path: Path, what: str
) -> None:
    change, words = WRONG[what]
    folder = here.root / "results" / PLACE
    change(folder)
    with pytest.raises(InputError, match=words):
        export_study(here, STUDY)
    assert [path.name for path in here.root.iterdir()] == ["results"]
    files = {f"{PLACE}/{name}": held for name, held in content(folder).items() if "log" not in name}
    archive = archived(tmp_path / "a.zip", files)
    with pytest.raises(InputError, match=words) as refused:
        unpack(elsewhere, STUDY, archive)
    assert str(refused.value).startswith(str(archive)) or what == "a table removed"
    assert not (elsewhere.root / "results").exists()


def archived(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return path


def test_unpacked_elsewhere_tables_are_the_same_to_the_byte(
    nsw: Path, archive: Path, elsewhere: Project
) -> None:
    folder = unpack(elsewhere, STUDY, archive)
    assert folder == elsewhere.root / "results" / PLACE
    left, right = content(nsw), content(folder)
    assert left.pop("run-log.json") != right.pop("run-log.json")
    assert left == right
    assert ResultSet.open(folder).run_log["archive"] == archive.name
    again = export_study(elsewhere, STUDY)
    assert again.read_bytes() == archive.read_bytes()


def test_an_archive_replaces_another_and_never_what_was_computed(
    here: Project, archive: Path, elsewhere: Project
) -> None:
    folder = unpack(elsewhere, STUDY, archive)
    rewritten(here.root / "results" / PLACE, title="Plus récente")
    later = export_study(here, STUDY)
    assert ResultSet.open(unpack(elsewhere, STUDY, later)).title == "Plus récente"

    rewritten(folder, run_log={"finished": "2026-01-15"})
    before = content(folder)
    assert unpack(elsewhere, STUDY, later) == folder
    assert content(folder) == before
    rewritten(folder, title="Calculée ici")
    before = content(folder)
    with pytest.raises(InputError, match="other results, computed here"):
        unpack(elsewhere, STUDY, later)
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["interne"]


NAMES = [
    "/etc/passwd",
    "../x.csv",
    f"{PLACE}/../x.csv",
    f"{STUDY}/../interne/x.csv",
    f"../{SOURCE}/interne/x.csv",
    f"{PLACE}/definitions/../../x.yml",
    f"{STUDY}\\{SOURCE}\\interne\\x.csv",
    f"C:/{SOURCE}/interne/x.csv",
    f"{PLACE}/run-log.json",
    f"{PLACE}/x.py",
    f"{PLACE}/x.csv\n",
    f"{STUDY}/{SOURCE}/secret/x.csv",
    f"{PLACE}/definitions/",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_a_result_set_has_not_are_refused(
    archive: Path, elsewhere: Project, tmp_path: Path, name: str
) -> None:
    archive = archived(tmp_path / "a.zip", packed(archive) | {name: b"x"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="is no file of a result set") as refused:
        unpack(elsewhere, STUDY, archive)
    assert "\n" not in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_no_regular_file_is_refused(elsewhere: Project, tmp_path: Path) -> None:
    link = zipfile.ZipInfo(f"{PLACE}/x.csv")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match=r"x\.csv' is no regular file"):
        unpack(elsewhere, STUDY, tmp_path / "a.zip")


def test_a_table_that_is_not_described_is_refused(
    archive: Path, elsewhere: Project, tmp_path: Path
) -> None:
    files = packed(archive) | {f"{PLACE}/personnes.csv": b"a\n"}
    with pytest.raises(InputError, match=r"personnes\.csv is not in its datapackage\.json"):
        unpack(elsewhere, STUDY, archived(tmp_path / "a.zip", files))


def test_an_archive_has_limits(
    archive: Path, elsewhere: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(map(len, packed(archive).values()))
    monkeypatch.setattr(unpacking, "LARGEST", size - 1)
    with pytest.raises(InputError, match="unpacks to more than"):
        unpack(elsewhere, STUDY, archive)
    monkeypatch.setattr(unpacking, "LARGEST", size)
    monkeypatch.setattr(unpacking, "MOST_FILES", len(packed(archive)) - 1)
    with pytest.raises(InputError, match=r"holds more than \d+ files"):
        unpack(elsewhere, STUDY, archive)
    monkeypatch.setattr(unpacking, "MOST_FILES", len(packed(archive)))
    assert unpack(elsewhere, STUDY, archive).is_dir()


def test_archives_that_are_none(archive: Path, elsewhere: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of study 'nsw-lalonde', not 'certifiante-2019'"):
        unpack(elsewhere, "certifiante-2019", archive)
    with pytest.raises(InputError, match="of source 'nsw-cps', not 'autre'"):
        unpack(elsewhere, STUDY, archive, "autre")
    with pytest.raises(InputError, match="no such file"):
        unpack(elsewhere, STUDY, tmp_path / "absente.zip")
    held = archive.read_bytes()
    damaged = {
        "text": b"bonjour",
        "cut": held[: len(held) // 2],
        "changed": held[:200] + bytes([held[200] ^ 0xFF]) + held[201:],
    }
    for name, written in damaged.items():
        (tmp_path / f"{name}.zip").write_bytes(written)
        with pytest.raises(InputError, match="damaged, or no zip archive"):
            unpack(elsewhere, STUDY, tmp_path / f"{name}.zip")
    with pytest.raises(InputError, match="0 result sets"):
        unpack(elsewhere, STUDY, archived(tmp_path / "vide.zip", {}))
    assert not (elsewhere.root / "results").exists()


def test_a_report_is_made_elsewhere_from_an_archive(
    here: Project, elsewhere: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def pacte(*words: str | Path) -> list[str]:
        sys.argv = ["pacte", *map(str, words)]
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code, capsys.readouterr().err
        return capsys.readouterr().out.splitlines()

    (archive,) = pacte("export", STUDY, "--project", here.root)
    written = pacte(
        *("report", STUDY, "--from", archive, "--project", elsewhere.root, "-q"),
        *("--format", "html", "--renderer", "embedded"),
    )
    page = elsewhere.root / "_site/pages" / STUDY / SOURCE / "index.html"
    assert str(page) in written
    assert "1\u202f794" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_results_on_synthetic_tables_leave_and_enter(
    project: Path, results: Path, elsewhere: Project, tmp_path: Path
) -> None:
    archive = export_study(Project(project), "certifiante-2019", out=tmp_path / "a.zip")
    left, right = content(results), content(unpack(elsewhere, "certifiante-2019", archive))
    assert left.pop("run-log.json") != right.pop("run-log.json")
    assert left == right
