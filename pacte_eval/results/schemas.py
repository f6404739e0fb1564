"""The tables of result sets: their columns, French titles, keys and disclosure rules.

Estimates, means and shares are in the outcome's own unit: a rate is between 0 and 1, and pages
write it in points. `unit` names that unit for the page. `cell` is ``"region"`` for the whole
population, otherwise the identifier of a public or territory (table `cells`).

Public names: `SOURCES`, `FLOW`, `BALANCE`, `OVERLAP`, `SUPPORT`, `EFFECTS`, `VERDICTS`, `WINDOWS`,
`BOUNDS`, `LOST`, `TRUTH`, `BENCHMARK`, `CELLS`, `NOT_MEASURED`, `PROTOCOL`; of a source's
quality, `FINDINGS`, `COVERAGE`, `LINKAGE`, `UNMEASURABLE`; and `SCHEMAS`, all of them by name;
`WHOLE`, the cell of the whole population; `LEVEL` and `DIFFERENCE`, the contrasts;
`RAW_GAP`, the benchmark row that corrects nothing.
"""

from __future__ import annotations

from pacte_eval.definitions.quality import ALL_YEARS
from pacte_eval.results.columns import (
    CELL,
    CI_HIGH,
    CI_LOW,
    COMPARISON,
    CONTROL,
    DESIGN,
    ESTIMATE,
    FEW_LOST,
    LABEL,
    MONTH,
    N_LOST,
    OUTCOME,
    PERIOD,
    REFERENCE,
    SE,
    TREATED,
    P,
)
from pacte_eval.results.evidence import EVIDENCE
from pacte_eval.results.table import Column, Persons, Schema

WHOLE = "region"
LEVEL, DIFFERENCE = "niveau", "différence"
RAW_GAP = "Écart brut, sans correction"

FLOW = Schema(
    name="flow",
    title="De la population de départ aux personnes étudiées",
    columns=(
        Column("arm", "text", "Groupe"),
        Column("order", "integer", "Étape"),
        Column("rule", "text", "Règle"),
        Column("label", "text", "Critère"),
        Column("excluded", "integer", "Écartées", "personnes"),
        Column("remaining", "integer", "Restantes", "personnes"),
    ),
    key=("arm", "order"),
    shown=("rule", "label"),
    persons=(Persons("excluded"), Persons("remaining")),
    merge="chain",
)

SOURCES = Schema(
    name="sources",
    title="Lignes lues dans chaque table, et lignes perdues",
    columns=(
        Column("table", "text", "Table"),
        Column("rows", "integer", "Lignes lues", "lignes"),
        Column("duplicates", "integer", "Doublons retirés", "lignes"),
        Column("unlinked", "integer", "Sans clé de personne", "lignes"),
    ),
    key=("table",),
    persons=(
        Persons("rows"),
        Persons("duplicates", hides=("duplicates",)),
        Persons("unlinked", hides=("unlinked",)),
    ),
)

BALANCE = Schema(
    name="balance",
    title="Ressemblance des personnes formées et des personnes de comparaison",
    columns=(
        CELL,
        COMPARISON,
        DESIGN,
        Column("covariate", "text", "Caractéristique"),
        LABEL,
        Column(
            "variable",
            "text",
            "Variable",
            note="Pour une modalité, la variable dont elle relève ; vide sinon.",
        ),
        Column("mean_treated", "number", "Moyenne des personnes formées"),
        Column("mean_control_before", "number", "Moyenne de comparaison, avant"),
        Column("mean_control_after", "number", "Moyenne de comparaison, après"),
        Column(
            "smd_before",
            "number",
            "Écart standardisé, avant",
            note="Différence de moyennes rapportée à l'écart type.",
        ),
        Column("smd_after", "number", "Écart standardisé, après"),
        Column("smd_se", "number", "Erreur type de l'écart standardisé après"),
        Column("variance_ratio_before", "number", "Rapport des variances, avant"),
        Column("variance_ratio_after", "number", "Rapport des variances, après"),
        Column("ks_before", "number", "Distance de Kolmogorov-Smirnov, avant"),
        Column("ks_after", "number", "Distance de Kolmogorov-Smirnov, après"),
        TREATED,
        CONTROL,
        N_LOST,
    ),
    key=("cell", "comparison", "design", "covariate"),
    shown=("label", "variable"),
    secret=("n_lost",),
    persons=(
        FEW_LOST,
        Persons("n_treated"),
        Persons("n_control"),
        Persons("n_treated", share="mean_treated"),
        Persons("n_control", share="mean_control_before"),
    ),
    group=("cell", "comparison", "covariate"),
    partition=("cell", "comparison", "design", "variable"),
)

