"""Who is compared with whom, decided from covariates alone: no function here can take an outcome.

Public names
------------
``NearestNeighbour(score="logit", neighbours=1, caliper=None, exact=(), ties="average",
tie_tolerance=0.0, seed=None).fit(comparison) -> Design``
``Logit(squares=(), interactions=()).fit(comparison) -> FittedLogit``
``Design`` : ``comparison``, ``weights``, ``score``, ``support``, ``settings``,
``supported_share``, ``n_treated``, ``n_control``, ``pairs()``, ``balance()``, ``overlap(bins)``,
``effective_sample_size()``, ``summary()``
"""

from pacte_eval.designs.design import Design
from pacte_eval.designs.logit import FittedLogit, Logit
from pacte_eval.designs.nearest import NearestNeighbour

__all__ = ["Design", "FittedLogit", "Logit", "NearestNeighbour"]
