"""Reads a settings file: a small, strict part of YAML, with the line of every value kept for the error messages.

Strict, because the rest of YAML surprises people who only want to write settings down: `no` would be False, `010`
would be 8 and `12:30` would be 750. Here a value is a text unless it is plainly a number, true, false or null.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

Key = tuple[str | int, ...]
"""Where a value stands: ("terminals", 0, "driver")."""

MAX_BYTES: Final = 256 * 1024
"""A file with a hundred terminals is a tenth of this; more is not a settings file."""

MAX_DEPTH: Final = 20
"""Settings nest four deep. The reader calls itself for each level, so that there has to be an end."""

_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the line (counted from 1), the setting's name as a path, and a sentence."""

    line: int
    path: str
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.path}: {self.sentence}" if self.path else f"line {self.line}: {self.sentence}"


class Unreadable(Exception):
    """The file is no YAML that is accepted here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(slots=True)
class Document:
    """What stood in the file. `texts` holds each unquoted value as it was written."""

    value: object
    lines: dict[Key, int] = field(default_factory=dict)
    texts: dict[Key, str] = field(default_factory=dict)

    def line(self, key: Key) -> int:
        """The line of this setting, or of the nearest one around it that the file has."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def show(key: Key) -> str:
    """The path as people write it: `terminals[0].driver`."""
    shown = ""
    for part in key:
        shown += f"[{part}]" if isinstance(part, int) else f".{part}" if shown else part
    return shown


def read_document(path: Path) -> Document:
    """The file as plain lists, mappings and scalars. Raises `Unreadable`, or `OSError` where it cannot be opened."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _refuse(1, f"the file is larger than {MAX_BYTES // 1024} KiB")
    return parse_document(content)


def parse_document(content: bytes) -> Document:
    """See `read_document`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refuse(line, "this is not UTF-8 text: save the file as UTF-8") from None
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refuse(line, "there is a control character in this line") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refuse(_line(mark), _explain(error)) from None
    finally:
        if loader is not None:
            loader.dispose()
    document = Document({})
    if node is not None:
        document.value = _Builder(document).build(node, ())
    return document


class _Mark(Protocol):
    @property
    def line(self) -> int: ...


def _refuse(line: int, sentence: str, path: str = "") -> Unreadable:
    return Unreadable(Problem(line, path, sentence))


def _line(mark: _Mark | None) -> int:
    return 1 if mark is None else mark.line + 1


def _explain(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "this cannot be read"
    if "'\\t'" in problem:
        return "there is a tab: indent with spaces only"
    if "mapping values are not allowed" in problem:
        return "there is one colon too many, or this line is indented too far: put a text that has a colon in quotes"
    if "could not find expected ':'" in problem:
        return "a colon is missing: each setting is written as `name: value`"
    if "expected <block end>" in problem:
        return "this line is not indented like the lines around it"
    if "single document" in (error.context or ""):
        return "a second document begins here (---): the settings are one"
    return f"this is not YAML: {problem}"


class _Loader(yaml.SafeLoader):
    """Composes nodes only; what makes YAML a programming language is refused on sight."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012  # the base class says so: its classmethod fills it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refuse(line, "anchors (&) and aliases (*) are not used here: write it out, or put it in quotes")
        if getattr(event, "tag", None) is not None:
            raise _refuse(line, "tags (!) are not used here: put the text in quotes")
        if self.depth >= MAX_DEPTH:
            raise _refuse(line, f"this is nested more than {MAX_DEPTH} deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"{_TAG}{tag}", re.compile(f"(?:{pattern})", re.ASCII), list(first))


_resolve("null", r"(?:~|null|Null|NULL)\Z", "~nN")
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"\Z"), [""])
_resolve("bool", r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF")
# A number with a leading zero is a code or a register: it stays a text. So does one too long to be an amount.
_resolve("int", r"-?(?:0|[1-9][0-9]{0,17})\Z", "-0123456789")
_resolve("float", r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,9}\Z", "-0123456789")

_SCALARS: Final[dict[str, Callable[[str], object]]] = {
    f"{_TAG}null": lambda _: None,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": int,
    f"{_TAG}float": Decimal,
    f"{_TAG}str": str,
}


class _Builder:
    """Turns nodes into values and writes down where each one stood."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def build(self, node: yaml.Node, key: Key) -> object:
        self._document.lines.setdefault(key, _line(node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*key, index)) for index, item in enumerate(node.value)]
        text = str(node.value)
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            self._document.texts[key] = text
        return _SCALARS[node.tag](text)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, object]:
        built: dict[str, object] = {}
        for name_node, value_node in node.value:
            line = _line(name_node.start_mark)
            if not isinstance(name_node, yaml.ScalarNode):
                raise _refuse(line, "a setting's name is a plain text", show(key))
            name = name_node.value
            if name in built:
                first = self._document.lines[(*key, name)]
                raise _refuse(line, f"this is already set in line {first}", show((*key, name)))
            self._document.lines[(*key, name)] = line
            built[name] = self.build(value_node, (*key, name))
        return built