OVERLAP = Schema(
    name="overlap",
    title="Répartition du score des personnes formées et de comparaison",
    columns=(
        CELL,
        COMPARISON,
        DESIGN,
        Column("bin_low", "number", "Score, de"),
        Column("bin_high", "number", "Score, à"),
        TREATED,
        CONTROL,
    ),
    key=("cell", "comparison", "design", "bin_low"),
    persons=(Persons("n_treated"), Persons("n_control")),
    group=("cell", "comparison", "design"),
    merge="bins",
)

_LOST = ("n_supported", "share_supported", "n_outside_caliper", "n_without_control")

SUPPORT = Schema(
    name="support",
    title="Personnes formées qui ont trouvé des semblables",
    columns=(
        CELL,
        COMPARISON,
        DESIGN,
        TREATED,
        Column("n_supported", "integer", "Personnes formées comparables", "personnes"),
        Column("share_supported", "number", "Part des personnes formées comparables"),
        CONTROL,
        Column("n_control_used", "integer", "Personnes de comparaison retenues", "personnes"),
        Column(
            "effective_sample_size",
            "number",
            "Taille efficace du groupe de comparaison",
            note="Nombre de personnes de même poids qui donneraient la même précision.",
        ),
        Column(
            "minimum_detectable_effect",
            "number",
            "Plus petit effet décelable",
            note="Sur un taux, avec une puissance de 80 % et un risque de 5 %.",
        ),
        Column("caliper", "number", "Distance maximale admise", note="Sur le score."),
        Column("n_outside_caliper", "integer", "Sans semblable assez proche", "personnes"),
        Column("n_without_control", "integer", "Sans personne de même strate", "personnes"),
    ),
    key=("cell", "comparison", "design"),
    persons=(
        Persons("n_treated"),
        Persons("n_supported"),
        Persons("n_control"),
        Persons("n_control_used"),
        Persons("n_treated", minus="n_supported", hides=_LOST),
        Persons("n_control", minus="n_control_used", hides=("n_control",)),
        Persons("n_outside_caliper", hides=("n_outside_caliper", "n_without_control")),
        Persons("n_without_control", hides=("n_outside_caliper", "n_without_control")),
    ),
)

EFFECTS = Schema(
    name="effects",
    title="Effets de la formation, mois par mois",
    columns=(
        CELL,
        COMPARISON,
        OUTCOME,
        Column("unit", "text", "Unité"),
        Column("coverage", "text", "Champ couvert", note="Ce que la source voit de ce résultat."),
        Column("estimator", "text", "Estimateur"),
        Column(
            "contrast",
            "text",
            "Contraste",
            note="« niveau » ou « différence » avec la période de référence.",
        ),
        REFERENCE,
        Column("estimand", "text", "Effet visé"),
        MONTH,
        PERIOD,
        Column(
            "matched",
            "boolean",
            "Équilibré par construction",
            note="Le mois a servi à choisir les semblables : l'écart y est nul par construction.",
        ),
        ESTIMATE,
        SE,
        Column("se_kind", "text", "Calcul de l'erreur type"),
        CI_LOW,
        CI_HIGH,
        P,
        Column("treated_mean", "number", "Moyenne des personnes formées"),
        Column("control_mean", "number", "Moyenne de leurs semblables"),
        TREATED,
        CONTROL,
        Column(
            "controls_trained_since",
            "number",
            "Part des semblables formées depuis",
            note="Entre 0 et 1, au mois indiqué.",
        ),
        Column("target_population", "text", "Population à laquelle l'effet se rapporte"),
        Column("contribution_kind", "text", "Nature des contributions individuelles"),
        N_LOST,
    ),
    key=(
        "cell",
        "comparison",
        "outcome",
        "estimator",
        "contrast",
        "reference",
        "estimand",
        "month",
        "period",
    ),
    shown=("unit", "coverage", "matched", "se_kind", "contribution_kind"),
    secret=("n_lost",),
    persons=(
        Persons("n_lost", hides=("n_treated", "target_population")),
        Persons("n_treated"),
        Persons("n_control"),
        Persons("n_treated", share="treated_mean", unless=("contrast", "différence")),
        Persons("n_control", share="control_mean", unless=("contrast", "différence")),
        Persons("n_control", share="controls_trained_since", hides=("controls_trained_since",)),
    ),
    group=("cell", "comparison", "outcome", "month", "period"),
)

