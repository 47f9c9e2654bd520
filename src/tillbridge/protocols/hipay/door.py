"""The door at work: HiPay's paths over any desk (README, section 1)."""

import sys
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router

import tillbridge
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import Door, HostControl, PaymentDesk
from tillbridge.protocols.deliveries import Deliveries
from tillbridge.protocols.faults import Behaviour
from tillbridge.protocols.hipay import openapi, unattended_openapi
from tillbridge.protocols.hipay.access import Access
from tillbridge.protocols.hipay.answers import Answer, Answers
from tillbridge.protocols.hipay.gate import TRACE, Gate, Refusing, head, whole
from tillbridge.protocols.hipay.messages import read_order
from tillbridge.protocols.hipay.mishaps import Mishaps
from tillbridge.protocols.hipay.orders import NAME, Orders, Result
from tillbridge.protocols.hipay.settings import HipaySettings, Profile
from tillbridge.protocols.hipay.unattended import Act, Upkeep
from tillbridge.protocols.hipay.unattended_answers import UnattendedAnswers
from tillbridge.protocols.hipay.unattended_messages import read_order_in_cents
from tillbridge.protocols.http_door import Silence, as_texts, for_pages, still_there
from tillbridge.runtime.effects import Runtime
from tillbridge.web import asgi
from tillbridge.web.asgi import App, Header, Receive, Scope, Send
from tillbridge.web.serving import BoundAddress, LoopbackGuard, serve_asgi

STOPPED: Final = "TP-Manager stopped"
BUSY: Final = "TP-Manager is busy, will stop when possible"

_SYSTEMS: Final = {"win32": "windows_64", "darwin": "macos_64"}

_log = structlog.get_logger(__name__)


