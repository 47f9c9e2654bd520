"""The fronts: tills that ask for payments in each of the languages, and say in one set of words what they heard."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, assert_never

import aiohttp
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.matrix.backs import connected, served
from tests.matrix.words import AMOUNT, BEFORE, KIND, Ask, Heard, Told
from tests.support.console.asgi_client import Client
from tests.unit.hipay.till import HASH, basic
from tillbridge.connector.api.keys import KeyCheck
from tillbridge.connector.api.routes import PREFIX, api_app
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Operation, Parent, Progress
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.engine.engine import Engine
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Door, Terminal
from tillbridge.runtime.effects import Runtime

KEY: Final = "k3y-of-the-connector-for-tests"
LONG: Final = 6.0
"""Seconds for which a till waits here: longer than any driver, so that what it hears is what the bridge says."""


class Till(Protocol):
    """A till at one door."""

    async def ask(self, ask: Ask, before: Told | None, amount: Money = AMOUNT) -> Told:
        """Asks, and waits for what the door says; `before` is what it heard of the payment that this goes back to."""
        ...

    async def abort(self) -> None:
        """Asks for the running payment to be stopped."""
        ...


ASKS: Final[Mapping[str, tuple[Ask, ...]]] = {
    "hipay": (Ask.SALE, Ask.REFUND),
    "hipay-unattended": (Ask.SALE,),
    "native": tuple(Ask),
    "concert-v2": (Ask.SALE, Ask.REFUND, Ask.AUTHORIZATION, Ask.VOID_OF_SALE),
    "concert-v3": (Ask.SALE, Ask.REFUND, Ask.VOID_OF_SALE),
    "touchscreen": (Ask.SALE, Ask.REFUND, Ask.VOID_OF_SALE, Ask.RECONCILIATION),
    "mypos-xml": (Ask.SALE, Ask.REFUND, Ask.AUTHORIZATION, Ask.CAPTURE, Ask.VOID_OF_AUTHORIZATION),
}
"""What each language has words for."""

PROFILES: Final[Mapping[str, str]] = {"hipay-unattended": "hipay"}
"""Fronts that are another profile of a door, and which door."""

ABORTS: Final = frozenset({"hipay", "hipay-unattended", "native", "touchscreen"})
"""Languages in which a till can ask to stop."""

DOORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "hipay": {"port": 0, "api_username": "log", "api_password_hash": HASH},
    "hipay-unattended": {"profile": "unattended", "port": 0, "api_username": "log", "api_password_hash": HASH},
    "concert-v2": {"tcp": {"port": 0}, "timers": {"pause": 0.1, "transaction": LONG}},
    "concert-v3": {"port": 0, "quiet_time": 0.1, "personality": "plain"},
    "touchscreen": {"port": 0, "patience": 0.5},
    "mypos-xml": {"port": 0, "currency": "EUR"},
}
AS_TILLS: Final[Mapping[str, Mapping[str, Any]]] = {
    "concert-v2": {"timers": {"transaction": LONG, "pause": 0.1}},
    "concert-v3": {"cancel": True, "answer_timeout": LONG, "quiet_time": 0.1, "ask_after_doubt": False},
    "touchscreen": {"patience": LONG},
    "mypos-xml": {"currency": "EUR", "refund_enabled": True, "preauth_enabled": True, "answer_timeout": LONG},
}


@asynccontextmanager
async def till(front: str, engine: Engine) -> AsyncIterator[Till]:
    """A till at this door over the engine."""
    runtime = Runtime()
    if front == "native":
        api = api_app(engine, KeyCheck(KEY, runtime.clock), runtime, "test")
        yield NativeTill(Client(Starlette(routes=[Mount(PREFIX, app=api)]), {"authorization": f"Bearer {KEY}"}))
        return
    maker = registry.door(PROFILES.get(front, front))
    door: Door = maker.open(maker.settings.model_validate(DOORS[front]), engine, runtime)
    async with served(door) as address:
        if maker.name == "hipay":
            async with aiohttp.ClientSession(headers={"Authorization": basic()}) as session:
                yield KioskTill(session, address) if front in PROFILES else HipayTill(session, address)
            return
        terminal = connected(front, address, AS_TILLS[front])
        try:
            yield WireTill(terminal)
        finally:
            await terminal.close()


@dataclass
class NativeTill:
    """Speaks our own HTTP interface."""

    client: Client
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    running: str = ""

    async def ask(self, ask: Ask, before: Told | None, amount: Money = AMOUNT) -> Told:
        body: dict[str, Any] = {"kind": KIND[ask]}
        if ask is not Ask.RECONCILIATION:
            body["amount"] = {"minor": amount.minor, "currency": amount.currency.code}
        if before is not None:
            body["parent"] = before.reference
        started = await self.client.post("/v1/payments", body, **{"idempotency-key": f"k{next(self.numbers)}"})
        if started.status not in (200, 202):
            return Told(Heard.REFUSED, why=started.json["code"])
        self.running = started.json["id"]
        answer = await self.client.get(f"/v1/payments/{self.running}", prefer=f"wait={LONG:g}")
        stage = answer.json["stage"]
        return Told(_STAGES.get(stage, Heard.IN_DOUBT), self.running, stage)

    async def abort(self) -> None:
        answer = await self.client.post(
            f"/v1/payments/{self.running}/abort", {}, **{"idempotency-key": f"k{next(self.numbers)}"}
        )
        assert answer.status == 200, answer.text


_STAGES: Final = {
    "approved": Heard.APPROVED,
    "declined": Heard.DECLINED,
    "aborted": Heard.ABORTED,
    "not_started": Heard.NOT_STARTED,
    "in_doubt": Heard.IN_DOUBT,
}


@dataclass
class HipayTill:
    """Speaks the language of HiPay's connector."""

    session: aiohttp.ClientSession
    address: str
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    running: str = ""

    async def ask(self, ask: Ask, before: Told | None, amount: Money = AMOUNT) -> Told:
        assert before is None
        self.running = f"order-{next(self.numbers)}"
        body = {"amount": amount.major(), "currency": amount.currency.code, "order_id": self.running}
        headers = {}
        if ask is Ask.REFUND:
            body["transaction_type"] = "Credit"
            headers["Idempotency-Key"] = f"key-{self.running}"
        async with self.session.post(f"{self._url}/order", json=body, headers=headers) as reply:
            answer = await reply.json()
            if reply.status != 200:
                return Told(Heard.REFUSED, why=answer["code"])
        heard = {"unknown": Heard.IN_DOUBT, "not_started": Heard.NOT_STARTED}.get(answer["outcome"])
        return Told(heard or Heard(answer["outcome"]), self.running, str(answer.get("errorCode", "")))

    async def abort(self) -> None:
        async with self.session.post(f"{self._url}/order/{self.running}/cancel") as reply:
            assert reply.status in (200, 202), await reply.text()

    @property
    def _url(self) -> str:
        return self.address if self.address.startswith("http") else f"http://{self.address}"