VERDICTS = Schema(
    name="verdicts",
    title="Contrôles de fiabilité",
    columns=(
        CELL,
        COMPARISON,
        DESIGN,
        Column("diagnostic", "text", "Contrôle"),
        Column("value", "number", "Valeur"),
        Column("threshold", "number", "Seuil"),
        Column(
            "verdict",
            "text",
            "Verdict",
            note="« pass », « warning », « fail », « non concluant » ou « non testable ».",
        ),
        Column("sentence", "text", "En clair"),
        TREATED,
        Column("n_supported", "integer", "Personnes formées comparables", "personnes"),
    ),
    key=("cell", "comparison", "design", "diagnostic"),
    secret=("n_supported",),
    persons=(
        Persons("n_treated"),
        Persons("n_supported", hides=("value", "threshold", "verdict", "sentence")),
    ),
)

WINDOWS = Schema(
    name="windows",
    title="Sensibilité à la période de référence",
    columns=(
        CELL,
        COMPARISON,
        OUTCOME,
        MONTH,
        PERIOD,
        REFERENCE,
        ESTIMATE,
        SE,
        CI_LOW,
        CI_HIGH,
        Column("note", "text", "Remarque"),
        TREATED,
        N_LOST,
    ),
    key=("cell", "comparison", "outcome", "month", "period", "reference"),
    secret=("n_lost",),
    persons=(FEW_LOST, Persons("n_treated")),
)

BOUNDS = Schema(
    name="bounds",
    title="Effet sur toutes les personnes formées, comparables ou non",
    columns=(
        CELL,
        COMPARISON,
        OUTCOME,
        MONTH,
        Column("estimate", "number", "Effet sur les personnes comparables"),
        Column("low", "number", "Effet sur toutes, au moins"),
        Column("high", "number", "Effet sur toutes, au plus"),
        Column("without_caliper", "number", "Effet sans distance maximale"),
        Column("without_caliper_se", "number", "Erreur type, sans distance maximale"),
        Column("lost_mean", "number", "Moyenne des personnes sans semblable"),
        TREATED,
        Column("n_lost", "integer", "Personnes formées sans semblable", "personnes"),
    ),
    key=("cell", "comparison", "outcome", "month"),
    persons=(Persons("n_treated"), Persons("n_lost"), Persons("n_lost", share="lost_mean")),
)

LOST = Schema(
    name="lost",
    title="Personnes formées comparables et personnes formées sans semblable",
    columns=(
        CELL,
        COMPARISON,
        Column("covariate", "text", "Caractéristique"),
        LABEL,
        Column("variable", "text", "Variable", note="Pour une modalité."),
        Column("mean_kept", "number", "Comparables"),
        Column("mean_lost", "number", "Sans semblable"),
        Column("n_kept", "integer", "Personnes comparables", "personnes"),
        Column("n_lost", "integer", "Personnes sans semblable", "personnes"),
    ),
    key=("cell", "comparison", "covariate"),
    shown=("label", "variable"),
    persons=(
        Persons("n_kept"),
        Persons("n_lost"),
        Persons("n_kept", share="mean_kept"),
        Persons("n_lost", share="mean_lost"),
    ),
    group=("cell", "comparison", "covariate"),
    partition=("cell", "comparison", "variable"),
)

