"""Who is compared with whom, decided from covariates alone: no function here can take an outcome.

Public names
------------
Designs, each with ``fit(comparison) -> Design``:
``NearestNeighbour``, ``RadiusMatching``, ``KernelMatching``, ``OptimalMatching``,
``Subclassification``, ``ExactMatching``, ``CoarsenedExact``, ``InverseProbability``,
``EntropyBalancing``, ``CovariateBalancingScore``; and ``Pairwise`` for several arms,
``fit(arms) -> ArmDesigns``.

Scores, for ``score=``: ``Logit``, ``Probit``, ``Boosting``; rules of common support, for
``support=``: ``MinMax``, ``Crump``, ``Quantile``.

``Design`` : ``comparison``, ``weights``, ``score``, ``support``, ``settings``,
``supported_share``, ``n_treated``, ``n_control``, ``pairs()``, ``balance()``, ``overlap(bins)``,
``effective_sample_size()``, ``love_plot()``, ``overlap_plot()``, ``summary()``, ``save(path)``,
``Design.load(path)``
"""

from pacte_eval.designs.design import Design
from pacte_eval.designs.matching.coarsened import CoarsenedExact
from pacte_eval.designs.matching.exact import ExactMatching
from pacte_eval.designs.matching.kernel import KernelMatching
from pacte_eval.designs.matching.nearest import NearestNeighbour
from pacte_eval.designs.matching.optimal import OptimalMatching
from pacte_eval.designs.matching.radius import RadiusMatching
from pacte_eval.designs.matching.subclassification import Subclassification
from pacte_eval.designs.pairwise import ArmDesigns, Pairwise
from pacte_eval.designs.scores.boosting import Boosting
from pacte_eval.designs.scores.logit import Logit
from pacte_eval.designs.scores.probit import Probit
from pacte_eval.designs.scores.support import Crump, MinMax, Quantile
from pacte_eval.designs.weighting.covariate_balancing import CovariateBalancingScore
from pacte_eval.designs.weighting.entropy_balancing import EntropyBalancing
from pacte_eval.designs.weighting.inverse_probability import InverseProbability

__all__ = [
    "ArmDesigns",
    "Boosting",
    "CoarsenedExact",
    "CovariateBalancingScore",
    "Crump",
    "Design",
    "EntropyBalancing",
    "ExactMatching",
    "InverseProbability",
    "KernelMatching",
    "Logit",
    "MinMax",
    "NearestNeighbour",
    "OptimalMatching",
    "Pairwise",
    "Probit",
    "Quantile",
    "RadiusMatching",
    "Subclassification",
]
