"""Signatures of what HiPay sends by itself (UPSTREAM.md, section 6). Checked on the raw body, before anything is read.

These are plain digests over the body and a passphrase, and no HMAC: that is how HiPay makes them.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

NOTIFICATION_HEADER: Final = "x-allopass-signature"
TERMINAL_HEADER: Final = "x-hipay-signature"

_HEX: Final = re.compile(r"[0-9A-Fa-f]{40,128}", re.ASCII)


class Digest(StrEnum):
    """The digests that a HiPay account can be set to; which one was used shows by its length."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


ALL_DIGESTS: Final = tuple(Digest)

_OF_LENGTH: Final = {40: Digest.SHA1, 64: Digest.SHA256, 128: Digest.SHA512}


def signature(body: bytes, passphrase: str, digest: Digest) -> str:
    """What HiPay would sign this body with, in hexadecimal."""
    return hashlib.new(digest.value, body + passphrase.encode()).hexdigest()


def signed_with(
    body: bytes,
    passphrase: str,
    *,
    notification: Sequence[str],
    terminal: Sequence[str],
    allowed: Collection[Digest] = ALL_DIGESTS,
) -> str | None:
    """By which header and digest this body is proven to be HiPay's; None where it is not.

    `notification` and `terminal` are the values of the two headers. Whoever sends both must be right in both, and
    whoever sends one of them twice is refused: nobody could say which one counts.
    """
    if len(notification) > 1 or len(terminal) > 1 or not (notification or terminal):
        return None
    proven: list[str] = []
    for value in notification:
        digest = _OF_LENGTH.get(len(value)) if _HEX.fullmatch(value) else None
        if digest is None or digest not in allowed or not _same(value, signature(body, passphrase, digest)):
            return None
        proven.append(f"{NOTIFICATION_HEADER} {digest.value}")
    for value in terminal:
        if not _same(value, signature(body, passphrase, Digest.SHA256)):
            return None
        proven.append(f"{TERMINAL_HEADER} {Digest.SHA256.value}")
    return ", ".join(proven)


def _same(presented: str, expected: str) -> bool:
    """In a time that says nothing about where they differ."""
    return hmac.compare_digest(presented.lower().encode("utf-8", "replace"), expected.encode())