TRUTH = Schema(
    name="truth",
    title="Effet estimé et vérité plantée dans les données synthétiques",
    columns=(
        CELL,
        COMPARISON,
        OUTCOME,
        MONTH,
        Column("truth", "number", "Vérité plantée"),
        ESTIMATE,
        SE,
        Column("gap_in_se", "number", "Écart à la vérité", "erreurs types"),
        TREATED,
        N_LOST,
    ),
    key=("cell", "comparison", "outcome", "month"),
    secret=("n_lost",),
    persons=(FEW_LOST, Persons("n_treated")),
)

BENCHMARK = Schema(
    name="benchmark",
    title="Estimations et référence expérimentale",
    columns=(
        Column("source", "text", "Source"),
        ESTIMATE,
        SE,
        Column("se_kind", "text", "Calcul de l'erreur type"),
        TREATED,
        CONTROL,
        Column("note", "text", "Remarque"),
        N_LOST,
    ),
    key=("source",),
    shown=("se_kind",),
    secret=("n_lost",),
    persons=(FEW_LOST, Persons("n_treated"), Persons("n_control")),
)

CELLS = Schema(
    name="cells",
    title="Publics et territoires étudiés",
    columns=(
        CELL,
        Column("kind", "text", "Nature", note="« region », « public » ou « territoire »."),
        LABEL,
        Column("zoning", "text", "Découpage", note="D'un territoire."),
        TREATED,
        Column("reliable", "boolean", "Effectif suffisant", note="Au moins 60 personnes formées."),
    ),
    key=("cell",),
    shown=("kind", "label", "zoning"),
    persons=(Persons("n_treated"),),
)

NOT_MEASURED = Schema(
    name="not_measured",
    title="Publics et territoires que la source ne permet pas de mesurer",
    columns=(
        CELL,
        Column("kind", "text", "Nature", note="« public » ou « territoire »."),
        LABEL,
        Column("sentence", "text", "En clair"),
    ),
    key=("cell",),
    shown=("kind", "label", "sentence"),
)

PROTOCOL = Schema(
    name="protocol",
    title="Protocole, amendements et dérogations",
    columns=(
        Column("rank", "integer", "Ordre"),
        Column("date", "text", "Date", note="Vide pour l'état de cette exécution."),
        Column(
            "event",
            "text",
            "Événement",
            note="« gel », « amendement », « dérogation », puis l'état des estimations.",
        ),
        Column("hash", "text", "Empreinte", note="Début de l'empreinte SHA-256 du protocole."),
        Column("changed", "text", "Déclarations changées"),
        Column("reason", "text", "Motif"),
    ),
    key=("rank",),
    shown=("date", "event", "hash", "changed", "reason"),
)


def _adding_up(*counts: str) -> tuple[tuple[Column, ...], tuple[str, ...], tuple[Persons, ...]]:
    """Secret columns and rules of counts whose rows add up to a total that is shown elsewhere.

    For each count, ``<count>_total`` is the sum over the rows of a partition and ``<count>_part``
    the share of a row in it.
    """
    columns = tuple(
        column
        for count in counts
        for column in (
            Column(f"{count}_total", "integer", "Somme des lignes de la partition"),
            Column(f"{count}_part", "number", "Part de la ligne dans cette somme"),
        )
    )
    rules = tuple(Persons(f"{count}_total", share=f"{count}_part") for count in counts)
    return columns, tuple(column.name for column in columns), rules


_LEVEL_OF_SUM = Column("level", "text", "Partition", note="Vide pour la ligne d'ensemble.")
_FINDING_SUMS, _FINDING_SECRETS, _FINDING_RULES = _adding_up("concerned", "other")
_SEEN = ("concerned", "share")

