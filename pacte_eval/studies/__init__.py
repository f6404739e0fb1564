"""Running a study: from its declaration to a result set, stage after stage."""

from pacte_eval.studies.run import run_study

__all__ = ["run_study"]
