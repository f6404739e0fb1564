"""Columns and rules of disclosure that several tables share."""

from __future__ import annotations

from pacte_eval.results.table import Column, Persons

CELL = Column("cell", "text", "Population", note="« region » : toute la population de l'étude.")
COMPARISON = Column("comparison", "text", "Comparaison")
DESIGN = Column("design", "text", "Plan de comparaison")
OUTCOME = Column("outcome", "text", "Résultat mesuré")
MONTH = Column("month", "integer", "Mois", "mois", "Compté depuis l'entrée en formation (mois 0).")
PERIOD = Column("period", "text", "Période", note="Quand la donnée n'est pas mensuelle.")
ESTIMATE = Column("estimate", "number", "Effet estimé", note="Dans l'unité du résultat mesuré.")
SE = Column("se", "number", "Erreur type", note="Dans l'unité du résultat mesuré.")
CI_LOW = Column("ci_low", "number", "Intervalle de confiance à 95 %, borne basse")
CI_HIGH = Column("ci_high", "number", "Intervalle de confiance à 95 %, borne haute")
P = Column("p", "number", "Valeur p")
LABEL = Column("label", "text", "Libellé")
TREATED = Column("n_treated", "integer", "Personnes formées", "personnes")
CONTROL = Column("n_control", "integer", "Personnes de comparaison", "personnes")
N_LOST = Column("n_lost", "integer", "Personnes formées sans semblable", "personnes")
# The number supported would tell a small number lost, by difference with the number trained.
FEW_LOST = Persons("n_lost", hides=("n_treated",))
REFERENCE = Column(
    "reference",
    "text",
    "Période de référence",
    note="Mois dont la moyenne est retranchée ; vide pour un effet en niveau.",
)
