"""Whether a study may estimate: open on synthetic and public data, sealed on confidential ones.

On confidential data estimates wait for a frozen protocol, then for the verdicts that precede them:
all favourable, or an override recorded with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pacte_eval.definitions.numerals import NO_BREAK as FIXED
from pacte_eval.definitions.numerals import THIN
from pacte_eval.definitions.protocol import SHOWN, Protocol
from pacte_eval.diagnostics import Verdicts
from pacte_eval.tables.source import Nature

State = Literal["ouvert", "contrôles favorables", "dérogation", "scellé"]
FAVOURABLE = ("pass", "warning")


@dataclass(frozen=True)
class Seal:
    """The state of a study's estimates, and why.

    Attributes
    ----------
    sentence : str
        In French.
    """

    state: State
    sentence: str

    @property
    def closed(self) -> bool:
        """Whether nothing after entry may be computed."""
        return self.state == "scellé"


def seal_of(nature: Nature, verdicts: Verdicts, protocol: Protocol | None) -> Seal:
    """Judge whether estimates may be computed.

    Parameters
    ----------
    verdicts : Verdicts
        Of the main comparison on its whole population, made before any outcome after entry.
    protocol : Protocol or None
        Required on confidential data.
    """
    table = verdicts.table
    against = list(table.loc[~table["verdict"].isin(FAVOURABLE), "diagnostic"])
    listed = ", ".join(against)
    if nature != "confidential":
        kind = "synthétiques" if nature == "synthetic" else "publiques"
        warned = f"{THIN}; contrôles non favorables{FIXED}: {listed}" if against else ""
        sentence = f"Données {kind}{FIXED}: les estimations ne sont pas scellées{warned}."
        return Seal("ouvert", sentence)
    if not against:
        return Seal(
            "contrôles favorables",
            "Tous les contrôles qui précèdent les estimations sont favorables.",
        )
    override = None if protocol is None else protocol.override()
    if override is not None:
        return Seal(
            "dérogation",
            f"Estimations faites malgré des contrôles non favorables ({listed}), par dérogation du "
            f"{override.date.isoformat()}{FIXED}: {override.reason}",
        )
    return Seal(
        "scellé",
        f"Estimations scellées{FIXED}: ni calculées ni écrites. Contrôles non favorables{FIXED}: "
        f"{listed}. Améliorer le plan et l'amender, ou enregistrer une dérogation motivée.",
    )


def history_of(protocol: Protocol, seal: Seal) -> pd.DataFrame:
    """Rows of the table ``protocol``: freezing, amendments, overrides, and how the run ended."""
    events = [
        (protocol.frozen, "gel", protocol.hash, "", f"pacte_eval {protocol.toolkit}"),
        *(
            (one.date, "amendement", one.hash, " ".join(one.changed), one.reason)
            for one in protocol.amendments
        ),
        *((one.date, "dérogation", one.hash, "", one.reason) for one in protocol.overrides),
    ]
    rows = [
        (when.isoformat(), event, digest[:SHOWN], changed, reason)
        for when, event, digest, changed, reason in sorted(events, key=lambda event: event[0])
    ]
    rows.append(("", seal.state, protocol.current[:SHOWN], "", seal.sentence))
    frame = pd.DataFrame(rows, columns=["date", "event", "hash", "changed", "reason"])
    return frame.assign(rank=range(1, len(frame) + 1))
