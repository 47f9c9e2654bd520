"""JSON as this wire's bodies have it: a till hears what is wrong with its own."""

import json
import re
from typing import Final, NoReturn

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.strict_json import JsonObject, Reader

MAX_NUMBER_LENGTH: Final = 40
"""Digits of the longest number that is read; the largest amount has 17."""

MAX_EXPONENT: Final = 30
"""Digits before or behind the point; nobody means more."""

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")

_READER: Final = Reader("the body", MAX_NUMBER_LENGTH, MAX_EXPONENT, names_keys=True)


def _refuse(detail: str) -> NoReturn:
    raise BridgeError(Code.BODY_INVALID, detail, place="body")


def _check_surrogates(body: bytes, value: object) -> None:
    """A lone surrogate is half a character: no database and no receiver could store it."""
    if _SURROGATE.search(body) is None:
        return
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        _refuse("a text holds half of a character (a lone surrogate)")


def read_object(body: bytes) -> JsonObject:
    """One JSON object from UTF-8 bytes; numbers become int or `Decimal`, never float.

    Raises `BridgeError(BODY_INVALID)` for anything else: other encodings, arrays, equal keys, NaN, deep nesting.
    A byte order mark is tolerated, because programs on Windows like to send one.
    """
    if not body.strip():
        _refuse("the body is empty")
    try:
        value = _READER.read_object(body)
    except ProtocolError as error:
        raise BridgeError(Code.BODY_INVALID, str(error), place="body") from None
    _check_surrogates(body, value)
    return value


def read_value(text: str) -> object:
    """The value of a JSON text that `write` has made."""
    try:
        return _READER.read_value(text)
    except ProtocolError as error:
        raise BridgeError(Code.BODY_INVALID, str(error), place="body") from None
