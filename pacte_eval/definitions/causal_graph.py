"""What a study holds to cause what, drawn before its covariates are chosen: nodes and arrows."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from pydantic import Field, model_validator

from pacte_eval.definitions.cohort import Identifier
from pacte_eval.definitions.errors import nearest
from pacte_eval.definitions.reading import Definition

ARROW = "->"
_TIMES = {"before": 0, "treatment": 1, "after": 2, "outcome": 2}


class GraphNode(Definition):
    """Something that causes or is caused, and whether the data hold it."""

    when: Literal["before", "after", "treatment", "outcome"] = Field(
        description="Known before entry, known after it, or the treatment or an outcome itself"
    )
    observed: bool = True
    label: str = Field(default="", description="In French; the name of the node by default")


class GraphDefinition(Definition):
    """A directed acyclic graph with one treatment and at least one outcome."""

    nodes: dict[Identifier, GraphNode]
    edges: tuple[str, ...] = Field(description="As 'age -> emploi': the cause, then the effect")

    @model_validator(mode="after")
    def _coherent(self) -> GraphDefinition:
        arrows = [self._arrow(edge) for edge in self.edges]
        for place, (cause, effect) in enumerate(arrows):
            if (cause, effect) in arrows[:place]:
                raise ValueError(f"edge '{cause} {ARROW} {effect}' is given twice")
        for role, wanted in (("treatment", "exactly one"), ("outcome", "at least one")):
            names = self.of(role)
            if not names or (wanted == "exactly one" and len(names) > 1):
                found = f": {', '.join(names)} are" if names else ": none is"
                raise ValueError(f"a graph has {wanted} node with 'when: {role}'{found}")
            for name in names:
                if not self.nodes[name].observed:
                    raise ValueError(f"node '{name}' is the {role}: it has to be observed")
        _refuse_cycle(self.nodes, arrows)
        for cause, effect in arrows:
            if _TIMES[self.nodes[cause].when] > _TIMES[self.nodes[effect].when]:
                raise ValueError(
                    f"edge '{cause} {ARROW} {effect}' goes back in time: '{effect}' "
                    f"({self.nodes[effect].when}) precedes '{cause}' ({self.nodes[cause].when})"
                )
        return self

    @property
    def arrows(self) -> list[tuple[str, str]]:
        """Cause and effect of each edge, in the order given."""
        return [self._arrow(edge) for edge in self.edges]

    @property
    def treatment(self) -> str:
        """The node of the treatment."""
        return self.of("treatment")[0]

    @property
    def outcomes(self) -> list[str]:
        """The nodes of outcomes."""
        return self.of("outcome")

    def of(self, when: str) -> list[str]:
        """The nodes of one time or role."""
        return [name for name, node in self.nodes.items() if node.when == when]

    def label(self, name: str) -> str:
        """How a French reader is told of a node."""
        return self.nodes[name].label or name

    def _arrow(self, edge: str) -> tuple[str, str]:
        parts = [part.strip() for part in edge.split(ARROW)]
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"edge '{edge}' is not of the form 'cause {ARROW} effect'")
        for name in parts:
            if name not in self.nodes:
                raise ValueError(f"edge '{edge}': '{name}' is no node: {nearest(name, self.nodes)}")
        return parts[0], parts[1]


def _refuse_cycle(nodes: Mapping[str, GraphNode], arrows: list[tuple[str, str]]) -> None:
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(nodes, ()))
    for cause, effect in arrows:
        order.add(effect, cause)
    try:
        order.prepare()
    except CycleError as error:
        cycle = f" {ARROW} ".join(error.args[1])
        raise ValueError(f"what causes itself is no graph of causes: {cycle}") from None
