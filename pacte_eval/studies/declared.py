"""The text of every declaration that decides what a study computes."""

from __future__ import annotations

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.study import StudyDefinition
from pacte_eval.definitions.subgroups import publics_asked, territories_asked

CODE_LISTS = ("zones.csv", "communes.csv")


def declared_texts(project: Project, study: StudyDefinition) -> dict[str, str]:
    """The study, its cohort or file of persons, its publics and territories, the code lists.

    Returns
    -------
    dict of str to str
        Text by name; those that are definitions are named ``.yml``.

    Raises
    ------
    InputError
        If the study names a cohort, a public or a territory that the project does not have.
    """
    paths = {"study.yml": f"studies/{study.id}/study.yml"}
    if study.cohort is None:
        paths["persons.yml"] = f"studies/{study.id}/{study.persons}"
    else:
        cohort = project.cohort(study.cohort)
        paths["cohort.yml"] = f"cohorts/{study.cohort}.yml"
        asked = [public.id for public in publics_asked(project, study)]
        for name in dict.fromkeys((*asked, *cohort.publics)):
            project.public(name)
            paths[f"public-{name}.yml"] = f"cohorts/publics/{name}.yml"
        for territory in territories_asked(project, study):
            own = f"cohorts/territories/{territory.id}.yml"
            if project.path(own) is not None:
                paths[f"territoire-{territory.id}.yml"] = own
        paths |= {name: f"cohorts/territories/{name}" for name in CODE_LISTS}
    return {name: _text(project, path) for name, path in paths.items()}


def _text(project: Project, relative: str) -> str:
    path = project.path(relative)
    if path is None:
        raise InputError(f"{project.root / relative}: no such file")
    return path.read_text(encoding="utf-8")
