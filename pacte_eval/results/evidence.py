"""The tables that turn effects into findings: families of tests, territories taken together,
differences between populations.

Public names: `TESTS`, `POOLING`, `INTERACTIONS`, `SPECIFICATIONS`,
`COSTS`, `PLASMODE`; and `EVIDENCE`, all of them.
"""

from __future__ import annotations

from pacte_eval.results.columns import (
    CELL,
    CI_HIGH,
    CI_LOW,
    COMPARISON,
    CONTROL,
    ESTIMATE,
    FEW_LOST,
    MONTH,
    N_LOST,
    OUTCOME,
    PERIOD,
    SE,
    TREATED,
)
from pacte_eval.results.table import Column, Persons, Schema

TESTS = Schema(
    name="tests",
    title="Tests et leurs familles",
    columns=(
        Column("family", "text", "Famille de tests"),
        Column("method", "text", "Correction"),
        CELL,
        Column("label", "text", "Libellé"),
        COMPARISON,
        OUTCOME,
        MONTH,
        PERIOD,
        ESTIMATE,
        SE,
        CI_LOW,
        CI_HIGH,
        Column("p", "number", "Valeur p"),
        Column("p_adjusted", "number", "Valeur p corrigée", note="Dans sa famille."),
        Column("p_by", "number", "Valeur p corrigée, Benjamini–Yekutieli"),
        Column(
            "fcr_low",
            "number",
            "Intervalle après sélection, borne basse",
            note="Pour les effets retenus dans leur famille : taux de fausse couverture de 5 %.",
        ),
        Column("fcr_high", "number", "Intervalle après sélection, borne haute"),
        Column(
            "mde",
            "number",
            "Plus petit effet décelable",
            note="Puissance de 80 %, au seuil du premier pas de la famille.",
        ),
        Column(
            "balance",
            "text",
            "Ressemblance",
            note="Verdict du plan de la population ; « fail » : non équilibré, sans estimation.",
        ),
        TREATED,
        CONTROL,
        N_LOST,
    ),
    key=("family", "cell", "comparison", "outcome", "month", "period"),
    shown=("method", "label"),
    secret=("n_lost",),
    persons=(FEW_LOST, Persons("n_treated"), Persons("n_control")),
)

POOLING = Schema(
    name="pooling",
    title="Territoires d'un même découpage, pris ensemble",
    columns=(
        Column("partition", "text", "Découpage"),
        CELL,
        Column("label", "text", "Libellé"),
        COMPARISON,
        OUTCOME,
        MONTH,
        PERIOD,
        ESTIMATE,
        SE,
        CI_LOW,
        CI_HIGH,
        Column(
            "shrunken",
            "number",
            "Effet lissé",
            note="Bayésien empirique : rapproché de la moyenne du découpage, d'autant plus que la "
            "mesure est imprécise.",
        ),
        Column(
            "shrunken_low",
            "number",
            "Intervalle de l'effet lissé, borne basse",
            note="Couvre 95 % des territoires en moyenne, non chacun.",
        ),
        Column("shrunken_high", "number", "Intervalle de l'effet lissé, borne haute"),
        Column("weight", "number", "Poids de la mesure propre", note="Entre 0 et 1."),
        Column("rank_low", "number", "Rang, au mieux", note="1 : le plus grand effet."),
        Column("rank_high", "number", "Rang, au pire"),
        TREATED,
        N_LOST,
    ),
    key=("partition", "cell", "comparison", "outcome", "month", "period"),
    shown=("label",),
    secret=("n_lost",),
    persons=(FEW_LOST, Persons("n_treated")),
)

