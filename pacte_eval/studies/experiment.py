"""An experiment beside the estimates: the randomised controls of the same programme."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pacte_eval.cohorts import Cohort
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.results.schemas import DIFFERENCE, LEVEL, RAW_GAP, WHOLE
from pacte_eval.studies.analysis import Findings


def beside_experiment(cohort: Cohort, study: StudyDefinition, findings: Findings) -> None:
    """Set the study's estimates at its primary period beside the experiment and the raw gap."""
    if study.experiment is None:
        return
    asked = study.comparisons[0]
    rows = [
        _raw(cohort, study, study.experiment.treated, study.experiment.control)
        | {"source": study.experiment.label, "note": study.experiment.source},
        _raw(cohort, study, asked.treated, asked.control) | {"source": RAW_GAP, "note": ""},
    ]
    effects = findings.frame("effects")
    kept = effects[
        (effects["cell"] == WHOLE)
        & (effects["outcome"] == study.primary.outcome)
        & (effects["period"] == study.primary.month)
    ]
    names = {LEVEL: "Appariement", DIFFERENCE: "Appariement et différence de différences"}
    columns = ["estimate", "se", "se_kind", "n_treated", "n_control", "n_lost"]
    rows += [
        {name: row[name] for name in columns}
        | {"source": names[row["contrast"]], "note": row["reference"]}
        for _, row in kept.iterrows()
    ]
    findings.add("benchmark", pd.DataFrame(rows))


def _raw(
    cohort: Cohort, study: StudyDefinition, treated: str, control: str
) -> dict[str, float | int | str]:
    outcome = cohort.outcomes[study.primary.outcome]
    column = outcome.periods.index(study.primary.month)
    values = [
        outcome.aligned(cohort.units.index[cohort.units["arm"] == arm])[:, column]
        for arm in (treated, control)
    ]
    return {
        "estimate": float(np.nanmean(values[0]) - np.nanmean(values[1])),
        "se": pooled_error(values[0], values[1]),
        "se_kind": "Variance commune aux deux groupes",
        "n_treated": int(np.isfinite(values[0]).sum()),
        "n_control": int(np.isfinite(values[1]).sum()),
        "n_lost": 0,
    }


def pooled_error(treated: np.ndarray, control: np.ndarray) -> float:
    """Standard error of a difference of two means with one variance for both arms.

    It is the one that least squares on the treatment gives, and that Dehejia and Wahba (1999)
    print beside their experimental estimate. Missing values are left out.
    """
    arms = [values[np.isfinite(values)] for values in (treated, control)]
    freedom = sum(len(arm) - 1 for arm in arms)
    variance = sum(np.var(arm, ddof=1) * (len(arm) - 1) for arm in arms) / freedom
    return float(np.sqrt(variance * sum(1 / len(arm) for arm in arms)))
