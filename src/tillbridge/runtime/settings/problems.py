"""Says what is wrong with a setting and what would be right, in the words of a person who wrote it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tillbridge.runtime.settings.yaml_file import Document, Key, Problem, show

SHOWN_LENGTH: Final = 40
"""A wrong value is quoted up to this length, as long as it may be quoted at all."""

SECRET_WORDS: Final = frozenset({"password", "passphrase", "secret", "token", "key", "pin"})
"""A setting whose name has one of these words in it is never quoted."""

Context = Mapping[str, Any]


def problems_of(error: ValidationError, model: type[BaseModel], document: Document, above: Key) -> list[Problem]:
    """Each fault that the model found, with its line; `above` is where the model's mapping stands in the file."""
    return [_problem(detail, model, document, above) for detail in error.errors(include_url=False)]


def unknown_name(name: str, known: Iterable[str]) -> str:
    """What to say after "there is no such name": the one that was probably meant, else all there are."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(names) or 'none'}"


def _problem(detail: ErrorDetails, model: type[BaseModel], document: Document, above: Key) -> Problem:
    key = (*above, *in_file(detail["loc"], document, above, detail["type"]))
    inner = model_at(model, detail["loc"][:-1])
    return Problem(document.line(key), show(key), _sentence(detail, inner))


def in_file(loc: Sequence[str | int], document: Document, above: Key, kind: str) -> Key:
    """The part of pydantic's location that the file has too: it also names the alternatives of a union."""
    key: Key = ()
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if (*above, *key, part) in document.lines or (last and kind == "missing"):
            key = (*key, part)
    return key


def model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that describes the mapping at this location."""
    current: object = model
    for part in loc:
        found = next(iter(models_in(current)), None)
        if isinstance(part, int) or found is None:
            continue
        field = written_fields(found).get(part)
        current = current if field is None else field.annotation
    return next(iter(models_in(current)), None)


def written_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields by the names that they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that an annotation such as `tuple[Model, ...] | None` speaks of."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def choices(annotation: object) -> list[str]:
    """The values that an annotation lists, as they are written in the file; empty where it is open."""
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    if get_origin(annotation) is Annotated:
        return choices(get_args(annotation)[0])
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    return [choice for argument in get_args(annotation) for choice in choices(argument)]


def _sentence(detail: ErrorDetails, inner: type[BaseModel] | None) -> str:
    name = str(detail["loc"][-1]) if detail["loc"] else ""
    known = () if inner is None else written_fields(inner)
    match detail["type"]:
        case "extra_forbidden":
            return f"there is no such setting; {unknown_name(name, known)}"
        case "missing":
            listed = _listed(inner, name)
            return "this setting is missing" + (f"; it is one of: {', '.join(listed)}" if listed else "")
        case "enum" | "literal_error":
            return _not_listed(detail, inner, name)
        case "value_error" | "assertion_error":
            return str(detail["ctx"]["error"])
    wanted = _WANTED.get(detail["type"])
    context: Context = detail.get("ctx", {})
    if wanted is None:
        return detail["msg"][:1].lower() + detail["msg"][1:]
    return f"{wanted(context)}{_quoted(detail['input'], name)}"


def _not_listed(detail: ErrorDetails, inner: type[BaseModel] | None, name: str) -> str:
    listed = _listed(inner, name)
    if not listed:
        return f"it must be {detail['ctx']['expected']}{_quoted(detail['input'], name)}"
    # A number that looks like another one is no slip of the pen.
    written = detail["input"] if isinstance(detail["input"], str) else ""
    close = get_close_matches(written, listed, n=1, cutoff=0.6)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"it must be one of: {', '.join(listed)}{_quoted(detail['input'], name)}{meant}"


def _listed(model: type[BaseModel] | None, name: str) -> list[str]:
    field = None if model is None else written_fields(model).get(name)
    return [] if field is None else choices(field.annotation)


def is_secret(name: str) -> bool:
    """Whether a setting of this name may hold something that is never shown."""
    return not SECRET_WORDS.isdisjoint(name.lower().split("_"))


def _quoted(value: object, name: str) -> str:
    if is_secret(name) or not isinstance(value, str | int | float):
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f", not {text!r}" if len(text) <= SHOWN_LENGTH else ""


_WANTED: Final[Mapping[str, Callable[[Context], str]]] = MappingProxyType(
    {
        "bool_parsing": lambda _: "it must be true or false",
        "bool_type": lambda _: "it must be true or false",
        "dict_type": lambda _: "it must be a mapping: lines of `name: value`, indented below it",
        "float_parsing": lambda _: "it must be a number",
        "float_type": lambda _: "it must be a number",
        "frozen_set_type": lambda _: "it must be a list: lines that begin with `- `",
        "greater_than": lambda context: f"it must be more than {context['gt']:g}",
        "greater_than_equal": lambda context: f"it must be at least {context['ge']:g}",
        "int_from_float": lambda _: "it must be a whole number",
        "int_parsing": lambda _: "it must be a whole number",
        "int_type": lambda _: "it must be a whole number",
        "less_than": lambda context: f"it must be less than {context['lt']:g}",
        "less_than_equal": lambda context: f"it must be at most {context['le']:g}",
        "list_type": lambda _: "it must be a list: lines that begin with `- `",
        "mapping_type": lambda _: "it must be a mapping: lines of `name: value`, indented below it",
        "model_attributes_type": lambda _: "it must be a mapping: lines of `name: value`, indented below it",
        "model_type": lambda _: "it must be a mapping: lines of `name: value`, indented below it",
        "path_type": lambda _: "it must be a path",
        "set_type": lambda _: "it must be a list: lines that begin with `- `",
        "string_pattern_mismatch": lambda context: f"it must fit the pattern {context['pattern']}",
        "string_too_long": lambda context: f"it must be at most {context['max_length']} characters long",
        "string_too_short": lambda context: f"it must be at least {context['min_length']} characters long",
        "string_type": lambda _: "it must be a text",
        "too_long": lambda context: f"there must be at most {context['max_length']} of them",
        "too_short": lambda context: f"there must be at least {context['min_length']} of them",
        "tuple_type": lambda _: "it must be a list: lines that begin with `- `",
    }
)
