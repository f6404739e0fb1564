"""How each finding of the quality report is told and judged: French label, severity, consequence.

Every threshold of a finding is here, and that of the ramp-up in `definitions.quality`. A share is
of the rows of the table; a number under the secrecy threshold is judged by its check alone, so that
a severity never tells how small it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pacte_eval.definitions.errors import SMALLEST_SHOWN
from pacte_eval.definitions.quality import (
    BLOCKING,
    INFORMATION,
    MISSING,
    NOTHING,
    WATCHED,
)
from pacte_eval.definitions.vocabulary import TABLES

TABLE_LABELS = TABLES | {"missions_locales": "suivis en mission locale", "communes": "communes"}
NEVER = math.inf

_REFUSED = "Une étude refuse cette source tant que ces lignes ne sont pas corrigées ou retirées."
_COLUMN = "Une étude refuse cette source. La colonne est à fournir, vide si l'information manque."


@dataclass(frozen=True)
class Meaning:
    """How a check is told and judged.

    `watched` and `blocking` are the shares of rows above which a finding is so; at 0, from one row.
    """

    label: str
    consequence: str
    watched: float = NEVER
    blocking: float = NEVER

    def severity(self, concerned: int, rows: int) -> str:
        """One of `SEVERITIES`."""
        if concerned == 0:
            return NOTHING
        share = 0.0 if concerned < SMALLEST_SHOWN else concerned / rows
        for severity, threshold in ((BLOCKING, self.blocking), (WATCHED, self.watched)):
            if threshold == 0 or share > threshold:
                return severity
        return INFORMATION


MEANINGS = {
    "absent": Meaning("Colonne obligatoire absente", _COLUMN, blocking=0),
    "type": Meaning("Colonne d'un type inattendu", _COLUMN, blocking=0),
    "required": Meaning("Valeur obligatoire absente", _REFUSED, blocking=0),
    "misread": Meaning("Valeur illisible (nombre, date, oui ou non)", _REFUSED, blocking=0),
    "code": Meaning("Code inconnu", _REFUSED, blocking=0),
    "pattern": Meaning("Écriture non conforme", _REFUSED, blocking=0),
    "blank": Meaning("Texte vide au lieu d'une valeur absente", _REFUSED, blocking=0),
    "bounds": Meaning("Valeur hors des bornes", _REFUSED, blocking=0),
    "reversed": Meaning("Fin antérieure au début", _REFUSED, blocking=0),
    "unlinked": Meaning(
        "Sans clé de personne",
        "Ces entrées ne peuvent pas être suivies. Si elles diffèrent des autres, l'effet estimé ne "
        "vaut pas pour elles.",
        watched=0.01,
        blocking=0.10,
    ),
    "orphan": Meaning(
        "Personne jamais inscrite",
        "Sans inscription, ni la situation de départ ni l'ancienneté ne sont connues. Ces "
        "personnes sortent de l'étude.",
        watched=0.02,
        blocking=0.20,
    ),
    "duplicate": Meaning(
        "Ligne répétée à l'identique",
        "Une seule copie est gardée à la lecture, sans effet sur les résultats. Une part élevée "
        "signale un fichier chargé deux fois.",
        watched=0.01,
        blocking=0.10,
    ),
    "key": Meaning(
        "Clé portée par des lignes différentes",
        "On ne sait pas laquelle dit vrai, et ce qui s'y rattache (une certification, une zone) "
        "est compté plusieurs fois.",
        watched=0,
        blocking=0.01,
    ),
    "before": Meaning(
        "Début antérieur à la période couverte",
        "Les épisodes semblables déjà terminés manquent au fichier. Ces débuts ne peuvent pas "
        "servir à mesurer un passé.",
        watched=0.30,
    ),
    "after": Meaning(
        "Début postérieur à la période couverte",
        "Les dates ou la période déclarée sont fausses. Les derniers mois de suivi sont à vérifier "
        "avant toute étude.",
        watched=0,
        blocking=0.01,
    ),
    "birth": Meaning(
        "Naissance postérieure au début",
        "L'âge est faux. La personne sort de l'étude si celle-ci pose une condition d'âge.",
        watched=0,
        blocking=0.01,
    ),
    "age": Meaning(
        "Âge hors de 14 à 75 ans au début",
        "L'âge est faux, ou la personne n'est pas du champ. Les publics définis par l'âge en sont "
        "faussés.",
        watched=0.001,
        blocking=0.02,
    ),
    "open": Meaning(
        "Sans date de fin",
        "L'épisode est tenu pour en cours jusqu'à la fin de la période. Une fin non transmise "
        "allonge à tort l'ancienneté d'inscription.",
        watched=0.30,
    ),
    "missing": Meaning(
        MISSING,
        "L'information manque pour ces lignes. Dans la comparaison, elles forment une modalité à "
        "part, «\u202fnon renseigné\u202f».",
        watched=0.05,
    ),
    "place": Meaning(
        "Commune absente de la table des communes",
        "Le domicile ne peut pas être situé. Ces personnes manquent aux résultats par territoire.",
        watched=0.02,
        blocking=0.20,
    ),
    "ramp_up": Meaning(
        "Commencé pendant la montée en charge",
        "Tous les employeurs ne déclaraient pas encore. L'emploi de ces mois est sous-estimé, et "
        "avec lui tout passé d'emploi qui les traverse.",
        watched=0,
    ),
    "empty": Meaning(
        "Table obligatoire absente ou vide",
        "Aucune étude n'est possible sans cette table.",
        blocking=0,
    ),
}
_OF_TABLE = {
    ("contracts", "unlinked"): Meaning(
        "Sans clé de personne",
        "Ces contrats ne se rattachent à personne. Leurs titulaires paraissent sans emploi, et les "
        "taux d'emploi sont sous-estimés.",
        watched=0.01,
        blocking=0.10,
    ),
    ("contracts", "orphan"): Meaning(
        "Personne jamais inscrite",
        "Ces contrats ne servent à aucune étude des personnes inscrites. Une part élevée peut "
        "signaler deux jeux de clés qui ne se correspondent pas.",
        watched=0.10,
        blocking=0.50,
    ),
    ("certifications", "orphan"): Meaning(
        "Certification sans entrée en formation",
        "Ces certifications ne se rattachent à aucune formation. Des personnes certifiées "
        "paraissent ne pas l'être.",
        watched=0.02,
        blocking=0.20,
    ),
    ("registrations", "overlap"): Meaning(
        "Deux inscriptions aux mêmes dates",
        "L'ancienneté d'inscription et la catégorie à l'entrée dépendent de la ligne retenue.",
        watched=0.01,
        blocking=0.10,
    ),
    ("trainings", "overlap"): Meaning(
        "Deux formations aux mêmes dates",
        "Il faut décider laquelle compte, et l'effet de l'une porte la trace de l'autre.",
        watched=0.01,
        blocking=0.10,
    ),
    ("contracts", "overlap"): Meaning(
        "Deux contrats du même établissement aux mêmes dates",
        "L'emploi reste juste, mais salaires et heures peuvent être comptés deux fois.",
        watched=0.05,
        blocking=0.30,
    ),
    ("contracts", "long"): Meaning(
        "Durée de plus de dix ans (contrats terminés)",
        "Une date de début ou de fin est peut-être fausse. Une fin trop tardive fait paraître la "
        "personne en emploi à tort.",
        watched=0.05,
    ),
    ("trainings", "long"): Meaning(
        "Durée de plus de trois ans",
        "Une date de début ou de fin est peut-être fausse. La période où la personne est retenue "
        "en formation est alors surestimée.",
        watched=0.01,
        blocking=0.10,
    ),
    ("contracts", "open"): Meaning(
        "Sans date de fin",
        "Le contrat est tenu pour en cours. Une fin non transmise fait paraître la personne en "
        "emploi pour toujours.",
        watched=0.40,
    ),
    ("missions_locales", "open"): Meaning(
        "Sans date de fin",
        "La situation est tenue pour toujours en cours. Une fin non transmise fait paraître le "
        "jeune sans solution à tort.",
        watched=0.40,
    ),
    ("missions_locales", "orphan"): Meaning(
        "Personne jamais inscrite",
        "Ces jeunes ne sont pas inscrits comme demandeurs d'emploi. Ils sont hors du champ d'une "
        "étude des personnes inscrites.",
        watched=0.50,
    ),
    ("trainings", "open"): Meaning(
        "Sans date de fin",
        "La durée de ces formations n'est pas connue, et rien ne peut être compté à partir de leur "
        "fin.",
        watched=0.05,
        blocking=0.50,
    ),
}
_OF_COLUMN = {
    ("trainings", "axis"): Meaning(
        MISSING,
        "C'est le cas attendu d'une entrée que le Pacte ne finance pas. Au-delà, les résultats par "
        "axe sont incomplets.",
    ),
    ("trainings", "lot"): Meaning(
        MISSING,
        "C'est le cas attendu d'une entrée hors marché. Au-delà, les résultats par lot sont "
        "incomplets.",
    ),
    ("trainings", "level_prepared"): Meaning(
        MISSING,
        "C'est le cas attendu d'une formation qui ne prépare à aucune certification.",
    ),
    ("trainings", "objective"): Meaning(
        MISSING,
        "On ne sait pas si la formation est certifiante. Ces entrées n'appartiennent à aucun des "
        "groupes comparés.",
        watched=0.02,
        blocking=0.20,
    ),
    ("registrations", "birth_month"): Meaning(
        MISSING,
        "L'âge n'est pas connu. Ces personnes manquent aux publics définis par l'âge et à toute "
        "étude qui pose une condition d'âge.",
        watched=0.01,
        blocking=0.20,
    ),
    ("registrations", "commune"): Meaning(
        MISSING,
        "Le domicile n'est pas connu. Ces personnes manquent aux résultats par territoire.",
        watched=0.02,
        blocking=0.20,
    ),
    ("contracts", "monthly_pay"): Meaning(
        MISSING,
        "Le salaire de ces contrats n'est pas mesuré. Les gains de leurs titulaires sont "
        "sous-estimés.",
        watched=0.05,
    ),
    ("contracts", "monthly_minutes"): Meaning(
        MISSING,
        "Les heures de ces contrats ne sont pas mesurées, ni l'emploi d'au moins 78 heures par "
        "mois.",
        watched=0.05,
    ),
    ("certifications", "date"): Meaning(
        MISSING,
        "On ne sait pas quand la certification a été obtenue. Le mois de l'effet ne peut pas en "
        "être rapproché.",
        watched=0.10,
    ),
}
COLUMN_LABELS = {
    "person": "clé de personne",
    "start": "début",
    "end": "fin",
    "category": "catégorie d'inscription",
    "sex": "sexe",
    "birth_month": "mois de naissance",
    "diploma": "diplôme",
    "nationality": "nationalité",
    "marital_status": "situation matrimoniale",
    "children": "enfants à charge",
    "lone_parent": "parent isolé",
    "qualification": "qualification",
    "rome": "métier recherché (ROME)",
    "experience_months": "expérience",
    "reason": "motif d'inscription",
    "disability": "obligation d'emploi (handicap)",
    "rsa": "bénéficiaire du RSA",
    "qpv": "quartier prioritaire",
    "zrr": "zone de revitalisation rurale",
    "commune": "commune",
    "benefit": "allocation",
    "digital_difficulty": "difficulté avec le numérique",
    "justice": "sous main de justice",
    "training": "clé de formation",
    "objective": "objectif",
    "scheme": "dispositif",
    "funder": "financeur",
    "minutes": "durée prévue",
    "formacode": "domaine (Formacode)",
    "level_prepared": "niveau préparé",
    "axis": "axe du Pacte",
    "lot": "lot de marché",
    "dropped_out": "abandon",
    "contract": "clé de contrat",
    "nature": "nature du contrat",
    "full_time": "temps plein",
    "monthly_pay": "salaire mensuel",
    "monthly_minutes": "durée mensuelle",
    "establishment": "établissement",
    "subsidised": "contrat aidé",
    "status": "résultat",
    "date": "date",
    "origin": "origine",
    "situation": "situation",
    "name": "nom",
    "departement": "département",
    "ze2010": "zone d'emploi 2010",
    "ze2020": "zone d'emploi 2020",
    "isolated_rural": "rural isolé",
}
NEEDED_FOR = {
    ("registrations", "sex"): "résultats par sexe, femmes isolées",
    ("registrations", "birth_month"): "âge, moins de 26 ans, seniors",
    ("registrations", "diploma"): "niveau inférieur au bac, sans diplôme",
    ("registrations", "nationality"): "nationalité parmi les caractéristiques comparées",
    ("registrations", "marital_status"): "situation matrimoniale, femmes isolées",
    ("registrations", "children"): "enfants à charge parmi les caractéristiques comparées",
    ("registrations", "lone_parent"): "parents isolés",
    ("registrations", "qualification"): "qualification parmi les caractéristiques comparées",
    ("registrations", "rome"): "métier recherché parmi les caractéristiques comparées",
    ("registrations", "experience_months"): "expérience parmi les caractéristiques comparées",
    ("registrations", "reason"): "motif d'inscription parmi les caractéristiques comparées",
    ("registrations", "disability"): "travailleurs handicapés",
    ("registrations", "rsa"): "bénéficiaires du RSA",
    ("registrations", "qpv"): "habitants des quartiers prioritaires",
    ("registrations", "zrr"): "habitants des zones de revitalisation rurale",
    ("registrations", "commune"): "tous les résultats par territoire",
    ("registrations", "benefit"): "allocation parmi les caractéristiques comparées",
    ("registrations", "digital_difficulty"): "personnes en difficulté avec le numérique",
    ("registrations", "justice"): "personnes sous main de justice",
    ("trainings", "person"): "tout suivi des personnes formées",
    ("trainings", "end"): "durée, horloge qui part de la fin de formation",
    ("trainings", "objective"): "formations certifiantes et non certifiantes",
    ("trainings", "scheme"): "résultats par dispositif",
    ("trainings", "funder"): "résultats par financeur",
    ("trainings", "minutes"): "résultats par durée prévue",
    ("trainings", "formacode"): "résultats par domaine de formation",
    ("trainings", "level_prepared"): "résultats par niveau préparé",
    ("trainings", "axis"): "résultats par axe du Pacte",
    ("trainings", "lot"): "résultats par lot de marché",
    ("trainings", "dropped_out"): "abandons en cours de formation",
    ("contracts", "person"): "tout effet sur l'emploi",
    ("contracts", "full_time"): "emploi à temps plein",
    ("contracts", "monthly_pay"): "salaire",
    ("contracts", "monthly_minutes"): "heures, emploi d'au moins 78 heures par mois",
    ("contracts", "establishment"): "règles de secret sur les employeurs",
    ("contracts", "subsidised"): "emploi hors contrats aidés",
    ("communes", "ze2010"): "zones d'emploi de 2010",
    ("communes", "ze2020"): "zones d'emploi de 2020",
    ("communes", "zrr"): "zones de revitalisation rurale, par la commune",
    ("communes", "isolated_rural"): "rural isolé",
}
TABLES_NEEDED_FOR = {
    "certifications": "certification obtenue ou non",
    "missions_locales": "jeunes ni en emploi, ni en études, ni en formation (NEET)",
    "communes": "zones d'emploi de 2020, rural isolé (la table de communes livrée les ignore)",
}


def meaning_of(table: str, check: str, column: str = "") -> Meaning:
    """How a check of a table or of one of its columns is told and judged."""
    if check == "missing" and (table, column) in _OF_COLUMN:
        return _OF_COLUMN[table, column]
    return _OF_TABLE.get((table, check)) or MEANINGS[check]
