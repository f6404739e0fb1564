"""What the graph says of the covariates: enough, too few, too many, or never enough."""

from __future__ import annotations

import pytest

from pacte_eval.definitions.causal_graph import GraphDefinition, GraphNode
from pacte_eval.definitions.errors import InputError
from pacte_eval.diagnostics.graph import check_graph


def graph(
    *edges: str, unseen: str = "", after: str = "", outcomes: str = "emploi"
) -> GraphDefinition:
    """A graph of the nodes that edges name, observed and before entry unless told otherwise."""
    names = {name.strip() for edge in edges for name in edge.split("->")}
    roles = {"entree": "treatment"} | dict.fromkeys(outcomes.split(), "outcome")
    roles |= dict.fromkeys(after.split(), "after")
    nodes = {
        name: GraphNode.model_validate(
            {"when": roles.get(name, "before"), "observed": name not in unseen.split()}
        )
        for name in sorted(names | {"entree"})
    }
    return GraphDefinition(nodes=nodes, edges=edges)


CONFOUNDED = ("age -> entree", "age -> emploi", "entree -> emploi")
M_BIAS = (
    "gout -> entree",
    "gout -> reseau",
    "voisins -> reseau",
    "voisins -> emploi",
    "entree -> emploi",
)


def told(drawn: GraphDefinition, *covariates: str) -> str:
    with pytest.raises(InputError) as error:
        check_graph(drawn, covariates)
    return str(error.value)


def test_a_confounder_is_enough_and_needed() -> None:
    drawn = graph(*CONFOUNDED)
    verdicts = check_graph(drawn, ["age"])
    assert verdicts.of("graph") == verdicts.of("graph_instruments") == "pass"
    assert "est identifié en comparant à «\u202fage\u202f» égal." in verdicts.table["sentence"][0]
    assert told(drawn) == (
        "the covariates leave the path entree <- age -> emploi open: add 'age', which closes it"
    )


def test_without_confounding_nothing_is_needed() -> None:
    verdicts = check_graph(graph("entree -> emploi", "age -> emploi"), [])
    assert verdicts.worst == "pass"
    assert "est identifié sans covariable" in verdicts.table["sentence"][0]


def test_a_confounder_may_be_closed_by_what_it_goes_through() -> None:
    drawn = graph("milieu -> diplome", "diplome -> entree", "milieu -> emploi", unseen="milieu")
    assert check_graph(drawn, ["diplome"]).of("graph") == "pass"
    assert "add 'diplome'" in told(drawn)


@pytest.mark.parametrize("name", ["qualification", "poste"])
def test_what_comes_after_treatment_is_refused(name: str) -> None:
    drawn = graph(
        *CONFOUNDED,
        "entree -> qualification",
        "qualification -> emploi",
        "poste -> emploi",
        after="qualification poste",
    )
    assert f"covariate '{name}' comes after treatment" in told(drawn, "age", name)


def test_a_collider_is_left_out() -> None:
    """M-bias: two causes that nobody sees, related only among people alike in what both cause."""
    drawn = graph(*M_BIAS, unseen="gout voisins")
    assert check_graph(drawn, []).of("graph") == "pass"
    words = told(drawn, "reseau")
    assert "'reseau' opens the path entree <- gout -> reseau <- voisins -> emploi" in words
    downstream = graph(*M_BIAS, "reseau -> club", unseen="gout voisins reseau")
    assert "covariate 'club' opens the path" in told(downstream, "club")


def test_a_collider_may_stay_where_one_of_its_causes_is_held_equal() -> None:
    drawn = graph(*M_BIAS, unseen="gout")
    words = told(drawn, "reseau")
    assert "add 'voisins', which closes it, or leave out 'reseau', which opens it" in words
    assert check_graph(drawn, ["reseau", "voisins"]).of("graph") == "pass"


def test_a_collider_that_confounds_leaves_no_way() -> None:
    drawn = graph(*M_BIAS, "reseau -> entree", "reseau -> emploi", unseen="gout voisins")
    assert "add 'reseau'" in told(drawn)
    row = check_graph(drawn, ["reseau"]).table.iloc[0]
    assert (row["verdict"], row["value"]) == ("fail", 2)


def test_an_unobserved_confounder_is_a_verdict_not_an_error() -> None:
    drawn = graph(*CONFOUNDED, "envie -> entree", "envie -> emploi", unseen="envie")
    verdicts = check_graph(drawn, ["age"])
    row = verdicts.table.iloc[0]
    assert (verdicts.of("graph"), row["value"], row["threshold"]) == ("fail", 1, 0)
    assert row["sentence"] == (
        "Si le graphe dit vrai, l’effet de «\u202fentree\u202f» sur «\u202femploi\u202f» n’est pas "
        "identifié par les covariables\u202f: «\u202fenvie\u202f» n’est pas observé et laisse un "
        "chemin ouvert."
    )
    assert "add 'age'" in told(drawn), "a missing covariate is told whatever else is unobserved"


def test_what_is_known_after_entry_closes_nothing() -> None:
    edges = ("envie -> entree", "envie -> poste", "poste -> emploi")
    drawn = graph(*edges, unseen="envie", after="poste")
    verdicts = check_graph(drawn, [])
    assert (verdicts.of("graph"), verdicts.table["value"][0]) == ("fail", 1)
    assert "« envie » n’est pas observé" in verdicts.table["sentence"][0]


def test_an_instrument_is_a_warning() -> None:
    drawn = graph(*CONFOUNDED, "tirage -> entree")
    verdicts = check_graph(drawn, ["age", "tirage"])
    assert verdicts.of("graph") == "pass"
    row = verdicts.table.iloc[-1]
    assert (row["diagnostic"], row["verdict"], row["value"]) == ("graph_instruments", "warning", 1)
    assert "«\u202ftirage\u202f» n’agit que par l’entrée en formation" in row["sentence"]


def test_each_outcome_has_its_verdict() -> None:
    drawn = graph(
        *CONFOUNDED,
        "entree -> salaire",
        "envie -> entree",
        "envie -> salaire",
        unseen="envie",
        outcomes="emploi salaire",
    )
    verdicts = check_graph(drawn, ["age"]).table
    assert verdicts.loc[verdicts["diagnostic"] == "graph", "verdict"].tolist() == ["pass", "fail"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("agee", "covariate 'agee' is no node of the graph: did you mean 'age'?"),
        ("entree", "covariate 'entree' is the treatment of the graph"),
        ("emploi", "covariate 'emploi' is the outcome of the graph"),
        ("envie", "covariate 'envie' is not observed according to the graph"),
    ],
)
def test_what_is_no_covariate_is_refused(name: str, words: str) -> None:
    drawn = graph(*CONFOUNDED, "envie -> emploi", unseen="envie")
    assert words in told(drawn, "age", name)


def test_many_related_confounders_are_judged_at_once() -> None:
    names = [f"x{place}" for place in range(24)]
    edges = [f"{one} -> {two}" for place, one in enumerate(names) for two in names[place + 1 :]]
    edges += [f"{name} -> {end}" for name in names for end in ("entree", "emploi")]
    drawn = graph(*edges, "entree -> emploi")
    assert check_graph(drawn, names).worst == "pass"
    assert "add 'x7'" in told(drawn, *(name for name in names if name != "x7"))
