"""SPAKE2 of the package `spake2`, with every way a share can be wrong turned into one refusal.

Suite TB-PAIR-1 is this package's SPAKE2 in the group of Ed25519, side A the connector and side B the portal; it is not
the encoding of RFC 9382 (docs/reference/pairing-protocol.md, section 4).
"""

from typing import Final

from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError  # type: ignore[import-untyped]  # it ships no types
from spake2.ed25519_basic import NotOnCurve  # type: ignore[import-untyped]  # it ships no types

from tillbridge.link.keys import Entropy

SHARE_BYTES: Final = 33
"""A letter for the side and an encoded point."""

_FIELD: Final = 2**255 - 19
_WITHOUT_SIGN: Final = 2**255 - 1


class BadShare(Exception):
    """A share of the wrong length or side, no point of the group, or our own sent back."""


class ConnectorPake:
    """Side A. It is used for one share of the other side, ever: an answer to a second one would test a second PIN."""

    __slots__ = ("_spake", "share")

    def __init__(self, pin: str, id_a: bytes, id_b: bytes, entropy: Entropy) -> None:
        self._spake = SPAKE2_A(pin.encode("ascii"), idA=id_a, idB=id_b, entropy_f=entropy)
        self.share: bytes = self._spake.start()

    def finish(self, share_b: bytes) -> bytes:
        """The common secret, 32 bytes, if the other side knows the PIN; something else if it does not. `BadShare`."""
        return _finish(self._spake, share_b)


def portal_finish(pin: str, id_a: bytes, id_b: bytes, share_a: bytes, entropy: Entropy) -> tuple[bytes, bytes]:
    """Side B in one step: its own share, and the common secret that follows from the other's. `BadShare`."""
    spake = SPAKE2_B(pin.encode("ascii"), idA=id_a, idB=id_b, entropy_f=entropy)
    share_b: bytes = spake.start()
    return share_b, _finish(spake, share_a)


def _finish(spake: SPAKE2_A | SPAKE2_B, share: bytes) -> bytes:
    # The package reads the first bytes of anything longer, and takes a coordinate beyond the field for its remainder.
    if len(share) != SHARE_BYTES or int.from_bytes(share[1:], "little") & _WITHOUT_SIGN >= _FIELD:
        raise BadShare
    try:
        secret: bytes = spake.finish(share)
    except (SPAKEError, NotOnCurve, ValueError):
        raise BadShare from None
    return secret
