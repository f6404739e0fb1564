"""How much of entry and of outcome would an omitted variable have to explain to undo an estimate?

Cinelli and Hazlett (2020, *JRSS B* 82, 39–67), on a companion of the study's design: the regression
of the outcome on treatment and all covariates by the weights of the design, with classical errors.
An omitted variable that explains a share R²(D) of what covariates leave of treatment, and R²(Y) of
what covariates and treatment leave of the outcome, moves the coefficient by
se √(df R²(Y) R²(D) / (1 − R²(D))), exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import stats

from pacte_eval.definitions.errors import InputError, check_kind, counted, nearest
from pacte_eval.definitions.months import Period
from pacte_eval.definitions.numerals import THIN, number, percent
from pacte_eval.designs import Design
from pacte_eval.designs.scores.terms import model_terms
from pacte_eval.diagnostics.verdicts import Verdict, Verdicts
from pacte_eval.effects.shares import outcome_weights
from pacte_eval.frames import Comparison, Outcomes

NAME = "robustesse à une variable omise"
RISK = 0.05
TIMES = (1, 2, 3)
COLUMNS = ["covariate", "times", "r2_dz", "r2_yd", "estimate", "se", "ci_low", "ci_high"]
_DETERMINED = 1e-9


@dataclass(frozen=True, eq=False)
class OmittedVariable:
    """What an omitted variable would have to be.

    Attributes
    ----------
    estimate, se, t : float
        Of the coefficient of treatment in the companion regression; the error is classical.
    freedom : int
        Residual degrees of freedom.
    partial_r2 : float
        Share of the residual outcome that treatment explains.
    rv : float
        Robustness value: an omitted variable that explains less than this share of both residual
        treatment and residual outcome cannot bring the estimate to zero.
    rv_alpha : float
        The same for the t-test at 5 % no longer to reject zero; 0 where it does not.
    table : DataFrame
        ``covariate``, ``times``, ``r2_dz``, ``r2_yd``, ``estimate``, ``se``, ``ci_low``,
        ``ci_high``: an omitted variable once, twice and thrice as strong as a benchmark covariate,
        in explaining treatment and outcome, and what the estimate would become in the direction
        of zero. Missing where nothing can be that strong.
    """

    estimate: float
    se: float
    t: float
    freedom: int
    partial_r2: float
    rv: float
    rv_alpha: float
    table: pd.DataFrame = field(repr=False)

    def adjusted_estimate(
        self, r2_dz: float | np.ndarray, r2_yd: float | np.ndarray
    ) -> float | np.ndarray:
        """The estimate if an omitted variable of that strength pushed it away from zero.

        Parameters
        ----------
        r2_dz : float or array
            Share of residual treatment that it explains, from 0 to 1 excluded.
        r2_yd : float or array
            Share of residual outcome, from 0 to 1. Arrays are broadcast: a grid gives contours.
        """
        shares, others = np.asarray(r2_dz, dtype=float), np.asarray(r2_yd, dtype=float)
        if not (((shares >= 0) & (shares < 1)).all() and ((others >= 0) & (others <= 1)).all()):
            raise InputError("r2_dz must lie from 0 to 1 excluded, and r2_yd from 0 to 1")
        bias = self.se * np.sqrt(self.freedom * others * shares / (1 - shares))
        found = np.sign(self.estimate) * (abs(self.estimate) - bias)
        return found if found.ndim else float(found)

    def adjusted_se(self, r2_dz: float, r2_yd: float) -> float:
        """The classical error of the regression that held that variable."""
        ratio = (1 - r2_yd) / (1 - r2_dz) * self.freedom / (self.freedom - 1)
        return float(self.se * np.sqrt(ratio))


def robustness(
    design_or_comparison: Design | Comparison,
    outcomes: Outcomes,
    month: Period,
    benchmarks: Sequence[str] = (),
) -> OmittedVariable:
    """Robustness of the companion regression at one month to an omitted variable.

    Parameters
    ----------
    design_or_comparison : Design or Comparison
        A design gives its weights; a comparison its sampling weights.
    outcomes : Outcomes
    month : int or str
    benchmarks : sequence of str
        Covariates that an omitted variable is measured against; all levels of a factor together.

    Returns
    -------
    OmittedVariable
        ``t`` and what follows from it are missing where the outcome does not vary; ``rv`` is 1
        where treatment and covariates predict it without fault.

    Raises
    ------
    InputError
        If a benchmark is no covariate, the month is not observed, covariates determine the
        treatment, or units are too few.
    """
    check_kind(design_or_comparison, Design, Comparison, use="a fit(), or from_frame(…),")
    if isinstance(design_or_comparison, Design):
        design, comparison = design_or_comparison, design_or_comparison.comparison
    else:
        design, comparison = None, design_or_comparison
    names = [str(name) for name in comparison.covariates.columns]
    for name in benchmarks:
        if name not in names:
            raise InputError(f"benchmark '{name}' is not a covariate: {nearest(name, names)}")
    values = outcomes.at([month]).aligned(comparison.unit).astype(np.float64)
    observed = np.isfinite(values)
    weights = outcome_weights(design, observed) if design else comparison.weights[:, np.newaxis]
    used = (observed & (weights > 0))[:, 0]
    regression = _Reduced.made(comparison.subset(used), weights[used, 0], values[used, 0])
    return regression.robustness(benchmarks)


def robustness_verdict(found: OmittedVariable) -> Verdicts:
    """Whether a variable as strong as the strongest benchmark could undo the test at 5 %.

    Returns
    -------
    Verdicts
        ``value`` is the robustness value at 5 %, ``threshold`` the larger share, of treatment or
        of outcome, that an omitted variable as strong as a benchmark would explain, over all
        benchmarks: pass above it, else a warning. Non concluant where the companion regression
        finds no effect at 5 %; non testable without benchmark, or where the outcome is constant.
    """
    start = "Sur un plan compagnon (régression pondérée)"
    once = found.table[found.table["times"] == 1].copy()
    once["strength"] = once[["r2_dz", "r2_yd"]].max(axis=1, skipna=False).fillna(1.0)
    threshold = float(once["strength"].max()) if len(once) else np.nan
    told = (
        f"{start}, un facteur inobservé devrait expliquer {percent(found.rv_alpha)} de l’entrée en "
        "formation et autant du résultat, à covariables égales, pour que l’effet ne se distingue "
        "plus du hasard"
    )
    if not np.isfinite(found.rv_alpha):
        sentence = (
            f"{start}, le résultat ne varie pas{THIN}: la robustesse à une variable omise n’est "
            "pas testable."
        )
        return Verdicts.single(NAME, np.nan, threshold, "non testable", sentence)
    if found.rv_alpha == 0:
        sentence = (
            f"{start}, l’effet ne se distingue déjà pas du hasard sans variable omise "
            f"(t{THIN}= {number(found.t, 2)}){THIN}: sa robustesse ne dit rien de plus."
        )
        return Verdicts.single(NAME, 0.0, threshold, "non concluant", sentence)
    if not len(once):
        sentence = f"{told}{THIN}; aucune covariable de référence n’a été déclarée."
        return Verdicts.single(NAME, found.rv_alpha, threshold, "non testable", sentence)
    strongest = once.iloc[int(once["strength"].argmax())]
    passed = found.rv_alpha > threshold
    verdict: Verdict = "pass" if passed else "warning"
    sentence = (
        f"{told}{THIN}: {'plus' if passed else 'pas plus'} que ce qu’en expliquerait un facteur "
        f"aussi fort que «{THIN}{strongest['covariate']}{THIN}» "
        f"({percent(strongest['r2_dz'])} de l’entrée, {percent(strongest['r2_yd'])} du résultat)."
    )
    return Verdicts.single(NAME, found.rv_alpha, threshold, verdict, sentence)


@dataclass(frozen=True, eq=False)
class _Reduced:
    """A weighted regression as its triangle, on which every sum of squares is what it was.

    Attributes
    ----------
    columns : float array, shape (r, p)
        Intercept and columns of the covariates.
    of : array of str, shape (p,)
        The covariate of each.
    treated, outcome : float arrays, shape (r,)
    size : int
        Units with a weight.
    """

    columns: np.ndarray
    of: np.ndarray
    treated: np.ndarray
    outcome: np.ndarray
    size: int

    @classmethod
    def made(cls, comparison: Comparison, weights: np.ndarray, values: np.ndarray) -> _Reduced:
        """From units that all weigh something and are observed: arrays of shape (n,)."""
        terms = model_terms(comparison.covariates)
        columns = terms.times(np.eye(len(terms.names)))
        whole = np.column_stack([columns, comparison.treated, values])
        root = np.sqrt(weights / weights.mean())
        triangle = np.asarray(np.linalg.qr(whole * root[:, np.newaxis], mode="r"))
        covariates = np.array([str(name) for name in terms.covariates])
        return cls(triangle[:, :-2], covariates, triangle[:, -2], triangle[:, -1], len(weights))

    def robustness(self, benchmarks: Sequence[str]) -> OmittedVariable:
        treated, outcome, rank = self._residuals(self.columns)
        freedom = self.size - rank - 1
        if freedom < 2:
            raise InputError(
                f"{counted(self.size, 'unit')} are too few for a regression on {rank} columns"
            )
        if np.linalg.norm(treated) <= _DETERMINED * np.linalg.norm(self.treated):
            raise InputError(
                "covariates determine who is treated: no regression tells treatment from them"
            )
        nothing = _DETERMINED * np.linalg.norm(self.outcome)
        estimate, left = _slope(treated, outcome)
        if np.linalg.norm(outcome) <= nothing:
            estimate, error, t = 0.0, 0.0, np.nan
        elif np.linalg.norm(left) <= nothing:
            error, t = 0.0, np.copysign(np.inf, estimate)
        else:
            error = float(np.sqrt(left @ left / freedom / (treated @ treated)))
            t = estimate / error
        found = OmittedVariable(
            estimate=estimate,
            se=error,
            t=t,
            freedom=freedom,
            partial_r2=_partial_r2(t, freedom),
            rv=_robustness_value(abs(t) / np.sqrt(freedom), 0.0),
            rv_alpha=_robustness_value(abs(t) / np.sqrt(freedom), _critical(freedom)),
            table=pd.DataFrame(columns=COLUMNS),
        )
        rows = [
            row
            for name in benchmarks
            for row in _rows(found, name, *self._strength(name, treated, left))
        ]
        return replace(found, table=pd.DataFrame(rows, columns=COLUMNS))

    def _residuals(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Treatment and outcome without what some columns explain, and their rank."""
        both = np.column_stack([self.treated, self.outcome])
        coefficients, _, rank, _ = np.linalg.lstsq(columns, both, rcond=_DETERMINED)
        left = both - columns @ coefficients
        return left[:, 0], left[:, 1], int(rank)

    def _strength(self, name: str, treated: np.ndarray, left: np.ndarray) -> tuple[float, float]:
        """Shares of residual treatment and of residual outcome that a covariate explains.

        Parameters
        ----------
        name : str
        treated, left : float arrays, shape (r,)
            Treatment without covariates; the outcome without covariates and treatment.
        """
        shorter, outcome, _ = self._residuals(self.columns[:, self.of != name])
        _, more = _slope(shorter, outcome)
        return 1 - _ratio(treated, shorter), 1 - _ratio(left, more)


