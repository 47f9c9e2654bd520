"""A till's driver and a door over the virtual terminal: the touch-screen wire in one process, under manual time."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support import wires
from tests.support.wires import JOURNAL, Switches, Trace
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Operation, Parent, Progress
from tillbridge.domain.outcome import (
    Aborted,
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import Behaviour, Fault, PaymentDesk, Unanswered
from tillbridge.protocols.touchscreen.door import TouchScreenDoor
from tillbridge.protocols.touchscreen.driver import TouchScreenTerminal
from tillbridge.protocols.touchscreen.link import Address, Ended, Heard, Question
from tillbridge.protocols.touchscreen.profile import Profile, built_in
from tillbridge.protocols.touchscreen.settings import DoorSettings, DriverSettings
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.runtime.manual import manual_runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.rows import Movement
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.asgi import LINE, App, Message

TWELVE_FIFTY = Money(1250, EUR)
REFERENCE = "0123456789abcdef0123456789abcdef"
WIRE_ID = "01234567-89ab-cdef-0123-456789abcdef"
VOIDING = "fedcba9876543210fedcba9876543210"
SECRET = "27924505"
REFUSED = NotSent(NotStartedReason.NETWORK_UNAVAILABLE, "refused")
GONE = Lost(DoubtReason.LINE_LOST, "gone")


def operation(amount: Money | None = TWELVE_FIFTY, kind: Kind = Kind.SALE, **different: Any) -> Operation:
    """An operation as the engine would hand it to the driver."""
    given = {"id": "op-1", "wire_reference": REFERENCE} | different
    return Operation(kind=kind, amount=amount, **given)


def void_of(reference: str = REFERENCE, amount: Money = TWELVE_FIFTY) -> Operation:
    """The void of a sale."""
    parent = Parent(reference, Kind.SALE, amount)
    return operation(amount, Kind.VOID, id="op-2", wire_reference=VOIDING, parent=parent)


def driver_settings(**different: Any) -> DriverSettings:
    return DriverSettings.model_validate({"host": "terminal"} | different)


def door_settings(**different: Any) -> DoorSettings:
    return DoorSettings.model_validate(different)


def profile(**different: Any) -> Profile:
    """The built-in profile with other parts."""
    return Profile.model_validate(built_in().model_dump() | different)


class _Drop:
    """The transport of a connection in memory: a door may only drop it."""

    def __init__(self) -> None:
        self.dropped = asyncio.Event()

    def abort(self) -> None:
        self.dropped.set()

    def close(self) -> None:
        self.dropped.set()

    def is_closing(self) -> bool:
        return self.dropped.is_set()


async def exchange(app: App, question: Question) -> Ended:
    """One request and its answer over ASGI, as an HTTP client would see it."""
    drop = _Drop()
    said: list[Message] = []
    unheard: list[Message] = [{"type": "http.request", "body": question.body or b""}]

    async def receive() -> Message:
        if unheard:
            return unheard.pop(0)
        await drop.dropped.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    await app(_scope(question, drop), receive, send)
    body = b"".join(message.get("body", b"") for message in said[1:])
    if not said:
        return GONE
    length = dict(said[0]["headers"]).get(b"content-length")
    if drop.dropped.is_set() or (length is not None and int(length) != len(body)):
        return GONE
    return Heard(said[0]["status"], body)


def _scope(question: Question, drop: _Drop) -> dict[str, Any]:
    headers = [
        (b"host", b"localhost:33350"),
        *([(b"content-length", str(len(question.body)).encode())] if question.body is not None else []),
        *((name.lower().encode(), value.encode()) for name, value in question.headers),
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET" if question.body is None else "POST",
        "scheme": "http",
        "path": question.path,
        "raw_path": question.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 33350),
        "extensions": {LINE: {"transport": drop}},
    }


class Network:
    """A `Link` to doors in this process. `trace` has every request; a test's journal writes into it too.

    `deny` may answer before the door hears of the request, `lose` may replace its answer. Both take the question.
    """

    def __init__(self) -> None:
        self.trace: Trace = []
        self.apps: dict[str, App] = {}
        self.deny: Callable[[Question], Ended | None] = lambda _: None
        self.lose: Callable[[Question], Ended | None] = lambda _: None
        self.closed = False

    async def ask(self, question: Question) -> Ended:
        if self.closed:
            return NotSent(NotStartedReason.CONNECTOR_STOPPED, "closed")
        self.trace.append((last(question.path), None if question.body is None else json.loads(question.body)))
        denied = self.deny(question)
        if denied is not None:
            return denied
        app = self.apps.get(question.address.host)
        if app is None:
            return REFUSED
        try:
            async with asyncio.timeout(question.connect + question.read):
                answer = await exchange(app, question)
        except TimeoutError:
            return Lost(DoubtReason.NO_ANSWER, "no answer")
        return self.lose(question) or answer

    async def close(self) -> None:
        self.closed = True

    @property
    def asked(self) -> list[str]:
        """The last part of every path that was asked for, in order, with the journal's entries between."""
        return [str(what) if who == JOURNAL else who for who, what in self.trace]

    def bodies(self, name: str) -> list[Any]:
        return [body for what, body in self.trace if what == name]


def last(path: str) -> str:
    return path.rpartition("/")[2]


def failing(name: str, ended: Ended, times: int = 1) -> Callable[[Question], Ended | None]:
    """Lets requests to this path end so, a number of times."""
    left = Counter({name: times})

    def fail(question: Question) -> Ended | None:
        if last(question.path) != name or left[name] <= 0:
            return None
        left[name] -= 1
        return ended

    return fail


