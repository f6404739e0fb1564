"""Whether two arms are large enough for a standard error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def why_no_error(treated: np.ndarray, controls: Sequence[np.ndarray]) -> str:
    """Why treated and controls have no standard error, in French; empty where they have one.

    Residuals of an arm sum to zero: those of one unit, or of one cluster alone, say nothing.

    Parameters
    ----------
    treated : array, shape (n,)
        Cluster of each treated unit.
    controls : sequence of arrays
        Clusters of controls, in one part or several.
    """
    arms = {
        ("un seul traité", "traités d'une seule grappe"): [treated],
        ("un seul témoin", "témoins d'une seule grappe"): controls,
    }
    for (alone, together), parts in arms.items():
        if _are_one([part for part in parts if len(part)]):
            reason = alone if sum(map(len, parts)) == 1 else together
            return f"{reason}\u202f: pas d'erreur type"
    return ""


def why_no_error_of_rows(cluster: np.ndarray, treated: np.ndarray, after: np.ndarray | None) -> str:
    """The same of rows, by bool arrays of shape (n,).

    Where `after` is given, arms have other rows before than after: both need an error.
    """
    periods = [np.ones(len(treated), dtype=bool)] if after is None else [after, ~after]
    for now in periods:
        if reason := why_no_error(cluster[treated & now], [cluster[~treated & now]]):
            return reason
    return ""


def _are_one(parts: Sequence[np.ndarray]) -> bool:
    return bool(parts) and all(bool((part == parts[0][0]).all()) for part in parts)
