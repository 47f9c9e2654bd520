"""A message as a flat XML document: parsed behind a guard, written strictly. Pure: text in, text out.

The parser is the standard library's expat on one complete message, never an incremental one; why, and what it must not
meet, stands in protocols/mypos_xml/README.md, section 5.
"""

import pyexpat
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn
from xml.sax.saxutils import escape

from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.framing import NO_DECLARATIONS

MAX_DEPTH: Final = 3
"""The wire nests two deep: a root and its fields. One more is room for a newer terminal's extension."""

MAX_CHILDREN: Final = 50
"""A message has at most five fields."""

DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


@dataclass(frozen=True, slots=True)
class Child:
    """One field, its text without the blanks around it. `nested` says that it holds elements of its own."""

    name: str
    text: str
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A root and its fields. As read, all names are in lower case."""

    root: str
    children: tuple[Child, ...]


class Layout(StrEnum):
    """How a message is laid out. The first is what most programs read that read a line, a piece or a whole document."""

    ONE_LINE = "one_line"  # everything on one line, then one newline
    LINES = "lines"  # each field on a line of its own, as the maker's page shows it
    BARE = "bare"  # everything on one line, and no newline


class Tags(StrEnum):
    """How the root's tags are spelled; the maker's page has all three ways."""

    PLAIN = "plain"  # <x> ... </x>
    BLANK_AT_END = "blank_at_end"  # <x> ... </x >, which is well-formed
    BLANKS = "blanks"  # < x > ... </ x >, which is not


def write(document: Document, layout: Layout, *, declaration: bool, tags: Tags = Tags.PLAIN) -> str:
    """The text of a document. What would not be XML is the caller's fault and was refused by him before."""
    before = "  " if layout is Layout.LINES else ""
    behind = "\n" if layout is Layout.LINES else ""
    lead = " " if tags is Tags.BLANKS else ""
    trail = "" if tags is Tags.PLAIN else " "
    fields = "".join(f"{before}<{one.name}>{escape(one.text)}</{one.name}>{behind}" for one in document.children)
    opening = f"<{lead}{document.root}{lead}>{behind}"
    closing = f"</{lead}{document.root}{trail}>"
    head = DECLARATION + behind if declaration else ""
    return f"{head}{opening}{fields}{closing}" + ("" if layout is Layout.BARE else "\n")


def parse(text: str) -> Document:
    """The document in the text of one frame; `ProtocolError` if it is none, or more than this wire ever sends."""
    if "<!" in text:
        raise ProtocolError(NO_DECLARATIONS)
    building = _Building()
    parser = pyexpat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = building.open
    parser.EndElementHandler = building.close
    parser.CharacterDataHandler = building.add
    try:
        # From text, and not from bytes: what the message declares about its encoding then changes nothing.
        parser.Parse(text, True)
    except pyexpat.ExpatError as error:
        raise ProtocolError(f"the message is not well-formed XML: {pyexpat.ErrorString(error.code)}") from error
    return Document(building.root, tuple(building.children))


def _refuse_doctype(*_: object) -> NoReturn:
    raise ProtocolError("the message has a document type, which this wire never has")


class _Building:
    """Takes the parser's events."""

    def __init__(self) -> None:
        self.root = ""
        self.children: list[Child] = []
        self._depth = 0
        self._text: list[str] = []
        self._nested = False

    def open(self, name: str, _attributes: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ProtocolError(f"the message nests deeper than {MAX_DEPTH}")
        if self._depth == 1:
            self.root = name.lower()
        elif self._depth == 2:  # noqa: PLR2004 - the fields
            if len(self.children) >= MAX_CHILDREN:
                raise ProtocolError(f"the message has more than {MAX_CHILDREN} fields")
            self._text, self._nested = [], False
        else:
            self._nested = True

    def close(self, name: str) -> None:
        if self._depth == 2:  # noqa: PLR2004 - the fields
            self.children.append(Child(name.lower(), "".join(self._text).strip(), self._nested))
        self._depth -= 1

    def add(self, text: str) -> None:
        if self._depth > 1:
            self._text.append(text)