def _slope(treated: np.ndarray, outcome: np.ndarray) -> tuple[float, np.ndarray]:
    """Coefficient of one residual on another, and what it leaves."""
    slope = float(treated @ outcome / (treated @ treated))
    return slope, outcome - slope * treated


def _ratio(some: np.ndarray, more: np.ndarray) -> float:
    """A sum of squares over a larger one; 1 where both are nothing."""
    whole = float(more @ more)
    return min(float(some @ some) / whole, 1.0) if whole > 0 else 1.0


def _partial_r2(t: float, freedom: int) -> float:
    return 1.0 if np.isinf(t) else t**2 / (t**2 + freedom)


def _critical(freedom: int) -> float:
    """Partial f of a t-test that only just rejects, with one more regressor."""
    return float(stats.t.isf(RISK / 2, freedom - 1) / np.sqrt(freedom - 1))


def _robustness_value(f: float, critical: float) -> float:
    """The share of both residuals, at most, that brings a partial f to its critical value.

    For a test of a large f, a variable does most by explaining less of the outcome than that share,
    since what it explains also lowers the error: the second formula.
    """
    if np.isnan(f):
        return np.nan
    if np.isinf(f):
        return 1.0
    over = f - critical
    if over <= 0:
        return 0.0
    if critical > 0 and f > 1 / critical:
        return float((f**2 - critical**2) / (1 + f**2))
    return float((np.sqrt(over**4 + 4 * over**2) - over**2) / 2)


