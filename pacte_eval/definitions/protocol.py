"""A frozen protocol: what was declared before outcomes were read, under a hash, and its amendments.

The hash covers the text of every declaration that decides what is computed, not the date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date

from pydantic import Field

from pacte_eval.definitions.cohort import Identifier
from pacte_eval.definitions.reading import Definition

SHOWN = 12


class Amendment(Definition):
    """A change made after the protocol was frozen."""

    date: date
    reason: str = Field(min_length=1)
    changed: tuple[str, ...] = Field(description="Names of the declarations that changed")
    hash: str


class Override(Definition):
    """A decision to estimate although verdicts are unfavourable, for one state of the protocol."""

    date: date
    reason: str = Field(min_length=1)
    hash: str


class Protocol(Definition):
    """What `pacte protocol` freezes: the hash of each declaration, the whole's, and what followed.

    Attributes
    ----------
    files : dict of str to str
        SHA-256 of each declaration as it stands after the last amendment.
    hash : str
        SHA-256 of the whole when it was first frozen.
    """

    study: Identifier
    frozen: date
    toolkit: str
    hash: str
    files: dict[str, str]
    amendments: tuple[Amendment, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def current(self) -> str:
        """The hash after the last amendment."""
        return self.amendments[-1].hash if self.amendments else self.hash

    def changed(self, texts: Mapping[str, str]) -> list[str]:
        """Names of the declarations added, removed or altered since the last amendment."""
        now = digests(texts)
        return sorted(name for name in {*now, *self.files} if now.get(name) != self.files.get(name))

    def override(self) -> Override | None:
        """The last override of the protocol as it stands."""
        standing = [one for one in self.overrides if one.hash == self.current]
        return standing[-1] if standing else None


def digests(texts: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of each text, by name."""
    return {
        name: hashlib.sha256(text.encode("utf-8")).hexdigest()
        for name, text in sorted(texts.items())
    }


def whole(files: Mapping[str, str]) -> str:
    """One SHA-256 for all the declarations, from theirs."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode("utf-8")).hexdigest()