FINDINGS = Schema(
    name="findings",
    title="Constats de qualité, du plus grave au moins grave",
    columns=(
        Column("rank", "integer", "Rang", note="Du constat ; 1 est le plus grave."),
        Column("table", "text", "Table"),
        Column("check", "text", "Constat"),
        Column("column", "text", "Colonne", note="Vide pour un constat sur la ligne entière."),
        Column(
            "year",
            "text",
            "Année",
            note="De début. « ensemble » : toutes. « autres années » : hors de la période "
            "couverte, sans date, ou trop peu de lignes.",
        ),
        Column("rows", "integer", "Lignes de la table", "lignes"),
        Column("concerned", "integer", "Lignes concernées", "lignes"),
        Column("share", "number", "Part", note="Des lignes de la table, cette année-là."),
        Column(
            "severity",
            "text",
            "Gravité",
            note="« bloquant », « à surveiller », « information » ou « sans anomalie ».",
        ),
        Column("consequence", "text", "Conséquence pour une étude"),
        _LEVEL_OF_SUM,
        *_FINDING_SUMS,
    ),
    key=("rank", "year"),
    shown=("table", "check", "column", "consequence"),
    secret=("level", *_FINDING_SECRETS),
    persons=(
        Persons("rows"),
        Persons("concerned", hides=_SEEN),
        Persons("rows", minus="concerned", hides=_SEEN),
        Persons("concerned", unless=("year", ALL_YEARS)),
        Persons("rows", minus="concerned", unless=("year", ALL_YEARS)),
        *_FINDING_RULES,
    ),
    partition=("rank", "level"),
)

_MONTH_SUMS, _MONTH_SECRETS, _MONTH_RULES = _adding_up("starting")

COVERAGE = Schema(
    name="coverage",
    title="Couverture des tables, mois par mois",
    columns=(
        Column("table", "text", "Table"),
        Column("month", "text", "Mois", note="Année et mois."),
        Column("starting", "integer", "Lignes qui commencent", "lignes"),
        Column("active", "integer", "Lignes en cours", "lignes", "Un jour du mois au moins."),
        Column(
            "flag",
            "text",
            "Signalement",
            note="« montée en charge » : premiers mois dont les lignes en cours sont moins de "
            "90 % de la médiane des douze mois suivants ; « creux » : mois ultérieurs dans ce cas.",
        ),
        Column("ended", "integer", "Lignes qui finissent", "lignes"),
        _LEVEL_OF_SUM,
        *_MONTH_SUMS,
    ),
    key=("table", "month"),
    secret=("ended", "level", *_MONTH_SECRETS),
    persons=(
        Persons("starting"),
        Persons("active"),
        # The rows that end are those of the month before and those that start, less those of now.
        Persons("ended", hides=("active", "flag")),
        *_MONTH_RULES,
    ),
    partition=("table", "level"),
)

_LINK_SUMS, _LINK_SECRETS, _LINK_RULES = _adding_up("known", "unknown")

LINKAGE = Schema(
    name="linkage",
    title="Personnes inscrites que les contrats et les formations connaissent",
    columns=(
        Column("table", "text", "Table"),
        Column("rank", "integer", "Ordre"),
        Column("variable", "text", "Caractéristique", note="À la première inscription."),
        Column("label", "text", "Modalité"),
        Column("persons", "integer", "Personnes inscrites", "personnes"),
        Column("share", "number", "Part connue", note="Des inscrites, par une ligne au moins."),
        *_LINK_SUMS,
    ),
    key=("table", "rank"),
    shown=("variable", "label"),
    secret=_LINK_SECRETS,
    persons=(
        Persons("persons"),
        Persons("persons", share="share"),
        *_LINK_RULES,
    ),
    partition=("table", "variable"),
)

UNMEASURABLE = Schema(
    name="unmeasurable",
    title="Ce que la source ne contient pas du tout",
    columns=(
        Column("table", "text", "Table"),
        Column("column", "text", "Colonne"),
        Column("lost", "text", "Non mesurable"),
        Column("rows", "integer", "Lignes sans valeur", "lignes", "Toutes celles de la table."),
    ),
    key=("table", "column"),
    shown=("lost",),
    persons=(Persons("rows"),),
)

SCHEMAS: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        SOURCES,
        FLOW,
        BALANCE,
        OVERLAP,
        SUPPORT,
        EFFECTS,
        VERDICTS,
        WINDOWS,
        BOUNDS,
        LOST,
        TRUTH,
        BENCHMARK,
        CELLS,
        NOT_MEASURED,
        PROTOCOL,
        *EVIDENCE,
        FINDINGS,
        COVERAGE,
        LINKAGE,
        UNMEASURABLE,
    )
}
