"""The contract of the administrative tables: one pydantic model a table, everything else derived.

The type of a field is the type of the column, `| None` says that it may be empty, `Literal` gives
its codes, and a default says that the whole column may be absent, which reads as empty everywhere.
Checks (`pacte_eval.tables.checks`), published schemas and the page of documentation
(`pacte_eval.tables.documentation`) are generated from these models, whose descriptions are
therefore in French, as are the words of codes. Money is in integer cents and hours in integer
minutes, so that sums are exact in any order.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field

from pacte_eval.definitions.cohort import (
    AxisCode,
    CategoryCode,
    DiplomaCode,
    FunderCode,
    ObjectiveCode,
)
from pacte_eval.definitions.vocabulary import FUNDERS, LEVELS, OBJECTIVES

COMMUNE = r"\d[\dAB]\d{3}"
ZONE = r"\d{4}"

PERSON = "Clé pseudonyme de la personne"
Person = Annotated[str, Field(description=PERSON)]


def _rows(description: str, key: str = "") -> ConfigDict:
    """What a row is, and the column that identifies it where there is one."""
    return ConfigDict(json_schema_extra={"description": description, "key": key})


class Registration(BaseModel):
    """An episode of registration as a job-seeker, in one category."""

    model_config = _rows(
        "Un épisode d'inscription comme demandeur d'emploi, dans une catégorie\u202f; un "
        "changement de catégorie ou de situation ouvre un nouvel épisode."
    )

    person: Person
    start: date = Field(description="Premier jour de l'épisode")
    end: date | None = Field(
        description="Dernier jour de l'épisode\u202f; vide tant qu'il est ouvert"
    )
    category: CategoryCode = Field(
        description="Catégorie d'inscription",
        json_schema_extra={
            "codes": {
                "A": "tenu de chercher un emploi, sans emploi",
                "B": "tenu de chercher, activité réduite d'au plus 78 heures dans le mois",
                "C": "tenu de chercher, activité réduite de plus de 78 heures dans le mois",
                "D": "non tenu de chercher, sans emploi (formation, maladie…)",
                "E": "non tenu de chercher, en emploi",
            }
        },
    )
    sex: Literal["F", "M"] | None = Field(description="Sexe")
    birth_month: date | None = Field(description="Premier jour du mois de naissance")
    diploma: DiplomaCode | None = Field(description="Diplôme le plus élevé obtenu")
    nationality: Literal["francaise", "ue", "hors_ue"] | None = Field(description="Nationalité")
    marital_status: Literal["celibataire", "marie", "divorce", "veuf"] | None = Field(
        description="Situation matrimoniale"
    )
    children: int | None = Field(description="Enfants à charge", ge=0, le=20)
    lone_parent: bool | None = Field(description="Élève seul des enfants")
    qualification: (
        Literal[
            "manoeuvre",
            "ouvrier_specialise",
            "ouvrier_qualifie",
            "employe_non_qualifie",
            "employe_qualifie",
            "technicien",
            "cadre",
        ]
        | None
    ) = Field(description="Qualification de l'emploi recherché")
    rome: str | None = Field(description="Code ROME de l'emploi recherché", pattern=r"[A-N]\d{4}")
    experience_months: int | None = Field(
        description="Expérience dans l'emploi recherché",
        ge=0,
        le=720,
        json_schema_extra={"unit": "mois"},
    )
    reason: (
        Literal[
            "fin_de_contrat",
            "fin_de_mission",
            "licenciement",
            "demission",
            "premiere_entree",
            "autre",
        ]
        | None
    ) = Field(description="Motif de l'inscription")
    disability: bool | None = Field(
        description="Bénéficiaire de l'obligation d'emploi des travailleurs handicapés"
    )
    rsa: bool | None = Field(description="Perçoit le RSA")
    qpv: bool | None = Field(
        description="Habite un quartier prioritaire de la politique de la ville (QPV)"
    )
    zrr: bool | None = Field(description="Habite une zone de revitalisation rurale (ZRR)")
    commune: str | None = Field(
        description="Code Insee de la commune de résidence\u202f; arrondissement admis à Marseille",
        pattern=COMMUNE,
    )
    benefit: Literal["are", "ass", "autre", "aucune"] | None = Field(
        default=None,
        description="Allocation perçue",
    )
    digital_difficulty: bool | None = Field(
        default=None, description="Signalé en difficulté avec les outils numériques"
    )
    justice: bool | None = Field(default=None, description="Placé sous main de justice")


class Training(BaseModel):
    """An entry into a training programme."""

    model_config = _rows("Une entrée en formation.", key="training")

    training: str = Field(description="Clé de l'entrée en formation")
    person: Person | None = Field(
        description=PERSON + "\u202f; vide si l'entrée n'est reliée à personne"
    )
    start: date = Field(description="Premier jour de la formation")
    end: date | None = Field(description="Dernier jour de la formation")
    objective: ObjectiveCode | None = Field(
        description="Objectif de la formation", json_schema_extra={"codes": {**OBJECTIVES}}
    )
    scheme: str | None = Field(description="Dispositif, tel que la source le nomme")
    funder: FunderCode | None = Field(
        description="Financeur principal", json_schema_extra={"codes": {**FUNDERS}}
    )
    minutes: int | None = Field(
        description="Durée prévue", ge=0, json_schema_extra={"unit": "minutes"}
    )
    formacode: str | None = Field(
        description="Domaine de la formation, en Formacode", pattern=r"\d{5}"
    )
    level_prepared: DiplomaCode | None = Field(description="Niveau de la certification préparée")
    axis: AxisCode | None = Field(
        description="Axe du Pacte qui finance l'entrée\u202f; vide hors du Pacte",
        json_schema_extra={
            "codes": {
                "1": "parcours qualifiants ou certifiants",
                "2": "compétences clés et accès des publics fragiles",
            }
        },
    )
    lot: str | None = Field(default=None, description="Lot du marché dont relève l'entrée")
    dropped_out: bool | None = Field(description="Formation quittée avant son terme")


class Contract(BaseModel):
    """An employment contract of a private employer."""

    model_config = _rows("Un contrat de travail chez un employeur privé.", key="contract")

    contract: str = Field(description="Clé du contrat")
    person: Person | None = Field(
        description=PERSON + "\u202f; vide si le contrat n'est relié à personne"
    )
    start: date = Field(description="Premier jour du contrat")
    end: date | None = Field(description="Dernier jour du contrat\u202f; vide tant qu'il court")
    nature: Literal["cdi", "cdd", "interim", "autre"] = Field(
        description="Nature du contrat",
        json_schema_extra={
            "codes": {
                "cdi": "contrat à durée indéterminée",
                "cdd": "contrat à durée déterminée",
                "interim": "mission d'intérim",
                "autre": "autre",
            }
        },
    )
    full_time: bool | None = Field(description="Contrat à temps plein")
    monthly_pay: int | None = Field(
        description="Salaire brut de base d'un mois complet",
        ge=0,
        json_schema_extra={"unit": "centimes"},
    )
    monthly_minutes: int | None = Field(
        description="Temps de travail d'un mois complet",
        ge=0,
        json_schema_extra={"unit": "minutes"},
    )
    establishment: str | None = Field(description="Clé pseudonyme de l'établissement")
    subsidised: bool | None = Field(
        description="Contrat aidé par une politique publique de l'emploi"
    )


class Certification(BaseModel):
    """What a certifier or a survey says of the outcome of a training."""

    model_config = _rows(
        "Ce qu'un certificateur ou une enquête dit de l'issue d'une entrée en formation."
    )

    training: str = Field(description="Clé de l'entrée en formation")
    status: Literal["obtenue", "partielle", "non_obtenue", "inconnue"] = Field(
        description="Issue de la certification",
        json_schema_extra={
            "codes": {
                "obtenue": "certification obtenue en entier",
                "partielle": "certification obtenue en partie",
                "non_obtenue": "certification non obtenue",
                "inconnue": "issue inconnue",
            }
        },
    )
    date: Annotated[date | None, Field(description="Jour de la décision")]
    origin: Literal["certificateur", "enquete"] | None = Field(
        default=None,
        description="Qui le dit",
        json_schema_extra={
            "codes": {"certificateur": "fichier du certificateur", "enquete": "enquête"}
        },
    )


class MissionLocale(BaseModel):
    """A period of follow-up by a mission locale, in one situation."""

    model_config = _rows(
        "Une période de suivi d'un jeune par une mission locale, dans une situation."
    )

    person: Person
    start: date = Field(description="Premier jour de la situation")
    end: date | None = Field(
        description="Dernier jour de la situation\u202f; vide tant qu'elle dure"
    )
    situation: Literal["sans_solution", "emploi", "formation", "scolarite", "autre"] | None = Field(
        description="Situation du jeune",
        json_schema_extra={
            "codes": {
                "sans_solution": "ni en emploi, ni en études, ni en formation",
                "emploi": "en emploi",
                "formation": "en formation",
                "scolarite": "scolarisé",
                "autre": "autre",
            }
        },
    )


class Commune(BaseModel):
    """A commune and the zones it belongs to, as Insee's files say."""

    model_config = _rows(
        "Une commune et les zones dont elle fait partie, d'après les fichiers de l'Insee.",
        key="commune",
    )

    commune: str = Field(description="Code Insee de la commune", pattern=COMMUNE)
    name: str | None = Field(description="Nom de la commune")
    departement: str = Field(description="Code du département", pattern=r"\d[\dAB]\d?")
    ze2010: str | None = Field(description="Zone d'emploi, zonage de 2010", pattern=ZONE)
    ze2020: str | None = Field(
        default=None, description="Zone d'emploi, zonage de 2020", pattern=ZONE
    )
    zrr: bool | None = Field(
        default=None, description="Classée en zone de revitalisation rurale (ZRR)"
    )
    isolated_rural: bool | None = Field(default=None, description="Classée en rural isolé")


