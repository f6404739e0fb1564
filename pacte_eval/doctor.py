"""What this machine has, and what each command still lacks here.

Everything is looked up without loading it: versions from the installed packages' metadata,
programs and fonts by their files. A command is ready when all that it needs was found; otherwise
the remedies of what was not found are its answer.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import psutil

FEWEST_FREE_GB = 1.0
POSTGRESQL = Path("/usr/lib/postgresql")

LIBRARIES = {
    "engine": ("duckdb", "ibis-framework", "pyarrow"),
    "tables": ("numpy", "pandas", "pydantic", "pyyaml"),
    "extracts": ("pyreadstat",),
    "statistics": ("numba", "scikit-learn", "scipy", "statsmodels", "threadpoolctl"),
    "figures": ("matplotlib", "seaborn"),
    "public data": ("causaldata",),
}

PAGES = ("python", "project folder", "tables", "figures", "figure fonts", "pandoc")
NEEDS = {
    "pacte simulate": ("python", "project folder", "tables", "statistics", "engine"),
    "pacte adapt": ("python", "project folder", "tables", "engine", "extracts"),
    "pacte check": (*PAGES, "engine"),
    "pacte cohort": ("python", "project folder", "tables", "engine", "statistics"),
    "pacte protocol": ("python", "project folder"),
    "pacte run": ("python", "project folder", "tables", "engine", "statistics", "public data"),
    "pacte verify": ("python", "project folder", "tables", "engine", "statistics", "public data"),
    "pacte export": ("python", "project folder"),
    "pacte report, HTML": PAGES,
    "pacte report, docx": PAGES,
    "pacte report, PDF": (*PAGES, "typst"),
    "quarto render": ("python", "project folder", "tables", "figures", "quarto"),
    "make test-browser": ("python", "chromium"),
    "make test-postgres": ("python", "postgresql"),
    "make test-spark": ("python", "java"),
}


@dataclass(frozen=True)
class Finding:
    """What was found under one heading; `remedy` is empty when nothing is missing."""

    section: str
    subject: str
    found: str
    remedy: str = ""

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.remedy


def report(project: Path = Path()) -> list[Finding]:
    """What the machine has, then each command, ready or with what it lacks.

    Parameters
    ----------
    project : Path
        The project folder, where data, results and pages are written.

    Returns
    -------
    list of Finding
        Sections ``"machine"``, ``"libraries"`` and ``"commands"``, in this order. Memory and disk
        are in GB (10^9 bytes).
    """
    machine = [
        _python(),
        _package(),
        Finding("machine", "cores", str(os.cpu_count())),
        _memory(),
        _folder(project),
        _pandoc(),
        _typst(),
        _quarto(),
        _fonts(),
        _chromium(),
        _postgresql(),
        _java(),
    ]
    libraries = [_libraries(purpose, names) for purpose, names in LIBRARIES.items()]
    remedies = {finding.subject: finding.remedy for finding in [*machine, *libraries]}
    commands = []
    for command, needs in NEEDS.items():
        lacking = list(dict.fromkeys(remedies[need] for need in needs if remedies[need]))
        found = "not ready" if lacking else "ready"
        commands.append(Finding("commands", command, found, "; ".join(lacking)))
    return [*machine, *libraries, *commands]


def print_report(project: Path = Path()) -> None:
    """Print what `report` finds as aligned plain text."""
    print(as_text(report(project)))


def as_text(findings: list[Finding]) -> str:
    """Findings as aligned lines under their section, each remedy on its own line."""
    width = max(len(finding.subject) for finding in findings) + 2
    lines: list[str] = []
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            lines += ["", section] if lines else [section]
        lines.append(f"  {finding.subject:<{width}}{finding.found}")
        if finding.remedy:
            lines.append(f"  {'':<{width}}-> {finding.remedy}")
    return "\n".join(lines)


def _reinstall(*missing: str) -> str:
    return f"install {', '.join(missing)} with pacte_eval again (in its repository: make setup)"


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _beside(module: str, *parts: str) -> Path | None:
    """A file inside an installed package, found without importing it."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent.joinpath(*parts)
    return file if file.is_file() else None


