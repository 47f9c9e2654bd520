"""JSON as this wire's bodies have it.

Facts and choices: protocols/touchscreen/README.md, section 5.
"""

from typing import Final

from tillbridge.protocols import strict_json
from tillbridge.protocols.strict_json import JsonObject

MAX_DIGITS: Final = 20
"""Characters of the longest number that is read; the largest amount has 13."""

_READER: Final = strict_json.Reader("it", MAX_DIGITS)


def read_object(body: bytes, *, lenient: bool = False) -> JsonObject:
    """One JSON object; numbers become int or `Decimal`, never float. `ProtocolError` for anything else.

    `lenient` replaces bytes that are not UTF-8 instead of refusing them: a terminal's message in another character set
    must not hide what became of the money. A byte order mark is tolerated.
    """
    return _READER.read_object(body, lenient=lenient)


def write(value: object) -> bytes:
    """JSON in ASCII."""
    return strict_json.write(value).encode()


def canonical(value: object) -> bytes:
    """The same with sorted keys: equal values give equal bytes."""
    return strict_json.canonical(value).encode()
