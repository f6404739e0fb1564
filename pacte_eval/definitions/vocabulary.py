"""The French words for codes and columns: what a reader sees wherever a code would show."""

from __future__ import annotations

OUTCOMES = {
    "emploi": "Emploi salarié privé le dernier jour du mois",
    "emploi_mois": "Emploi salarié privé au moins un jour du mois",
    "emploi_78h": "Emploi salarié privé d'au moins 78 heures dans le mois",
    "emploi_durable": "Emploi durable (CDI, ou contrat d'au moins six mois)",
    "temps_plein": "Emploi salarié privé à temps plein le dernier jour du mois",
    "salaire": "Salaire brut de base mensuel (0 sans emploi)",
    "heures": "Heures de travail mensuelles au contrat (0 sans emploi)",
    "inscrit_a": "Inscription en catégorie A le dernier jour du mois",
    "inscrit_b": "Inscription en catégorie B le dernier jour du mois",
    "inscrit_c": "Inscription en catégorie C le dernier jour du mois",
    "inscrit_d": "Inscription en catégorie D le dernier jour du mois",
    "inscrit_e": "Inscription en catégorie E le dernier jour du mois",
    "inscrit_abc": "Inscription en catégorie A, B ou C le dernier jour du mois",
    "en_formation": "En formation le dernier jour du mois",
    "acces_emploi": "Accès à un emploi d'au moins un mois dans les six mois",
}
AMOUNTS = {"salaire": "euros", "heures": "heures"}
_CONTRACTS = (
    "Contrats de travail salariés du secteur privé\u202f; ni fonction publique, ni travail "
    "indépendant."
)
_REGISTER = (
    "Inscriptions comme demandeur d'emploi\u202f; ne plus être inscrit n'est pas être en emploi, "
    "et une formation fait passer en catégorie D."
)
_TRAININGS = "Entrées en formation que connaît la source, tous financeurs confondus."


def coverage_note(outcome: str) -> str:
    """What the source covers of an outcome, as a page must say it."""
    if outcome.startswith("inscrit_"):
        return _REGISTER
    return _TRAININGS if outcome in ("en_formation", "formation_depuis") else _CONTRACTS


OBJECTIVES = {
    "certification": "certification",
    "professionnalisation": "professionnalisation",
    "pre_qualification": "préqualification",
    "adaptation_au_poste": "adaptation au poste",
    "remise_a_niveau": "remise à niveau",
    "mobilisation": "mobilisation, aide au projet",
    "perfectionnement": "perfectionnement, élargissement des compétences",
    "creation_entreprise": "création d'entreprise",
}

FUNDERS = {
    "region": "Région",
    "etat": "État",
    "pole_emploi": "Pôle emploi",
    "opco": "OPCO",
    "agefiph": "Agefiph",
    "beneficiaire": "bénéficiaire",
    "autre": "autre",
}

COVARIATES = {
    "age": "Âge",
    "age_band": "Tranche d'âge",
    "sex": "Sexe",
    "diploma": "Diplôme",
    "children": "Enfants à charge",
    "lone_parent": "Parent isolé",
    "nationality": "Nationalité",
    "marital_status": "Situation matrimoniale",
    "rome": "Domaine du métier recherché",
    "qualification": "Qualification",
    "experience": "Expérience (mois)",
    "reason": "Motif d'inscription",
    "category": "Catégorie d'inscription",
    "disability": "Obligation d'emploi (handicap)",
    "rsa": "Bénéficiaire du RSA",
    "qpv": "Habite un quartier prioritaire",
    "zrr": "Habite une zone de revitalisation rurale",
    "benefit": "Allocation perçue",
    "unemployment_duration": "Ancienneté d'inscription (mois)",
    "unemployment_band": "Ancienneté d'inscription (tranche)",
    "long_unemployment": "Inscrit depuis plus de trois ans",
    "previous_spells": "Épisodes d'inscription antérieurs",
    "departement": "Département",
    "zone": "Zone d'emploi",
    "entry_month": "Mois d'entrée",
}

