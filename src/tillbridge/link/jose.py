"""JSON Web Signatures (RFC 7515) as the link uses them: compact, Ed25519, and nothing else.

The algorithm is named `Ed25519` (RFC 9864). `EdDSA`, its older name, is accepted from others and means the same here,
because no key of another curve can be given. The token's own header never chooses anything beyond these two names.
"""

from typing import Final

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey
from joserfc.jws import CompactSignature, JWSRegistry

from tillbridge.link.keys import KeyPair, PublicKey

ALGORITHM: Final = "Ed25519"
OLDER_NAME: Final = "EdDSA"
MAX_HEADER: Final = 512
"""Characters of a header: a public key needs about 150."""


class Unverified(Exception):
    """A text that is no such signature, or whose signature does not hold."""


class _Ed25519Only(JWSRegistry):
    """Knows one algorithm under its two names. The library's own entry for the older name would allow other curves."""

    max_header_length = MAX_HEADER

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in {ALGORITHM, OLDER_NAME}:
            raise UnsupportedAlgorithmError(f"only {ALGORITHM} is accepted")
        return self.algorithms[ALGORITHM]


_REGISTRY: Final = _Ed25519Only()


def signing_key(pair: KeyPair) -> OKPKey:
    """A key pair as the library takes it."""
    return OKPKey.import_key(pair.key)


def checking_key(public: PublicKey) -> OKPKey:
    """A public key as the library takes it."""
    return OKPKey.import_key(public.key)


def write(header: dict[str, object], payload: bytes, key: OKPKey) -> str:
    """The signed text. The header gets its algorithm here."""
    return jws.serialize_compact({"alg": ALGORITHM, **header}, payload, key, registry=_REGISTRY)


def take_apart(text: str, kind: str, most: int) -> CompactSignature:
    """The parts of a signed text that nobody has checked yet. `kind` is what its header must name as its `typ`.

    `Unverified` if it is no such text, of another kind, or has more than `most` characters.

    Extensions that must be understood (`crit`) are not: there are none here.
    """
    if len(text) > most:
        raise Unverified
    try:
        parts = jws.extract_compact(text.encode("ascii"), registry=_REGISTRY)
    except (JoseError, ValueError, TypeError, RecursionError, AttributeError):
        raise Unverified from None
    header: object = parts.headers()
    if not isinstance(header, dict) or "crit" in header or header.get("typ") != kind:
        raise Unverified
    return parts


def verify(parts: CompactSignature, key: OKPKey) -> bytes:
    """The signed payload; `Unverified` if the signature does not hold with this key."""
    try:
        held = jws.validate_compact(parts, key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        raise Unverified from None
    if not held or parts.payload is None:
        raise Unverified
    return parts.payload
