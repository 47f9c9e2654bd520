"""A portal that speaks the documented messages about vouchers on a real port, and loses what it is told to lose."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.connector.portal.linked import linked
from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.keystore import Kept, KeptService
from tillbridge.connector.portal.places import Places
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.vouchers.desk import VoucherDesk
from tillbridge.connector.vouchers.journal import Journal, open_journal
from tillbridge.connector.vouchers.model import Kind, Wanted
from tillbridge.connector.vouchers.way import Way
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.frames import write
from tillbridge.link.messages import LocationFacts, Welcome
from tillbridge.link.offline_pins import open_sealed, public_half
from tillbridge.link.protocol import OLDEST, PROTOCOL
from tillbridge.link.scopes import Scope, ServiceState, write_scopes
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import Committer, CommittingThread, Connect
from tillbridge.web.problem import problem

NUMBER = "27612345678904"
OTHER = "04098765432104"
PIN = "0420"
OPENER = bytes(range(32))
"""The portal's half of the key that PINs are sealed with while it is not reached."""
_SCOPES = (Scope.VOUCHERS_READ, Scope.VOUCHERS_LOAD, Scope.VOUCHERS_REDEEM, Scope.VOUCHERS_CANCEL, Scope.STATUS)


class Loss(Enum):
    """What the network does to one request."""

    BEFORE = auto()
    """It never arrives."""
    AFTER = auto()
    """It is carried out, and its answer is lost."""
    SILENCE = auto()
    """It is carried out when the test says so, and its answer is lost."""


