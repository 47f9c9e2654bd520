"""Signed requests of the hot routes: HTTP message signatures (RFC 9421) with HMAC-SHA256 and a key of ten minutes.

docs/reference/pairing-protocol.md, section 9. Exactly one list of components is signed and accepted, so there is no
general reader of signature headers here: what does not read as `sign` writes it is refused. A replay is harmless,
because the idempotency key is signed with the rest.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link.base64url import KEY_BYTES

LABEL: Final = "tb"
ALGORITHM: Final = "hmac-sha256"
WINDOW_SECONDS: Final = 60
"""So far a signature's time may lie from the portal's: both ways, because a till's clock may be ahead."""

MAX_HEADER: Final = 512
"""Characters of each header that is read here."""

CONTENT_DIGEST: Final = "content-digest"
IDEMPOTENCY_KEY: Final = "idempotency-key"
SIGNATURE: Final = "signature"
SIGNATURE_INPUT: Final = "signature-input"

_WITHOUT_QUERY: Final = ("@method", "@path", CONTENT_DIGEST, IDEMPOTENCY_KEY)
_WITH_QUERY: Final = ("@method", "@path", "@query", CONTENT_DIGEST, IDEMPOTENCY_KEY)
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_INPUT: Final = re.compile(
    rf'{LABEL}=(?P<parameters>\((?P<components>[a-z@" -]{{1,120}})\)'
    rf';created=(?P<created>[0-9]{{1,12}});keyid="(?P<keyid>{_KEY_ID.pattern})";alg="{ALGORITHM}")',
    re.ASCII,
)
_SIGNATURE: Final = re.compile(rf"{LABEL}=:(?P<mac>[A-Za-z0-9+/]{{43}}=):", re.ASCII)
_METHOD: Final = re.compile(r"[A-Z]{1,16}", re.ASCII)
_PATH: Final = re.compile(r"/[!-~]{0,1023}", re.ASCII)
_QUERY: Final = re.compile(r"[!-~]{0,1023}", re.ASCII)
_IDEMPOTENCY_VALUE: Final = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A key that both sides know for ten minutes: `id` is sent with each request, `secret` never."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if _KEY_ID.fullmatch(self.id) is None or len(self.secret) < KEY_BYTES:
            raise ValueError(f"a session key has an id of 1 to 64 signs and {KEY_BYTES} bytes or more")


@dataclass(frozen=True, slots=True)
class Signed:
    """The request that is signed. `path` and `query` as they stand in the request line, the query without its `?`."""

    method: str
    path: str
    query: str
    body: bytes = field(repr=False)
    idempotency_key: str

    def __post_init__(self) -> None:
        fits = (
            _METHOD.fullmatch(self.method)
            and _PATH.fullmatch(self.path)
            and _QUERY.fullmatch(self.query)
            and _IDEMPOTENCY_VALUE.fullmatch(self.idempotency_key)
        )
        # A line end in any of them would let one request read like another.
        if not fits:
            raise ValueError("a request with a method, path, query or key that cannot be signed")


@dataclass(frozen=True, slots=True)
class Presented:
    """The signature that came with a request, read and not yet checked."""

    key_id: str
    created: int
    mac: bytes
    parameters: str
    components: tuple[str, ...]

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> Self:
        """Reads the two headers, whose names are in lower case; `BridgeError(PROOF_REFUSED)` if they are not ours."""
        given = _INPUT.fullmatch(_header(headers, SIGNATURE_INPUT))
        signature = _SIGNATURE.fullmatch(_header(headers, SIGNATURE))
        if given is None or signature is None:
            raise BridgeError(Code.PROOF_REFUSED, "the request is not signed as this route needs it")
        for known in (_WITHOUT_QUERY, _WITH_QUERY):
            if given["components"] == _quoted(known):
                mac = base64.b64decode(signature["mac"])
                return cls(given["keyid"], int(given["created"]), mac, given["parameters"], known)
        raise BridgeError(Code.PROOF_REFUSED, "the signature does not cover what it must")

    def check(self, request: Signed, headers: Mapping[str, str], key: SessionKey, now: datetime) -> None:
        """Checks the signature; `BridgeError(PROOF_REFUSED)` if it does not hold, or its time is over a minute off."""
        if self.key_id != key.id or self.components != _components(request):
            raise BridgeError(Code.PROOF_REFUSED, "the signature does not cover this request")
        # The MAC covers the header and the header covers the body: both have to hold.
        digest = _header(headers, CONTENT_DIGEST)
        body_holds = hmac.compare_digest(digest.encode(), content_digest(request.body).encode())
        expected = mac(key.secret, base(_values(request, digest), self.parameters))
        if not hmac.compare_digest(expected, self.mac) or not body_holds:
            raise BridgeError(Code.PROOF_REFUSED, "the signature does not hold")
        if abs(now.timestamp() - self.created) > WINDOW_SECONDS:
            raise BridgeError(Code.PROOF_REFUSED, "the signature is too old, or from the future")


def sign(key: SessionKey, request: Signed, now: datetime) -> dict[str, str]:
    """The headers that go with the request, besides its `Idempotency-Key`."""
    digest = content_digest(request.body)
    parameters = f'({_quoted(_components(request))});created={int(now.timestamp())};keyid="{key.id}";alg="{ALGORITHM}"'
    signature = mac(key.secret, base(_values(request, digest), parameters))
    return {
        CONTENT_DIGEST: digest,
        SIGNATURE_INPUT: f"{LABEL}={parameters}",
        SIGNATURE: f"{LABEL}=:{base64.b64encode(signature).decode()}:",
    }


def check(headers: Mapping[str, str], request: Signed, key: SessionKey, now: datetime) -> None:
    """Reads and checks in one; see `Presented`."""
    Presented.read(headers).check(request, headers, key, now)


def content_digest(body: bytes) -> str:
    """The `Content-Digest` of a body (RFC 9530), with SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def base(components: Sequence[tuple[str, str]], parameters: str) -> bytes:
    """The signature base (RFC 9421, section 2.5): a line for each component, the last one for the parameters."""
    lines = [*components, ("@signature-params", parameters)]
    return "\n".join(f'"{name}": {value}' for name, value in lines).encode()


def mac(secret: bytes, signature_base: bytes) -> bytes:
    """HMAC-SHA256 over a signature base (RFC 9421, section 3.3.3)."""
    return hmac.digest(secret, signature_base, "sha256")


def _components(request: Signed) -> tuple[str, ...]:
    return _WITH_QUERY if request.query else _WITHOUT_QUERY


def _values(request: Signed, digest: str) -> list[tuple[str, str]]:
    known = {
        "@method": request.method,
        "@path": request.path,
        "@query": f"?{request.query}",
        CONTENT_DIGEST: digest,
        IDEMPOTENCY_KEY: request.idempotency_key,
    }
    return [(name, known[name]) for name in _components(request)]


def _quoted(components: Sequence[str]) -> str:
    return " ".join(f'"{name}"' for name in components)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    return value if len(value) <= MAX_HEADER else ""