def _python() -> Finding:
    found = f"{platform.python_version()}, {sys.executable}"
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    remedy = "" if supported else "install Python 3.11, 3.12 or 3.13 and install pacte_eval with it"
    return Finding("machine", "python", found, remedy)


def _package() -> Finding:
    version = _version("pacte-eval")
    remedy = "" if version else "install the project (in its repository: make setup)"
    return Finding("machine", "pacte_eval", version or "not installed", remedy)


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    found = f"{memory.available / 1e9:.1f} GB available of {memory.total / 1e9:.1f} GB"
    return Finding("machine", "memory", found)


def _folder(project: Path) -> Finding:
    folder = project.resolve()
    if not folder.is_dir():
        return Finding("machine", "project folder", f"{folder}: no such folder", f"make {folder}")
    if not os.access(folder, os.W_OK):
        remedy = f"make {folder} writable or give another folder with --project"
        return Finding("machine", "project folder", f"{folder}: not writable", remedy)
    free = shutil.disk_usage(folder).free / 1e9
    remedy = (
        "" if free >= FEWEST_FREE_GB else f"free {FEWEST_FREE_GB:.0f} GB on the disk of {folder}"
    )
    return Finding("machine", "project folder", f"{folder}: writable, {free:.1f} GB free", remedy)


def _pandoc() -> Finding:
    program = _beside("pypandoc", "files", "pandoc")
    if program is None:
        return Finding("machine", "pandoc", "not found", _reinstall("pypandoc_binary"))
    return Finding("machine", "pandoc", f"{_first_line(program)} (embedded renderer)")


def _typst() -> Finding:
    version = _version("typst")
    if version is None:
        return Finding("machine", "typst", "not found", _reinstall("typst"))
    return Finding("machine", "typst", f"{version} (embedded renderer, PDF)")


def _quarto() -> Finding:
    program = shutil.which("quarto")
    if program is None:
        remedy = "install Quarto (quarto.org), or the extra `quarto`; pacte report does without it"
        return Finding("machine", "quarto", "not found", remedy)
    return Finding("machine", "quarto", f"{_first_line(Path(program))}, {program}")


def _fonts() -> Finding:
    file = _beside("matplotlib", "mpl-data", "fonts", "ttf", "DejaVuSans.ttf")
    if file is None:
        return Finding("machine", "figure fonts", "not found", _reinstall("matplotlib"))
    return Finding("machine", "figure fonts", "DejaVu Sans, shipped with matplotlib")


def _chromium() -> Finding:
    program = shutil.which("chromium")
    remedy = "" if program else "apt install chromium (needed by the browser tests only)"
    return Finding("machine", "chromium", program or "not found", remedy)


def _postgresql() -> Finding:
    servers = sorted(POSTGRESQL.glob("*/bin/initdb"))
    program = shutil.which("initdb") or (str(servers[-1]) if servers else None)
    remedy = "" if program else "apt install postgresql (needed by its tests only)"
    return Finding("machine", "postgresql", program or "not found", remedy)


def _java() -> Finding:
    program = shutil.which("java")
    remedy = "" if program else "apt install openjdk-17-jre-headless (needed by Spark only)"
    return Finding("machine", "java", program or "not found", remedy)


def _libraries(purpose: str, names: tuple[str, ...]) -> Finding:
    versions = {name: _version(name) for name in names}
    missing = [name for name, version in versions.items() if version is None]
    found = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    remedy = _reinstall(*missing) if missing else ""
    return Finding("libraries", purpose, found or "none", remedy)


def _first_line(program: Path) -> str:
    """First line of what the program answers to ``--version``."""
    answer = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=10, check=False
    )
    return (answer.stdout.splitlines() or ["version unknown"])[0]
