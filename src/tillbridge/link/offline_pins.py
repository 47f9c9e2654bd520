"""PINs that only the portal can open, for vouchers that are taken without a connection.

An X25519 exchange with a key that is made for this one PIN, HKDF-SHA256 and ChaCha20-Poly1305: what RFC 9180 calls the
base mode, with our own labels. The till's computer cannot open what it has sealed, and a sealed PIN opens under the key
of its action alone.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tillbridge.link.base64url import KEY_BYTES, decode, encode

_LABEL: Final = b"tillbridge offline pin 1"
_NONCE: Final = bytes(12)
"""One key seals one PIN, so one nonce does."""


def public_half(private: bytes) -> str:
    """The public key of these 32 bytes, as it is handed out."""
    return encode(X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw())


def seal(public_key: str, action: str, pin: str, once: bytes) -> str:
    """The PIN, sealed for this key and this action. `once` are 32 bytes of chance, used here and never again.

    `ValueError` where this is no such key.
    """
    theirs = decode(public_key)
    ours = X25519PrivateKey.from_private_bytes(once)
    mine = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
    return encode(mine + _cipher(shared, mine, theirs).encrypt(_NONCE, pin.encode("ascii"), action.encode()))


def open_sealed(private: bytes, action: str, sealed: str) -> str | None:
    """The PIN; None where it was not sealed for this key and this action, or was changed."""
    ours = X25519PrivateKey.from_private_bytes(private)
    try:
        whole = decode(sealed)
        theirs, rest = whole[:KEY_BYTES], whole[KEY_BYTES:]
        shared = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
        mine = ours.public_key().public_bytes_raw()
        return _cipher(shared, theirs, mine).decrypt(_NONCE, rest, action.encode()).decode("ascii")
    except (InvalidTag, ValueError):
        return None


def _cipher(shared: bytes, once: bytes, public: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), KEY_BYTES, None, _LABEL + once + public).derive(shared))