LEVELS = {
    "F": "femme",
    "M": "homme",
    "aucun": "sans diplôme",
    "cap_bep": "CAP, BEP",
    "bac": "bac",
    "bac_2": "bac + 2",
    "bac_3_plus": "bac + 3 et plus",
    "francaise": "française",
    "ue": "Union européenne",
    "hors_ue": "hors Union européenne",
    "celibataire": "célibataire",
    "marie": "marié",
    "divorce": "divorcé",
    "veuf": "veuf",
    "manoeuvre": "manœuvre",
    "ouvrier_specialise": "ouvrier spécialisé",
    "ouvrier_qualifie": "ouvrier qualifié",
    "employe_non_qualifie": "employé non qualifié",
    "employe_qualifie": "employé qualifié",
    "technicien": "technicien",
    "cadre": "cadre",
    "fin_de_contrat": "fin de contrat",
    "fin_de_mission": "fin de mission d'intérim",
    "licenciement": "licenciement",
    "demission": "démission",
    "premiere_entree": "première entrée",
    "autre": "autre",
    "are": "allocation d'aide au retour à l'emploi (ARE)",
    "ass": "allocation de solidarité spécifique (ASS)",
    "aucune": "aucune",
    "inconnu": "non renseigné",
}

ROME_DOMAINS = {
    "A": "agriculture, espaces verts, soins aux animaux",
    "B": "arts et artisanat d'art",
    "C": "banque, assurance, immobilier",
    "D": "commerce, vente, grande distribution",
    "E": "communication, média, multimédia",
    "F": "construction, bâtiment, travaux publics",
    "G": "hôtellerie, restauration, tourisme, loisirs",
    "H": "industrie",
    "I": "installation et maintenance",
    "J": "santé",
    "K": "services à la personne et à la collectivité",
    "L": "spectacle",
    "M": "support à l'entreprise",
    "N": "transport et logistique",
}
DEPARTEMENTS = {
    "04": "Alpes-de-Haute-Provence",
    "05": "Hautes-Alpes",
    "06": "Alpes-Maritimes",
    "13": "Bouches-du-Rhône",
    "83": "Var",
    "84": "Vaucluse",
}
ZONINGS = {
    "departement": "Départements",
    "ze2010": "Zones d'emploi (2010)",
    "ze2020": "Zones d'emploi (2020)",
    "qpv": "Quartiers prioritaires",
    "zrr": "Zones de revitalisation rurale",
}
_OWN_LEVELS = {"rome": ROME_DOMAINS, "departement": DEPARTEMENTS}


def level_label(covariate: str, level: str) -> str:
    """The French label of a level of a covariate."""
    return _OWN_LEVELS.get(covariate, {}).get(level) or LEVELS.get(level, level)


TABLES = {
    "registrations": "inscriptions",
    "trainings": "formations",
    "contracts": "contrats",
    "certifications": "certifications",
    "missions_locales": "missions locales",
    "communes": "communes",
}

SOURCE_COLUMNS = {
    "registrations.start": "la date d'inscription",
    "registrations.category": "la catégorie d'inscription",
    "registrations.sex": "le sexe",
    "registrations.birth_month": "le mois de naissance",
    "registrations.diploma": "le diplôme",
    "registrations.nationality": "la nationalité",
    "registrations.marital_status": "la situation matrimoniale",
    "registrations.children": "le nombre d'enfants à charge",
    "registrations.lone_parent": "qui élève seul ses enfants",
    "registrations.qualification": "la qualification",
    "registrations.rome": "le métier recherché",
    "registrations.experience_months": "l'expérience",
    "registrations.reason": "le motif d'inscription",
    "registrations.disability": "qui est travailleur handicapé",
    "registrations.rsa": "qui perçoit le RSA",
    "registrations.qpv": "qui habite un quartier prioritaire",
    "registrations.zrr": "qui habite une zone de revitalisation rurale",
    "registrations.commune": "la commune de résidence",
    "registrations.benefit": "l'allocation perçue",
    "registrations.digital_difficulty": "qui est en difficulté avec les outils numériques",
    "registrations.justice": "qui est sous main de justice",
    "missions_locales.situation": "la situation des jeunes que suivent les missions locales",
    "communes.ze2010": "la zone d'emploi de 2010 des communes",
    "communes.ze2020": "la zone d'emploi de 2020 des communes",
    "communes.isolated_rural": "quelles communes sont rurales et isolées",
}
