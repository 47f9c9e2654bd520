"""Requests of the hot routes, signed with a session key (docs/reference/pairing-protocol.md, section 9)."""

from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.signatures import IDEMPOTENCY_KEY, MAX_HEADER, SIGNATURE, SIGNATURE_INPUT, Presented, Signed
from tillbridge.portal.tokens.model import Caller
from tillbridge.portal.tokens.proving import raw_path
from tillbridge.portal.tokens.service import Tokens

_ONCE = (SIGNATURE, SIGNATURE_INPUT, IDEMPOTENCY_KEY)


async def signed_caller(tokens: Tokens, request: Request, service: Service | None, scope: Scope) -> Caller:
    """Checks a signed request, and the state of its link in the same query that finds the key.

    `BridgeError`: PROOF_REFUSED for a signature that does not hold, TOKEN_EXPIRED for a key that has run out,
    LINK_SCOPE, and what stands in the way of the link.
    """
    headers = _headers(request)
    presented = Presented.read(headers)
    found = await tokens.sessions.ask(presented.key_id)
    if found is None:
        raise BridgeError(Code.TOKEN_EXPIRED, "ask for a new session key", place="keyid")
    session, key = found
    presented.check(await _signed(request, headers), headers, key, tokens.house.runtime.clock.now())
    if service is not None and session.service is not service:
        raise BridgeError(Code.LINK_SCOPE, "the session key is for another service", place=service)
    if scope not in session.scopes:
        raise BridgeError(Code.LINK_SCOPE, "the session key does not allow this", place=scope)
    session.condition.require(scope)
    return Caller(session.link_id, session.location_id, session.service, session.scopes)


def _headers(request: Request) -> dict[str, str]:
    """The headers by name. Two of one kind would let the signature cover another than the one that is read."""
    for name in _ONCE:
        given = request.headers.getlist(name)
        if len(given) != 1 or len(given[0]) > MAX_HEADER:
            raise BridgeError(Code.PROOF_REFUSED, "a signed request has this header once", place=name)
    return dict(request.headers)


async def _signed(request: Request, headers: dict[str, str]) -> Signed:
    try:
        return Signed(
            request.method,
            raw_path(request),
            request.scope["query_string"].decode("latin-1"),
            await request.body(),
            headers[IDEMPOTENCY_KEY],
        )
    except ValueError:
        raise BridgeError(Code.PROOF_REFUSED, "a request like this cannot be signed") from None
