"""A synthetic population in the shape of the contract, with the truth of its effects beside it."""

from pacte_eval.synthetic.marginals import marginals
from pacte_eval.synthetic.simulation import Population, simulate
from pacte_eval.synthetic.truth import att, read_truth
from pacte_eval.synthetic.writing import write

__all__ = ["Population", "att", "marginals", "read_truth", "simulate", "write"]
