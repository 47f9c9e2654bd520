"""Ed25519 keys: that of a link, made by the connector and never sent, and those that the portal signs tokens with.

A public key is named by its thumbprint (RFC 7638) and shown to people as a fingerprint
(docs/reference/pairing-protocol.md, section 6).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict

from tillbridge.link.base64url import KEY_BYTES, Bytes32, encode

Entropy = Callable[[int], bytes]
"""So many bytes of chance: `secrets.token_bytes`, or `randbytes` of the runtime's chance."""

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base32 without I, L, O and U: letters that are read aloud over a telephone and not taken for a digit."""

_FINGERPRINT_CHARACTERS: Final = 12
_GROUP: Final = 4
_BITS_A_CHARACTER: Final = 5


class PublicJwk(BaseModel):
    """A public key as JSON (RFC 8037). It has these three members and no other, least of all a private one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    x: Bytes32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key, `raw` as its 32 bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise ValueError(f"an Ed25519 public key has {KEY_BYTES} bytes")

    @classmethod
    def of_jwk(cls, jwk: PublicJwk) -> Self:
        """The key that a JWK holds."""
        return cls(jwk.x)

    @property
    def jwk(self) -> PublicJwk:
        """The key as JSON carries it."""
        return PublicJwk(x=self.raw)

    @property
    def thumbprint(self) -> str:
        """RFC 7638 with SHA-256, as base64url: 43 characters."""
        return encode(self._thumbprint())

    @property
    def fingerprint(self) -> str:
        """What two people compare: the first 60 bits of the thumbprint, such as `QA7C-NAKS-RHF0`."""
        bits = _FINGERPRINT_CHARACTERS * _BITS_A_CHARACTER
        whole = self._thumbprint()
        number = int.from_bytes(whole) >> (8 * len(whole) - bits)
        shifts = range(bits - _BITS_A_CHARACTER, -1, -_BITS_A_CHARACTER)
        shown = "".join(_CROCKFORD[number >> shift & len(_CROCKFORD) - 1] for shift in shifts)
        return "-".join(shown[start : start + _GROUP] for start in range(0, len(shown), _GROUP))

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the holder of the private key has signed this message."""
        try:
            self.key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    @property
    def key(self) -> Ed25519PublicKey:
        """The key in the form of the library that computes with it."""
        return Ed25519PublicKey.from_public_bytes(self.raw)

    def _thumbprint(self) -> bytes:
        # The required members in the order of their names, without blanks (RFC 7638, section 3).
        members = {"crv": "Ed25519", "kty": "OKP", "x": encode(self.raw)}
        return hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An Ed25519 private key and what belongs to it. It never shows the private half."""

    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def make(cls, entropy: Entropy) -> Self:
        """A new pair."""
        return cls.load(entropy(KEY_BYTES))

    @classmethod
    def load(cls, raw: bytes) -> Self:
        """The pair whose private key are these 32 bytes; `ValueError` if they are not 32."""
        return cls(Ed25519PrivateKey.from_private_bytes(raw))

    def dump(self) -> bytes:
        """The private key as its 32 bytes. A secret: it is stored sealed and nowhere else."""
        return self.key.private_bytes_raw()

    @property
    def public(self) -> PublicKey:
        """The half that may be known."""
        return PublicKey(self.key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032) of this message, 64 bytes."""
        return self.key.sign(message)
