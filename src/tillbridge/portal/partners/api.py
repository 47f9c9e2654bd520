"""The routes of partners: the same desk as for connectors, with a key for a proof."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.house import House
from tillbridge.portal.partners.proving import HEADER, KeyProofs
from tillbridge.portal.problems import as_bridge_error, problem_response
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.vouchers.api import add_routes
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.gate import Gate

PATH: Final = "/partner"

CHALLENGE: Final = 'Bearer realm="vouchers"'
"""What a request without a good key is told that it needs (RFC 6750, section 3)."""

_IN_HEADER: Final = APIKeyHeader(
    name=HEADER, scheme_name="PartnerKey", description="The key of a location.", auto_error=False
)
_AS_BEARER: Final = HTTPBearer(
    scheme_name="PartnerKeyAsBearer", description="The same key, for clients that know this form.", auto_error=False
)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def routes(house: House, desk: VoucherDesk, registry: Registry) -> APIRouter:
    """All of them. `registry` has the service without the need for a pairing."""
    router = APIRouter(
        prefix=PATH,
        route_class=_PartnerRoute,
        tags=["partners"],
        # They describe the key; `KeyProofs` is what judges it.
        dependencies=[Security(_IN_HEADER), Security(_AS_BEARER)],
    )
    add_routes(router, Gate(house, registry, desk), KeyProofs(house))
    return router


class _PartnerRoute(APIRoute):
    """A route whose answers nobody keeps, and whose refusals name the kind of proof that it takes."""

    def get_route_handler(self) -> Handler:
        """The handler of FastAPI, with these headers added."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except Exception as error:
                known = as_bridge_error(error)
                if known is None:
                    raise
                response = _refusal(request, known)
            response.headers["Cache-Control"] = "no-store"
            return response

        return answer


def _refusal(request: Request, error: BridgeError) -> Response:
    response = problem_response(request, error)
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response
