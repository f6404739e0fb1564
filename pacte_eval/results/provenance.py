"""What a result set was made from: hashes, versions and seeds, and nothing that changes by itself.

Public names: `provenance(definitions, fingerprint, seeds, versions=None) -> dict`,
`package_versions() -> dict`.
"""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGES = {
    "pacte_eval": "pacte-eval",
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "statsmodels": "statsmodels",
    "duckdb": "duckdb",
    "ibis-framework": "ibis-framework",
}


def provenance(
    definitions: Mapping[str, str],
    fingerprint: str | Mapping[str, Any],
    seeds: Mapping[str, int],
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The record written to `provenance.json`: no date, no host, no path.

    Parameters
    ----------
    definitions
        Text by file name; only its SHA-256 is kept.
    fingerprint
        The fingerprint of the source's tables.
    seeds
        Every seed drawn from, by what it was used for.
    versions
        Versions to record beside those of `package_versions` (an engine, a schema).
    """
    return {
        "definitions": {
            name: hashlib.sha256(text.encode("utf-8")).hexdigest()
            for name, text in sorted(definitions.items())
        },
        "data": fingerprint if isinstance(fingerprint, str) else dict(sorted(fingerprint.items())),
        "seeds": dict(sorted(seeds.items())),
        "versions": dict(sorted({**package_versions(), **(versions or {})}.items())),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "processor": platform.machine(),
    }


def package_versions() -> dict[str, str]:
    """The installed versions of the packages whose code makes the numbers."""
    return {name: _version(package) for name, package in _PACKAGES.items()}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"
