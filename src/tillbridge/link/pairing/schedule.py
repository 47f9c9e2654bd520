"""From the common secret to the keys of one exchange (docs/reference/pairing-protocol.md, section 4).

Both sides hash all that was said in the open into the transcript; each key and each sealed text is bound to it, so that
whoever changes a byte on the way ends with other keys than both of them.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.base64url import KEY_BYTES
from tillbridge.link.pairing.words import SUITE

_NONCE: Final = bytes(12)
"""Each key seals one text, ever: a nonce that never changes is never used twice with the same key."""

_LENGTH_BYTES: Final = 2
_PROOF: Final = f"{SUITE} key proof".encode()


class Label(StrEnum):
    """What a derived key is for. A key has one use."""

    CONFIRM_A = "confirm a"
    CONFIRM_B = "confirm b"
    SEAL_A = "seal a"
    SEAL_B = "seal b"


class Unreadable(Exception):
    """A sealed text that this key does not open, or that somebody has changed."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Who speaks with whom, as both sides must name it: the location, and the host name that the portal goes by."""

    connector: bytes
    portal: bytes

    @classmethod
    def of(cls, location: LocationNumber, host: str) -> "Identities":
        """The names of both sides; `host` is in lower case already (`words.portal_host`)."""
        return cls(f"{SUITE}/connector/{location}".encode(), f"{SUITE}/portal/{location}/{host}".encode())


def transcript_hash(identities: Identities, share_a: bytes, share_b: bytes, session_id: str) -> bytes:
    """All that was said in the open, each piece with its length before it, hashed: 32 bytes.

    The session's name goes in as the text that travels, not as the bytes it was made of.
    """
    pieces = (SUITE.encode(), identities.connector, identities.portal, share_a, share_b, session_id.encode())
    return hashlib.sha256(b"".join(len(piece).to_bytes(_LENGTH_BYTES) + piece for piece in pieces)).digest()


def confirmation_a(key: bytes, transcript: bytes, sealed_a: bytes) -> bytes:
    """How the connector proves that it knew the PIN."""
    return hmac.digest(key, transcript + hashlib.sha256(sealed_a).digest(), "sha256")


def confirmation_b(key: bytes, transcript: bytes, confirm_a: bytes, sealed_b: bytes) -> bytes:
    """How the portal proves that it knew the PIN, and that this is its answer to that proof of the connector's."""
    return hmac.digest(key, transcript + confirm_a + hashlib.sha256(sealed_b).digest(), "sha256")


def seal(key: bytes, transcript: bytes, plain: bytes) -> bytes:
    """Encrypts and authenticates the one text of this key."""
    return ChaCha20Poly1305(key).encrypt(_NONCE, plain, transcript)


def unseal(key: bytes, transcript: bytes, sealed: bytes) -> bytes:
    """What `seal` was given; `Unreadable` for anything else."""
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, transcript)
    except (InvalidTag, ValueError):
        raise Unreadable from None


def key_proof(transcript: bytes) -> bytes:
    """What the connector signs to show that the key it sends is its own, and meant for this exchange."""
    return _PROOF + transcript


@dataclass(frozen=True, slots=True)
class Schedule:
    """The common secret of one exchange, bound to its transcript. It derives the keys as they are asked for."""

    secret: bytes = field(repr=False)
    transcript: bytes

    def key(self, label: Label) -> bytes:
        """The key for this use, 32 bytes."""
        derivation = HKDF(hashes.SHA256(), KEY_BYTES, salt=self.transcript, info=f"{SUITE} {label}".encode())
        return derivation.derive(self.secret)
