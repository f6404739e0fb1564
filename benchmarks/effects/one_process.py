"""Time and memory of one call in a process of its own, and the table of many. Linux only.

A script is called again by itself as ``SCRIPT --measure ARGUMENT …``: each measure then has a peak
of memory, and modules imported, of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import psutil


def timed(call: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a call returns, with its seconds (`seconds`, `cpu`) and memory (gigabytes).

    ``memory`` is the most held during the call above what was held before, ``peak`` all of it.
    """
    held = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")
    wall, used = time.perf_counter(), time.process_time()
    made = call()
    seconds, cpu = time.perf_counter() - wall, time.process_time() - used
    peak = _peak()
    return made, {
        "seconds": seconds,
        "cpu": cpu,
        "memory": (peak - held) / 1e9,
        "peak": peak / 1e9,
    }


def _peak() -> int:
    """Most bytes resident since the mark was cleared."""
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def measured(script: str, cases: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    """One row per case, each measured in a process of its own and printed as it comes.

    Parameters
    ----------
    script : str
        Path of the script; called with ``--measure`` it prints a JSON object last.
    cases : iterable of tuples
        Its arguments after ``--measure``.
    """
    rows = []
    for case in cases:
        made = subprocess.run(
            [sys.executable, script, "--measure", *map(str, case)],
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append(json.loads(made.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, script: str) -> None:
    """Print a table, and write it beside its script."""
    table.to_csv(Path(script).with_suffix(".csv"), index=False, float_format="%.10g")
    print(table.to_string(index=False))
