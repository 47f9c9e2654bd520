"""How the routes of connectors answer: the next nonce with every answer, and errors in OAuth's own shape."""

import json
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.problems import as_bridge_error, problem_response
from tillbridge.portal.tokens.proving import NONCE_HEADER, Proving

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_AT_SERVICES: Final[Mapping[Code, str]] = {
    Code.NONCE_NEEDED: "use_dpop_nonce",
    Code.PROOF_REFUSED: "invalid_dpop_proof",
    Code.TOKEN_EXPIRED: "invalid_token",
    Code.LINK_REVOKED: "invalid_token",
}
"""The word for programs in WWW-Authenticate (RFC 9449, sections 7.1 and 9; RFC 6750, section 3.1)."""

_AT_TOKENS: Final[Mapping[Code, str]] = {
    Code.NONCE_NEEDED: "use_dpop_nonce",
    Code.PROOF_REFUSED: "invalid_dpop_proof",
    Code.NOT_PAIRED: "invalid_grant",
    Code.LINK_REVOKED: "invalid_grant",
    Code.TOKEN_EXPIRED: "invalid_grant",
    Code.CLONE_SUSPECTED: "invalid_grant",
    Code.LINK_SCOPE: "invalid_scope",
    Code.LINK_SUSPENDED: "invalid_scope",
    Code.CONVERSION_REQUIRED: "invalid_scope",
    Code.DATABASE_UNAVAILABLE: "temporarily_unavailable",
    Code.OVERLOADED: "temporarily_unavailable",
}
"""The member `error` of the token endpoint (RFC 6749, section 5.2; RFC 9449, section 5)."""

_BY_FIELD: Final[Mapping[str, str]] = {
    "grant_type": "unsupported_grant_type",
    "scope": "invalid_scope",
    "resource": "invalid_target",
}

_FAULT: Final = "server_error"
_BAD_REQUEST: Final = "invalid_request"


def proven_route(proving: Proving) -> type[APIRoute]:
    """The kind of route behind which access tokens are checked."""
    return _route(proving, service_error)


def token_route(proving: Proving) -> type[APIRoute]:
    """The kind of route that gives access tokens out."""
    return _route(proving, _token_error)


def _route(proving: Proving, refuse: Callable[[Request, BridgeError], Response]) -> type[APIRoute]:
    class NonceRoute(APIRoute):
        """A route whose every answer, also a refusal, carries the nonce for the next request."""

        def get_route_handler(self) -> Handler:
            """The handler of FastAPI, with the nonce added."""
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    response = await handle(request)
                except Exception as error:
                    known = as_bridge_error(error)
                    if known is None:
                        raise
                    response = refuse(request, known)
                response.headers[NONCE_HEADER] = proving.nonce
                response.headers["Cache-Control"] = "no-store"
                return response

            return answer

    return NonceRoute


def service_error(request: Request, error: BridgeError) -> Response:
    """The answer for an error of the catalogue, with the word for programs that have proofs."""
    response = problem_response(request, error)
    word = _AT_SERVICES.get(error.code)
    if word is not None:
        response.headers["WWW-Authenticate"] = f'DPoP error="{word}", algs="Ed25519 EdDSA"'
    return response


def _token_error(request: Request, error: BridgeError) -> Response:
    """Both shapes in one: OAuth's members for a general client, ours for a connector."""
    said = problem_response(request, error)
    body: dict[str, object] = json.loads(bytes(said.body))
    # RFC 9449, section 8: the token endpoint asks for its nonce with 400.
    status = HTTPStatus.BAD_REQUEST if error.code is Code.NONCE_NEEDED else HTTPStatus(error.entry.status)
    ours = body | {"status": int(status)}
    words = {"error": word_of(error), "error_description": error.entry.title}
    headers = {name: value for name, value in said.headers.items() if name in {"retry-after", "www-authenticate"}}
    text = json.dumps(words | ours, ensure_ascii=False)
    return Response(text, status, headers, media_type="application/json")


def word_of(error: BridgeError) -> str:
    """What OAuth calls an error of ours."""
    known = _AT_TOKENS.get(error.code)
    if known is not None:
        return known
    if error.entry.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _FAULT
    return _BY_FIELD.get(error.place or "", _BAD_REQUEST)
