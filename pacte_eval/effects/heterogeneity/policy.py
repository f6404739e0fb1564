"""A rule of two questions at most on declared characteristics: whom to train, and what it is worth.

econml's `PolicyTree` is learnt on doubly robust scores of the effect, training where their mean is
above zero. No leaf describes fewer than 11 persons of an arm: the rule asks fewer questions until
none does. What it is worth is read on persons it was not learnt on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pacte_eval.definitions.errors import SMALLEST_SHOWN
from pacte_eval.definitions.numerals import NO_BREAK, THIN, number
from pacte_eval.effects.heterogeneity.characteristics import Characteristics
from pacte_eval.frames import Comparison

DEPTH = 2
LEAF_SHARE = 0.05
EVERYONE = "tout le monde"


def policy_tables(
    sample: Comparison,
    declared: Characteristics,
    scores: np.ndarray,
    fold: np.ndarray,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The rule learnt on everyone, and what rules bring to each unit.

    Parameters
    ----------
    sample : Comparison
        n units.
    declared : Characteristics
        Of the units.
    scores : float array, shape (n,)
        Doubly robust scores of the effect.
    fold : int array, shape (n,)
    seed : int

    Returns
    -------
    leaves : DataFrame
        ``rule`` in French, ``n_treated`` and ``n_control`` (persons), ``share`` of the sample by
        sampling weight, ``treats``.
    worth : dict of float arrays, shape (n,)
        The gains of training ``everyone``, those the ``tree`` of the other folds would train, and
        their ``difference``.
    """
    treats = np.empty(len(sample), dtype=bool)
    for held in np.unique(fold):
        own, others = fold == held, fold != held
        rule = _rule(sample.subset(others), declared.columns[others], scores[others], seed)
        treats[own] = _trains(rule, declared.columns[own])
    rule = _rule(sample, declared.columns, scores, seed)
    tree = np.where(treats, scores, 0.0)
    return (
        _leaves(rule, sample, declared),
        {"everyone": scores, "tree": tree, "difference": tree - scores},
    )


def _rule(sample: Comparison, columns: np.ndarray, scores: np.ndarray, seed: int) -> Any:
    """The deepest tree whose leaves all hold enough persons of both arms."""
    from econml.policy import PolicyTree

    rewards = np.column_stack([np.zeros(len(scores)), scores])
    leaf = max(2 * SMALLEST_SHOWN, int(LEAF_SHARE * len(scores)))
    for depth in range(DEPTH, 0, -1):
        tree = PolicyTree(
            max_depth=depth,
            min_samples_leaf=leaf,
            min_samples_split=2 * leaf,
            honest=False,
            random_state=seed,
        )
        with threadpool_limits(limits=1):
            tree.fit(columns, rewards, sample_weight=sample.weights)
        if _smallest(tree.apply(columns), sample) >= SMALLEST_SHOWN:
            return tree
    return bool(np.average(scores, weights=sample.weights) > 0)


def _smallest(leaf: np.ndarray, sample: Comparison) -> int:
    """The fewest persons of an arm in a leaf."""
    people = pd.DataFrame({"leaf": leaf, "treated": sample.treated, "person": sample.person})
    counts = people.groupby(["leaf", "treated"])["person"].nunique().unstack(fill_value=0)
    return int(counts.to_numpy().min())


def _trains(rule: Any, columns: np.ndarray) -> np.ndarray:
    """Whom a rule trains: bool array, shape (n,)."""
    if isinstance(rule, bool):
        return np.full(len(columns), rule)
    return np.asarray(rule.predict(columns)) == 1


def _leaves(rule: Any, sample: Comparison, declared: Characteristics) -> pd.DataFrame:
    """One row a leaf; a question whose answers all lead to one decision is not asked."""
    if isinstance(rule, bool):
        ends, paths = np.zeros(len(sample), dtype=int), {0: EVERYONE}
    else:
        ends, paths = _ends(rule, declared)
    treats = _trains(rule, declared.columns)
    rows = []
    for end, path in paths.items():
        inside = ends == end
        rows.append(
            {
                "rule": path,
                "n_treated": len(np.unique(sample.person[inside & sample.treated])),
                "n_control": len(np.unique(sample.person[inside & ~sample.treated])),
                "share": float(sample.weights[inside].sum() / sample.weights.sum()),
                "treats": bool(treats[inside][0]),
            }
        )
    return pd.DataFrame(rows)


def _ends(rule: Any, declared: Characteristics) -> tuple[np.ndarray, dict[int, str]]:
    """The node where each unit's decision is settled, and the answers that lead to each."""
    tree = rule.tree_
    leaf, decision = np.asarray(rule.apply(declared.columns)), _trains(rule, declared.columns)
    settled, paths = leaf.copy(), dict[int, str]()

    def walk(node: int, answers: tuple[str, ...], inside: np.ndarray) -> None:
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0 or len(np.unique(decision[inside])) == 1:
            settled[inside] = node
            paths[node] = " et ".join(answers) or EVERYONE
            return
        feature, threshold = int(tree.feature[node]), float(tree.threshold[node])
        column = declared.columns[:, feature]
        label = declared.terms["label"][feature]
        lower = column <= threshold
        if len(np.unique(column)) == 2:
            named = f"«{THIN}{label}{THIN}»{THIN}: "
            below, above = f"{named}non", f"{named}oui"
        else:
            bound = number(threshold, 2)
            below, above = f"{label} ≤{NO_BREAK}{bound}", f"{label} >{NO_BREAK}{bound}"
        walk(left, (*answers, below), inside & lower)
        walk(right, (*answers, above), inside & ~lower)

    walk(0, (), np.ones(len(leaf), dtype=bool))
    return settled, paths
