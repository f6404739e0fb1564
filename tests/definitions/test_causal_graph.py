"""A graph of causes is read from a study file, and what cannot be one is refused by name."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pacte_eval.definitions.causal_graph import GraphDefinition
from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.reading import read_definition

NODES = """
nodes:
  age: {when: before, label: "âge"}
  motivation: {when: before, observed: false}
  entree: {when: treatment}
  qualification: {when: after}
  emploi: {when: outcome}
edges:
"""
EDGES = [
    "age -> entree",
    "age->emploi",
    "motivation -> entree",
    "entree -> qualification",
    "qualification -> emploi",
]


def read(tmp_path: Path, edges: list[str], nodes: str = NODES) -> GraphDefinition:
    path = tmp_path / "graph.yml"
    path.write_text(nodes + "".join(f'  - "{edge}"\n' for edge in edges), encoding="utf-8")
    return read_definition(path, GraphDefinition)


def test_a_graph_is_nodes_and_arrows(tmp_path: Path) -> None:
    graph = read(tmp_path, EDGES)
    assert graph.arrows[:2] == [("age", "entree"), ("age", "emploi")]
    assert graph.treatment == "entree"
    assert graph.outcomes == ["emploi"]
    assert graph.of("before") == ["age", "motivation"]
    assert not graph.nodes["motivation"].observed
    assert (graph.label("age"), graph.label("emploi")) == ("âge", "emploi")
    assert GraphDefinition.model_validate(graph.model_dump()) == graph


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        (["agee -> emploi"], "edge 'agee -> emploi': 'agee' is no node: did you mean 'age'?"),
        (["age emploi"], "edge 'age emploi' is not of the form 'cause -> effect'"),
        (["age -> entree -> emploi"], "is not of the form"),
        (["age ->"], "is not of the form"),
        (["age -> emploi", "age->emploi"], "edge 'age -> emploi' is given twice"),
        (["age -> age"], "what causes itself is no graph of causes: age -> age"),
        (["entree -> age"], "goes back in time: 'age' (before) precedes 'entree' (treatment)"),
        (["emploi -> entree"], "goes back in time"),
        (["emploi -> motivation"], "goes back in time"),
    ],
)
def test_an_edge_that_cannot_be_is_refused(tmp_path: Path, edges: list[str], words: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, edges)
    assert words in str(error.value)


def test_a_cycle_is_named_from_cause_to_effect(tmp_path: Path) -> None:
    edges = ["entree -> qualification", "qualification -> emploi", "emploi -> entree"]
    with pytest.raises(InputError) as error:
        read(tmp_path, ["age -> emploi", *edges])
    names = str(error.value).split("causes: ")[1].split(" -> ")
    assert names[0] == names[-1]
    assert {f"{one} -> {two}" for one, two in pairwise(names)} == set(edges)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("treatment", "before", "a graph has exactly one node with 'when: treatment': none is"),
        ("after", "treatment", "entree, qualification are"),
        ("outcome", "after", "a graph has at least one node with 'when: outcome': none is"),
        ("{when: outcome}", "{when: outcome, observed: false}", "'emploi' is the outcome: it has"),
        ("{when: after}", "{when: afters}", "'afters' is unknown: did you mean 'after'?"),
        ("{when: after}", "{when: after, seen: true}", "unknown key 'nodes.qualification.seen'"),
        ("{when: after}", "{}", "key 'nodes.qualification.when' is missing"),
    ],
)
def test_roles_and_keys_are_checked(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, [], NODES.replace(old, new).replace("edges:", "edges: []"))
    assert words in str(error.value)
