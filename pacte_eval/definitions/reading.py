"""Reading a YAML definition: every mistake becomes one sentence that names the file and the key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from pacte_eval.definitions.errors import InputError, nearest


class Definition(BaseModel):
    """Base of everything declared: frozen, and refusing keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_QUOTED = re.compile(r"'([^']+)'")
D = TypeVar("D", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises
    ------
    InputError
        If the file does not exist, cannot be read, or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__})") from None
    try:
        return yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        why = error.problem if isinstance(error, _RepeatedKeyError) else "not valid YAML"
        raise InputError(f"{path}{where}: {why}") from None


class _RepeatedKeyError(yaml.MarkedYAMLError):
    """A key given twice, of which YAML would silently keep the last."""


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader that refuses a mapping with the same key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                problem = f"key '{key_node.value}' is given twice"
                raise _RepeatedKeyError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def read_definition(path: Path, model: type[D]) -> D:
    """A definition read from a YAML file and validated.

    Raises
    ------
    InputError
        Naming the file, the key and what is wrong; an unknown key suggests the nearest known one.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: a definition is a list of 'key: value' lines")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error, model)}") from None


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    first = min(
        error.errors(),
        key=lambda e: (e["type"] != "extra_forbidden", e["type"] == "too_short", len(e["loc"])),
    )
    key = ".".join(str(part) for part in first["loc"] if not _names_a_model(part))
    if first["type"] == "extra_forbidden":
        word = str(first["loc"][-1])
        return f"unknown key '{key}': {nearest(word, _known_keys(model, first['loc'][:-1]))}"
    if first["type"] == "missing":
        return f"key '{key}' is missing"
    if first["type"] == "union_tag_invalid":
        words = _QUOTED.findall(first["ctx"]["expected_tags"])
        tag, key = first["ctx"]["tag"], f"{key}.{first['ctx']['discriminator'].strip(chr(39))}"
        return f"key '{key}': '{tag}' is unknown: {nearest(tag, words)}"
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        words = _QUOTED.findall(first["ctx"]["expected"])
        return f"key '{key}': '{first['input']}' is unknown: {nearest(first['input'], words)}"
    message = first["msg"].removeprefix("Value error, ")
    return (f"key '{key}': " if key else "") + message[0].lower() + message[1:]


def _names_a_model(part: int | str) -> bool:
    """Whether a part of a location is the tag of a union (a model or a type) rather than a key."""
    return isinstance(part, str) and (part[:1].isupper() or "[" in part)


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> set[str]:
    """The keys known where an unknown one was met: the models are walked along its location."""
    models: list[type[BaseModel]] = [model]
    for part in location:
        fields = [field for current in models for field in _fields(current, part)]
        tagged = [current for current in models if _carries_tag(current, part)]
        models = (
            [inner for field in fields for inner in _models_in(field.annotation)]
            or tagged
            or models
        )
    return {
        field.alias or name for current in models for name, field in current.model_fields.items()
    }


def _fields(model: type[BaseModel], part: int | str) -> list[FieldInfo]:
    return [f for name, f in model.model_fields.items() if part in (name, f.alias)]


def _carries_tag(model: type[BaseModel], part: int | str) -> bool:
    literals = (get_args(field.annotation) for field in model.model_fields.values())
    return part == model.__name__ or any(part in values for values in literals)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in get_args(annotation) for model in _models_in(part)]
