"""How this machine runs a project: where the tables are, memory, threads, where to spill."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import psutil
from pydantic import BeforeValidator, Field

from pacte_eval.definitions.reading import Definition, read_definition

SPILL = Path(".cache/spill")
SHARE_OF_MEMORY = 0.75
LEAST_MEMORY = 200 * 10**6

_SIZE = re.compile(r"(?P<number>\d+(?:[.,]\d+)?)\s*(?P<prefix>[kmgt]?)(?P<binary>i?)[bo]", re.I)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: Any) -> int:
    """A size in words as a number of bytes.

    Parameters
    ----------
    text : str
        A number and a unit, ``"4GB"``, ``"1,5 Go"`` or ``"512 MiB"``: thousands of bytes, or powers
        of 1024 with an ``i``.

    Raises
    ------
    ValueError
        If it is not a size, or too small to read tables with.
    """
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a size is a number and its unit, such as 4GB or 512MB")
    base = 1024 if match["binary"] else 1000
    number = float(match["number"].replace(",", "."))
    size = int(number * base ** _POWERS[match["prefix"].lower()])
    if size < LEAST_MEMORY:
        raise ValueError(f"{text} is too little to read tables with: give at least 200MB")
    return size


def _physical_share() -> int:
    return int(psutil.virtual_memory().total * SHARE_OF_MEMORY)


class Machine(Definition):
    """What `machine.yml` declares; every key has a default.

    Attributes
    ----------
    source : Path or None
        Folder of the tables, when the command line names none.
    memory : int
        Bytes that a command may use; three quarters of the physical memory by default. Written in
        words, such as ``4GB``.
    threads : int
        Cores that a command may use; all of them by default.
    spill : Path
        Folder that takes what does not fit in memory.
    """

    source: Path | None = None
    memory: Annotated[int, BeforeValidator(parse_size)] = Field(default_factory=_physical_share)
    threads: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1)
    spill: Path = SPILL

    @property
    def engine_memory(self) -> int:
        """Bytes left to the engine, which spills: a quarter, the rest being for arrays."""
        return self.memory // 4


def read_machine(project: Path) -> Machine:
    """The `machine.yml` of a project, or the defaults where there is none.

    Relative paths are taken from the project's folder.

    Raises
    ------
    InputError
        If the file holds an unknown key or a wrong value.
    """
    path = project / "machine.yml"
    machine = read_definition(path, Machine) if path.exists() else Machine()
    paths = {"spill": project / machine.spill}
    if machine.source is not None:
        paths["source"] = project / machine.source.expanduser()
    return machine.model_copy(update=paths)
