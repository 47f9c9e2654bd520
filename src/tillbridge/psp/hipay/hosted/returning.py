"""What the buyer's browser brings back from HiPay, with its signature (HOSTED.md, section 5).

A return is never believed: it only says that it is time to ask. Its signature keeps strangers from having us ask.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from tillbridge.psp.hipay.signatures import ALL_DIGESTS, Digest

HASH: Final = "hash"

PARAMETERS: Final = frozenset(
    {
        *("orderid", "cid", "state", "status", "test", "reference", "approval", "authorized", "ip", "country", "lang"),
        *("email", "score", "fraud", "review", "avscheck", "cvccheck", "pp", "eci3ds", "veres", "pares"),
        *("cardtoken", "cardbrand", "cardpan", "cardexpiry", "cardcountry"),
        *(f"cdata{number}" for number in range(1, 11)),
    }
)
"""What HiPay sends. Everything else in the address is the shop's own and is in no signature."""

MOST: Final = 100
"""Parameters of one address: HiPay's own are forty."""

_HEX: Final = re.compile(r"[0-9A-Fa-f]{40,128}", re.ASCII)
_OF_LENGTH: Final = {40: Digest.SHA1, 64: Digest.SHA256, 128: Digest.SHA512}


def return_signature(parameters: Mapping[str, str], passphrase: str, digest: Digest) -> str:
    """What HiPay would sign these with: name, value and passphrase of each that has a value, by name."""
    named = sorted((name, value) for name, value in parameters.items() if name in PARAMETERS and value)
    text = "".join(f"{name}{value}{passphrase}" for name, value in named)
    return hashlib.new(digest.value, text.encode("utf-8", "surrogatepass")).hexdigest()


def returned(
    query: Sequence[tuple[str, str]], passphrase: str, allowed: Collection[Digest] = ALL_DIGESTS
) -> Mapping[str, str] | None:
    """HiPay's parameters of an address that a buyer came to, if their signature holds; None where not.

    A parameter that stands twice is refused: nobody could say which one was signed.
    """
    own = [(name, value) for name, value in query if name in PARAMETERS or name == HASH]
    found = dict(own)
    if len(query) > MOST or len(found) != len(own) or "orderid" not in found:
        return None
    shown = found.pop(HASH, "")
    digest = _OF_LENGTH.get(len(shown)) if _HEX.fullmatch(shown) else None
    if digest is None or digest not in allowed:
        return None
    expected = return_signature(found, passphrase, digest)
    return found if hmac.compare_digest(shown.lower().encode(), expected.encode()) else None
