"""Looks for what must never leave a shop, in any spelling: card numbers, known secrets, tokens, logins, private keys.

It is the gate behind everything that masks: a support bundle is written only if nothing is found in it.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, quote_plus, unquote

from tillbridge.runtime.scrubbing import REDACTED, looks_like_card_number, scrub_text

SHORTEST: Final = 4
"""Characters of a secret that can be looked for: anything shorter stands in every text by chance."""

ANYWHERE: Final = 8
"""Secrets of so many characters are found in the middle of a word, too; shorter ones as a word of their own."""

DEPTH: Final = 2
"""Codings within each other that are undone: base64 in a form that is percent-encoded has two."""

HIDDEN_DIGIT: Final = "#"

_SEPARATOR: Final = r"[ \t\r\n\u00a0.,:/_-]{0,2}"
_ROW: Final = re.compile(rf"[0-9](?:{_SEPARATOR}[0-9]){{12,}}")
_OUR_ID: Final = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9a-f]*[a-f])[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9A-Za-z])", re.ASCII
)
"""The ids that this program makes (UUID version 7): by chance every tenth has digits in it that look like a card's."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}", re.ASCII)
_HEX: Final = re.compile(r"[0-9A-Fa-f]{16,}", re.ASCII)
_ESCAPED: Final = re.compile(r"\\u([0-9A-Fa-f]{4})", re.ASCII)


class Kind(StrEnum):
    """What was found. A finding names this and the member, and never what it is."""

    CARD_NUMBER = "card_number"
    SECRET = "secret"  # noqa: S105  # the name of a kind
    MASTER_TOKEN = "master_token"  # noqa: S105  # the name of a kind
    SIGNED_TOKEN = "signed_token"  # noqa: S105  # the name of a kind
    LOGIN = "login"
    PASSWORD_HASH = "password_hash"  # noqa: S105  # the name of a kind
    PRIVATE_KEY = "private_key"


_PATTERNS: Final = (
    (Kind.MASTER_TOKEN, re.compile(r"tbm_[A-Za-z0-9_-]{8,}")),
    (Kind.SIGNED_TOKEN, re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.")),
    (Kind.LOGIN, re.compile(r"\b(?:basic|bearer|digest|dpop)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)),
    (Kind.LOGIN, re.compile(r"authorization[\"']?\s*[:=]\s*[\"']?(?!<redacted>|null\b)[^\s\"'<,}]", re.IGNORECASE)),
    (Kind.LOGIN, re.compile(r"://[^/\s:@\"]+:(?!<redacted>)[^/\s@\"]+@")),
    (Kind.PASSWORD_HASH, re.compile(r"\$argon2[a-z]*\$|\$2[aby]\$[0-9]{2}\$")),
    (Kind.PRIVATE_KEY, re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of one connector, in the spellings in which one may turn up. `repr` shows none."""

    anywhere: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, known: Iterable[str]) -> "Secrets":
        """Those that can be looked for."""
        whole = {secret for secret in known if len(secret) >= SHORTEST}
        longer = {form for secret in whole if len(secret) >= ANYWHERE for form in spellings(secret)}
        return cls(
            tuple(sorted(longer, key=len, reverse=True)),
            tuple(sorted(secret for secret in whole if len(secret) < ANYWHERE)),
        )

    def __repr__(self) -> str:
        return f"Secrets({len(self.anywhere) + len(self.words)} spellings)"

    def within(self, text: str) -> bool:
        """Whether one of them stands in the text."""
        return any(secret in text for secret in self.anywhere) or any(_word(one).search(text) for one in self.words)

    def hide(self, text: str) -> str:
        """The text without them."""
        for secret in self.anywhere:
            text = text.replace(secret, REDACTED)
        for one in self.words:
            text = _word(one).sub(REDACTED, text)
        return text


def _word(secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])")


def spellings(secret: str) -> Iterator[str]:
    """A secret as it may stand in a text: as it is, in base64, hexadecimal, a form, a JSON string."""
    raw = secret.encode()
    yield secret
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield encoded.decode().rstrip("=")
    yield raw.hex()
    yield raw.hex().upper()
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]


def harmless(text: str, secrets: Secrets) -> str:
    """The text with everything hidden that can be recognised in it: line by line, so that each stays readable."""
    lines = (scrub_text(secrets.hide(line)) for line in text.split("\n"))
    return _hide_rows("\n".join(lines))


def _hide_rows(text: str) -> str:
    ids = {found.group() for found in _OUR_ID.finditer(text)}

    def hide(row: re.Match[str]) -> str:
        digits = re.sub("[^0-9]", "", row.group())
        if not looks_like_card_number(digits) or _in_one(row, ids):
            return row.group()
        return re.sub("[0-9]", HIDDEN_DIGIT, row.group())

    return _ROW.sub(hide, text)


def _in_one(row: re.Match[str], ids: set[str]) -> bool:
    """Whether the digits stand in one of our ids and nowhere else."""
    around = row.string[max(0, row.start() - 32) : row.end() + 32]
    return any(row.group() in one and one in around for one in ids)


def search(content: bytes, secrets: Secrets) -> Kind | None:
    """The first thing found in these bytes that must not leave; None where there is nothing."""
    text = content.decode("utf-8", errors="replace")
    for reading in _readings(text, DEPTH):
        found = _found(reading, secrets)
        if found is not None:
            return found
    return None


def _found(text: str, secrets: Secrets) -> Kind | None:
    if secrets.within(text):
        return Kind.SECRET
    for kind, pattern in _PATTERNS:
        if pattern.search(text):
            return kind
    return Kind.CARD_NUMBER if _shows_card_number(text) else None


def _shows_card_number(text: str) -> bool:
    rows = _ROW.finditer(_OUR_ID.sub("<id>", text))
    return any(looks_like_card_number(re.sub("[^0-9]", "", row.group())) for row in rows)


def hides_card_number(text: str) -> bool:
    """Whether a card number shows in the text once a coding of it is undone."""
    return any(_shows_card_number(reading) for reading in _readings(text, 1) if reading != text)


def _readings(text: str, depth: int) -> Iterator[str]:
    """The text, and what it says once its codings are undone."""
    yield text
    if depth == 0:
        return
    inner: list[str] = []
    if "%" in text:
        inner.append(unquote(text, errors="replace"))
    if "\\u" in text:
        inner.append(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))
    decoded = [*_decoded_hex(text), *_decoded_base64(text)]
    if decoded:
        inner.append("\x00\x00\x00".join(decoded))
    for one in inner:
        if one != text:
            yield from _readings(one, depth - 1)


def _decoded_base64(text: str) -> Iterator[str]:
    for run in _BASE64.finditer(text):
        body = run.group().rstrip("=").translate(_STANDARD)
        for offset in range(4):
            part = body[offset:]
            part = part[: len(part) - (len(part) % 4 == 1)]
            with_end = part + "=" * (-len(part) % 4)
            try:
                yield _readable(base64.b64decode(with_end))
            except binascii.Error:
                continue


_STANDARD: Final = str.maketrans("-_", "+/")


def _decoded_hex(text: str) -> Iterator[str]:
    for run in _HEX.finditer(text):
        for offset in (0, 1):
            part = run.group()[offset:]
            yield _readable(bytes.fromhex(part[: len(part) // 2 * 2]))


def _readable(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def members_found(members: Sequence[tuple[str, bytes]], secrets: Secrets) -> tuple[str, Kind] | None:
    """The first member that must not leave, by its name or its content, and why."""
    for name, content in members:
        kind = search(name.encode(), secrets) or search(content, secrets)
        if kind is not None:
            return name, kind
    return None
