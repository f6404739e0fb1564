"""The protocol of a study: frozen before outcomes are read, amended in the open, never rewritten.

Three files beside the study's: ``protocol.yml`` (hashes, amendments, overrides), ``protocol.md``
(the pre-analysis plan, in French) and ``journal.yml`` (each run of the design on confidential
data). A protocol is a procedural guarantee: the toolkit neither computes nor writes what is
sealed, and keeps the record; it cannot know what was done outside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path

import yaml

from pacte_eval.definitions.errors import InputError
from pacte_eval.definitions.project import Project
from pacte_eval.definitions.protocol import SHOWN, Amendment, Override, Protocol, digests, whole
from pacte_eval.definitions.reading import read_definition
from pacte_eval.studies.declared import declared_texts
from pacte_eval.studies.pre_analysis_plan import plan_in_french

PROTOCOL, PLAN = "protocol.yml", "protocol.md"


def freeze(
    project: Project, identifier: str, *, amend: str | None = None, today: date | None = None
) -> Path:
    """Freeze the protocol of a study, or amend the one it has, and write its plan in French.

    Freezing again what has not changed writes the plan again and nothing else.

    Parameters
    ----------
    amend : str, optional
        The reason of a change made since the protocol was frozen.
    today : date, optional
        The date written, today's by default.

    Returns
    -------
    Path
        ``studies/STUDY/protocol.md``.

    Raises
    ------
    InputError
        If the declarations changed and no reason is given, if a reason is given and nothing
        changed, or if the study is not whole.
    """
    study = project.study(identifier)
    texts = declared_texts(project, study)
    files = digests(texts)
    now = today or _today()
    standing = read_protocol(project, identifier)
    folder = project.root / "studies" / identifier
    if standing is None:
        if amend is not None:
            raise InputError(
                f"study '{identifier}' has no protocol to amend: freeze it without --amend"
            )
        protocol = Protocol(
            study=identifier,
            frozen=now,
            toolkit=metadata.version("pacte-eval"),
            hash=whole(files),
            files=files,
        )
    else:
        protocol = _amended(standing, texts, amend, now, folder / PROTOCOL)
    plan = plan_in_french(project, study, protocol)
    _write(folder / PROTOCOL, _yaml(protocol))
    _write(folder / PLAN, plan)
    return folder / PLAN


def _amended(
    standing: Protocol, texts: Mapping[str, str], reason: str | None, now: date, where: Path
) -> Protocol:
    changed = standing.changed(texts)
    if not changed and reason is not None:
        raise InputError(f"{where}: nothing changed since the protocol: there is no amendment")
    if not changed:
        return standing
    if reason is None or not reason.strip():
        raise InputError(
            f"{where}: {', '.join(changed)} changed since the protocol was frozen: give the "
            "reason with --amend, or put back what was declared"
        )
    files = digests(texts)
    amendment = Amendment(
        date=now, reason=reason.strip(), changed=tuple(changed), hash=whole(files)
    )
    return standing.model_copy(
        update={"files": files, "amendments": (*standing.amendments, amendment)}
    )


def record_override(
    project: Project, identifier: str, reason: str, today: date | None = None
) -> Protocol:
    """Record that estimates are made although the gate does not pass.

    Raises
    ------
    InputError
        If the study has no protocol, or the reason is empty.
    """
    protocol = read_protocol(project, identifier)
    if protocol is None:
        raise InputError(f"study '{identifier}' has no protocol: run pacte protocol {identifier}")
    if not reason.strip():
        raise InputError("an override needs its reason")
    override = Override(date=today or _today(), reason=reason.strip(), hash=protocol.current)
    protocol = protocol.model_copy(update={"overrides": (*protocol.overrides, override)})
    _write(project.root / "studies" / identifier / PROTOCOL, _yaml(protocol))
    return protocol


def read_protocol(project: Project, identifier: str) -> Protocol | None:
    """The protocol of a study, None where it has none.

    Raises
    ------
    InputError
        If its file cannot be read, or its hash is not that of what it lists.
    """
    path = project.path(f"studies/{identifier}/{PROTOCOL}")
    if path is None:
        return None
    protocol = read_definition(path, Protocol)
    if whole(protocol.files) != protocol.current:
        raise InputError(
            f"{path}: its hash is not that of the declarations it lists: it was edited by hand; "
            "take it back from where it is kept"
        )
    return protocol


def check_unchanged(project: Project, identifier: str, where: str) -> Protocol:
    """The protocol of a study on confidential data, whose declarations are those it froze.

    Parameters
    ----------
    where : str
        The file that says that the data are confidential, for the message.

    Raises
    ------
    InputError
        If there is none, or a declaration changed since.
    """
    protocol = read_protocol(project, identifier)
    if protocol is None:
        raise InputError(
            f"{where}: the data are confidential, so that study '{identifier}' is frozen before "
            f"its outcomes are read, and it has no protocol: run pacte protocol {identifier}"
        )
    changed = protocol.changed(declared_texts(project, project.study(identifier)))
    if changed:
        raise InputError(
            f"study '{identifier}': {', '.join(changed)} changed since the protocol "
            f"{protocol.current[:SHOWN]}: record why with pacte protocol {identifier} --amend, or "
            "put back what was declared"
        )
    return protocol


def _today() -> date:
    return datetime.now(UTC).date()


def _yaml(protocol: Protocol) -> str:
    content = protocol.model_dump(mode="json")
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