@dataclass(slots=True)
class Portal:
    """`plan` is used up one request about vouchers after another: a loss, a refusal, or None for an answer."""

    balances: dict[str, int] = field(default_factory=lambda: {NUMBER: 5000, OTHER: 3000})
    pins: dict[str, str] = field(default_factory=lambda: {NUMBER: PIN, OTHER: "0007"})
    plan: list[Loss | BridgeError | None] = field(default_factory=list)
    always: Loss | BridgeError | None = None
    heard: list[tuple[str, str]] = field(default_factory=list)
    bodies: dict[str, set[str]] = field(default_factory=dict)
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    operations: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    late: list[Callable[[], tuple[int, dict[str, Any]]]] = field(default_factory=list)
    service: dict[str, Any] = field(default_factory=dict)
    terms: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, int] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/token", self.token)
        app.router.add_post("/v1/vouchers/lookup", self.lookup)
        app.router.add_post("/v1/vouchers/{kind:load|redeem}", self.book)
        app.router.add_get("/v1/services", self.services)
        app.router.add_get("/v1/link", self.link)
        app.router.add_get("/v1/vouchers/offline/terms", self.offline_terms)
        app.router.add_post("/v1/vouchers/offline/take", self.offline_take)
        app.router.add_post("/v1/vouchers/offline/given-back", self.offline_given_back)
        app.router.add_post("/v1/vouchers/recovery", self.recovery)
        app.router.add_get("/v1/vouchers/ops/{key}", self.state)
        app.router.add_post("/v1/vouchers/ops/{key}/{what}", self.change)
        return app

    def times(self, what: str) -> int:
        """How often this was asked."""
        return sum(one == what for one, _ in self.heard)

    def release(self) -> None:
        """What the network held back arrives, also what its sender has given up meanwhile."""
        for carry in self.late:
            carry()
        self.late.clear()
        self.released.set()

    async def token(self, _: web.Request) -> web.Response:
        body = {"access_token": "a.b.c", "token_type": "DPoP", "expires_in": 600, "link_state": "active"}
        return web.json_response(body, headers={"DPoP-Nonce": "n"})

    async def link(self, request: web.Request) -> web.WebSocketResponse:
        """The line that stays open: it is welcomed, and nothing more is said on it."""
        line = web.WebSocketResponse()
        await line.prepare(request)
        await line.receive()
        await line.send_str(write(_welcome()))
        async for _ in line:
            pass
        return line

    async def services(self, _: web.Request) -> web.Response:
        service = {"service": "web_vouchers", "state": "on", "code": None, "until": None} | self.service
        return web.json_response([{"service": "reports", "state": "off", "code": "switched_off"}, service])

    async def recovery(self, _: web.Request) -> web.Response:
        """It was never restored, so it wants to hear nothing again."""
        return web.json_response({})

    async def offline_terms(self, _: web.Request) -> web.Response:
        rest = {"currency": "EUR", "country": "276", "time_zone": "Europe/Berlin", "in_maintenance": False}
        limits = dict.fromkeys(("per_voucher", "per_day", "open_total"), 0)
        key = {"key_id": "e" * 32, "public_key": public_half(OPENER)}
        return web.json_response(limits | rest | key | self.terms)

    async def offline_take(self, request: web.Request) -> web.Response:
        asked, key = await request.json(), request.headers["Idempotency-Key"]
        self.bodies.setdefault(key, set()).add(json.dumps(asked, sort_keys=True))

        def carry() -> tuple[int, dict[str, Any]]:
            if key not in self.answers:
                self.answers[key] = self._taken(key, asked)
            return self.answers[key]

        return await self._through(request, "take", key, carry)

    def _taken(self, key: str, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        if key in self.operations:
            return refused(BridgeError(Code.VOUCHER_VOIDED))
        assert asked["offline"] is True
        number, right = asked["number"], open_sealed(OPENER, key, asked["pin_sealed"]) == self.pins[asked["number"]]
        taken = min(asked["amount"], self.balances[number]) if right else 0
        self.balances[number] -= taken
        self.losses[key] = asked["amount"] - taken
        self.operations[key] = ("interim" if taken else "refused", number, taken)
        said = {"key": key, "state": self.operations[key][0], "taken": taken, "loss": self.losses[key]}
        return 200, said | {"balance": self.balances[number], "currency": "EUR", "as_of": "2026-11-22T10:00:00Z"}

    async def offline_given_back(self, request: web.Request) -> web.Response:
        key = (await request.json())["key"]

        def carry() -> tuple[int, dict[str, Any]]:
            if key not in self.losses:
                return refused(BridgeError(Code.RECORD_UNKNOWN))
            self.losses[key] = 0
            return 200, {"key": key, "loss": 0}

        return await self._through(request, "given-back", key, carry)

    async def lookup(self, request: web.Request) -> web.Response:
        asked = await request.json()

        def carry() -> tuple[int, dict[str, Any]]:
            if asked["number"] not in self.balances:
                return refused(BridgeError(Code.VOUCHER_UNKNOWN))
            facts = {"number": asked["number"], "state": "loaded", "balance": self.balances[asked["number"]]}
            return 200, facts | {"currency": "EUR", "country": "276", "as_of": "2026-11-22T10:00:00Z"}

        return await self._through(request, "lookup", "", carry)

    async def book(self, request: web.Request) -> web.Response:
        asked, key, kind = await request.json(), request.headers["Idempotency-Key"], request.match_info["kind"]
        self.bodies.setdefault(key, set()).add(json.dumps(asked, sort_keys=True))

        def carry() -> tuple[int, dict[str, Any]]:
            if key not in self.answers:
                self.answers[key] = self._booked(kind, key, asked)
            return self.answers[key]

        return await self._through(request, kind, key, carry)

    def _booked(self, kind: str, key: str, asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        number = asked["number"]
        if key in self.operations:
            return refused(BridgeError(Code.VOUCHER_VOIDED))
        if kind == "redeem" and asked.get("pin") != self.pins[number]:
            return refused(BridgeError(Code.VOUCHER_PIN_WRONG, members={"tries_left": 4}))
        had = self.balances[number]
        taken = asked["amount"] if kind == "load" else asked.get("exact") or min(asked["up_to"], had)
        if kind == "redeem" and not 0 < taken <= had:
            code = Code.VOUCHER_FUNDS if had else Code.VOUCHER_EMPTY
            return refused(BridgeError(code, members={"balance": had}))
        self.balances[number] += taken if kind == "load" else -taken
        state = "loaded" if kind == "load" else "interim"
        self.operations[key] = (state, number, taken)
        said = {"key": key, "state": state, "taken": taken, "balance": self.balances[number]}
        return 200, said | {"currency": "EUR", "as_of": "2026-11-22T10:00:00Z"}

    async def state(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        return await self._through(request, "state", key, lambda: self._operation(key))

    async def change(self, request: web.Request) -> web.Response:
        key, what = request.match_info["key"], request.match_info["what"]

        def carry() -> tuple[int, dict[str, Any]]:
            state, number, taken = self.operations.get(key, ("not_seen", "", 0))
            match what, state:
                case "confirm", "interim":
                    self.operations[key] = ("confirmed", number, taken)
                case "confirm", "put_back":
                    return refused(BridgeError(Code.VOUCHER_ORDER))
                case "put-back", "interim" | "confirmed":
                    self.balances[number] += taken
                    self.operations[key] = ("put_back", number, taken)
                case "reverse", "loaded" if self.balances[number] < taken:
                    spent = taken - self.balances[number]
                    return refused(BridgeError(Code.VOUCHER_LOAD_SPENT, members={"spent": spent}))
                case "reverse", "loaded":
                    self.balances[number] -= taken
                    self.operations[key] = ("reversed", number, taken)
                case _, "not_seen" if what != "confirm":
                    self.operations[key] = ("voided", "", 0)
                case _:
                    pass  # asked for again
            return self._operation(key)

        return await self._through(request, what, key, carry)

    def _operation(self, key: str) -> tuple[int, dict[str, Any]]:
        state, _, taken = self.operations.get(key, ("not_seen", "", 0))
        return 200, {"key": key, "state": state, "taken": taken, "as_of": "2026-11-22T10:00:00Z"}

    async def _through(
        self, request: web.Request, what: str, key: str, carry: Callable[[], tuple[int, dict[str, Any]]]
    ) -> web.Response:
        assert request.headers["Authorization"] == "DPoP a.b.c"
        self.heard.append((what, key))
        step = self.plan.pop(0) if self.plan else self.always
        match step:
            case Loss.BEFORE:
                return self._lost(request)
            case Loss.AFTER:
                carry()
                return self._lost(request)
            case Loss.SILENCE:
                self.late.append(carry)
                await self.released.wait()
                return self._lost(request)
            case BridgeError():
                status, body = refused(step)
            case _:
                status, body = carry()
        return web.json_response(body, status=status)

    def _lost(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


def _welcome() -> Welcome:
    return Welcome(
        protocol=PROTOCOL,
        oldest=OLDEST,
        version="1.4.0",
        server_time=Runtime().clock.now(),
        heartbeat_seconds=60,
        location=LocationFacts(number="10047110", name="Shop"),
    )


def refused(error: BridgeError) -> tuple[int, dict[str, Any]]:
    return error.entry.status, {**problem(error), **error.members}


@dataclass(slots=True)
class Till:
    """A desk at work. `journal` is what it has on the disk."""

    desk: VoucherDesk
    journal: Journal
    connection: Connection


def wanted(amount: int = 2000, kind: Kind = Kind.REDEEM, **more: Any) -> Wanted:
    usual: dict[str, Any] = {
        "kind": kind,
        "number": NUMBER,
        "pin": PIN if kind is Kind.REDEEM else None,
        "amount": amount,
        "currency": "EUR",
        "receipt": "A-17",
    }
    return Wanted(**(usual | more))


def key(number: int = 1) -> str:
    return f"till-1.action-{number:04d}"


@asynccontextmanager
async def till(
    address: str,
    folder: Path,
    runtime: Runtime | None = None,
    make_committer: Callable[[Connect], Committer] = CommittingThread,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Till]:
    """A paired connector's desk over this folder. Leaving the block is a crash: nothing is said to anybody."""
    runtime = runtime or Runtime()
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    given = PortalSettings(address=address, location_number="10047110")
    connection = Connection(Places(given, folder), folder, runtime, "1.4.0")
    kept = connection.keystore.kept
    if kept is None or kept.link is None or kept.link.address != address:
        await connection.keystore.change(lambda one: _with_vouchers(linked(one, address, runtime)))
    journal = open_journal(folder, runtime, environment or {}, make_committer)
    desk = VoucherDesk(journal, Way(connection), runtime)
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(desk.run())
            await asyncio.sleep(0)
            try:
                yield Till(desk, journal, connection)
            finally:
                running.cancel()
    finally:
        await journal.close()
        await connection.close()


@asynccontextmanager
async def serving(portal: Portal) -> AsyncIterator[str]:
    """The address of this portal while it listens."""
    async with TestServer(portal.app()) as server:
        yield f"http://localhost:{server.port}"
        portal.release()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


def _with_vouchers(kept: Kept) -> Kept:
    assert kept.link is not None
    granted = KeptService(service="web_vouchers", state=ServiceState.ON, scope=write_scopes(_SCOPES))
    return kept.model_copy(update={"link": kept.link.model_copy(update={"services": (granted,)})})
