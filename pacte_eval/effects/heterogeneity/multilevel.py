"""Characteristics of people and of places at once: effects of units regressed within territories.

Each supported treated unit has one contrast with its own matched controls. A linear mixed model
explains them by declared characteristics of persons and of places, with an intercept drawn by
territory, which is what a slope of the treatment drawn by territory becomes once the controls are
subtracted (Raudenbush and Bryk 2002, *Hierarchical Linear Models*, chapter 4).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError, counted, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import percent
from pacte_eval.designs import Design
from pacte_eval.effects.heterogeneity.characteristics import (
    Characteristics,
    characteristics,
    characteristics_of,
    refuse_determined,
    sentence_of,
)
from pacte_eval.effects.heterogeneity.contrasts import unit_contrasts
from pacte_eval.effects.table import check_level
from pacte_eval.frames import Comparison, Outcomes

FEWEST_TERRITORIES = 5
_FEW_TERRITORIES = 40
# Powell's search, to the end: the gradient searches of statsmodels stop or fail near zero variance.
_SEARCH = {"method": "powell", "xtol": 1e-10, "ftol": 1e-14, "maxiter": 10_000}
_NOTHING = 1e-7


@dataclass(frozen=True, eq=False)
class Multilevel:
    """Associations of the effect with declared characteristics, none of which is itself an effect.

    Attributes
    ----------
    table : DataFrame
        One row a term: ``term``, ``label``, ``kind`` (person or place), ``estimate`` (for one unit
        more, in the outcome's own), ``se_model``, ``se`` (with the reuse of controls), ``ci_low``,
        ``ci_high``, ``p``, ``n_treated``, ``nature`` (always « association »), ``sentence``.
    mean : float
        The effect where every characteristic is at its mean, territories counting as drawn.
    between : float
        Variance of the effect between territories, given characteristics.
    within : float
        Variance of contrasts within them, noise of the outcomes included.
    n_treated, n_territories : int
    """

    table: pd.DataFrame
    mean: float
    between: float
    within: float
    n_treated: int
    n_territories: int

    @property
    def icc(self) -> float:
        """Share of the variance of contrasts that lies between territories."""
        return self.between / (self.between + self.within)

    @property
    def sentences(self) -> list[str]:
        """What is found, in French: territories, then each term."""
        few = ", peu de grappes" if self.n_territories < _FEW_TERRITORIES else ""
        first = (
            f"Entre {self.n_territories} territoires{few}, à caractéristiques égales, "
            f"{percent(self.icc)} de la variance des écarts individuels, bruit compris. Ce qui "
            f"suit sont des associations, non des effets."
        )
        return [first, *self.table["sentence"]]

    def __repr__(self) -> str:
        return "Multilevel\n" + "\n".join(self.sentences)


def multilevel(
    design: Design,
    outcomes: Outcomes,
    month: Period,
    *,
    persons: Sequence[str],
    within: str | pd.Series,
    places: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
    unit: str = "points",
    level: float = 0.95,
) -> Multilevel:
    """Associations of the effect at one month with characteristics of persons and of places.

    Parameters
    ----------
    design : Design
        Treated units matched with controls.
    outcomes : Outcomes
    month : int or str
    persons : sequence of str
        Covariates, strata or cells of the comparison, declared beforehand.
    within : str or Series
        The territory of each unit: a cell, stratum or covariate, or values indexed by unit.
    places : DataFrame, optional
        Characteristics of places, one row per territory.
    labels : mapping of str to str, optional
        Names as a French reader sees them.
    unit : str
        Of the outcome, for sentences.
    level : float
        Of the intervals.

    Returns
    -------
    Multilevel
        Coefficients by restricted maximum likelihood (statsmodels' `MixedLM`). ``se_model`` is of
        generalised least squares at the variances found: statsmodels' own, from the Hessian of all
        parameters, fails where the variance between territories is near zero. ``se`` adds the
        covariances of contrasts that share controls. Terms of places have Student's law with as
        many degrees of freedom as territories less places' columns less one; terms of persons the
        normal law.

    Raises
    ------
    InputError
        If there are fewer than five territories, a unit has none, a territory has no row in
        `places`, sampling weights of the treated differ, a characteristic cannot be used, or the
        model does not converge.
    """
    check_level(level)
    names = labels or {}
    found = unit_contrasts(design, outcomes, month)
    comparison = design.comparison
    weights = comparison.weights[found.rows]
    if (weights != weights[0]).any():
        raise InputError(
            "sampling weights of the treated are not all equal: a mixed model takes no weights"
        )
    territory = _territories(comparison, within)[found.rows]
    codes, keys = pd.factorize(territory, sort=True)
    if (codes < 0).any():
        raise InputError(f"{counted(int((codes < 0).sum()), 'treated unit')} without territory")
    if len(keys) < FEWEST_TERRITORIES:
        raise InputError(
            f"{len(keys)} territories are too few to vary over: give {FEWEST_TERRITORIES} at least"
        )
    declared = characteristics_of(comparison, found.rows, persons, names)
    if places is not None:
        declared = declared.beside(_of_places(places, keys, codes, names))
        refuse_determined(declared.columns, declared.terms)
    of_place = (declared.terms["kind"] == "place").to_numpy()
    if of_place.sum() + 1 >= len(keys):
        raise InputError(
            f"{int(of_place.sum())} columns of places for {len(keys)} territories: declare fewer"
        )
    fitted = _fit(found.values, declared.columns, codes)
    freedom = np.where(of_place, len(keys) - of_place.sum() - 1, np.inf)
    shared = found.shared_variance(fitted.loads)
    errors = np.sqrt(np.maximum(fitted.errors**2 + shared, _NOTHING * fitted.errors**2))
    reach = stats.t.ppf((1 + level) / 2, freedom) * errors
    table = declared.terms.assign(
        estimate=fitted.slopes,
        se_model=fitted.errors,
        se=errors,
        ci_low=fitted.slopes - reach,
        ci_high=fitted.slopes + reach,
        p=2 * stats.t.sf(np.abs(fitted.slopes / errors), freedom),
        n_treated=len(found.rows),
        nature="association",
    )
    table["sentence"] = [sentence_of(row, unit, level) for _, row in table.iterrows()]
    return Multilevel(
        table=table.drop(columns="step"),
        mean=fitted.mean,
        between=fitted.between,
        within=fitted.within,
        n_treated=len(found.rows),
        n_territories=len(keys),
    )


def _territories(comparison: Comparison, within: str | pd.Series) -> np.ndarray:
    """The territory of each unit of a comparison."""
    if isinstance(within, pd.Series):
        if not comparison.unit.isin(within.index).all() or within.index.has_duplicates:
            raise InputError("within= has to be indexed by unit, each once")
        return within.reindex(comparison.unit).to_numpy()
    frames = (comparison.strata, comparison.covariates, comparison.cells)
    known = {str(column): frame for frame in frames for column in frame.columns}
    if within not in known:
        raise InputError(
            f"within '{within}' is no cell, stratum or covariate: {nearest(within, known)}"
        )
    return known[within][within].to_numpy()


def _of_places(
    places: pd.DataFrame, keys: np.ndarray | pd.Index, codes: np.ndarray, labels: Mapping[str, str]
) -> Characteristics:
    """Characteristics of the territory of each unit."""
    absent = [str(key) for key in keys if key not in places.index]
    if absent:
        raise InputError(f"places= has no row for territory '{absent[0]}'")
    if places.index.has_duplicates:
        raise InputError("places= has two rows for one territory")
    return characteristics(
        places.loc[list(keys)].iloc[codes].reset_index(drop=True), "place", labels
    )


@dataclass(frozen=True, eq=False)
class _Fitted:
    mean: float
    slopes: np.ndarray
    errors: np.ndarray
    loads: np.ndarray
    between: float
    within: float


def _fit(values: np.ndarray, columns: np.ndarray, territory: np.ndarray) -> _Fitted:
    """The mixed model, on columns in standard units so that its search is well conditioned."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    scale = columns.std(axis=0)
    size = values.std()
    if not size > 0:
        raise InputError("all units have the same contrast: nothing varies")
    design = np.column_stack([np.ones(len(values)), (columns - columns.mean(axis=0)) / scale])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = MixedLM(values / size, design, groups=territory).fit(reml=True, **_SEARCH)
    if not result.converged:
        raise InputError("the mixed model does not converge: declare fewer characteristics")
    ratio = float(result.cov_re[0, 0] / result.scale)
    ratio = ratio if ratio > _NOTHING else 0.0
    weighted = _weighted(design, territory, ratio)
    inverse = np.linalg.inv(design.T @ weighted)
    return _Fitted(
        mean=float(result.fe_params[0] * size),
        slopes=result.fe_params[1:] * size / scale,
        errors=np.sqrt(np.diag(result.scale * inverse))[1:] * size / scale,
        loads=(weighted @ inverse)[:, 1:] / scale,
        between=ratio * float(result.scale * size**2),
        within=float(result.scale * size**2),
    )


def _weighted(design: np.ndarray, territory: np.ndarray, ratio: float) -> np.ndarray:
    """V⁻¹ X for V the identity plus `ratio` within territories: float array, shape (m, p)."""
    sums = np.zeros((int(territory.max()) + 1, design.shape[1]))
    np.add.at(sums, territory, design)
    shrunk = ratio / (1 + ratio * np.bincount(territory))
    return np.asarray(design - (shrunk[:, np.newaxis] * sums)[territory])
