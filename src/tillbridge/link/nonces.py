"""Nonces for DPoP proofs (RFC 9449, section 8) that no replica of the portal has to remember.

A nonce is a MAC over a slot of time with a secret that all replicas share, so each of them accepts what any of them
gave out. Two slots are one life: a nonce lives for five minutes at most and for half of that at least.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tillbridge.link.base64url import KEY_BYTES, encode

LIFE_SECONDS: Final = 300
SLOT_SECONDS: Final = LIFE_SECONDS // 2

_NONCE_BYTES: Final = 16
_PURPOSE: Final = b"tillbridge dpop nonce "
"""Keeps this use of the secret apart from any other."""


@dataclass(frozen=True, slots=True)
class Nonces:
    """The nonces of a portal. `secret` are 32 bytes or more that only the portal's replicas know."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < KEY_BYTES:
            raise ValueError(f"the secret of the nonces has {KEY_BYTES} bytes or more")

    def current(self, now: datetime) -> str:
        """What is given out at this moment."""
        return self._of(_slot(now))

    def accepted(self, now: datetime) -> tuple[str, ...]:
        """What a proof may carry at this moment: this slot's nonce, the last one's, and the next one's.

        The next one comes from a replica whose clock is a little ahead: nobody else can have made it.
        """
        slot = _slot(now)
        return self._of(slot), self._of(slot - 1), self._of(slot + 1)

    def _of(self, slot: int) -> str:
        return encode(hmac.digest(self.secret, _PURPOSE + str(slot).encode(), "sha256")[:_NONCE_BYTES])


def _slot(now: datetime) -> int:
    return int(now.timestamp()) // SLOT_SECONDS
