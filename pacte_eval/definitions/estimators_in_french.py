"""An estimator read back in French: in plain words, and in one line for a statistician."""

from __future__ import annotations

from pacte_eval.definitions.estimators import (
    AlternativeDefinition,
    BoostingDefinition,
    CoarsenedExactDefinition,
    CovariateBalancingScoreDefinition,
    CrumpDefinition,
    DoublyRobustDefinition,
    EntropyBalancingDefinition,
    EstimatorDefinition,
    ExactMatchingDefinition,
    GroupTimeDefinition,
    InverseProbabilityDefinition,
    KernelMatchingDefinition,
    NearestNeighbourDefinition,
    OptimalMatchingDefinition,
    QuantileDefinition,
    RadiusMatchingDefinition,
    ScoreDefinition,
    SubclassificationDefinition,
)
from pacte_eval.definitions.numerals import number

_DISTANCES = {
    "score": "sur le score de propension",
    "linear-score": "sur le score de propension linéaire",
    "mahalanobis": "sur la distance de Mahalanobis",
    "robust-mahalanobis": "sur la distance de Mahalanobis par rangs",
    "scaled-euclidean": "sur la distance euclidienne normée",
}
_KERNELS = {
    "epanechnikov": "noyau d'Epanechnikov",
    "gaussian": "noyau gaussien",
    "local-linear": "régression locale linéaire, noyau d'Epanechnikov",
}


def whom_in_french(estimator: EstimatorDefinition) -> str:
    """Whom each person trained is compared with, before "parmi celles qui…"."""
    match estimator:
        case NearestNeighbourDefinition(neighbours=1):
            return "on cherche la personne la plus ressemblante"
        case NearestNeighbourDefinition():
            return f"on cherche les {estimator.neighbours} personnes les plus ressemblantes"
        case RadiusMatchingDefinition():
            return "on prend toutes les personnes assez ressemblantes"
        case KernelMatchingDefinition():
            return "on prend les personnes ressemblantes, d'autant plus qu'elles le sont,"
        case OptimalMatchingDefinition():
            return "on cherche les personnes ressemblantes, au mieux pour l'ensemble,"
        case SubclassificationDefinition():
            return "on prend les personnes de la même classe de ressemblance"
        case ExactMatchingDefinition() | CoarsenedExactDefinition():
            return "on prend les personnes de mêmes caractéristiques"
        case _:
            return (
                "on compare un groupe de même composition, obtenu en donnant à chacune un poids, "
                "formé"
            )


def estimator_in_french(estimator: EstimatorDefinition) -> str:
    """The estimator and its settings, in a statistician's words."""
    return ", ".join([_kind(estimator), *_score(estimator)])


def alternative_in_french(alternative: AlternativeDefinition) -> str:
    """The same for what stands beside the main estimator, which may be no design."""
    match alternative:
        case DoublyRobustDefinition(folds=1):
            return "estimation doublement robuste (score et régression)"
        case DoublyRobustDefinition():
            return (
                "estimation doublement robuste (score et régression, validation croisée en "
                f"{alternative.folds})"
            )
        case GroupTimeDefinition():
            return "effets par groupe d'entrée et mois (Callaway et Sant'Anna), sans covariable"
        case _:
            return estimator_in_french(alternative)


def _kind(estimator: EstimatorDefinition) -> str:
    match estimator:
        case NearestNeighbourDefinition():
            return _nearest(estimator)
        case RadiusMatchingDefinition():
            radius = number(estimator.radius, 1)
            return (
                f"appariement dans un rayon de {radius} fois la plus grande distance au plus "
                "proche voisin"
            )
        case KernelMatchingDefinition():
            width = number(estimator.bandwidth, 2)
            return f"appariement par {_KERNELS[estimator.kernel]} de largeur {width}"
        case OptimalMatchingDefinition(kind="pairs"):
            return "appariement optimal par paires"
        case OptimalMatchingDefinition():
            return "appariement optimal complet"
        case SubclassificationDefinition():
            return f"stratification en {estimator.subclasses} classes"
        case ExactMatchingDefinition():
            return "appariement exact"
        case CoarsenedExactDefinition():
            return "appariement exact sur variables regroupées"
        case InverseProbabilityDefinition():
            return "pondération par l'inverse de la probabilité"
        case EntropyBalancingDefinition(moments=1):
            return "équilibrage entropique des moyennes"
        case EntropyBalancingDefinition():
            return f"équilibrage entropique de {estimator.moments} moments"
        case CovariateBalancingScoreDefinition():
            return "pondération par un score équilibrant les covariables"


def _nearest(estimator: NearestNeighbourDefinition) -> str:
    count = "1 voisin" if estimator.neighbours == 1 else f"{estimator.neighbours} voisins"
    how = "avec remise" if estimator.replace else "sans remise"
    text = f"appariement {_DISTANCES[estimator.distance]}, {count} {how}"
    if estimator.caliper is not None:
        text += f", caliper de {number(estimator.caliper, 1)} écart type"
    return text


def _score(estimator: EstimatorDefinition) -> list[str]:
    score = getattr(estimator, "score", None)
    support = getattr(estimator, "support", None)
    parts = []
    match score:
        case BoostingDefinition():
            parts.append("score par boosting")
        case ScoreDefinition():
            parts.append(f"score {score.model}")
        case str():
            parts.append(f"score {score}")
    match support:
        case "min-max":
            parts.append("support commun min–max")
        case CrumpDefinition(crump=None):
            parts.append("support commun de Crump, seuil optimal")
        case CrumpDefinition(crump=float(level)):
            parts.append(f"support commun de Crump à {number(level, 2)}")
        case QuantileDefinition():
            parts.append(f"support commun aux quantiles {number(support.quantile, 2)}")
    return parts
