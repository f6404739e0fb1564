"""One archive of a study's results, to make its reports on another machine.

The archive holds ``STUDY/SOURCE/LEVEL/`` as ``results`` does. Its bytes depend on the result set
alone, for one version of zlib.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.project import Project
from pacte_eval.studies.releasable import LEVEL, releasable_files

_COMPONENT = r'[^./\\<>:"|?*\x00-\x1f][^/\\<>:"|?*\x00-\x1f]*'
ENTRY = re.compile(
    rf"(?P<study>{_COMPONENT})/(?P<source>{_COMPONENT})/{LEVEL}/"
    r"(?P<file>datapackage\.json|provenance\.json|[\w-]+\.csv|definitions/[\w-][\w.-]*\.yml)"
)
EARLIEST = (1980, 1, 1, 0, 0, 0)
REGULAR = 0o100644 << 16
UNIX = 3


def export_study(
    project: Project, identifier: str, source: str = "*", out: Path | None = None
) -> Path:
    """Pack the results of a study that may leave this machine.

    Parameters
    ----------
    project : Project
        Whose ``results`` hold the study.
    identifier : str
        The study's identifier.
    source : str
        The name of the source; it may be left out where there is one.
    out : Path, optional
        The archive, ``STUDY-SOURCE.zip`` in the project by default; one that is there is replaced.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    InputError
        If the study was not run, or on several sources; if its results may not leave, as
        `releasable_files` says; or if the archive cannot be written.
    """
    folder = _results_of(project, identifier, source)
    name = folder.parent.name
    files = {
        f"{identifier}/{name}/{LEVEL}/{file}": content
        for file, content in releasable_files(folder).items()
    }
    odd = [file for file in files if not ENTRY.fullmatch(file)]
    if odd:
        raise InputError(f"{folder}: '{name}' cannot be named in an archive: rename this folder")
    target = out or project.root / f"{identifier}-{name}.zip"
    _refuse_foreign(target)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        _pack(files, scratch)
        return scratch.replace(target)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from error
    finally:
        scratch.unlink(missing_ok=True)


def _results_of(project: Project, identifier: str, source: str) -> Path:
    root = project.root / "results"
    ran: dict[str, list[str]] = {}
    for path in sorted(root.glob(f"*/*/{LEVEL}/datapackage.json")):
        ran.setdefault(path.parts[-4], []).append(path.parts[-3])
    if identifier not in ran:
        hint = f" ({nearest(identifier, ran)})" if ran else ""
        raise InputError(f"no results of study '{identifier}' in {root}{hint}: run it first")
    sources = ran[identifier]
    if source == "*" and len(sources) > 1:
        raise InputError(
            f"study '{identifier}' was run on several sources: give --source, one of "
            f"{', '.join(sources)}"
        )
    if source not in ("*", *sources):
        raise InputError(
            f"study '{identifier}' was not run on '{source}': {nearest(source, sources)}"
        )
    return root / identifier / (sources[0] if source == "*" else source) / LEVEL


def _refuse_foreign(target: Path) -> None:
    if target.exists() and not zipfile.is_zipfile(target):
        raise InputError(f"{target} is there and is no archive: choose another --out")


def _pack(files: Mapping[str, bytes], target: Path) -> None:
    """Write files as a zip archive: names sorted, no date, no owner."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.create_system = UNIX
            entry.external_attr = REGULAR
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
