"""JSON as money needs it: numbers are read and written digit by digit, and nothing ambiguous is let in.

`json` of the standard library would turn 9.99 into a float and keep the last of two equal keys. Both are ways for a
till and a terminal to mean different amounts, so this codec reads numbers as `Decimal` and refuses equal keys.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NoReturn

from tillbridge.domain.errors import BridgeError, Code

JsonObject = dict[str, object]

MAX_DEPTH: Final = 12
"""A cart in a request is three deep. The bound keeps a body of opening brackets from using up the stack."""

MAX_NUMBER_LENGTH: Final = 40
"""Digits of the longest number that is read; the largest amount has 17."""

MAX_EXPONENT: Final = 30
"""A short text such as 1e999999 would otherwise become a number of a million digits when it is used."""

_EXPONENT_DIGITS: Final = 4
"""Characters of an exponent that are looked at at all, its sign included."""

_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_encode_text: Final[Callable[[str], str]] = json.encoder.encode_basestring_ascii


def _refuse(detail: str) -> NoReturn:
    raise BridgeError(Code.BODY_INVALID, detail, place="body")


def _no_equal_keys(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        _refuse(f"the key {twice[:40]!r} stands twice in one object")
    return found


def _whole(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:
        _refuse("a number has too many digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_NUMBER_LENGTH:
        _refuse("a number has too many digits")
    number = Decimal(text) if len(text.lower().partition("e")[2]) <= _EXPONENT_DIGITS else None
    if number is None or abs(number.adjusted()) > MAX_EXPONENT:
        _refuse("a number is too large or too small to be meant")
    return number


def _not_a_number(text: str) -> NoReturn:
    _refuse(f"{text} is not a number in JSON")


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                _refuse(f"the body is nested deeper than {MAX_DEPTH} levels")
        elif mark in "]}":
            depth -= 1


def _check_surrogates(text: str, value: object) -> None:
    """A lone surrogate is half a character: no database and no receiver could store it."""
    if _SURROGATE.search(text) is None:
        return
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        _refuse("a text holds half of a character (a lone surrogate)")


_DECODER: Final = json.JSONDecoder(
    parse_float=_decimal, parse_int=_whole, parse_constant=_not_a_number, object_pairs_hook=_no_equal_keys
)


def read_object(body: bytes) -> JsonObject:
    """One JSON object from UTF-8 bytes; numbers become int or `Decimal`, never float.

    Raises `BridgeError(BODY_INVALID)` for anything else: other encodings, arrays, equal keys, NaN, deep nesting.
    A byte order mark is tolerated, because programs on Windows like to send one.
    """
    if not body.strip():
        _refuse("the body is empty")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BridgeError(Code.BODY_INVALID, f"byte {error.start} is not UTF-8", place="body") from None
    _check_depth(text)
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        detail = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise BridgeError(Code.BODY_INVALID, detail, place="body") from None
    if not isinstance(value, dict):
        _refuse("the body is not one JSON object")
    _check_surrogates(text, value)
    return value


def read_value(text: str) -> object:
    """The value of a JSON text that `write` has made."""
    value: object = _DECODER.decode(text)
    return value


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
            raise TypeError(f"{type(value).__name__} has no place in an answer")


def write(value: object) -> str:
    """JSON text in ASCII; a `Decimal` is written with exactly the digits it has. A float is a `TypeError`."""
    return _text_of(value, sort=False)


def canonical(value: object) -> str:
    """The same, with the keys of every object in order: equal values give equal text, whatever order they came in."""
    return _text_of(value, sort=True)
