"""What a browser or a link holds, and what is kept of it."""

import base64
import hashlib
import random
from typing import Final

SECRET_BYTES: Final = 32
"""256 bits: nobody guesses one, and a plain hash of it is enough to keep."""

LONGEST_SECRET: Final = 64


def new_secret(chance: random.Random) -> str:
    """A new secret, 43 characters that stand in a cookie or a link as they are."""
    return to_text(chance.randbytes(SECRET_BYTES))


def hashed(secret: str) -> str:
    """What is kept of a secret of ours: SHA-256 in hexadecimal digits."""
    return hashlib.sha256(secret[:LONGEST_SECRET].encode()).hexdigest()


def to_text(raw: bytes) -> str:
    """Bytes in base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def to_bytes(text: str) -> bytes:
    """The bytes of such a text. `ValueError` if it is none."""
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
