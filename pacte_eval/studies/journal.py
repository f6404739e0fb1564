"""The journal of a study on confidential data: each time its design was judged, and what followed.

It is written before anything is estimated, so that an attempt cannot be left out of the count.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.protocol import SHOWN, Protocol
from pacte_eval.definitions.reading import read_yaml
from pacte_eval.diagnostics import Verdicts
from pacte_eval.studies.seal import Seal

JOURNAL = "journal.yml"


def record_attempt(
    folder: Path, protocol: Protocol, fingerprint: str, verdicts: Verdicts, seal: Seal
) -> int:
    """Append one judged design to the journal of a study.

    Parameters
    ----------
    folder : Path
        The study's, in the project.
    fingerprint : str
        Of the source's tables.

    Returns
    -------
    int
        The number of attempts so far, this one included.

    Raises
    ------
    InputError
        If the journal cannot be read or written.
    """
    path = folder / JOURNAL
    attempts = _attempts(path)
    table = verdicts.table
    attempts.append(
        {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "protocol": protocol.current[:SHOWN],
            "data": fingerprint[:SHOWN],
            "verdicts": dict(zip(table["diagnostic"], table["verdict"], strict=True)),
            "state": seal.state,
        }
    )
    scratch = path.with_name(f".{path.name}.new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch.write_text(
            yaml.safe_dump(attempts, allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    return len(attempts)


def _attempts(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    content = read_yaml(path)
    if not isinstance(content, list):
        raise InputError(f"{path}: a journal is a list of attempts; take it back from where it is")
    return content