def _rows(
    found: OmittedVariable, name: str, of_treatment: float, of_outcome: float
) -> Iterator[dict[str, object]]:
    """What variables once, twice and thrice as strong as a covariate would do."""
    for times in TIMES:
        shares = _bound(times, of_treatment, of_outcome)
        row: dict[str, object] = dict.fromkeys(COLUMNS, np.nan)
        row |= {"covariate": name, "times": times}
        if shares is not None:
            estimate, error = found.adjusted_estimate(*shares), found.adjusted_se(*shares)
            half = stats.t.isf(RISK / 2, found.freedom - 1) * error
            row |= {
                "r2_dz": shares[0],
                "r2_yd": shares[1],
                "estimate": estimate,
                "se": error,
                "ci_low": estimate - half,
                "ci_high": estimate + half,
            }
        yield row


def _bound(times: float, of_treatment: float, of_outcome: float) -> tuple[float, float] | None:
    """Largest shares of a variable so many times as strong; None where there can be none."""
    if not (times * of_treatment < 1 and of_outcome < 1):
        return None
    treatment = times * of_treatment / (1 - of_treatment)
    between = times * of_treatment**2 / ((1 - times * of_treatment) * (1 - of_treatment))
    if treatment >= 1 or between >= 1:
        return None
    outcome = (np.sqrt(times) + np.sqrt(between)) ** 2 / (1 - between)
    return treatment, min(float(outcome * of_outcome / (1 - of_outcome)), 1.0)
