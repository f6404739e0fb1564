"""The publics and territories a study asks for: by identifier, all of them, or by zoning."""

from __future__ import annotations

from pacte_eval.definitions.cells import PublicDefinition, Territory
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.study import StudyDefinition


def publics_asked(project: Project, study: StudyDefinition) -> list[PublicDefinition]:
    """The publics that a study reports on.

    Raises
    ------
    InputError
        If one is unknown.
    """
    if study.subgroups.publics == "all":
        return list(project.publics().values())
    return [project.public(identifier) for identifier in study.subgroups.publics]


def territories_asked(project: Project, study: StudyDefinition) -> list[Territory]:
    """The territories that a study reports on; a zoning stands for all of its own.

    Raises
    ------
    InputError
        If a name is that of no territory and no zoning, or a territory is asked for twice.
    """
    known = project.territories()
    by_zoning: dict[str, list[Territory]] = {}
    for territory in known.values():
        by_zoning.setdefault(territory.zoning, []).append(territory)
    found: dict[str, Territory] = {}
    for name in study.subgroups.territories:
        if name not in known and name not in by_zoning:
            raise InputError(
                f"study '{study.id}': subgroups.territories names '{name}', which is neither a "
                f"territory nor a zoning: {nearest(name, [*by_zoning, *known])}"
            )
        for territory in [known[name]] if name in known else by_zoning[name]:
            if territory.id in found:
                raise InputError(
                    f"study '{study.id}': subgroups.territories asks for '{territory.id}' twice"
                )
            found[territory.id] = territory
    return list(found.values())
