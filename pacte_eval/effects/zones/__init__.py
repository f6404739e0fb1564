"""Zones rather than persons: what differential intensity of training did to a zone's outcomes.

Every region trained people in the same years: nothing here is the effect of a programme as such.

Public names
------------
``SyntheticControl(threshold, covariates=()).fit(panel) -> ZoneEffects``
``SyntheticDifference(threshold, se="placebo").fit(panel) -> ZoneEffects``
``MatchedZones(threshold, neighbours, reference, covariates=()).fit(panel) -> ZoneEffects``
``ZoneEffects`` : an ``Effects`` with ``donor_weights``, ``period_weights``, ``placebo_space``,
``placebo_p``, ``smallest_p``, ``placebo_time``, ``leave_one_out``, ``policies``, ``dose_gap``,
``rmspe``, ``assumptions``
"""

from pacte_eval.effects.zones.matched_zones import MatchedZones
from pacte_eval.effects.zones.synthetic_control import SyntheticControl
from pacte_eval.effects.zones.synthetic_difference import SyntheticDifference
from pacte_eval.effects.zones.zone_effects import ZoneEffects

__all__ = ["MatchedZones", "SyntheticControl", "SyntheticDifference", "ZoneEffects"]
