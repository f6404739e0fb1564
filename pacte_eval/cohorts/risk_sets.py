"""Risk sets: controls drawn in the cells of the treated, with the fraction drawn kept.

In each cell (entry month, or entry month × band of elapsed unemployment) the people at risk are put
in the order of a hash and the first ones are kept, so many for each treated unit of the cell.
"""

from __future__ import annotations

import ibis
from ibis.expr.types import IntegerValue, StringValue, Table

from pacte_eval.cohorts.eve import BANDS
from pacte_eval.cohorts.hashing import draw_key
from pacte_eval.definitions.cohort import Controls


def unemployment_band(duration: IntegerValue) -> StringValue:
    """The band of elapsed unemployment that a number of months falls in."""
    return ibis.cases(
        *((duration <= last, ibis.literal(f"{first}–{last}")) for first, last in BANDS),
        else_=ibis.literal(f"{BANDS[-1][1] + 1} et plus"),
    )


def draw_controls(at_risk: Table, treated: Table, controls: Controls) -> Table:
    """The people at risk who are kept as controls.

    Parameters
    ----------
    at_risk, treated : ibis.Table
        With ``person`` and the cells of ``controls.same``.

    Returns
    -------
    ibis.Table
        The rows of ``at_risk`` kept, with ``fraction``: the share drawn in their cell.
    """
    cells = list(controls.same)
    wanted = treated.group_by(cells).aggregate(wanted=treated.count() * controls.per_treated)
    present = at_risk.inner_join(wanted, cells)
    risk_set = present[cells[0]].cast("string")
    for cell in cells[1:]:
        risk_set = risk_set + "-" + present[cell].cast("string")
    order = ibis.row_number().over(
        group_by=[present[cell] for cell in cells],
        order_by=draw_key(controls.seed, risk_set, present.person),
    )
    ranked = present.mutate(
        place=order, size=present.count().over(group_by=[present[cell] for cell in cells])
    )
    kept = ranked.filter(ranked.place < ranked.wanted)
    share = ibis.least(kept.wanted / kept["size"], 1.0)
    return kept.mutate(fraction=share).drop("wanted", "place", "size")
