"""The fingerprint of files: a hash of their names and bytes, whatever the order they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path


def fingerprint_of(paths: Sequence[Path]) -> str:
    """The sha256 of files, by their names and contents."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
