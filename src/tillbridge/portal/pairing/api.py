"""The two requests of a pairing (docs/reference/pairing-protocol.md, section 4). They need no token: the PIN is one."""

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.pairing.words import FinishReply, FinishRequest, StartReply, StartRequest
from tillbridge.portal.house import House
from tillbridge.portal.pairing.finishing import Finishing
from tillbridge.portal.pairing.starting import Starting
from tillbridge.portal.settings import LOOPBACK, PortalSettings
from tillbridge.portal.source import source_of

JSON: Final = "application/json"

LONGEST_NAME: Final = 64
"""Characters of a session's name that are looked for; a real one has 22."""


def router(house: House, starting: Starting, finishing: Finishing) -> APIRouter:
    """Both routes."""
    api = APIRouter(prefix="/pairing", tags=["pairing"])

    @api.post("/start", status_code=HTTPStatus.CREATED, openapi_extra=_described(StartRequest, StartReply, 201))
    async def start(request: Request) -> Response:
        """Begins an exchange. The answer is the same whether a PIN is open there or not."""
        host = host_of(request, house.settings)
        reply = await starting.start(await request.body(), host, source_of(request, house.settings))
        return Response(reply.body(), HTTPStatus.CREATED, media_type=JSON)

    @api.post("/sessions/{session_id}/finish", openapi_extra=_described(FinishRequest, FinishReply, 200))
    async def finish(session_id: str, request: Request) -> Response:
        """Finishes it. The same body is answered in the same way, however often it comes."""
        if len(session_id) > LONGEST_NAME:
            raise BridgeError(Code.PAIRING_OVER)
        answer = await finishing.finish(session_id, await request.body(), source_of(request, house.settings))
        return Response(answer, media_type=JSON)

    return api


def host_of(request: Request, settings: PortalSettings) -> str:
    """The portal's own name that the connector used, and that both sides bind the exchange to.

    It is one of the settings, whatever the header says. `BridgeError(HOST_NOT_ALLOWED)` for another one.
    """
    named = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    local = LOOPBACK if LOOPBACK.intersection(settings.hosts) else frozenset()
    for host in (*settings.hosts, *local):
        if host == named:
            return host
    raise BridgeError(Code.HOST_NOT_ALLOWED, "this portal does not go by that name", place="Host")


def _described(request: type[BaseModel], reply: type[BaseModel], status: int) -> dict[str, Any]:
    # The bodies are read by the models themselves, strictly and with a limit: here they are only described.
    return {
        "requestBody": {"required": True, "content": {JSON: {"schema": request.model_json_schema()}}},
        "responses": {str(status): {"description": "Done", "content": {JSON: {"schema": reply.model_json_schema()}}}},
    }
