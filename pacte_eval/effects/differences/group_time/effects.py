"""Effects by group (period of first treatment) and period, from which all averages follow."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from pacte_eval.definitions.errors import InputError
from pacte_eval.designs.settings import check_choice, is_whole
from pacte_eval.effects.differences.group_time.aggregation import KINDS, Aggregation, averages
from pacte_eval.effects.differences.group_time.pretest import Pretest
from pacte_eval.effects.effects import Effects
from pacte_eval.effects.table import tidy


@dataclass(frozen=True, eq=False)
class GroupShares:
    """Shares of the population in each group, which are estimated as effects are.

    Attributes
    ----------
    groups : int array, shape (k,)
    shares : float array, shape (k,)
        Of the sampling weights of all units, the never treated included.
    contributions : sparse array, shape (clusters, k)
        Contributions to the shares, in the rows of the contributions to the effects. What all
        shares have in common may be left out: averages depend on their ratios alone.
    """

    groups: np.ndarray
    shares: np.ndarray
    contributions: sparse.csr_array = field(repr=False)

    @classmethod
    def of(
        cls,
        groups: np.ndarray,
        first_treated: np.ndarray,
        weights: np.ndarray,
        cluster: np.ndarray | None = None,
    ) -> GroupShares:
        """Shares from units, or from rows of cross-sections.

        Parameters
        ----------
        groups : array, shape (k,)
            Increasing.
        first_treated, weights : float arrays, shape (n,)
        cluster : array, shape (n,), optional
            As `summed_by_cluster` takes it, whose order and correction are kept; None where
            contributions are by unit.
        """
        inside = np.flatnonzero(np.isin(first_treated, groups))
        place = np.searchsorted(groups, first_treated[inside])
        own = weights[inside] / weights.sum()
        row, number, factor = inside, len(weights), 1.0
        if cluster is not None:
            codes, found = pd.factorize(cluster)
            if len(found) < number:
                row, number = codes[inside], len(found)
                factor = np.sqrt(number / max(number - 1, 1))
        return cls(
            groups=np.asarray(groups).astype(np.int64),
            shares=np.bincount(place, own, len(groups)),
            contributions=sparse.csr_array(
                (own * factor, (row, place)), shape=(number, len(groups))
            ),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupTimeEffects(Effects):
    """Effects by group and period.

    Attributes
    ----------
    table : DataFrame
        As that of `Effects`, with ``group`` (period of first treatment) and ``period``; ``month``
        is the time since treatment, ``period`` − ``group``. An effect that cannot be estimated is
        a row of missing values.
    sizes : float array, one per row of the table
        What averages over groups weigh a row by: the share of its group.
    shares : GroupShares or None
        The shares of groups, whose estimation then enters standard errors of averages; None where
        sizes are taken as fixed.
    last_period : int
        Last period of the data.
    anticipation : int
        Periods before treatment that may feel it.
    """

    sizes: np.ndarray
    shares: GroupShares | None
    last_period: int
    anticipation: int = 0

    def aggregate(self, kind: Aggregation, balance: int | None = None) -> Effects:
        """Averages over groups and periods, with one over all of them.

        Parameters
        ----------
        kind : str
            ``"simple"``: one average over all groups and periods from treatment on;
            ``"dynamic"``: by time since treatment, before and after; ``"group"``: by group, over
            its periods from treatment on; ``"calendar"``: by period, over the groups treated by
            then. Groups weigh as their sizes.
        balance : int, optional
            With ``"dynamic"``: only groups followed for that many periods after the first, and
            times since treatment up to it, so that the same groups make all of them.

        Returns
        -------
        Effects
            The last row is the average over all: of times since treatment from 0 on, each the
            same; of groups, as their sizes; of periods, each the same. Its month is missing.

        Raises
        ------
        InputError
            If the kind is unknown, `balance` is not for it, or no effect after treatment can be
            averaged.

        Notes
        -----
        Callaway and Sant'Anna (2021, *Journal of Econometrics* 225, 200–230), section 3.2 and
        table 1; standard errors count the estimation of the weights (their corollary 2). Effects
        that are missing are left out, and counted in the column ``weights``; those without a
        standard error (one treated unit, one cluster) enter without their own noise, and are
        counted in the column ``se_kind``: an average of nothing else has no standard error either.
        """
        check_choice("kind", kind, KINDS)
        if balance is not None:
            if kind != "dynamic":
                raise InputError(f"balance= is for kind='dynamic', not '{kind}': leave it out")
            if not is_whole(balance, 0):
                raise InputError(f"balance={balance} must be a number of periods, from 0")
        made = averages(self.table, self.sizes, kind, balance, self.last_period)
        rows, part = made.rows.copy(), None
        if self.anticipation:
            rows["anticipation"] = self.anticipation
        rows["se"] = np.nan
        if self.contributions is not None:
            moved = None if self.shares is None else (self.shares.groups, self.shares.contributions)
            part = made.contributions(self.contributions, moved)
            error = np.sqrt(part.variances(range(len(rows))))
            rows["se"] = np.where(made.no_error, np.nan, error)
        return Effects(tidy(rows, level=self.level), part, self.level)

    def pretest(self) -> Pretest:
        """Wald test that effects before treatment (and its anticipation) are all zero.

        Raises
        ------
        InputError
            If there is none with a standard error.
        """
        before = self.table["month"].to_numpy(dtype=float) < -self.anticipation
        return Pretest.of(self, before)
