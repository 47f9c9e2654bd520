"""Who calls a service: the dependencies of FastAPI that stand before every route of a connector.

`bearer` takes an access token with a proof, `signed` a request signed with a session key, `either` both. A router that
uses them is made with `answers.proven_route`, so that every answer carries the next nonce.
"""

import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import jose
from tillbridge.link.access_tokens import MAX_TOKEN, TYPE, AccessToken
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.signatures import SIGNATURE_INPUT
from tillbridge.portal.tokens.model import Caller, needs_condition
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.tokens.signed import signed_caller

SCHEME: Final = "dpop"

Asking = Callable[[Request], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class Proven:
    """A caller with the thumbprint of the key that proved the request."""

    caller: Caller
    thumbprint: str


class Callers:
    """Makes the dependencies. `service` None: the route is about the link itself, and every service's token counts."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    def bearer(self, service: Service | None, scope: Scope) -> Asking:
        """For a route that needs this scope and takes access tokens."""

        async def caller(request: Request) -> Caller:
            return (await self.proven(request, service, scope)).caller

        return caller

    def signed(self, service: Service | None, scope: Scope) -> Asking:
        """For a hot route that needs this scope and takes signed requests."""

        async def caller(request: Request) -> Caller:
            return await signed_caller(self.tokens, request, service, scope)

        return caller

    def either(self, service: Service | None, scope: Scope) -> Asking:
        """For a route that takes both: a request that carries a signature is judged by it."""

        async def caller(request: Request) -> Caller:
            if SIGNATURE_INPUT in request.headers:
                return await signed_caller(self.tokens, request, service, scope)
            return (await self.proven(request, service, scope)).caller

        return caller

    async def proven(self, request: Request, service: Service | None, scope: Scope) -> Proven:
        """Checks an access token with its proof, uses the proof up, and for money reads the link's state.

        `BridgeError`: TOKEN_EXPIRED, LINK_SCOPE, PROOF_REFUSED, NONCE_NEEDED; for money LINK_REVOKED, LINK_SUSPENDED,
        CLONE_SUSPECTED, CONVERSION_REQUIRED besides. Nothing was carried out.
        """
        tokens = self.tokens
        text = _token(request)
        token = self.check(text, service)
        proof = tokens.proving.check(request, text)
        if not hmac.compare_digest(proof.jkt.encode(), token.jkt.encode()):
            raise BridgeError(Code.PROOF_REFUSED, "the proof is not of the key that the token is bound to")
        token.demand(scope)
        condition = None
        async with tokens.house.database.writing() as connection:
            await tokens.proving.spend(connection, proof)
            if needs_condition(scope):
                condition = await tokens.condition(connection, token.link, token.jkt)
        # After the commit: a proof that was refused is used up as well.
        if condition is not None:
            condition.require(scope)
        return Proven(Caller(token.link, token.location, token.service, token.scopes), proof.jkt)

    def check(self, text: str, service: Service | None) -> AccessToken:
        """What an access token says. See `Checker.check`."""
        now = self.tokens.house.runtime.clock.now()
        return self.tokens.checker.check(text, service or _named_service(text), now)


def _token(request: Request) -> str:
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != SCHEME or not token:
        # A token that needs no key would be worth stealing: the plain form is never taken.
        raise BridgeError(Code.PROOF_REFUSED, "Authorization has to be DPoP and an access token", place="Authorization")
    return token.strip()


def _named_service(text: str) -> Service:
    """The service that a token says it is for. Nobody has checked it yet: the checker then holds it to that."""
    try:
        payload = jose.take_apart(text, TYPE, MAX_TOKEN).payload
        claims: object = json.loads(payload or b"")
    except (jose.Unverified, ValueError, RecursionError):
        raise BridgeError(Code.PROOF_REFUSED, "the access token cannot be read") from None
    named = claims.get("aud") if isinstance(claims, dict) else None
    service = next((one for one in Service if one == named), None)
    if service is None:
        raise BridgeError(Code.PROOF_REFUSED, "the access token names no service that there is")
    return service
