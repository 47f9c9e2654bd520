"""Takes card numbers and secrets out of whatever is about to be logged (law 7).

The full number of a card never gets this far; this is the net below, for what an exception, a library or a person
lets slip. It would rather hide a harmless number than show a card's.
"""

import math
import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from enum import Enum
from itertools import islice
from typing import Final

from pydantic import BaseModel

from tillbridge.domain.card import LONGEST_PAN, SHORTEST_PAN, check_digit_holds

REDACTED: Final = "<redacted>"

MAX_TEXT: Final = 8000
"""Characters of one text: a long traceback fits, and a line stays readable."""

MAX_SCANNED: Final = 64 * 1024
"""Characters of one text that are looked at; what lies beyond is left out unseen, so that no text costs much time."""

MAX_ITEMS: Final = 100
"""Members of one collection that are written."""

MAX_DEPTH: Final = 8
"""Levels of nesting that are written; it also ends collections that contain themselves."""

MAX_NUMBER_BITS: Final = 256
"""Whole numbers beyond this are described and not written: nothing here counts that far."""

KEPT_DIGITS: Final = 4
"""A card number has 13 to 19 digits (ISO/IEC 7812); the last four may be shown, they stand on every receipt."""

ALWAYS_HIDDEN: Final = 40
"""A row of more digits than this is hidden unread: it is sure to contain some that look like a card number."""

ID_LENGTH: Final = 32
"""Hexadecimal digits of a payment's id."""

