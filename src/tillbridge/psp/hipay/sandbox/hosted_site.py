"""The payment page itself, as a buyer sees it. Without any script; that it is a sandbox stands at its top."""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.bodies import DeedBody, read_body, transaction_view
from tillbridge.psp.hipay.sandbox.hosted_deeds import Deed
from tillbridge.psp.hipay.sandbox.hosted_desk import PATH, HostedDesk, Shown, http_status
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal, refused
from tillbridge.psp.hipay.sandbox.showing import CATALOGUES, show_bare
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.web.asgi import App, Message, Receive, Scope, Send
from tillbridge.web.forms import read_form
from tillbridge.web.headers import POLICY
from tillbridge.web.language import choose
from tillbridge.web.words import Words

RETURNING: Final = POLICY.replace(
    "form-action 'self'", "form-action 'self' https: http://localhost:* http://127.0.0.1:*"
)
"""A form of this page ends at the shop, whose address is the merchant's: browsers count that as where it goes to."""

_CLOSED: Final = {
    GatewayCode.ORDER_COMPLETED: "completed",
    GatewayCode.ATTEMPTS: "attempts",
    GatewayCode.SESSION_EXPIRED: "expired",
}


def hosted_routes(provider: Provider) -> list[Route]:
    """The page, its forms, and the same for programs below `/_sandbox`."""
    site = _Site(provider)
    one = f"{PATH}/{{token}}"
    return [
        Route(one, site.page, methods=["GET"]),
        Route(one, site.form, methods=["POST"]),
        Route("/_sandbox/pages/{token}", site.program, methods=["POST"]),
    ]


class _Site:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._desk = HostedDesk(provider)

    async def page(self, request: Request) -> Response:
        """What the buyer sees."""
        return self._drawn(request, self._desk.shown(request.path_params["token"]))

    async def form(self, request: Request) -> Response:
        """What the buyer does. A page that was closed in the meantime says so, and does nothing twice."""
        token = request.path_params["token"]
        word = (await read_form(request)).get("deed", "")
        if word not in frozenset(Deed):
            raise BridgeError(Code.FIELD_INVALID, f"it is one of {', '.join(Deed)}", place="deed")
        try:
            _, back = await self._desk.act(token, Deed(word))
        except GatewayRefusal as refusal:
            if refusal.code is GatewayCode.ORDER_UNKNOWN:
                raise
            return self._drawn(request, self._desk.shown(token))
        if back is None:
            return RedirectResponse(f"{PATH}/{token}", HTTPStatus.SEE_OTHER)
        return RedirectResponse(back, HTTPStatus.SEE_OTHER)

    async def program(self, request: Request) -> Response:
        """The same for a program: what came of it, and where a buyer would go now."""
        body = await read_body(request, DeedBody)
        try:
            made, back = await self._desk.act(request.path_params["token"], body.deed)
        except GatewayRefusal as refusal:
            return refused(refusal)
        return JSONResponse(transaction_view(made) | {"return": back})

    def _drawn(self, request: Request, shown: Shown) -> Response:
        page = shown.page
        wish = request.query_params.get("lang", "")
        preset = Language(wish) if wish in frozenset(Language) else page.language
        language = choose(None, preset, request.headers.get("accept-language"))
        words = Words(CATALOGUES[language], self._provider.runtime.clock.now(), None)
        last = shown.attempts[-1] if shown.attempts else None
        return show_bare(
            words,
            "pay.html",
            http_status(shown.closed),
            path=f"{PATH}/{page.token}",
            order_id=page.order_id,
            merchant=page.asked.get("merchant_display_name", ""),
            description=page.asked.get("description", ""),
            amount=words.amount(page.amount),
            closed=None if shown.closed is None else _CLOSED.get(shown.closed.code, "completed"),
            again=last is not None and last.status is Status.REFUSED and shown.closed is None,
            back=None if last is None or shown.closed is None else self._desk.back(page, last),
        )


class ReturningHeaders:
    """ASGI middleware that lets the forms of the payment page lead to a shop."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{PATH}/"):
            await self._app(scope, receive, send)
            return

        async def send_returning(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = RETURNING
            await send(message)

        await self._app(scope, receive, send_returning)