@dataclass
class KioskTill:
    """Speaks to the unattended profile: cents, arrays of one, and 599 for whatever was not paid."""

    session: aiohttp.ClientSession
    address: str
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def ask(self, ask: Ask, before: Told | None, amount: Money = AMOUNT) -> Told:
        assert (ask, before) == (Ask.SALE, None)
        order = f"order-{next(self.numbers)}"
        body = {"amount": amount.minor, "orderId": order}
        async with self.session.post(f"{self.address}/order", json=body) as reply:
            answer = await reply.json()
        if reply.status == 200:
            (paid,) = answer
            return Told(Heard.APPROVED if paid["status"] == "Success" else Heard.IN_DOUBT, order)
        assert reply.status == 599, answer
        if "payment_id" not in answer:
            return Told(Heard.REFUSED, why=answer["code"])
        unsure = answer["error"].startswith("UNKNOWN: ")
        assert unsure == (answer["outcome"] == "unknown")
        heard = {"unknown": Heard.IN_DOUBT, "not_started": Heard.NOT_STARTED}.get(answer["outcome"])
        return Told(heard or Heard(answer["outcome"]), order, answer["error"])

    async def abort(self) -> None:
        async with self.session.get(f"{self.address}/cancel") as reply:
            assert reply.status == 200, await reply.text()


@dataclass
class _Log:
    """What a till without a journal makes of its own progress."""

    signed: bool = True

    async def sending(self) -> None:
        await asyncio.sleep(0)

    def progress(self, progress: Progress) -> None:
        del progress

    async def signature(self, approved: Approved) -> bool:
        del approved
        return self.signed

    async def outcome(self, outcome: Outcome) -> None:
        del outcome


@dataclass
class WireTill:
    """A till that speaks a terminal's language: the driver of that wire is one."""

    terminal: Terminal
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    running: str = ""

    async def ask(self, ask: Ask, before: Told | None, amount: Money = AMOUNT) -> Told:
        self.running = f"{next(self.numbers):032x}"
        parent = None
        if before is not None and before.reference is not None:
            wire, _, reference = before.reference.partition("|")
            parent = Parent(wire, KIND[BEFORE[ask]], AMOUNT, reference or None)
        asked = None if ask is Ask.RECONCILIATION else amount
        operation = Operation(self.running, KIND[ask], asked, self.running, parent=parent)
        outcome = await self.terminal.perform(operation, _Log())
        return Told(_heard(outcome), f"{self.running}|{getattr(outcome, 'reference', None) or ''}", str(outcome))

    async def abort(self) -> None:
        await self.terminal.abort(self.running)


def _heard(outcome: Outcome) -> Heard:
    match outcome:
        case Approved():
            return Heard.APPROVED
        case Declined():
            return Heard.DECLINED
        case Aborted():
            return Heard.ABORTED
        case NotStarted():
            return Heard.NOT_STARTED
        case InDoubt():
            return Heard.IN_DOUBT
        case _:
            assert_never(outcome)
