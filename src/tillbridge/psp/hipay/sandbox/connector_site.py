"""The two interfaces that drive a shop's terminal over the provider's cloud, behind the switches."""

from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tillbridge.psp.hipay.sandbox.calling_back import Callbacks
from tillbridge.psp.hipay.sandbox.cloud import cloud_refusal, cloud_routes
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal
from tillbridge.psp.hipay.sandbox.shop_terminal import ShopTerminal
from tillbridge.psp.hipay.sandbox.striking import Striking
from tillbridge.psp.hipay.sandbox.terminal_api import TerminalApi, flat_refusal
from tillbridge.web.answered import Answered
from tillbridge.web.asgi import App, Scope

PREFIX: Final = "/v1/connector"
_FLAT: Final = (f"{PREFIX}/transaction", f"{PREFIX}/status")


def connector_app(provider: Provider, terminal: ShopTerminal, callbacks: Callbacks) -> App:
    """The application below `PREFIX`."""
    routes = [*cloud_routes(provider, terminal), *TerminalApi(provider, terminal, callbacks).routes()]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _unknown})
    return Striking(Answered(app), provider.faults, _switched)


def _switched(scope: Scope, refusal: GatewayRefusal) -> Response:
    """A refusal on purpose, in the shape of the interface that is asked."""
    status, text = refusal.http_status, str(refusal.body["message"])
    return _shaped(str(scope["path"]), status, text, refusal.description)


async def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _shaped(request.url.path, status, "Not Found", "no such resource")


def _shaped(path: str, status: int, message: str, description: str) -> Response:
    if path.startswith(_FLAT):
        return flat_refusal(status, _CODES.get(status, "api.bad_request.error"), message, description)
    code = "connector.api.login.unauthorized" if status == HTTPStatus.UNAUTHORIZED else f"connector.api.{status}"
    return cloud_refusal(status, code, message, description)


_CODES: Final = {
    401: "api-rules.unauthorized.error",
    403: "api.forbidden.error",
    404: "api.not-found.error",
    503: "api.service-unavailable.error",
}
