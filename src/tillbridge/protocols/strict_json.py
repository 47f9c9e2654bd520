"""JSON as money needs it: numbers are read and written digit by digit, and nothing ambiguous is let in.

`json` of the standard library would turn 9.99 into a float and keep the last of two equal keys. Both are ways for a
till and a terminal to mean different amounts, so this codec reads numbers as `Decimal` and refuses equal keys.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NoReturn

from tillbridge.protocols.contract import ProtocolError

JsonObject = dict[str, object]

MAX_DEPTH: Final = 12
"""A cart or a result is three deep. The bound keeps a body of opening brackets from using up the stack."""

_EXPONENT_DIGITS: Final = 4
"""Characters of an exponent that are looked at at all, its sign included."""

_SOME_KEY_TWICE: Final = "a key stands twice in one object"
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_encode_text: Final[Callable[[str], str]] = json.encoder.encode_basestring_ascii


class Reader:
    """Reads the bodies of one wire. Whatever it does not read is a `ProtocolError`.

    `called` is what a refusal calls the body. A number has at most `longest_number` characters. With `widest_exponent`
    one of more digits before or behind its point is refused too: a short text such as 1e999999 would otherwise become
    a number of a million digits when it is used. `names_keys` shows the key that stands twice.
    """

    def __init__(
        self, called: str, longest_number: int, widest_exponent: int | None = None, *, names_keys: bool = False
    ) -> None:
        self._called = called
        self._longest_number = longest_number
        self._widest_exponent = widest_exponent
        self._names_keys = names_keys
        self._decoder = json.JSONDecoder(
            parse_float=self._decimal,
            parse_int=self._whole,
            parse_constant=_not_a_number,
            object_pairs_hook=self._no_equal_keys,
        )

    def read_object(self, body: bytes, *, lenient: bool = False) -> JsonObject:
        """One JSON object from UTF-8 bytes; numbers become int or `Decimal`, never float.

        `lenient` replaces bytes that are not UTF-8 instead of refusing them. A byte order mark is tolerated, because
        programs on Windows like to send one.
        """
        try:
            text = body.decode("utf-8-sig", "replace" if lenient else "strict")
        except UnicodeDecodeError as error:
            raise ProtocolError(f"byte {error.start} is not UTF-8") from None
        self._check_depth(text)
        try:
            value = self.read_value(text)
        except json.JSONDecodeError as error:
            raise ProtocolError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
        if not isinstance(value, dict):
            _refuse(f"{self._called} is not one JSON object")
        return value

    def read_value(self, text: str) -> object:
        """The value of a JSON text that `write` has made."""
        value: object = self._decoder.decode(text)
        return value

    def _check_depth(self, text: str) -> None:
        if text.count("[") + text.count("{") <= MAX_DEPTH:
            return
        depth = 0
        for match in _STRUCTURE.finditer(text):
            mark = match[0]
            if mark in "[{":
                depth += 1
                if depth > MAX_DEPTH:
                    _refuse(f"{self._called} is nested deeper than {MAX_DEPTH} levels")
            elif mark in "]}":
                depth -= 1

    def _no_equal_keys(self, pairs: list[tuple[str, object]]) -> JsonObject:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            _refuse(f"the key {twice[:40]!r} stands twice in one object" if self._names_keys else _SOME_KEY_TWICE)
        return found

    def _whole(self, text: str) -> int:
        self._check_length(text)
        return int(text)

    def _decimal(self, text: str) -> Decimal:
        self._check_length(text)
        if self._widest_exponent is None:
            return Decimal(text)
        number = Decimal(text) if len(text.lower().partition("e")[2]) <= _EXPONENT_DIGITS else None
        if number is None or abs(number.adjusted()) > self._widest_exponent:
            _refuse("a number is too large or too small to be meant")
        return number

    def _check_length(self, text: str) -> None:
        if len(text) > self._longest_number:
            _refuse("a number has too many digits")


def _refuse(detail: str) -> NoReturn:
    raise ProtocolError(detail)


def _not_a_number(text: str) -> NoReturn:
    _refuse(f"{text} is not a number in JSON")


def _text_of(value: object, sort: bool) -> str:
    match value:
        case str():
            return _encode_text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case Mapping():
            members = sorted(value.items()) if sort else value.items()
            return "{" + ",".join([f"{_encode_text(key)}:{_text_of(member, sort)}" for key, member in members]) + "}"
        case list() | tuple():
            return "[" + ",".join([_text_of(member, sort) for member in value]) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} has no place in JSON about money")


def write(value: object) -> str:
    """JSON text in ASCII; a `Decimal` is written with exactly the digits it has. A float is a `TypeError`."""
    return _text_of(value, sort=False)


def canonical(value: object) -> str:
    """The same, with the keys of every object in order: equal values give equal text, whatever order they came in."""
    return _text_of(value, sort=True)