class Journal(wires.Journal):
    """A journal of a counter where somebody may have to sign.

    `accepts` is what the cashier says of a signature, `meanwhile` happens while the intent goes to the disk.
    """

    meanwhile: Callable[[], Awaitable[object]] | None = None

    def __init__(self, trace: Trace | None = None, *, accepts: bool = True) -> None:
        super().__init__(trace)
        self.signed: list[Approved] = []
        self._accepts = accepts

    async def sending(self) -> None:
        await super().sending()
        if self.meanwhile is not None:
            await self.meanwhile()

    def progress(self, progress: Progress) -> None:
        if self.seen[-1:] != [progress]:
            super().progress(progress)

    async def signature(self, approved: Approved) -> bool:
        self._write("signature")
        self.signed.append(approved)
        return self._accepts


@dataclass
class Shop:
    """All that a test wants to look at."""

    network: Network
    desk: VirtualTerminal
    door: TouchScreenDoor
    terminal: TouchScreenTerminal
    journal: Journal = field(default_factory=Journal)

    async def perform(self, asked: Operation, *, accepts: bool = True) -> Outcome:
        self.journal = Journal(self.network.trace, accepts=accepts)
        return await self.terminal.perform(asked, self.journal)

    async def sell(self, **different: Any) -> Outcome:
        return await self.perform(operation(**different))

    async def call(self, path: str, body: Any, base: str = "/api/switchio/pay/v6") -> tuple[int, Any]:
        """What a till hears that asks the door by itself."""
        return await call(self.door.app, f"{base}/{path}", body)

    @property
    def movements(self) -> list[tuple[str, int]]:
        return [
            (row.movement.value, row.minor) for row in self.desk.ledger.rows if row.movement is not Movement.NOTHING
        ]


async def call(app: App, path: str, body: Any, *headers: tuple[str, str]) -> tuple[int, Any]:
    """Status and body of one request; bytes are sent as they are, None makes it a GET."""
    raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    ended = await exchange(app, question(path, raw, *headers))
    assert isinstance(ended, Heard), ended
    try:
        return ended.status, json.loads(ended.body)
    except ValueError:
        return ended.status, ended.body.decode()


def question(path: str, body: bytes | None, *headers: tuple[str, str]) -> Question:
    return Question(Address("terminal", 33350), path, 3.0, 10.0, body, headers)


def start_of(id_: str = WIRE_ID, amount: object = 1250, **more: object) -> dict[str, Any]:
    """The body of a sale as a till writes it."""
    inner = {"transactionId": id_, "amount": amount, "currencyCode": 978} | more
    return {"secureString": SECRET, "request": inner}


def about(id_: str = WIRE_ID, **more: object) -> dict[str, Any]:
    """The body of a question about an operation."""
    return {"secureString": SECRET, "transactionId": id_} | more


@asynccontextmanager
async def shop(
    faults: Mapping[Fault, int] | None = None,
    *,
    personality: Mapping[str, str] | None = None,
    delay: float = 0.0,
    driver: Mapping[str, Any] | None = None,
    door: Mapping[str, Any] | None = None,
    facts: Profile | None = None,
    desk: VirtualTerminal | None = None,
) -> AsyncIterator[Shop]:
    """A driver and a door on one network. Without `faults` the virtual terminal's own scenarios decide."""
    runtime = manual_runtime()
    desk = desk or VirtualTerminal(runtime=runtime, delay=delay)
    behaviour: Behaviour = Switches(faults) if faults is not None else ScriptedBehaviour(desk)
    asked = door_settings(**({"personality": dict(personality or {})} | dict(door or {})))
    one = TouchScreenDoor(asked, built_in(), desk, runtime, behaviour)
    network = Network()
    network.apps["terminal"] = one.app
    terminal = TouchScreenTerminal(driver_settings(**(driver or {})), facts or built_in(), network)
    async with asyncio.TaskGroup() as group:
        upkeep = group.create_task(one.upkeep())
        listening = group.create_task(_listen(terminal))
        try:
            yield Shop(network, desk, one, terminal)
        finally:
            await terminal.close()
            await listening
            upkeep.cancel()


async def _listen(terminal: TouchScreenTerminal) -> None:
    """What the engine does with every terminal; this wire never speaks unasked."""
    async for result in terminal.late():
        raise AssertionError(result)


def lone_door(desk: PaymentDesk, behaviour: Behaviour | None = None, **different: Any) -> TouchScreenDoor:
    return TouchScreenDoor(door_settings(**different), built_in(), desk, manual_runtime(), behaviour)


def taken(desk: VirtualTerminal) -> int:
    """Minor units that the terminal's own ledger says were taken."""
    return sum(row.minor for row in desk.ledger.rows if row.movement is Movement.TAKEN)


def assert_no_lie(desk: VirtualTerminal, said: Outcome | Unanswered, amount: Money = TWELVE_FIFTY) -> None:
    """What the till was told agrees with the terminal's ledger, and nothing was taken twice."""
    assert taken(desk) in (0, amount.minor), "the terminal took it twice"
    balance = desk.ledger.balance(amount.currency.code)
    match said:
        case Approved():
            assert balance == said.amount.minor == amount.minor
        case Declined() | Aborted() | NotStarted():
            assert balance == 0
        case InDoubt() | Unanswered():
            pass
