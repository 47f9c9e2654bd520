"""The routes where connectors get their tokens, and the one that tells them how their services stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse

from tillbridge.link.access_tokens import LIFE_SECONDS
from tillbridge.link.base64url import encode
from tillbridge.link.scopes import Scope, Service, write_scopes
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.services.answers import documents
from tillbridge.portal.services.model import ServiceStanding
from tillbridge.portal.source import source_of
from tillbridge.portal.tokens.answers import proven_route, token_route
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.model import GRANT, Caller, read_request
from tillbridge.portal.tokens.service import SESSION_SECONDS, Tokens
from tillbridge.web.forms import MEDIA_TYPE, read_form
from tillbridge.web.language import choose

KEYS_SECONDS: Final = 300
"""A program may keep the public keys so long: a new key is published well before the first token is signed with it."""

_TEXT: Final = {"type": "string"}
_FORM: Final[dict[str, object]] = {
    "requestBody": {
        "required": True,
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type", "refresh_token", "resource", "counter"],
                    "properties": {
                        "grant_type": {"const": GRANT},
                        "refresh_token": _TEXT,
                        "resource": {"enum": [service.value for service in Service]},
                        "scope": _TEXT,
                        "counter": {"type": "integer", "minimum": 0},
                    },
                }
            }
        },
    }
}

_REFUSED: Final[dict[int | str, dict[str, object]]] = {
    "default": {
        "description": "Refused, in the shape of RFC 6749, section 5.2",
        "content": {
            kind: {
                "schema": {
                    "type": "object",
                    "properties": {"error": _TEXT, "code": _TEXT, "status": {"type": "integer"}},
                }
            }
            for kind in ("application/json", "application/problem+json")
        },
    }
}
"""A refusal before the request is read has the shape that all other refusals have."""


class TokenReply(BaseModel):
    """An access token. `clock_skew_seconds` is how far the connector's clock is ahead of `server_time`.

    `clock_warning`: it is so far off that both sides say so. `rotate`: the connector is to exchange its credential.
    """

    access_token: str
    token_type: str = "DPoP"  # noqa: S105  # the kind of token, not a token
    expires_in: int = LIFE_SECONDS
    scope: str
    link_state: LinkState
    rotate: bool
    clock_skew_seconds: int
    clock_warning: bool
    server_time: AwareDatetime


class SessionReply(BaseModel):
    """A key to sign requests with, as 32 bytes in base64url; `key_id` goes along with each of them."""

    key_id: str
    key: str = Field(repr=False)
    expires_in: int = SESSION_SECONDS
    service: Service
    scope: str


class Standings(Protocol):
    """Knows how services stand: the registry."""

    async def standing(self, connection: AsyncConnection, location_id: str, now: datetime) -> Sequence[ServiceStanding]:
        """Each service at a location."""
        ...


def token_router(tokens: Tokens) -> APIRouter:
    """Where access tokens are given out."""
    router = APIRouter(route_class=token_route(tokens.proving), tags=["tokens"])

    @router.post("/token", openapi_extra=_FORM, responses=_REFUSED)
    async def give(request: Request) -> TokenReply:
        """An access token for the master token, with a proof that carries a nonce.

        Errors have the shape of RFC 6749, section 5.2, and the members of ours besides.
        """
        wanted = read_request(await read_form(request))
        given = await tokens.give(wanted, tokens.proving.check(request), source_of(request, tokens.house.settings))
        return TokenReply(
            access_token=given.access_token,
            scope=write_scopes(given.scopes),
            link_state=given.state,
            rotate=given.rotate,
            clock_skew_seconds=given.clock_skew_seconds,
            clock_warning=given.clock_is_off,
            server_time=given.server_time,
        )

    return router


def connector_router(tokens: Tokens, callers: Callers, services: Standings) -> APIRouter:
    """What a connector asks with an access token."""
    router = APIRouter(route_class=proven_route(tokens.proving), tags=["tokens"])
    house = tokens.house

    @router.post("/token/session")
    async def session(request: Request) -> SessionReply:
        """A key for ten minutes that requests of the hot routes are signed with (RFC 9421).

        It is good for the service and the scopes of the access token that asks for it.
        """
        proven = await callers.proven(request, None, Scope.STATUS)
        key = await tokens.open_session(proven.caller, proven.thumbprint)
        scope = write_scopes(proven.caller.scopes)
        return SessionReply(key_id=key.id, key=encode(key.secret), service=proven.caller.service, scope=scope)

    asking = Annotated[Caller, Depends(callers.either(None, Scope.STATUS))]

    @router.get("/services")
    async def standing(request: Request, caller: asking) -> list[dict[str, object]]:
        """How every service stands at the caller's location, and what to do where one does not work.

        Takes an access token of any service, or a request signed with a session key.
        """
        now = house.runtime.clock.now()
        async with house.database.reading() as connection:
            found = await services.standing(connection, caller.location_id, now)
        catalogue = CATALOGUES[choose(None, None, request.headers.get("accept-language"))]
        return documents(catalogue, found, house.settings.operator.sales_contact, now)

    return router


def keys_router(tokens: Tokens) -> APIRouter:
    """The public keys, for anybody."""
    router = APIRouter(tags=["tokens"])

    @router.get("/jwks", response_model=None)
    async def keys() -> Response:
        """The public keys that access tokens are signed with, as a JWK set (RFC 7517)."""
        published: Mapping[str, object] = tokens.published_keys()
        return JSONResponse(published, headers={"Cache-Control": f"max-age={KEYS_SECONDS}"})

    return router