INTERACTIONS = Schema(
    name="interactions",
    title="L'effet diffère-t-il d'une population à l'autre ?",
    columns=(
        Column("question", "text", "Question"),
        COMPARISON,
        OUTCOME,
        MONTH,
        PERIOD,
        Column("statistic", "number", "Statistique de Wald"),
        Column("df", "integer", "Degrés de liberté"),
        Column("p", "number", "Valeur p"),
        Column("p_adjusted", "number", "Valeur p corrigée", note="Holm, entre ces questions."),
        Column("spread", "number", "Écart type des effets vrais, estimé"),
        Column("sentence", "text", "En clair"),
        TREATED,
    ),
    key=("question", "comparison", "outcome", "month", "period"),
    shown=("sentence",),
    persons=(Persons("n_treated"),),
)

SPECIFICATIONS = Schema(
    name="specifications",
    title="Le même effet par plusieurs estimateurs",
    columns=(
        COMPARISON,
        OUTCOME,
        MONTH,
        PERIOD,
        Column("label", "text", "Estimateur"),
        Column("main", "boolean", "Estimateur principal"),
        Column(
            "same_question",
            "boolean",
            "Même question",
            note="Non : autre hypothèse ou autre effet visé, hors de la part d'accord.",
        ),
        Column("estimand", "text", "Effet visé"),
        Column("target_population", "text", "Population à laquelle l'effet se rapporte"),
        ESTIMATE,
        SE,
        CI_LOW,
        CI_HIGH,
        Column("p", "number", "Valeur p"),
        TREATED,
        CONTROL,
        N_LOST,
    ),
    key=("comparison", "outcome", "month", "period", "label"),
    shown=("main", "same_question", "estimand"),
    secret=("n_lost",),
    persons=(
        Persons("n_lost", hides=("n_treated", "target_population")),
        Persons("n_treated"),
        Persons("n_control"),
    ),
)

COSTS = Schema(
    name="costs",
    title="Coût d'un emploi et d'un mois de travail supplémentaires",
    columns=(
        COMPARISON,
        OUTCOME,
        Column(
            "what", "text", "Par", note="« emploi » au mois dit, ou « mois de travail » cumulé."
        ),
        MONTH,
        PERIOD,
        Column(
            "net_cost",
            "number",
            "Coût net par personne formée",
            "euros",
            "Coût moyen de l'axe, moins celui des formations ultérieures des semblables.",
        ),
        ESTIMATE,
        CI_LOW,
        CI_HIGH,
        Column("cost", "number", "Coût", "euros"),
        Column("cost_low", "number", "Coût, au moins", "euros"),
        Column("cost_high", "number", "Coût, au plus", "euros", "Vide : non borné."),
        Column("bounded", "boolean", "Borné"),
        Column("sentence", "text", "En clair"),
        TREATED,
        N_LOST,
    ),
    key=("comparison", "outcome", "what", "month", "period"),
    secret=("n_lost",),
    persons=(FEW_LOST, Persons("n_treated")),
)

PLASMODE = Schema(
    name="plasmode",
    title="Les estimateurs sur des résultats simulés, d'effet connu",
    columns=(
        COMPARISON,
        Column("effect", "number", "Effet planté"),
        Column("label", "text", "Estimateur"),
        Column("main", "boolean", "Estimateur principal"),
        Column("truth", "number", "Effet planté, sur les personnes retenues"),
        Column("bias", "number", "Biais"),
        Column("bias_mc_error", "number", "Erreur de simulation du biais"),
        Column("rmse", "number", "Erreur quadratique moyenne"),
        Column("rmse_mc_error", "number", "Erreur de simulation de celle-ci"),
        Column("coverage", "number", "Couverture", note="À partir de 1 000 tirages."),
        Column("power", "number", "Puissance", note="À partir de 1 000 tirages."),
        Column("draws", "integer", "Tirages"),
        Column("rank", "integer", "Rang", note="Par l'erreur quadratique moyenne."),
        TREATED,
    ),
    key=("comparison", "effect", "label"),
    shown=("main", "draws"),
    persons=(Persons("n_treated"),),
)

EVIDENCE = (TESTS, POOLING, INTERACTIONS, SPECIFICATIONS, COSTS, PLASMODE)
