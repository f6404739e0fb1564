"""A cohort in plain Python, one person and one rule at a time: what the engine is compared with.

Slow, without any table library, and without anything of `pacte_eval`: it is read beside the
definition of a cohort, not beside the engine.
"""

from tests.cohorts.oracle.building import Expected, ExpectedUnit, FlowRow, build

__all__ = ["Expected", "ExpectedUnit", "FlowRow", "build"]
