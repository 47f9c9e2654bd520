"""DPoP proofs (RFC 9449): each request shows anew that it comes from the holder of the link's key.

docs/reference/pairing-protocol.md, section 8. What was used before is the portal's to remember, for ten minutes by the
proof's `jti`; the time in a proof is not judged, because the nonce is the portal's own clock.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link import jose
from tillbridge.link.base64url import encode
from tillbridge.link.keys import KeyPair, PublicJwk, PublicKey

TYPE: Final = "dpop+jwt"
MAX_PROOF: Final = 2048
"""Characters: a proof for an address of usual length has about 500."""

REMEMBERED_SECONDS: Final = 600
"""So long the portal remembers a `jti`: twice the life of the nonce that the same proof carries."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})", re.ASCII)
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class _Claims(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    htm: Annotated[str, Field(max_length=20)]
    htu: Annotated[str, Field(max_length=1024)]
    iat: Annotated[int, Field(ge=0, le=2**53)]
    jti: Annotated[str, Field(min_length=8, max_length=128)]
    nonce: Annotated[str | None, Field(max_length=128)] = None
    ath: Annotated[str | None, Field(max_length=64)] = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that holds: `jkt` is the thumbprint of its key, `jti` its own name.

    `issued_at` is its time in whole seconds since 1970, by the other side's clock.
    """

    jkt: str
    jti: str
    issued_at: int


@dataclass(frozen=True, slots=True)
class Call:
    """The request that a proof is for: its method, its whole address, and the access token that it carries, if any."""

    method: str
    url: str
    access_token: str | None = None


def make(key: KeyPair, call: Call, *, jti: str, at: datetime, nonce: str | None = None) -> str:
    """The proof for one request. `jti` is new for each one."""
    claims = _Claims(
        htm=call.method,
        htu=_address(call.url),
        iat=int(at.timestamp()),
        jti=jti,
        nonce=nonce,
        ath=None if call.access_token is None else _token_hash(call.access_token),
    )
    header: dict[str, object] = {"typ": TYPE, "jwk": key.public.jwk.model_dump(mode="json")}
    return jose.write(header, claims.model_dump_json(exclude_none=True).encode(), jose.signing_key(key))


def check(proof: str, call: Call, *, nonces: Collection[str]) -> Proof:
    """Checks a proof against the request it came with; `nonces` are those that are accepted now.

    `BridgeError`: NONCE_NEEDED only for a proof that is right in all else, PROOF_REFUSED for any other fault. Whether
    `jkt` is the key of the link or of the token, and `jti` is new, is left to the caller.
    """
    key, claims = _verified(proof)
    if claims.htm != call.method:
        raise BridgeError(Code.PROOF_REFUSED, "the proof is for another method")
    try:
        same_address = _address(claims.htu) == _address(call.url)
    except ValueError:
        same_address = False
    if not same_address:
        raise BridgeError(Code.PROOF_REFUSED, "the proof is for another address")
    expected = None if call.access_token is None else _token_hash(call.access_token)
    if not _same(claims.ath, expected):
        raise BridgeError(Code.PROOF_REFUSED, "the proof is for another token")
    # Every nonce is compared, so that the time says nothing about which one came close.
    if claims.nonce is None or sum(_same(claims.nonce, nonce) for nonce in nonces) == 0:
        raise BridgeError(Code.NONCE_NEEDED, "the proof carries no nonce that is valid now")
    return Proof(key.thumbprint, claims.jti, claims.iat)


def _verified(proof: str) -> tuple[PublicKey, _Claims]:
    try:
        parts = jose.take_apart(proof, TYPE, MAX_PROOF)
        key = PublicKey.of_jwk(PublicJwk.model_validate(parts.headers().get("jwk")))
        claims = _Claims.model_validate_json(jose.verify(parts, jose.checking_key(key)))
    except (jose.Unverified, ValidationError, ValueError):
        raise BridgeError(Code.PROOF_REFUSED, "the proof cannot be read, or its signature does not hold") from None
    return key, claims


def _token_hash(token: str) -> str:
    return encode(hashlib.sha256(token.encode()).digest())


def _same(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return hmac.compare_digest(one.encode(), other.encode())


def _address(url: str) -> str:
    """An address as RFC 9449, section 4.3, compares it: without query and fragment, normalised.

    By syntax and by scheme (RFC 3986, sections 6.2.2 and 6.2.3). `ValueError` for what is no web address, or carries a
    login.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("no address of a web service")
    return f"{parts.scheme}://{_authority(parts)}{_path(parts.path)}"


def _authority(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{host}{port}"


def _path(path: str) -> str:
    """Escapes in one spelling, dot segments walked, never empty."""
    spelled = _ESCAPE.sub(lambda found: _spelled(found[1]), path)
    walked: list[str] = []
    steps = spelled.split("/")[1:]
    for step in steps:
        if step == "..":
            del walked[-1:]
        elif step != ".":
            walked.append(step)
    if steps and steps[-1] in {".", ".."}:
        walked.append("")
    return "/" + "/".join(walked)


def _spelled(digits: str) -> str:
    sign = chr(int(digits, 16))
    return sign if sign in _UNRESERVED else f"%{digits.upper()}"
