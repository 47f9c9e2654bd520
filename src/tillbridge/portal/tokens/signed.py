"""Requests of the hot routes, signed with a session key (docs/reference/pairing-protocol.md, section 9)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.signatures import (
    IDEMPOTENCY_KEY,
    MAX_HEADER,
    SIGNATURE,
    SIGNATURE_INPUT,
    Presented,
    SessionKey,
    Signed,
)
from tillbridge.portal.tokens.model import Caller
from tillbridge.portal.tokens.proving import raw_path_of
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.tokens.store import Session
from tillbridge.web import asgi

_ONCE = frozenset({SIGNATURE, SIGNATURE_INPUT, IDEMPOTENCY_KEY})


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request with the signature that it carries, which nobody has checked yet."""

    presented: Presented
    request: Signed
    headers: dict[str, str] = field(repr=False)

    @classmethod
    def read(cls, scope: asgi.Scope, body: bytes) -> Self:
        """Reads it from what the server gives. `BridgeError(PROOF_REFUSED)` if it is not signed as it has to be."""
        headers = _headers(scope["headers"])
        presented = Presented.read(headers)
        try:
            request = Signed(
                scope["method"],
                raw_path_of(scope),
                scope["query_string"].decode("latin-1"),
                body,
                headers[IDEMPOTENCY_KEY],
            )
        except ValueError:
            raise BridgeError(Code.PROOF_REFUSED, "a request like this cannot be signed") from None
        return cls(presented, request, headers)

    def proven(
        self, found: tuple[Session, SessionKey] | None, service: Service | None, scope: Scope, now: datetime
    ) -> Caller:
        """Who asks, by the session key that the signature names, if it allows this.

        `BridgeError`: PROOF_REFUSED for a signature that does not hold, TOKEN_EXPIRED for a key that has run out,
        LINK_SCOPE, and what stands in the way of the link.
        """
        if found is None:
            raise BridgeError(Code.TOKEN_EXPIRED, "ask for a new session key", place="keyid")
        session, key = found
        self.presented.check(self.request, self.headers, key, now)
        if service is not None and session.service is not service:
            raise BridgeError(Code.LINK_SCOPE, "the session key is for another service", place=service)
        if scope not in session.scopes:
            raise BridgeError(Code.LINK_SCOPE, "the session key does not allow this", place=scope)
        session.condition.require(scope)
        return Caller(session.link_id, session.location_id, session.service, session.scopes)


async def signed_caller(tokens: Tokens, request: Request, service: Service | None, scope: Scope) -> Caller:
    """Checks a signed request, and the state of its link in the same query that finds the key. See `proven`."""
    signed = SignedRequest.read(request.scope, await request.body())
    found = await tokens.sessions.ask(signed.presented.key_id)
    return signed.proven(found, service, scope, tokens.house.runtime.clock.now())


def _headers(given: Sequence[asgi.Header]) -> dict[str, str]:
    """The headers by name. Two of one kind would let the signature cover another than the one that is read."""
    found: dict[str, str] = {}
    once = set(_ONCE)
    for name, value in given:
        named = name.decode("latin-1").lower()
        if named in _ONCE and (named in found or len(value) > MAX_HEADER):
            once.add(named)
            break
        once.discard(named)
        found[named] = value.decode("latin-1")
    if once:
        raise BridgeError(Code.PROOF_REFUSED, "a signed request has this header once", place=min(once))
    return found
