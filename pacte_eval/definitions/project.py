"""A project folder: its own definitions first, then those shipped with the toolkit, by id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pacte_eval.definitions.cells import (
    PublicDefinition,
    Territory,
    chosen,
    read_territories,
)
from pacte_eval.definitions.cohort import CohortDefinition
from pacte_eval.definitions.errors import InputError, nearest
from pacte_eval.definitions.library import shipped_library
from pacte_eval.definitions.mapping import MappingDefinition
from pacte_eval.definitions.persons import PersonsDefinition
from pacte_eval.definitions.reading import D, read_definition
from pacte_eval.definitions.study import StudyDefinition


@dataclass(frozen=True)
class Project:
    """A folder with `cohorts/`, `studies/` and `reports/`, over the shipped library.

    Parameters
    ----------
    root : Path
        The project's folder.
    """

    root: Path

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            raise InputError(f"{self.root}: no such project folder; pacte init makes one")

    def study(self, identifier: str) -> StudyDefinition:
        """The study `studies/IDENTIFIER/study.yml`."""
        return self._read("studies", f"{identifier}/study.yml", identifier, StudyDefinition)

    def persons(self, study: str, file: str) -> PersonsDefinition:
        """The mapping of a person-level file, beside the study that uses it."""
        path = self.path(f"studies/{study}/{file}")
        if path is None:
            raise InputError(f"{self.root / 'studies' / study / file}: no such file")
        return read_definition(path, PersonsDefinition)

    def cohort(self, identifier: str) -> CohortDefinition:
        """The cohort `cohorts/IDENTIFIER.yml`."""
        return self._read("cohorts", f"{identifier}.yml", identifier, CohortDefinition)

    def public(self, identifier: str) -> PublicDefinition:
        """The public `cohorts/publics/IDENTIFIER.yml`."""
        return self._read("cohorts/publics", f"{identifier}.yml", identifier, PublicDefinition)

    def publics(self) -> dict[str, PublicDefinition]:
        """Every public by identifier, the project's own in place of those shipped."""
        return {name: self.public(name) for name in sorted(self._known("cohorts/publics"))}

    def territory(self, identifier: str) -> Territory:
        """A territory such as ``ze2010-9310``."""
        return chosen(identifier, self.territories())

    def territories(self) -> dict[str, Territory]:
        """Every territory by identifier, the project's own in place of those shipped."""
        return read_territories() | read_territories(self.root)

    def mapping(self, identifier: str) -> MappingDefinition:
        """The mapping `cohorts/mappings/IDENTIFIER.yml` of raw extracts to the contract."""
        return self._read("cohorts/mappings", f"{identifier}.yml", identifier, MappingDefinition)

    def path(self, relative: str) -> Path | None:
        """A file of the project, else of the shipped library, else None."""
        for root in (self.root, shipped_library()):
            if (root / relative).is_file():
                return root / relative
        return None

    def folder_of(self, relative: str) -> Path:
        """The folder of a file of the project or of the shipped library."""
        path = self.path(relative)
        if path is None:
            raise InputError(f"{self.root / relative}: no such file")
        return path.parent

    def overrides(self, relative: str) -> bool:
        """Whether the project's own file stands in place of a shipped one."""
        shipped = shipped_library()
        return (
            self.root.resolve() != shipped.resolve()
            and (self.root / relative).is_file()
            and (shipped / relative).is_file()
        )

    def _read(self, folder: str, file: str, identifier: str, model: type[D]) -> D:
        path = self.path(f"{folder}/{file}")
        if path is None:
            raise InputError(
                f"{self.root / folder}: no definition '{identifier}': "
                f"{nearest(identifier, self._known(folder))}"
            )
        definition = read_definition(path, model)
        if getattr(definition, "id", identifier) != identifier:
            raise InputError(f"{path}: its id is not '{identifier}', the name of the file")
        return definition

    def _known(self, folder: str) -> set[str]:
        roots = [self.root / folder, shipped_library() / folder]
        if folder == "studies":
            return {path.parent.name for root in roots for path in root.glob("*/study.yml")}
        return {path.stem for root in roots for path in root.glob("*.yml")}
