"""Certified or not: known after entry only, and so never one number alone.

Public names
------------
``Certification.from_series(certified, comparison)``, ``Certification.shares(design)``
``identity(design, outcomes, certification) -> DataFrame``, ``identity_sentence(row) -> str``
``naive_contrast(design, outcomes, certification, *, level=0.95) -> Effects``
``principal_stratum_bounds(design, outcomes, certification, *, dominance=False, cells=None,
level=0.95) -> DataFrame``
``sequential_weighting(design, outcomes, certification, history, *, level=0.95) -> DataFrame``
``lee_bounds(design, employed, earnings, *, level=0.95) -> DataFrame``
"""

from pacte_eval.effects.certified.bounds import principal_stratum_bounds
from pacte_eval.effects.certified.identity import identity, identity_sentence
from pacte_eval.effects.certified.lee import lee_bounds
from pacte_eval.effects.certified.naive import naive_contrast
from pacte_eval.effects.certified.sequential import sequential_weighting
from pacte_eval.effects.certified.states import Certification

__all__ = [
    "Certification",
    "identity",
    "identity_sentence",
    "lee_bounds",
    "naive_contrast",
    "principal_stratum_bounds",
    "sequential_weighting",
]
