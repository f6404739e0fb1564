"""What `score=` and `support=` of every design mean: one number for each unit, and who is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.designs.scores.logit import Logit
from pacte_eval.designs.scores.probit import Probit
from pacte_eval.designs.settings import left_out
from pacte_eval.frames import Comparison


class FittedScore(Protocol):
    """A score estimated on a comparison.

    Attributes
    ----------
    name : str
        What it is, as ``"logit, 12 coefficients"``.
    scores : float array, shape (n,)
        Probabilities of treatment.
    index : float array, shape (n,)
        The linear index (the logit of the score where there is none).
    slope : float array, shape (n,)
        Derivative of each score by its index.
    coefficients : pandas.Series or None
        Of the linear index, where there is one.
    dropped : dict of str to str
        Columns left out, with the reason.
    """

    @property
    def name(self) -> str: ...

    @property
    def scores(self) -> np.ndarray: ...

    @property
    def index(self) -> np.ndarray: ...

    @property
    def slope(self) -> np.ndarray: ...

    @property
    def coefficients(self) -> pd.Series | None: ...

    @property
    def dropped(self) -> dict[str, str]: ...

    def influence(self, direction: np.ndarray) -> np.ndarray:
        """Contributions of the estimated coefficients to Σ direction(i) index(i): shape (n, t).

        Parameters
        ----------
        direction : float array, shape (n, t)
            Derivative of an estimate by the index of each unit.

        Raises
        ------
        InputError
            If the score has no influence function (boosting).
        """
        ...


class ScoreModel(Protocol):
    """A score to be estimated: `Logit`, `Probit`, `Boosting`."""

    def fit(self, comparison: Comparison) -> FittedScore: ...


class Support(Protocol):
    """A rule of common support: `MinMax`, `Crump`, `Quantile`."""

    def keep(self, score: np.ndarray, comparison: Comparison) -> np.ndarray:
        """Which units are kept: bool array, shape (n,)."""
        ...

    @property
    def reason(self) -> str:
        """Why a unit is trimmed, in French."""
        ...


Score = str | ScoreModel | np.ndarray | pd.Series

_NAMED: dict[str, ScoreModel] = {"logit": Logit(), "probit": Probit()}


@dataclass(frozen=True, eq=False)
class Scored:
    """A score read, with its common support.

    Attributes
    ----------
    values : float array, shape (n,)
    index : float array, shape (n,)
        The linear index of the score; `values` where the score was given.
    model : FittedScore or None
        None where the score was given.
    kept : bool array, shape (n,)
    reason : str
        Why the others are trimmed, in French.
    settings : dict
        ``score`` and ``support`` in words.
    """

    values: np.ndarray
    index: np.ndarray
    model: FittedScore | None
    kept: np.ndarray
    reason: str
    settings: dict[str, object]


def read_score(score: Score, support: Support | None, comparison: Comparison) -> Scored:
    """The score a design asks for, and who has common support.

    Raises
    ------
    InputError
        If the name is unknown, values are missing or not n, or an arm has no common support.
    """
    model = _model(score, comparison)
    values = np.array(model.scores if model else _given(score, comparison))
    index = values if model is None else np.array(model.index)
    kept = np.ones(len(comparison), dtype=bool)
    if support is not None:
        if isinstance(support, type) or not hasattr(support, "keep"):
            raise InputError(
                f"support={_word(support)} is no rule: give MinMax(), Crump(0.1) or Quantile(0.01)"
            )
        kept = support.keep(values, comparison)
        for arm, label in ((comparison.treated, "treated"), (~comparison.treated, "control")):
            if not kept[arm].any():
                raise InputError(f"support={support!r} keeps no {label} unit: choose a wider rule")
    settings: dict[str, object] = {"score": "given"}
    if model is not None:
        settings = {"score": model.name, **left_out(model.dropped)}
    if support is not None:
        low, high = values[kept].min(), values[kept].max()
        settings["support"] = f"{support} (kept: {low:.4g} to {high:.4g})"
    reason = "" if support is None else support.reason
    return Scored(values, index, model, kept, reason, settings)


def _model(score: Score, comparison: Comparison) -> FittedScore | None:
    if isinstance(score, str):
        if score not in _NAMED:
            raise InputError(f"score='{score}' is unknown: {nearest(score, _NAMED)}")
        return _NAMED[score].fit(comparison)
    if isinstance(score, (np.ndarray, pd.Series, list)):
        return None
    if isinstance(score, type) or not hasattr(score, "fit"):
        raise InputError(
            f"score={_word(score)} is no score: give a name, Logit(), Probit(), Boosting() or an "
            "array"
        )
    return score.fit(comparison)


def _word(setting: object) -> str:
    """A setting, or its type where it may hold data."""
    if isinstance(setting, (type, str)):
        return getattr(setting, "__name__", repr(setting))
    return type(setting).__name__


def _given(score: Any, comparison: Comparison) -> np.ndarray:
    shape = np.shape(score)
    if shape != (len(comparison),):
        raise InputError(f"score has shape {shape}: it needs {len(comparison)} values")
    if isinstance(score, pd.Series) and score.index.sort_values().equals(
        comparison.unit.sort_values()
    ):
        score = score.reindex(comparison.unit)
    try:
        values = pd.Series(score).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise InputError("score must hold numbers") from None
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise InputError(f"score has {counted(wrong, 'value')} missing or infinite")
    return values
