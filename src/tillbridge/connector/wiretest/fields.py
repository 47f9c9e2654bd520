"""A form for the settings of any wire, made from its pydantic model, and the settings that a person entered there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from importlib.metadata import entry_points
from types import NoneType
from typing import Annotated, Final, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tillbridge.protocols import registry
from tillbridge.runtime.scrubbing import is_secret

FIRST: Final = (
    *("host", "port", "url", "serial", "tcp", "bluetooth", "address", "name", "username", "login", "user"),
    *("password", "profile", "dialect", "version", "channel"),
)
"""What a technician has to enter on every wire, in the order in which it is asked; the rest has its usual value."""

DEEPEST: Final = 3
"""Levels of settings within settings; a form with more would not be filled in by anybody."""

MARK: Final = "s."
"""What a form's field of a setting begins with, so that no setting is taken for a field of the page itself."""


class Shape(StrEnum):
    """How a setting is entered."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    SECRET = "secret"  # noqa: S105  # the word itself
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as a field: `name` is its path with points, `usual` what it is when nothing is entered."""

    name: str
    shape: Shape
    usual: str
    required: bool
    choices: tuple[str, ...]
    first: bool

    @property
    def field(self) -> str:
        """Its name in a form."""
        return MARK + self.name


@dataclass(frozen=True, slots=True)
class Entered:
    """The settings that were entered, or what is wrong by the name of a setting ("" for all of it together)."""

    settings: BaseModel | None
    wrong: Mapping[str, str]


def wires() -> list[str]:
    """The drivers that are installed, by name."""
    return sorted(entry_points(group=registry.DRIVERS).names)


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """A field for each setting, the simple ones first."""
    return sorted(_settings(model, ""), key=_rank)


def notes_of(model: type[BaseModel]) -> str:
    """What the wire's own folder says about its settings, as one text."""
    return re.sub(r"\s+", " ", (model.__doc__ or "").replace("`", "")).strip()


def read(model: type[BaseModel], form: Mapping[str, str]) -> Entered:
    """The settings that a form stands for. What was left empty keeps its usual value."""
    given = {name.removeprefix(MARK): value for name, value in form.items() if name.startswith(MARK) and value}
    try:
        return Entered(model.model_validate(_nested(model, given, "")), {})
    except ValidationError as error:
        return Entered(None, dict(_wrong(error, {one.name for one in settings_of(model)})))


def _settings(model: type[BaseModel], above: str) -> Iterator[Setting]:
    for name, field in _written(model):
        path = f"{above}{name}"
        inner = _model_in(field.annotation)
        if inner is not None and path.count(".") < DEEPEST:
            yield from _settings(inner, f"{path}.")
        else:
            yield _setting(path, field)


def _setting(path: str, field: FieldInfo) -> Setting:
    name = path.rpartition(".")[2]
    choices = _choices(field.annotation)
    if _kinds(field.annotation) & {SecretStr} or is_secret(name):
        shape = Shape.SECRET
    elif choices:
        shape = Shape.CHOICE
    elif _is_list(field.annotation):
        shape = Shape.LIST
    else:
        shape = Shape.NUMBER if _kinds(field.annotation) & {int, float} else Shape.TEXT
    usual = (
        "" if shape is Shape.SECRET else _written_as(field.get_default(call_default_factory=True, validated_data={}))
    )
    first = path.partition(".")[0] in FIRST
    return Setting(path, shape, usual, field.is_required() and "." not in path, choices, first)


def _written(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Each setting by the name under which it is written."""
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def _rank(setting: Setting) -> tuple[bool, int]:
    top = setting.name.partition(".")[0]
    return not setting.first, FIRST.index(top) if setting.first else 0


def _nested(model: type[BaseModel], given: Mapping[str, str], above: str) -> dict[str, object]:
    """The mapping that the model is made from. A group is there only if something that it needs was entered."""
    found: dict[str, object] = {}
    for name, field in _written(model):
        path = f"{above}{name}"
        inner = _model_in(field.annotation)
        if inner is None:
            if path in given:
                found[name] = _value(given[path], field)
        elif _meant(inner, given, f"{path}."):
            found[name] = _nested(inner, given, f"{path}.")
    return found


def _meant(model: type[BaseModel], given: Mapping[str, str], above: str) -> bool:
    needed = [f"{above}{name}" for name, field in _written(model) if field.is_required()]
    wanted = needed or [path for path in given if path.startswith(above)]
    return any(path in given for path in wanted)


def _value(text: str, field: FieldInfo) -> object:
    if _is_list(field.annotation):
        return [part for part in re.split(r"[,;\s]+", text) if part]
    literals = [one for one in _arguments(field.annotation) if get_origin(one) is Literal]
    numbers = {str(value): value for one in literals for value in get_args(one) if isinstance(value, int)}
    return numbers.get(text, text)


def _wrong(error: ValidationError, known: set[str]) -> Iterator[tuple[str, str]]:
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        path = [str(step) for step in detail["loc"]]
        while path and ".".join(path) not in known:
            path.pop()
        yield ".".join(path), detail["msg"].removeprefix("Value error, ")


# ---------------------------------------------------------------- what an annotation says


def _arguments(annotation: object) -> Sequence[object]:
    """The alternatives of a type: of `A | None` these are A and None."""
    if get_origin(annotation) is Annotated:
        return _arguments(get_args(annotation)[0])
    if get_origin(annotation) in (Literal, None) or not get_args(annotation) or _is_collection(annotation):
        return (annotation,)
    return [one for argument in get_args(annotation) for one in _arguments(argument)]


def _kinds(annotation: object) -> set[object]:
    return set(_arguments(annotation)) - {NoneType}


def _model_in(annotation: object) -> type[BaseModel] | None:
    return next((one for one in _arguments(annotation) if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _choices(annotation: object) -> tuple[str, ...]:
    for one in _arguments(annotation):
        if one is bool:
            return ("true", "false")
        if get_origin(one) is Literal:
            return tuple(str(value) for value in get_args(one))
        if isinstance(one, type) and issubclass(one, Enum):
            return tuple(str(member.value) for member in one)
    return ()


def _is_list(annotation: object) -> bool:
    return any(_is_collection(one) for one in _arguments(annotation))


def _is_collection(annotation: object) -> bool:
    return get_origin(annotation) in (list, tuple, set, frozenset)


def _written_as(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(str, value))
        case float():
            return f"{value:g}"
        case _:
            return "" if value is PydanticUndefined else str(value)
