"""The covariates are held to the graph the study drew: do they close every path but the effect?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pacte_eval.definitions.causal_graph import GraphDefinition
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.numerals import THIN
from pacte_eval.diagnostics.verdicts import Verdicts

if TYPE_CHECKING:
    import networkx as nx  # type: ignore[import-untyped]

IDENTIFICATION, INSTRUMENTS = "graph", "graph_instruments"


def check_graph(graph: GraphDefinition, covariates: Sequence[str]) -> Verdicts:
    """Whether covariates identify the effect on each outcome, if the graph is right.

    Covariates must close every backdoor path: those left when the arrows out of the treatment are
    cut (Pearl 2009, *Causality*, 2nd ed., definition 3.3.1).

    Parameters
    ----------
    graph : GraphDefinition
    covariates : sequence of str
        Names of nodes.

    Returns
    -------
    Verdicts
        ``graph``, for each outcome: pass, or fail where a path stays open that only a node not
        observed would close; ``value`` is the number of such nodes, ``threshold`` 0.
        ``graph_instruments``: warning where covariates move the outcome through the treatment
        alone; ``value`` is their number, ``threshold`` 0.

    Raises
    ------
    InputError
        If a covariate is no node, is not observed, comes after treatment or opens a path of its
        own, or if an observed node that would close a path is not a covariate.
    """
    import networkx as nx
    from dowhy.graph import get_descendants

    drawn = nx.DiGraph(graph.arrows)
    drawn.add_nodes_from(graph.nodes)
    after = get_descendants(drawn, [graph.treatment])
    for name in covariates:
        _check_covariate(graph, name, after)
    parts = [_identification(graph, drawn, covariates, outcome) for outcome in graph.outcomes]
    return Verdicts.joined([*parts, _instruments(graph, drawn, covariates)])


def _check_covariate(graph: GraphDefinition, name: str, after: set[str]) -> None:
    """Refuse what cannot be a covariate, whatever the others are."""
    if name not in graph.nodes:
        raise InputError(
            f"covariate '{name}' is no node of the graph: {nearest(name, graph.nodes)}"
        )
    node = graph.nodes[name]
    if node.when in ("treatment", "outcome"):
        raise InputError(f"covariate '{name}' is the {node.when} of the graph")
    if name in after or node.when == "after":
        raise InputError(
            f"covariate '{name}' comes after treatment: comparing people alike in it removes part "
            "of the effect or opens a path; leave it out"
        )
    if not node.observed:
        raise InputError(f"covariate '{name}' is not observed according to the graph")


def _identification(
    graph: GraphDefinition, drawn: nx.DiGraph, covariates: Sequence[str], outcome: str
) -> Verdicts:
    from dowhy.graph import do_surgery

    cut = do_surgery(drawn, [graph.treatment], remove_outgoing_edges=True)
    held, unseen = set(covariates), list[str]()
    while path := _open_path(cut, graph.treatment, outcome, held):
        colliders = _colliders(cut, path)
        able = [name for name in path if name in graph.of("before") and name not in colliders]
        closing = [name for name in able if graph.nodes[name].observed]
        opening = _opening(cut, path, covariates)
        written = _written(cut, path)
        if closing:
            hint = f", or leave out '{opening[0]}', which opens it" if opening else ""
            raise InputError(
                f"the covariates leave the path {written} open: add '{closing[0]}', which closes "
                f"it{hint}"
            )
        for name in opening:
            if not _open_path(cut, graph.treatment, outcome, held - {name}):
                raise InputError(
                    f"covariate '{name}' opens the path {written}: its causes become related "
                    "among people alike in it; leave it out"
                )
        unseen += able
        held |= set(able)
    words = f"l’effet de «{THIN}{graph.label(graph.treatment)}{THIN}» sur "
    words += f"«{THIN}{graph.label(outcome)}{THIN}»"
    if unseen:
        several = len(unseen) > 1
        sentence = (
            f"Si le graphe dit vrai, {words} n’est pas identifié par les covariables{THIN}: "
            f"{_listed(graph, unseen)} {'ne sont pas observés' if several else 'n’est pas observé'}"
            f" et {'laissent' if several else 'laisse'} un chemin ouvert."
        )
        return Verdicts.single(IDENTIFICATION, len(unseen), 0, "fail", sentence)
    needed = _adjustment(graph, drawn, covariates, outcome)
    equal = "égaux" if len(needed) > 1 else "égal"
    how = f"en comparant à {_listed(graph, needed)} {equal}" if needed else "sans covariable"
    sentence = f"Si le graphe dit vrai, {words} est identifié {how}."
    return Verdicts.single(IDENTIFICATION, 0, 0, "pass", sentence)


def _open_path(cut: nx.DiGraph, treatment: str, outcome: str, held: set[str]) -> list[str] | None:
    """The shortest path that nodes held equal leave open, if any.

    An open path leaves no node held equal by an arrow out of it.
    """
    import networkx as nx
    from dowhy.graph import check_valid_backdoor_set, do_surgery, is_blocked

    judged = check_valid_backdoor_set(cut, [treatment], [outcome], held, new_graph=cut)
    if judged["is_dseparated"]:
        return None
    searched = do_surgery(cut, list(held), remove_outgoing_edges=True).to_undirected()
    paths = nx.shortest_simple_paths(searched, treatment, outcome)
    return next(path for path in paths if not is_blocked(cut, path, held))


def _colliders(cut: nx.DiGraph, path: list[str]) -> list[str]:
    """Nodes of a path that both their neighbours cause."""
    triples = zip(path, path[1:], path[2:], strict=False)
    return [b for a, b, c in triples if cut.has_edge(a, b) and cut.has_edge(c, b)]


def _opening(cut: nx.DiGraph, path: list[str], covariates: Iterable[str]) -> list[str]:
    """Covariates that are colliders of a path, or caused by one."""
    from dowhy.graph import get_descendants

    colliders = _colliders(cut, path)
    reached = get_descendants(cut, colliders) | set(colliders)
    return [name for name in covariates if name in reached]


def _adjustment(
    graph: GraphDefinition, drawn: nx.DiGraph, covariates: Sequence[str], outcome: str
) -> list[str]:
    """The covariates of the backdoor estimand."""
    from dowhy.causal_identifier import BackdoorAdjustment, EstimandType, identify_effect_auto

    estimand = identify_effect_auto(
        drawn,
        [graph.treatment],
        [outcome],
        [*covariates, graph.treatment, outcome],
        EstimandType.NONPARAMETRIC_ATE,
        backdoor_adjustment=BackdoorAdjustment.BACKDOOR_MAX,
    )
    found = set(estimand.get_backdoor_variables() or ())
    return [name for name in covariates if name in found]


def _instruments(graph: GraphDefinition, drawn: nx.DiGraph, covariates: Sequence[str]) -> Verdicts:
    from dowhy.graph import get_instruments

    found = get_instruments(drawn, [graph.treatment], graph.outcomes)
    used = [name for name in covariates if name in found]
    if not used:
        sentence = "Aucune covariable n’agit, d’après le graphe, par la seule entrée en formation."
        return Verdicts.single(INSTRUMENTS, 0, 0, "pass", sentence)
    several = len(used) > 1
    sentence = (
        f"D’après le graphe, {_listed(graph, used)} {'n’agissent' if several else 'n’agit'} que "
        f"par l’entrée en formation{THIN}: comparer à {'leur' if several else 'sa'} valeur égale "
        "perd en précision et grossit le biais d’un facteur inobservé."
    )
    return Verdicts.single(INSTRUMENTS, len(used), 0, "warning", sentence)


def _written(cut: nx.DiGraph, path: list[str]) -> str:
    """A path with its arrows."""
    steps = pairwise(path)
    return path[0] + "".join(f" {'->' if cut.has_edge(a, b) else '<-'} {b}" for a, b in steps)


def _listed(graph: GraphDefinition, names: Sequence[str]) -> str:
    """Labels in guillemets, in one French list."""
    quoted = [f"«{THIN}{graph.label(name)}{THIN}»" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} et {quoted[-1]}"
