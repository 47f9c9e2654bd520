"""The credential of a location (docs/reference/pairing-protocol.md, section 7): good for asking for other tokens only.

It is a secret, and useless without the link's private key. The portal keeps its hash: for 256 bits of chance a fast one
is enough.
"""

import hashlib
import re
from typing import Final

from tillbridge.link.base64url import KEY_BYTES, encode
from tillbridge.link.keys import Entropy

PREFIX: Final = "tbm_"
PATTERN: Final = r"^tbm_[A-Za-z0-9_-]{43}$"

_FORM: Final = re.compile(PATTERN, re.ASCII)
_SHOWN: Final = 4


def new(entropy: Entropy) -> str:
    """A new token."""
    return PREFIX + encode(entropy(KEY_BYTES))


def has_form(text: str) -> bool:
    """Whether this could be a master token at all."""
    return len(text) == len(PREFIX) + 43 and _FORM.fullmatch(text) is not None


def hashed(token: str) -> bytes:
    """What the portal stores and looks for: SHA-256, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def masked(token: str) -> str:
    """What people are shown, on both sides the same: `tbm_••••` and the last four characters."""
    return f"{PREFIX}••••{token[-_SHOWN:]}"
