"""`/_sandbox/…`: looks into the sandbox and plays what happens outside of a merchant. No provider has these paths."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.sandbox.bodies import (
    AcquiredBody,
    AnswerBody,
    Body,
    ChargebackBody,
    CollectBody,
    FaultBody,
    TargetBody,
    faults_view,
    message_view,
    notice_view,
    number,
    read_body,
    rows,
    step_view,
    transaction_view,
)
from tillbridge.psp.hipay.sandbox.faults import named
from tillbridge.psp.hipay.sandbox.model import Transaction
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal, refused
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.psp.hipay.sandbox.two_sources import Acquired

STEPS_SHOWN: Final = 200
NOTICES_SHOWN: Final = 100

Endpoint = Callable[[Request], Awaitable[Response]]


def inspecting_routes(provider: Provider) -> list[Route]:
    """The paths below `/_sandbox`, without the receiver's."""
    look, play = _Look(provider), _Play(provider)
    one = "/_sandbox/transactions/{reference}"
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/_sandbox", look.summary),
        ("GET", "/_sandbox/transactions", look.transactions),
        ("GET", one, look.transaction),
        ("GET", "/_sandbox/notifications", look.notices),
        ("GET", "/_sandbox/messages", look.messages),
        ("GET", "/_sandbox/faults", look.faults),
        ("POST", f"{one}/answer", play.answer),
        ("POST", f"{one}/chargeback", play.chargeback),
        ("POST", "/_sandbox/notifications/{seq:int}/again", play.again),
        ("PUT", "/_sandbox/notifications/target", play.target),
        ("POST", "/_sandbox/push", play.push),
        ("POST", "/_sandbox/collect", play.collect),
        ("POST", "/_sandbox/faults", play.fault),
        ("DELETE", "/_sandbox/faults", play.no_faults),
        ("DELETE", "/_sandbox/faults/{name}", play.no_fault),
    ]
    return [Route(path, _answering(endpoint), methods=[method]) for method, path, endpoint in table]


def _answering(endpoint: Endpoint) -> Endpoint:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except GatewayRefusal as refusal:
            return refused(refusal)

    return answered


class _Look:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._store = provider.store

    async def summary(self, _: Request) -> Response:
        """What this is, and how it is set."""
        settings, target = self._provider.settings, self._provider.sender.target
        return JSONResponse(
            {
                "what": "a stand-in for published interfaces of HiPay; not HiPay, and no money is moved",
                "login": self._provider.credentials.login,
                "transactions": self._store.count(),
                "notifications": {"url": target.url, "style": target.style, "digest": target.digest},
                "terminal": {"answer": settings.terminal, "seconds": settings.terminal_seconds},
                "credit_status": int(settings.credit_status),
                **faults_view(dict(self._provider.faults.on)),
            }
        )

    async def transactions(self, request: Request) -> Response:
        """The newest first; `before` is the `seq` of the last one that was shown."""
        order_id = request.query_params.get("order_id", "")
        found = self._store.page(number(request, "before", None), rows(request), order_id)
        return JSONResponse({"transactions": [transaction_view(one) for one in found]})

    async def transaction(self, request: Request) -> Response:
        """One, with its history and its notifications."""
        one = self._provider.known(request.path_params["reference"])
        steps = [step_view(passed, one) for passed in self._store.steps(one.reference, STEPS_SHOWN)]
        notices = [notice_view(notice) for notice in self._store.notices(None, NOTICES_SHOWN, one.reference)]
        return JSONResponse(transaction_view(one) | {"steps": steps, "notifications": notices})

    async def notices(self, request: Request) -> Response:
        """Notifications, the newest first."""
        found = self._store.notices(number(request, "before", None), rows(request))
        return JSONResponse({"notifications": [notice_view(one) for one in found]})

    async def messages(self, request: Request) -> Response:
        """What our own receiver was told, the newest first."""
        found = self._store.messages(number(request, "before", None), rows(request))
        return JSONResponse({"messages": [message_view(one) for one in found]})

    async def faults(self, _: Request) -> Response:
        """The switches."""
        return JSONResponse(faults_view(dict(self._provider.faults.on)))


class _Play:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def answer(self, request: Request) -> Response:
        """The terminal answers an order of the active mode."""
        body = await read_body(request, AnswerBody)
        return _one(await self._provider.answer(request.path_params["reference"], body.answer))

    async def chargeback(self, request: Request) -> Response:
        """The cardholder's bank takes the money back."""
        body = await read_body(request, ChargebackBody)
        return _one(await self._provider.charge_back(request.path_params["reference"], Status(body.status)))

    async def again(self, request: Request) -> Response:
        """Sends a notification once more."""
        await read_body(request, Body)
        if not await self._provider.send_again(request.path_params["seq"]):
            raise BridgeError(Code.PATH_UNKNOWN, "there is no such notification")
        return JSONResponse({"due": True})

    async def target(self, request: Request) -> Response:
        """Where notifications go from now on."""
        sender = self._provider.sender
        sender.target = (await read_body(request, TargetBody)).target
        sender.wake()
        return JSONResponse({"url": sender.target.url, "style": sender.target.style, "digest": sender.target.digest})

    async def push(self, request: Request) -> Response:
        """The gateway's push for a payment."""
        body = await read_body(request, AcquiredBody)
        return _one(await self._provider.push(body.acquired))

    async def collect(self, request: Request) -> Response:
        """The collection of one payment, or of everything."""
        body = await read_body(request, CollectBody)
        if body.order_id is None:
            done = await self._provider.collect_all()
            return JSONResponse({"transactions": [transaction_view(one) for one in done]})
        return _one(await self._provider.collect(Acquired(body.order_id, body.mid, body.context, authorized=False)))

    async def fault(self, request: Request) -> Response:
        """Puts a switch on."""
        body = await read_body(request, FaultBody)
        self._provider.faults.set(body.switch)
        return self._faults()

    async def no_fault(self, request: Request) -> Response:
        """Puts one back."""
        self._provider.faults.clear(named(request.path_params["name"]))
        return self._faults()

    async def no_faults(self, _: Request) -> Response:
        """Puts all of them back."""
        self._provider.faults.clear()
        return self._faults()

    def _faults(self) -> Response:
        return JSONResponse(faults_view(dict(self._provider.faults.on)))


def _one(done: Transaction | None) -> Response:
    """The transaction that came of it; an empty one while the other source has said nothing."""
    if done is None:
        return JSONResponse({"transaction": None}, HTTPStatus.ACCEPTED)
    return JSONResponse(transaction_view(done))