class HipayDoor:
    """One HTTP port for one caller. `app` is the whole ASGI application, from the guard to the desk."""

    def __init__(
        self,
        settings: HipaySettings,
        desk: PaymentDesk,
        runtime: Runtime,
        host: HostControl | None = None,
        behaviour: Behaviour | None = None,
    ) -> None:
        self._settings = settings
        self._host = host
        self._runtime = runtime
        unattended = settings.profile is Profile.UNATTENDED
        self._answers = UnattendedAnswers(settings) if unattended else Answers(settings)
        read = read_order_in_cents if unattended else read_order
        self._orders = Orders(settings, desk, runtime, self._answers, read)
        self._upkeep = Upkeep(settings, desk, self._orders.caller) if unattended else None
        self._mishaps = Mishaps(behaviour) if behaviour is not None else None
        self._bound = BoundAddress(settings.host, settings.port)
        self.app: App = self._guarded()

    def use_deliveries(self, deliveries: Deliveries) -> None:
        """See `TellsDeliveries.use_deliveries`."""
        self._orders.use_deliveries(deliveries)

    @property
    def address(self) -> str:
        """See `Door.address`."""
        return f"http://{self._bound}"

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """See `Door.serve`."""

        def ready(bound: BoundAddress) -> None:
            self._bound = bound
            on_ready()

        await serve_asgi(self.app, self._settings.host, self._settings.port, ready)

    # ------------------------------------------------------------ the application, from the outside in

    def _guarded(self) -> App:
        settings = self._settings
        access = Access(settings.api_username, settings.api_password_hash, settings.login_only, self._runtime)
        gate = Gate(self._paths(), access, self._answers, self._runtime.ids.new)
        return LoopbackGuard(
            for_pages(gate, settings.allowed_origins, ("Authorization", "Content-Type", "Idempotency-Key")),
            render=self._refused_by_guard,
            hosts=settings.extra_hosts,
            origins=settings.allowed_origins,
            state_changing_paths=("/stop", "/cancel", "/reset", "/tlc"),
        )

    def _refused_by_guard(self, error: BridgeError) -> asgi.Answer:
        trace_id = self._runtime.ids.new()
        return whole(self._answers.refusal(error, trace_id), trace_id)

    def _paths(self) -> App:
        routes = [
            Route("/order", self._pay, methods=["POST"]),
            Route("/", self._pay, methods=["POST"]),
            Route("/order/{id:path}/cancel", self._cancel, methods=["POST"]),
            Route("/order/{id:path}", self._ask, methods=["GET"]),
            Route("/version", self._version, methods=["GET"]),
            Route("/config", self._config, methods=["GET"]),
            Route("/stop", self._stop, methods=["GET"]),
        ]
        routes.append(Route("/openapi.json", self._openapi, methods=["GET"]))
        if self._upkeep is not None:
            routes += [Route(path, self._kept_up(act), methods=["GET"]) for path, act in self._upkeep.paths().items()]
        return Refusing(Router(routes, redirect_slashes=False), self._answers)

    # ------------------------------------------------------------ paths

    async def _pay(self, request: Request) -> Response:
        if self._mishaps is not None and await self._mishaps.deaf(request.scope, request.receive):
            return Silence()
        try:
            body = await request.body()
        except ClientDisconnect:
            return Silence()
        keys = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
        result = await self._orders.pay(body, keys, _trace(request))
        return _Told(result, _trace(request), self._orders, self._mishaps)

    async def _ask(self, request: Request) -> Response:
        result = await self._orders.ask(request.path_params["id"], _trace(request))
        if request.method != "GET":  # HEAD carries no body, so that its till has heard no result
            return _json(result.answer, _trace(request))
        return _Told(result, _trace(request), self._orders, None)

    async def _cancel(self, request: Request) -> Response:
        result = await self._orders.cancel(request.path_params["id"], _trace(request))
        return _json(result.answer, _trace(request))

    def _kept_up(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            if request.method != "GET":  # HEAD comes this way too, and must not change anything
                raise BridgeError(Code.METHOD_NOT_ALLOWED, "only GET does that")
            return _json(self._answers.upkeep(await act()), _trace(request))

        return answered

    async def _version(self, request: Request) -> Response:
        version = self._host.version if self._host is not None else tillbridge.__version__
        system = _SYSTEMS.get(sys.platform, "linux")
        return _json(self._answers.version(version, system), _trace(request))

    async def _config(self, request: Request) -> Response:
        return _json(self._answers.upkeep({"deviceId": self._settings.serial_number}), _trace(request))

    async def _stop(self, request: Request) -> Response:
        """Stops the program if no payment runs. HEAD comes this way too, and must not change anything."""
        if self._host is None or not self._settings.stop_enabled:
            raise BridgeError(Code.PATH_UNKNOWN, "stopping from outside is switched off in the settings")
        if request.method != "GET":
            raise BridgeError(Code.METHOD_NOT_ALLOWED, "only GET stops the connector")
        if not self._host.stop():
            return _json(self._answers.upkeep({"message": BUSY, "stopped": False}), _trace(request))
        _log.warning("stopped by a till", caller=self._orders.caller, trace_id=_trace(request))
        says = not self._settings.quirks.stop_says_false
        return _json(self._answers.upkeep({"message": STOPPED, "stopped": says}), _trace(request))

    async def _openapi(self, request: Request) -> Response:
        text = openapi.text() if self._upkeep is None else unattended_openapi.text()
        return Response(text, headers=as_texts(head(_trace(request))))


def _trace(request: Request) -> str:
    trace_id: str = request.scope[TRACE]
    return trace_id


def _json(told: Answer, trace_id: str, *more: Header) -> Response:
    return Response(told.text, told.status, as_texts(head(trace_id, *more)))


class _Told(Response):
    """The answer about a payment; once it is out, the desk hears whether the till was there to get it."""

    def __init__(self, result: Result, trace_id: str, orders: Orders, mishaps: Mishaps | None) -> None:
        self._result = result
        self._trace_id = trace_id
        self._orders = orders
        self._mishaps = mishaps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer, as ASGI has it."""
        reached = await self._send(scope, receive, send)
        payment_id = self._result.payment_id
        # Behind the answer, which nobody shall wait for because of a log.
        _log.info("payment_answered", payment_id=payment_id, reached=reached, trace_id=self._trace_id)
        if payment_id is not None and self._result.final:
            try:
                await self._orders.told(payment_id, reached)
            except Exception:  # noqa: BLE001 - the answer is out: nothing may turn it into a second one
                _log.exception("a delivery could not be noted", payment_id=payment_id, trace_id=self._trace_id)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> bool:
        there = still_there(scope)
        payment_id = self._result.payment_id
        if self._mishaps is None or payment_id is None:
            await asgi.answer(send, whole(self._result.answer, self._trace_id))
            return there
        if await self._mishaps.lost(scope, receive, payment_id):
            return False
        damaged = whole(self._mishaps.changed(self._result.answer, payment_id), self._trace_id)
        return await self._mishaps.send(scope, receive, send, damaged, payment_id) and there


class HipayDoorMaker:
    """See `contract.DoorMaker`."""

    name = NAME
    settings: type[BaseModel] = HipaySettings

    def open(
        self,
        settings: BaseModel,
        desk: PaymentDesk,
        runtime: Runtime,
        host: HostControl | None = None,
        behaviour: Behaviour | None = None,
    ) -> Door:
        """See `contract.DoorMaker.open`."""
        if not isinstance(settings, HipaySettings):
            raise TypeError(f"the door takes HipaySettings, not {type(settings).__name__}")
        return HipayDoor(settings, desk, runtime, host, behaviour)


DOOR: Final = HipayDoorMaker()
