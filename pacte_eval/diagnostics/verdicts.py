"""A verdict is a number, the threshold it is held to, one of five words, and a French sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Verdict = Literal["pass", "warning", "fail", "non concluant", "non testable"]
SEVERITY: tuple[Verdict, ...] = ("pass", "warning", "non testable", "non concluant", "fail")
COLUMNS = ["diagnostic", "value", "threshold", "verdict", "sentence"]


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Verdicts, one per row.

    Attributes
    ----------
    table : DataFrame
        ``diagnostic``, ``value``, ``threshold``, ``verdict`` (pass, warning, fail,
        non concluant, non testable) and ``sentence``, in plain French.
    """

    table: pd.DataFrame

    @classmethod
    def single(
        cls, diagnostic: str, value: float, threshold: float, verdict: Verdict, sentence: str
    ) -> Verdicts:
        """One verdict."""
        row = (diagnostic, value, threshold, verdict, sentence)
        return cls(pd.DataFrame([row], columns=COLUMNS))

    @classmethod
    def joined(cls, parts: Iterable[Verdicts]) -> Verdicts:
        """Several verdicts one under the other."""
        tables = [part.table for part in parts]
        return cls(
            pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
        )

    @property
    def worst(self) -> Verdict:
        """The gravest verdict: fail, then non concluant, non testable, warning, pass."""
        rank = max((SEVERITY.index(verdict) for verdict in self.table["verdict"]), default=0)
        return SEVERITY[rank]

    def of(self, diagnostic: str) -> Verdict:
        """The gravest verdict of one diagnostic; non testable where it was not judged."""
        own = self.table[self.table["diagnostic"] == diagnostic]
        return Verdicts(own).worst if len(own) else "non testable"

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        lines = self.table["verdict"] + " — " + self.table["sentence"]
        return "Verdicts\n" + "\n".join(lines)
