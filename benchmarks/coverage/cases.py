"""Runs the cases of a script on two processes, and writes their table beside it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd


def run_cases(
    script: str, about: str, names: Sequence[str], run: Callable[[str, int], pd.DataFrame]
) -> None:
    """Read the command line, run every case asked for, print and write the table.

    Parameters
    ----------
    script : str
        Path of the script, whose table has its name.
    about : str
        Its docstring.
    names : sequence of str
        Of the cases, in the order of the table.
    run : callable
        The rows of the case of a name, from a number of replications.
    """
    asked = argparse.ArgumentParser(description=about.split("\n", 1)[0])
    asked.add_argument("replications", type=int, nargs="?", default=2_000)
    asked.add_argument("--only", default="", help="only cases whose name holds this text")
    options = asked.parse_args()
    chosen = [name for name in names if options.only in name]
    tables: list[pd.DataFrame] = []
    with ProcessPoolExecutor(2) as pool:
        for table in pool.map(run, chosen, [options.replications] * len(chosen)):
            tables.append(table)
            text = table.to_string(
                index=False, header=len(tables) == 1, float_format="{:.4f}".format
            )
            print(text, flush=True)
    whole = pd.concat(tables, ignore_index=True)
    path = Path(script).with_suffix(".csv")
    if options.only:
        known = pd.read_csv(path)
        whole = pd.concat([known[~known["case"].isin(whole["case"])], whole])
        order = {name: place for place, name in enumerate(names)}
        whole = whole[whole["case"].isin(order)]
        whole = whole.sort_values("case", key=lambda names: names.map(order), kind="stable")
    whole.to_csv(path, index=False, float_format="%.4f")