_HEX: Final = "0123456789abcdef"
_DIGIT_ROW: Final = re.compile(r"[0-9](?:[ -]?[0-9]){12,}")
_NAME_PARTS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_SECRET_PARTS: Final = frozenset(
    {
        "authorization",
        "cookie",
        "credential",
        "credentials",
        "cvc",
        "cvv",
        "dpop",
        "passphrase",
        "passwd",
        "password",
        "pin",
        "pwd",
        "secret",
        "secrets",
        "token",
        "tokens",
        "track1",
        "track2",
    }
)
_SECRET_NAMES: Final = frozenset({"apikey", "api_key", "private_key", "signing_key", "session_key"})
_IN_TEXT: Final = (
    # A whole line of cookies: the first one is seldom the one that matters.
    (re.compile(r"\b(cookie[\"']?\s*[:=]\s*[\"']?)(?!<redacted>)[^\"'\r\n]+", re.IGNORECASE), rf"\1{REDACTED}"),
    # Authorization: Basic bG9n..., also alone
    (re.compile(r"\b(basic|bearer|digest|dpop)\s+[A-Za-z0-9+/=._~-]{4,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    # What a connector's link hangs on, wherever it stands: the master token, and every signed token or proof
    (re.compile(r"\btbm_[A-Za-z0-9_-]+"), f"tbm_{REDACTED}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), REDACTED),
    # http://log:pwd@host
    (re.compile(r"(://)[^/\s:@]*:[^/\s@]*@"), rf"\1{REDACTED}@"),
    # The link of a letter: whoever has it may choose a password
    (re.compile(r"([?&]link=)[^\s&\"'#<]+"), rf"\1{REDACTED}"),
    # password=..., "token": "...", pin: ..., pairing_pin='...'
    (
        re.compile(
            r"((?:pass(?:word|wd|phrase)|pwd|token|secret|api_?key|authorization|cookie|dpop|(?<![a-z])pin|cvv|cvc)"
            r"\\?[\"']?\s*[:=]\s*)"
            r"(\\?\"[^\"]*\"?|'[^']*'?|(?!<redacted>|(?:basic|bearer|digest|dpop)\b)[^\s\"',;&)}\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
    # PIN 0420
    (re.compile(r"(?<![a-z])(pin\s+)[0-9]{4,6}\b", re.IGNORECASE), rf"\1{REDACTED}"),
)
_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F) if chr(code) not in "\n\t"}

Loggable = str | int | float | bool | list["Loggable"] | dict[str, "Loggable"] | None


def scrub(value: object, depth: int = 0) -> Loggable:
    """The value in the types of JSON, with every card number and secret hidden and everything bounded."""
    match value:
        case None | bool():
            return value
        case Enum():
            return scrub(value.value, depth)
        case int() | float():
            return _number(value)
        case str():
            return scrub_text(value)
        case bytes() | bytearray() | memoryview():
            # Bytes of a wire may carry a card number in a coding that nobody here can read.
            return f"<{len(value)} bytes>"
        case datetime() | date() | time():
            return value.isoformat()
        case BaseException():
            return scrub_text(f"{type(value).__name__}: {_printed(value)}")
        case _:
            return _collection(value, depth)


def scrub_text(text: str) -> str:
    """The text with card numbers and secrets hidden, control characters made visible, and its middle left out."""
    if len(text) > MAX_SCANNED:
        text = text[:MAX_SCANNED].rstrip("0123456789 -") + "…"
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    text = _DIGIT_ROW.sub(_hide_card, text).translate(_CONTROLS)
    if len(text) > MAX_TEXT:
        half = MAX_TEXT // 2
        text = f"{text[:half]} …<{len(text) - 2 * half} characters left out>… {text[-half:]}"
    return text


def is_secret(name: str) -> bool:
    """Whether a field of this name holds something that nobody may read: `api_password`, `accessToken`, `pin`."""
    parts = [part.lower() for part in _NAME_PARTS.findall(name)]
    # The name of a header such as DPoP falls into no parts that mean anything.
    whole = {"_".join(parts), name.lower()}
    return not _SECRET_PARTS.isdisjoint({*parts, name.lower()}) or not _SECRET_NAMES.isdisjoint(whole)


def looks_like_card_number(digits: str) -> bool:
    """Whether a row of digits is, or contains, 13 to 19 digits whose last one is the right check digit (Luhn)."""
    if len(digits) > ALWAYS_HIDDEN:
        return True
    return any(
        check_digit_holds(digits[start : start + length])
        for length in range(SHORTEST_PAN, LONGEST_PAN + 1)
        for start in range(len(digits) - length + 1)
    )


def _hide_card(row: re.Match[str]) -> str:
    digits = row[0].replace(" ", "").replace("-", "")
    if not looks_like_card_number(digits) or _is_in_an_id(row):
        return row[0]
    return "#" * (len(digits) - KEPT_DIGITS) + digits[-KEPT_DIGITS:]


def _is_in_an_id(row: re.Match[str]) -> bool:
    """Whether the digits stand in one of our ids: 32 hexadecimal digits, a letter among them, and nothing beside.

    By chance every hundredth id has digits in it that look like a card number; masked, it could not be looked up.
    """
    before = row.string[max(0, row.start() - ID_LENGTH) : row.start()]
    after = row.string[row.end() : row.end() + ID_LENGTH]
    first = before[len(before.rstrip(_HEX)) :]
    last = after[: len(after) - len(after.lstrip(_HEX))]
    beside = before[: len(before) - len(first)][-1:] + after[len(last) :][:1]
    word = f"{first}{row[0]}{last}"
    return len(word) == ID_LENGTH and not word.isdecimal() and not any(map(str.isalnum, beside))


def _number(value: float) -> Loggable:
    if isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
        return f"<number of {value.bit_length()} bits>"
    if not math.isfinite(value):
        return str(value)
    written = repr(value)
    scrubbed = scrub_text(written)
    return value if scrubbed == written else scrubbed


def _collection(value: object, depth: int) -> Loggable:
    members = _members_of(value)
    if members is not None:
        return _members(members, depth) if depth < MAX_DEPTH else "…"
    if isinstance(value, list | tuple | AbstractSet):
        return _items(value, depth) if depth < MAX_DEPTH else "…"
    return scrub_text(_printed(value))


def _items(items: Collection[object], depth: int) -> list[Loggable]:
    written = [scrub(item, depth + 1) for item in islice(items, MAX_ITEMS)]
    return [*written, "…"] if len(items) > MAX_ITEMS else written


def _members_of(value: object) -> Mapping[object, object] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, BaseModel):
        return dict(value)
    if not isinstance(value, type) and is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in fields(value)}
    return None


def _members(members: Mapping[object, object], depth: int) -> dict[str, Loggable]:
    written: dict[str, Loggable] = {}
    for key, value in islice(members.items(), MAX_ITEMS):
        name = key if isinstance(key, str) else _printed(key)
        hidden = is_secret(name) and value is not None
        written[scrub_text(name)] = REDACTED if hidden else scrub(value, depth + 1)
    if len(members) > MAX_ITEMS:
        written["…"] = f"{len(members) - MAX_ITEMS} more"
    return written


def _printed(value: object) -> str:
    try:
        return str(value) if isinstance(value, BaseException) else repr(value)
    except Exception:  # noqa: BLE001 - whatever a stranger's repr raises, the line is still written
        return f"<unprintable {type(value).__name__}>"