@dataclass(frozen=True)
class Column:
    """One column of the contract; `words` are the French words of `codes`, in their order."""

    name: str
    kind: Literal["text", "integer", "boolean", "date"]
    nullable: bool
    required: bool
    description: str
    codes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    unit: str | None = None


TABLES: dict[str, type[BaseModel]] = {
    "registrations": Registration,
    "trainings": Training,
    "contracts": Contract,
    "certifications": Certification,
    "missions_locales": MissionLocale,
    "communes": Commune,
}
REQUIRED_TABLES = ("registrations", "trainings", "contracts")

_KINDS: dict[type, Literal["text", "integer", "boolean", "date"]] = {
    str: "text",
    int: "integer",
    bool: "boolean",
    date: "date",
}


def columns(table: str) -> dict[str, Column]:
    """The columns of a table of the contract, by name, in order."""
    return {name: _column(name, info) for name, info in TABLES[table].model_fields.items()}


def described(table: str) -> str:
    """What a row of a table is, in French."""
    return str(_extra(table)["description"])


def key_of(table: str) -> str | None:
    """The column that identifies a row of a table, where there is one."""
    return _extra(table)["key"] or None


def _extra(table: str) -> dict[str, Any]:
    extra: Any = TABLES[table].model_config["json_schema_extra"]
    return extra


def _column(name: str, info: Any) -> Column:
    annotation, nullable = info.annotation, False
    if get_origin(annotation) in (Union, types.UnionType):
        kept = [part for part in get_args(annotation) if part is not type(None)]
        nullable, annotation = True, kept[0]
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    codes = get_args(annotation) if get_origin(annotation) is Literal else ()
    extra = info.json_schema_extra or {}
    words = extra.get("codes", LEVELS)
    limits: dict[str, Any] = {}
    for constraint in info.metadata:
        for key in ("ge", "le", "pattern"):
            if getattr(constraint, key, None) is not None:
                limits[key] = getattr(constraint, key)
    return Column(
        name=name,
        kind="text" if codes else _KINDS[annotation],
        nullable=nullable,
        required=info.is_required(),
        description=info.description,
        codes=codes,
        words=tuple(words[code] for code in codes),
        pattern=limits.get("pattern"),
        minimum=limits.get("ge"),
        maximum=limits.get("le"),
        unit=extra.get("unit"),
    )
