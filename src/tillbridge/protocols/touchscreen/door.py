"""The door: acts as a touch-screen terminal toward a till, over any desk (README, section 7)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import structlog
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import Door, HostControl, Payment, PaymentDesk
from tillbridge.protocols.faults import Behaviour, Fault
from tillbridge.protocols.http_door import Silence, as_texts, for_pages, still_there
from tillbridge.protocols.http_mishaps import drop
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen import answers
from tillbridge.protocols.touchscreen.counter import NAME, Counter, Reply, confirmable
from tillbridge.protocols.touchscreen.gate import HEADERS, Admission, OwnAddress, Passwords, Refusing
from tillbridge.protocols.touchscreen.mishaps import Mishaps
from tillbridge.protocols.touchscreen.presented import presented
from tillbridge.protocols.touchscreen.profile import STARTS, Op, Placement, Profile, profile_of
from tillbridge.protocols.touchscreen.requests import read_body, read_flag, read_id, read_start
from tillbridge.protocols.touchscreen.settings import Confirm, DoorSettings, WrongSecret
from tillbridge.protocols.touchscreen.strict_json import write
from tillbridge.protocols.touchscreen.unconfirmed import Unconfirmed
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.allow import AllowFrom, warn_of_exposure
from tillbridge.web import asgi
from tillbridge.web.asgi import App, Receive, Scope, Send
from tillbridge.web.guard import LoopbackGuard
from tillbridge.web.serving import BoundAddress, serve_asgi

_STARTING: Final = frozenset(STARTS.values())
_WRONG: Final = {WrongSecret.UNAUTHORIZED: 401, WrongSecret.FORBIDDEN: 403, WrongSecret.NOT_STARTED: 200}

log = structlog.get_logger(__name__)


class TouchScreenDoor:
    """One HTTP port for one till. `app` is the whole ASGI application, from the guard to the desk."""

    def __init__(
        self,
        settings: DoorSettings,
        profile: Profile,
        desk: PaymentDesk,
        runtime: Runtime,
        behaviour: Behaviour | None = None,
    ) -> None:
        if behaviour is None and settings.personality.moves_money:
            raise BridgeError(
                Code.SETTINGS_INVALID,
                "only a simulator charges twice, takes back what was not confirmed, or forgets results",
                place="personality",
            )
        self._settings = settings
        self._profile = profile
        self._mishaps = Mishaps(behaviour, profile) if behaviour is not None else None
        self._counter = Counter(settings, profile, desk, runtime, self._forgets)
        self._unconfirmed = Unconfirmed(desk, self._counter.known, settings.confirm_seconds)
        if settings.personality.confirm is Confirm.REQUIRED:
            self._counter.begun = self._unconfirmed.begun
        secret = settings.secret or profile.secret.value
        self._passwords = Passwords(secret.get_secret_value(), runtime)
        self._bound = BoundAddress(settings.host, settings.port)
        self._bases = self._served()
        self.app: App = self._guarded()

    @property
    def address(self) -> str:
        """See `Door.address`."""
        return f"http://{self._bound}"

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """See `Door.serve`."""

        def ready(bound: BoundAddress) -> None:
            self._bound = bound
            warn_of_exposure(NAME, self.address, self._settings.host, self._settings.allow_from)
            on_ready()

        async with asyncio.TaskGroup() as group:
            upkeep = group.create_task(self.upkeep())
            try:
                await serve_asgi(self.app, self._settings.host, self._settings.port, ready)
            finally:
                upkeep.cancel()

    async def upkeep(self) -> None:
        """What a simulated terminal does by itself; runs until cancelled."""
        await self._unconfirmed.run()

    # ------------------------------------------------------------ the application, from the outside in

    def _served(self) -> tuple[str, ...]:
        wanted, profile = self._settings.versions, self._profile
        known = {profile.version_of(base): base for base in profile.bases}
        unknown = sorted(set(wanted) - known.keys())
        if unknown:
            said = f"{', '.join(unknown)} is none of {', '.join(known)}"
            raise BridgeError(Code.SETTINGS_INVALID, said, place="versions")
        return tuple(base for version, base in known.items() if not wanted or version in wanted)

    def _guarded(self) -> App:
        settings = self._settings
        inner = Refusing(self._paths(), self._shape, self._profile.probe.unsupported_text.encode())
        app = for_pages(inner, settings.allowed_origins, ("Authorization", "Content-Type"))

        def guard(hosts: tuple[str, ...]) -> LoopbackGuard:
            return LoopbackGuard(app, render=inner.render, hosts=hosts, origins=settings.allowed_origins)

        return AllowFrom(OwnAddress(guard, settings.extra_hosts), settings.allow_from, render=inner.render)

    def _shape(self, error: BridgeError) -> Mapping[str, object]:
        return answers.said(answers.refusal(error), None, self._profile)

    def _paths(self) -> App:
        routes: list[Route] = []
        for base in self._bases:
            routes.append(Route(f"{base}/{self._profile.probe.path}", partial(self._identify, base), methods=["GET"]))
            routes += [
                Route(f"{base}/{operation.path}", partial(self._ask, op), methods=["POST", "OPTIONS"])
                for op, operation in self._profile.operations.items()
                if operation.enabled and confirmable(self._settings.personality.confirm, op)
            ]
        return Router(routes, redirect_slashes=False)

    # ------------------------------------------------------------ paths

    async def _identify(self, base: str, request: Request) -> Response:
        if self._mishaps is not None and await self._mishaps.deaf(request.scope, request.receive, start=False):
            return Silence()
        return _json(200, self._counter.identify(base))

    async def _ask(self, op: Op, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": "OPTIONS, POST"})
        start = op in _STARTING
        if self._mishaps is not None and await self._mishaps.deaf(request.scope, request.receive, start=start):
            return Silence()
        try:
            found = read_body(await request.body())
        except ClientDisconnect:
            return Silence()
        refused = self._check(found, request)
        if refused is not None:
            return refused
        reply = await self._answered(op, found)
        return _Told(reply, op, self._counter, self._mishaps)

    def _check(self, found: JsonObject, request: Request) -> Response | None:
        """The answer to a wrong password; None if it is right, or if the wire has none."""
        if self._profile.secret.placement is Placement.NONE:
            return None
        address = request.client.host if request.client is not None else "unknown"
        admission = self._passwords.admits(presented(found, request.headers, self._profile), address)
        if admission is Admission.RIGHT:
            return None
        log.warning("touchscreen_password_refused", address=address, admission=admission)
        if admission is Admission.TOO_MANY:
            raise BridgeError(Code.RATE_LIMITED)
        status = _WRONG[self._settings.personality.wrong_secret]
        return _json(status, answers.started(None, answers.WRONG_PASSWORD, self._profile, yes=False))

    async def _answered(self, op: Op, found: JsonObject) -> Reply:
        if op in _STARTING:
            return await self._counter.start(read_start(found, op, self._profile))
        if op is Op.TERMINAL:
            offline = self._mishaps is not None and self._mishaps.strikes(Fault.HOST_OFFLINE)
            return await self._counter.terminal(offline=offline)
        id_ = read_id(found, self._profile)
        if op is Op.CONFIRM:
            return await self._counter.confirm(id_, value=read_flag(found, self._profile.request.confirm))
        asking: dict[Op, Callable[[str], Awaitable[Reply]]] = {
            Op.STATUS: self._counter.status,
            Op.RESULT: self._counter.result,
            Op.CANCEL: self._counter.cancel,
        }
        return await asking[op](id_)

    def _forgets(self, payment: Payment) -> bool:
        return self._mishaps is not None and self._mishaps.strikes(Fault.FORGETS, payment.id)


def _json(status: int, body: Mapping[str, object]) -> Response:
    return Response(write(body), status, as_texts(HEADERS))


class _Told(Response):
    """An answer; once a result is out, the desk hears whether the till was there to get it."""

    def __init__(self, reply: Reply, op: Op, counter: Counter, mishaps: Mishaps | None) -> None:
        self._reply = reply
        self._op = op
        self._counter = counter
        self._mishaps = mishaps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer, as ASGI has it."""
        reached = await self._send(scope, receive, send)
        payment_id = self._reply.payment_id
        if payment_id is None or not self._reply.final:
            return
        try:
            await self._counter.told(payment_id, reached)
        except Exception:
            log.exception("a delivery could not be noted", payment_id=payment_id)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> bool:
        reply, mishaps = self._reply, self._mishaps
        there = still_there(scope)
        if mishaps is None or reply.payment_id is None:
            await asgi.answer(send, (reply.status, list(HEADERS), write(reply.body)))
            return there
        if await self._lost(mishaps, reply.payment_id, scope, receive):
            return False
        body = reply.body
        if self._op is Op.STATUS and mishaps.strikes(Fault.PAPER_OUT, reply.payment_id):
            body = self._counter.speaking_of_paper(body)
        if not reply.final or self._op is not Op.RESULT:
            await asgi.answer(send, (reply.status, list(HEADERS), write(body)))
            return there
        whole = (reply.status, list(HEADERS), write(mishaps.changed(body, reply.payment_id)))
        return await mishaps.send(scope, receive, send, whole, reply.payment_id) and there

    async def _lost(self, mishaps: Mishaps, payment_id: str, scope: Scope, receive: Receive) -> bool:
        if self._op in _STARTING:
            return await mishaps.start_lost(scope, receive, payment_id)
        if self._op is Op.RESULT and self._reply.final:
            return await mishaps.result_lost(scope, receive, payment_id)
        if self._op is Op.CONFIRM and mishaps.strikes(Fault.DROP_CONFIRM_ANSWER, payment_id):
            await drop(scope, receive)
            return True
        return False


class TouchScreenDoorMaker:
    """See `contract.DoorMaker`."""

    name = NAME
    settings: type[BaseModel] = DoorSettings

    def open(
        self,
        settings: BaseModel,
        desk: PaymentDesk,
        runtime: Runtime,
        host: HostControl | None = None,  # noqa: ARG002 - nothing on this wire asks about the program
        behaviour: Behaviour | None = None,
    ) -> Door:
        """See `contract.DoorMaker.open`."""
        if not isinstance(settings, DoorSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a touch-screen door")
        return TouchScreenDoor(settings, profile_of(settings.profile), desk, runtime, behaviour)


DOOR: Final = TouchScreenDoorMaker()
