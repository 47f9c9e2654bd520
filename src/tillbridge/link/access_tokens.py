"""Access tokens: signed JWTs for one service, one location and one key (docs/reference/pairing-protocol.md, section 7).

Checking one asks no database. What must act at once, such as a revocation, is looked up besides where money moves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link import jose
from tillbridge.link.keys import KeyPair, PublicKey
from tillbridge.link.scopes import Scope, Service, known_scopes, write_scopes

TYPE: Final = "at+jwt"
"""RFC 9068: no other kind of JWT that the portal may ever sign is taken for an access token."""

LIFE_SECONDS: Final = 600
MAX_TOKEN: Final = 2048

_CANNOT_BE_READ: Final = "the access token cannot be read, or its signature does not hold"


class _Confirmation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    jkt: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class _Claims(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    iss: Annotated[str, Field(min_length=1, max_length=300)]
    aud: Annotated[str, Field(min_length=1, max_length=64)]
    scope: Annotated[str, Field(max_length=400)]
    loc: Annotated[str, Field(min_length=1, max_length=64)]
    link: Annotated[str, Field(min_length=1, max_length=64)]
    cnf: _Confirmation
    jti: Annotated[str, Field(min_length=8, max_length=128)]
    iat: Annotated[int, Field(ge=0, le=2**53)]
    exp: Annotated[int, Field(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token says: `location` and `link` are the portal's ids, `jkt` the thumbprint of the key it is bound to."""

    service: Service
    scopes: frozenset[Scope]
    location: str
    link: str
    jkt: str
    jti: str

    def demand(self, scope: Scope) -> None:
        """Passes if the token allows this; `BridgeError(LINK_SCOPE)` names what is missing."""
        if scope not in self.scopes:
            raise BridgeError(Code.LINK_SCOPE, "the access token does not allow this", place=scope)


class Issuer:
    """Makes the tokens of a portal with the key that signs now. `name` is the portal's address, the claim `iss`."""

    __slots__ = ("_header", "_key", "_name")

    def __init__(self, name: str, key: KeyPair) -> None:
        self._name = name
        self._key = jose.signing_key(key)
        self._header: Mapping[str, object] = {"typ": TYPE, "kid": key.public.thumbprint}

    def issue(self, token: AccessToken, now: datetime) -> str:
        """The token, good for ten minutes from `now`."""
        issued = int(now.timestamp())
        claims = _Claims(
            iss=self._name,
            aud=token.service,
            scope=write_scopes(token.scopes),
            loc=token.location,
            link=token.link,
            cnf=_Confirmation(jkt=token.jkt),
            jti=token.jti,
            iat=issued,
            exp=issued + LIFE_SECONDS,
        )
        return jose.write(dict(self._header), claims.model_dump_json().encode(), self._key)


class Checker:
    """Checks tokens with the portal's public keys: the one that signs now, and older ones while their tokens live."""

    __slots__ = ("_keys", "_name")

    def __init__(self, name: str, keys: Iterable[PublicKey]) -> None:
        self._name = name
        self._keys: Mapping[str, OKPKey] = {key.thumbprint: jose.checking_key(key) for key in keys}

    def check(self, token: str, service: Service, now: datetime) -> AccessToken:
        """What the token says, if it is ours, for this service, and still lives.

        `BridgeError`: TOKEN_EXPIRED for one that has run out or whose key has, LINK_SCOPE for one of another service,
        PROOF_REFUSED for any other fault. That the request is proven with the key of `jkt` is left to the caller.
        """
        claims = self._verified(token)
        if claims.iss != self._name:
            raise BridgeError(Code.PROOF_REFUSED, "the access token is of another portal")
        if now.timestamp() >= claims.exp:
            raise BridgeError(Code.TOKEN_EXPIRED, "the access token has run out")
        if claims.aud != service:
            raise BridgeError(Code.LINK_SCOPE, "the access token is for another service", place=service)
        scopes = known_scopes(claims.scope)
        return AccessToken(service, scopes, claims.loc, claims.link, claims.cnf.jkt, claims.jti)

    def _verified(self, token: str) -> _Claims:
        try:
            parts = jose.take_apart(token, TYPE, MAX_TOKEN)
            name = parts.headers().get("kid")
            key = self._keys.get(name) if isinstance(name, str) else None
            if key is None:
                # A key that has been taken out of use: a new token is signed with the one that came after it.
                raise BridgeError(Code.TOKEN_EXPIRED, "the access token is not signed by a key that is valid now")
            return _Claims.model_validate_json(jose.verify(parts, key))
        except (jose.Unverified, ValidationError):
            raise BridgeError(Code.PROOF_REFUSED, _CANNOT_BE_READ) from None
