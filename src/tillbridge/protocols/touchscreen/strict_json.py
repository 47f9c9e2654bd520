"""JSON as money needs it: digits stay digits, nothing ambiguous is let in, and no body can use up the stack.

Facts and choices: protocols/touchscreen/README.md, section 5.
"""

import json
import re
from decimal import Decimal
from typing import Final, NoReturn

from tillbridge.protocols.contract import ProtocolError

JsonObject = dict[str, object]

MAX_DEPTH: Final = 12
"""A result is three deep; the bound keeps a body of opening brackets from using up the stack."""

MAX_DIGITS: Final = 20
"""Characters of the longest number that is read; the largest amount has 13."""

_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def _refuse(detail: str) -> NoReturn:
    raise ProtocolError(detail)


def _no_equal_keys(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("a key stands twice in one object")
    return found


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        _refuse("a number has too many digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        _refuse("a number has too many digits")
    return Decimal(text)


def _not_a_number(text: str) -> NoReturn:
    _refuse(f"{text} is not a number in JSON")


_DECODER: Final = json.JSONDecoder(
    parse_float=_decimal, parse_int=_whole, parse_constant=_not_a_number, object_pairs_hook=_no_equal_keys
)


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                _refuse(f"it is nested deeper than {MAX_DEPTH} levels")
        elif mark in "]}":
            depth -= 1


def read_object(body: bytes, *, lenient: bool = False) -> JsonObject:
    """One JSON object; numbers become int or `Decimal`, never float. `ProtocolError` for anything else.

    `lenient` replaces bytes that are not UTF-8 instead of refusing them: a terminal's message in another character set
    must not hide what became of the money. A byte order mark is tolerated.
    """
    try:
        text = body.decode("utf-8-sig", "replace" if lenient else "strict")
    except UnicodeDecodeError as error:
        raise ProtocolError(f"byte {error.start} is not UTF-8") from None
    _check_depth(text)
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ProtocolError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    if not isinstance(value, dict):
        _refuse("it is not one JSON object")
    return value


def write(value: object) -> bytes:
    """JSON in ASCII."""
    return json.dumps(value, separators=(",", ":")).encode()


def canonical(value: object) -> bytes:
    """The same with sorted keys: equal values give equal bytes."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
