"""An archive of results put in place in a project, whole or not at all.

An archive comes from elsewhere: only names that a result set has are taken, as regular files and
within limits of size, and what they hold is judged as it was before it left.
"""

from __future__ import annotations

import hashlib
import re
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.project import Project
from pacte_eval.results import write_result_set
from pacte_eval.studies.export import ENTRY
from pacte_eval.studies.releasable import LEVEL, LOG, changed_files, opened, releasable_files

LARGEST = 500_000_000
MOST_FILES = 1_000
_ENCRYPTED = 0x1


def unpack(project: Project, identifier: str, archive: Path, source: str = "*") -> Path:
    """Put the results of an archive made by `export_study` in a project.

    Parameters
    ----------
    project : Project
        Whose ``results`` receive the study.
    identifier : str
        The study that the archive must be of.
    archive : Path
    source : str
        The name of the source that it must be of, any by default.

    Returns
    -------
    Path
        The result set, ``results/STUDY/SOURCE/interne`` in the project.

    Raises
    ------
    InputError
        If the archive is not one that `export_study` makes, is of another study or source, holds a
        file that changed since it was written, or results of this machine stand in its place.
    """
    if not archive.is_file():
        raise InputError(f"{archive}: no such file")
    try:
        with zipfile.ZipFile(archive) as packed, tempfile.TemporaryDirectory() as scratch:
            entries = _entries(archive, packed)
            found = _source_of(archive, entries, identifier)
            if source not in ("*", found):
                raise InputError(f"{archive} is of source '{found}', not '{source}'")
            folder = Path(scratch)
            _extract(archive, packed, entries, folder)
            target = project.root / "results" / identifier / found / LEVEL
            try:
                return _place(folder, target, archive)
            except InputError as error:
                raise InputError(str(error).replace(str(folder), str(archive))) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(_refusal(archive, "it is damaged, or no zip archive")) from error
    except OSError as error:
        raise InputError(f"{archive}: cannot be read ({error.strerror})") from error


def _entries(archive: Path, packed: zipfile.ZipFile) -> dict[str, re.Match[str]]:
    """The entries by name, each one a regular file of a result set."""
    infos = packed.infolist()
    if len(infos) > MOST_FILES:
        raise InputError(_refusal(archive, f"it holds more than {MOST_FILES:,} files"))
    entries = {}
    for info in infos:
        name = info.orig_filename
        matched = ENTRY.fullmatch(name)
        mode = info.external_attr >> 16
        if matched is None or name in entries:
            raise InputError(_refusal(archive, f"{name!a} is no file of a result set"))
        if info.flag_bits & _ENCRYPTED or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise InputError(_refusal(archive, f"{name!a} is no regular file"))
        entries[name] = matched
    return entries


def _source_of(archive: Path, entries: dict[str, re.Match[str]], identifier: str) -> str:
    """The one source that all entries are of, in the study asked."""
    places = {(entry["study"], entry["source"]) for entry in entries.values()}
    if len(places) != 1:
        raise InputError(_refusal(archive, f"it holds {len(places)} result sets"))
    ((study, source),) = places
    if study != identifier:
        raise InputError(f"{archive} is of study '{study}', not '{identifier}'")
    return source


def _extract(
    archive: Path, packed: zipfile.ZipFile, entries: dict[str, re.Match[str]], folder: Path
) -> None:
    """Write the files, counting bytes as they come: the sizes that an archive announces may lie."""
    (folder / "definitions").mkdir()
    left = LARGEST
    for name, entry in entries.items():
        with packed.open(name) as stream:
            content = stream.read(left + 1)
        left -= len(content)
        if left < 0:
            raise InputError(_refusal(archive, f"it unpacks to more than {LARGEST:,} bytes"))
        (folder / entry["file"]).write_bytes(content)
    (folder / LOG).write_text("{}", encoding="utf-8")


def _place(folder: Path, target: Path, archive: Path) -> Path:
    """Judge what was unpacked, then swap it in."""
    files = releasable_files(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    extra = sorted(there - {LOG, *files})
    if extra:
        raise InputError(_refusal(archive, f"{extra[0]} is not in its datapackage.json"))
    results = opened(folder)
    if (target / "datapackage.json").is_file() and "archive" not in opened(target).run_log:
        if changed_files(target, files):
            raise InputError(
                f"{target} holds other results, computed here: move them away, or report in "
                "another project"
            )
        return target
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return write_result_set(
        target,
        results.tables,
        definitions=results.definitions,
        provenance=results.provenance,
        run_log={"archive": archive.name, "sha256": digest},
        title=results.title,
        nature=results.nature,
    )


def _refusal(archive: Path, why: str) -> str:
    return f"{archive} is not an archive that pacte export made: {why}"
