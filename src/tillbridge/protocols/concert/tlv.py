"""Concert V3's text of tag, length and value: reading it from any pieces, and writing it.

Wire facts: protocols/concert/README-V3.md, section 1. This module knows no tag's meaning, with two exceptions that
belong here because nothing may leave the codec unmasked or unbounded: the card number, and the containers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tillbridge.domain.card import mask
from tillbridge.protocols.contract import ProtocolError

MAX_VALUE: Final = 999
"""Three decimal digits write no larger length."""

MAX_MESSAGE: Final = 64 * 1024
"""Bytes of one message: some sixty of the largest values, where real answers hold one. It is the cap that one
integration in the field has, and bounds what a stranger on the port can make us keep."""

CARD_NUMBER: Final = "AA"
CONTAINERS: Final = "Z"

_HEADER: Final = 5
_LINE_END: Final = frozenset(b"\r\n")
_CONTROLS: Final = re.compile(rb"[\x00-\x1f\x7f]")
_UPPER: Final = frozenset(range(ord("A"), ord("Z") + 1))
_DIGITS: Final = frozenset(range(ord("0"), ord("9") + 1))
_TAG: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_ENCODABLE: Final = re.compile(r"[\x20-\x7e\x80-\xff]{1,999}")


@dataclass(frozen=True, slots=True)
class Tlv:
    """One tag with its value, a text of 1 to 999 Latin-1 characters.

    The card number is masked as soon as it stands in one (law 7), and no value shows in a `repr`: an unknown tag may
    hold anything. `ValueError` if the wire could not carry it.
    """

    tag: str
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        if _TAG.fullmatch(self.tag) is None:
            raise ValueError("a tag is two capital letters")
        if _ENCODABLE.fullmatch(self.value) is None:
            raise ValueError(f"the value of {self.tag} must be 1 to {MAX_VALUE} Latin-1 characters, none of control")
        if self.tag == CARD_NUMBER:
            # Blanks are no number: `mask` gives None for them, and they may stay as they are.
            object.__setattr__(self, "value", mask(self.value) or self.value)

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        return f"{self.tag}{len(self.value):03d}{self.value}".encode("latin-1")


def encode(elements: Iterable[Tlv]) -> bytes:
    """The message of these elements, in their order, with nothing between or after them."""
    return b"".join(element.encoded() for element in elements)


def container(tag: str, elements: Iterable[Tlv]) -> Tlv:
    """A constructed element that holds others; `ValueError` if they do not fit into 999 characters."""
    return Tlv(tag, encode(elements).decode("latin-1"))


class TlvReader:
    """Reads elements from pieces of any size; each byte is looked at once, and kept only until its element is whole.

    Line ends between two elements and after the last one are skipped: one maker's tills send them (README-V3.md,
    section 1). After a `ProtocolError` the reader stays broken.
    """

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self._limit = limit
        self._seen = 0
        self._pending = bytearray()
        self._broken = False

    @property
    def whole(self) -> bool:
        """Whether nothing is left over: the bytes so far end where an element ends."""
        return not self._pending and not self._broken

    def feed(self, chunk: bytes) -> list[Tlv]:
        """The elements that became whole with this piece; `ProtocolError` for bytes that can be none."""
        if self._broken:
            raise ProtocolError("nothing can be read after bytes that were no tag, length and value")
        self._broken = True
        elements = list(self._take(chunk))
        self._broken = False
        return elements

    def _take(self, chunk: bytes) -> Iterator[Tlv]:
        self._seen += len(chunk)
        if self._seen > self._limit:
            raise ProtocolError(f"the message is longer than {self._limit} bytes")
        start = 0
        pending = self._pending
        pending += chunk
        while start < len(pending):
            if pending[start] in _LINE_END:
                start += 1
                continue
            length = _announced(pending, start)
            if length is None or start + _HEADER + length > len(pending):
                break
            end = start + _HEADER + length
            yield _element(bytes(pending[start:end]))
            start = end
        del pending[:start]


def _announced(pending: bytearray, start: int) -> int | None:
    """The length that the header at `start` announces, None while the header is not all there.

    What is there of it is checked at once, so that garbage is known for garbage at its first wrong byte.
    """
    header = pending[start : start + _HEADER]
    if not _UPPER.issuperset(header[:2]) or not _DIGITS.issuperset(header[2:]):
        raise ProtocolError("a tag is two capital letters followed by a length of three digits")
    if len(header) < _HEADER:
        return None
    length = int(header[2:])
    if length == 0:
        raise ProtocolError(f"the tag {header[:2].decode()} has the length zero")
    return length


def _element(raw: bytes) -> Tlv:
    tag = raw[:2].decode()
    if _CONTROLS.search(raw, _HEADER):
        # The commonest cause is a wrong length, after which every later tag would be read at the wrong place.
        raise ProtocolError(f"the value of {tag} holds a control character")
    return Tlv(tag, raw[_HEADER:].decode("latin-1"))


def decode(message: bytes) -> tuple[Tlv, ...]:
    """The elements of a message that is all there; `ProtocolError` if anything is left over."""
    reader = TlvReader()
    elements = tuple(reader.feed(message))
    if not reader.whole:
        raise ProtocolError("the message ends in the middle of an element")
    return elements


@dataclass(frozen=True, slots=True)
class Fields:
    """The elements of one message, by tag.

    A tag stands in a message at most once. If it comes again with the same value nothing is lost; with another
    value the first one is kept and the tag is named in `conflicts`, because nobody can say which one is meant.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    conflicts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, elements: Iterable[Tlv]) -> "Fields":
        """The fields of these elements."""
        gathering = Gathering()
        gathering.add(elements)
        return gathering.fields

    def get(self, tag: str) -> str | None:
        """The value of this tag, None if the message has none."""
        return self.values.get(tag)

    def __contains__(self, tag: str) -> bool:
        return tag in self.values

    def nested(self, tag: str) -> "Fields":
        """What the container `tag` holds; no fields if it is absent. `ProtocolError` if it does not add up."""
        if not tag.startswith(CONTAINERS):
            raise ValueError(f"{tag} is no container")
        held = self.values.get(tag)
        return Fields() if held is None else Fields.of(decode(held.encode("latin-1")))


class Gathering:
    """Fields while their message still comes in; a snapshot costs no more than there are different tags."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._conflicts: set[str] = set()

    def add(self, elements: Iterable[Tlv]) -> None:
        """Takes the next elements."""
        for element in elements:
            if self._values.setdefault(element.tag, element.value) != element.value:
                self._conflicts.add(element.tag)

    @property
    def fields(self) -> Fields:
        """What has come so far; it does not change when more comes."""
        return Fields(MappingProxyType(dict(self._values)), frozenset(self._conflicts))
