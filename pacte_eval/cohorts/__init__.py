"""Cohorts: from a declaration and a source to units, covariates, outcomes and a flow chart."""

from pacte_eval.cohorts.build import build_cohort, trace
from pacte_eval.cohorts.cohort import Cohort

__all__ = ["Cohort", "build_cohort", "trace"]
