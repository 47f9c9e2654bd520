"""The promises between the engine, the drivers and the doors. Whoever adds a wire reads this file first.

A *driver* acts as a till toward a terminal, a *door* acts as a terminal (or as a maker's connector) toward a till.
Neither knows the other, nor the engine: they meet here.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel

from tillbridge.domain.money import Currency, Money
from tillbridge.domain.operation import OPEN, RUNNING, Kind, Operation, Progress, Stage
from tillbridge.domain.outcome import Approved, InDoubt, MoneyMoved, Outcome, money_moved
from tillbridge.protocols.faults import Behaviour as Behaviour  # noqa: PLC0414 - part of the contract, handed on
from tillbridge.protocols.faults import Fault as Fault  # noqa: PLC0414 - part of the contract, handed on
from tillbridge.runtime.effects import Runtime


class ProtocolError(Exception):
    """The other side sent something that its wire does not allow. Codecs raise this and nothing else on bad input."""


# ---------------------------------------------------------------- terminals


class Recovery(StrEnum):
    """What a connected terminal can be asked after a lost answer; a fact of that terminal, not of its driver."""

    BY_ID = "by_id"
    LAST_RESULT = "last_result"
    NONE = "none"


class AbortSupport(StrEnum):
    """Until when a running operation can be asked to stop."""

    NONE = "none"
    UNTIL_CARD = "until_card"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a terminal can do. What it lacks is refused before anything is sent.

    `currencies` None means every currency; `max_minor` is the largest amount that the wire can write.
    `online_flag` says whether the wire can ask for online authorisation, `partial` whether it may approve less.
    `linked` are the kinds that it runs only with the earlier operation named, `voids` the kinds that it can void.
    """

    kinds: frozenset[Kind]
    recovery: Recovery
    max_minor: int
    currencies: frozenset[str] | None = None
    abort: AbortSupport = AbortSupport.NONE
    online_flag: bool = False
    partial: bool = False
    linked: frozenset[Kind] = frozenset({Kind.CAPTURE})
    voids: frozenset[Kind] = frozenset({Kind.SALE, Kind.REFUND, Kind.AUTHORIZATION, Kind.CAPTURE})


class HealthState(StrEnum):
    """How a terminal looks when it is asked for a sign of life."""

    READY = "ready"
    BUSY = "busy"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """`detail` names the cause for a technician: the port that is missing, the parity that does not fit."""

    state: HealthState
    detail: str = ""


class AbortReply(StrEnum):
    """What became of the wish to stop. The end state is still read from the terminal (law 5)."""

    REQUESTED = "requested"
    CANNOT = "cannot"
    NOT_RUNNING = "not_running"


class Unanswered(StrEnum):
    """What an inquiry can give instead of an outcome."""

    STILL_RUNNING = "still_running"
    NOT_FOUND = "not_found"
    CANNOT_ASK = "cannot_ask"


@dataclass(frozen=True, slots=True)
class LateResult:
    """A result that the terminal sent when nobody asked: evidence for an earlier operation.

    `amount` None means that the wire gave none. `wire_reference` is there only where the wire carries ours back.
    """

    outcome: Outcome
    register: str | None = None
    amount: Money | None = None
    wire_reference: str | None = None


class OperationLog(Protocol):
    """How a driver tells the journal, while it performs one operation."""

    async def sending(self) -> None:
        """Returns once the intent is on disk. Awaited before the first byte; if it raises, nothing may be sent."""
        ...

    def progress(self, progress: Progress) -> None:
        """What the terminal is doing now; costs nothing and is not durable."""
        ...

    async def signature(self, approved: Approved) -> bool:
        """Whether the cardholder's signature is that of the card, asked of a person within a time limit.

        Awaited when the terminal has approved and leaves the check to the cashier. On False the outcome is
        `InDoubt(SIGNATURE_REFUSED)`: the engine then reverses it and files that reversal as an operation of its own.
        """
        ...

    async def outcome(self, outcome: Outcome) -> None:
        """Returns once the outcome is on disk. Awaited before the driver acknowledges or confirms to the terminal."""
        ...


class Terminal(Protocol):
    """A driver at work on one terminal, mostly `moving.Movable` as well. It is given one operation at a time."""

    @property
    def capabilities(self) -> Capabilities:
        """What this terminal can do, as far as it has shown by now."""
        ...

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """Runs one operation to its outcome, which it has already given to `log.outcome` unless nothing was sent.

        Never raises for what the terminal or the line does: that is an outcome. When it is cancelled it leaves the
        link in a state where `late` still hears the terminal.
        """
        ...

    async def abort(self, operation_id: str) -> AbortReply:
        """Asks the terminal to stop that operation."""
        ...

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """Asks the terminal what became of an operation. Sends nothing that could move money."""
        ...

    async def settle(self, operation: Operation) -> None:
        """Pays a confirmation or acknowledgement that the terminal is still owed; nothing to do on most wires."""
        ...

    def late(self) -> AsyncGenerator[LateResult, None]:
        """Results that nobody waits for, for as long as the terminal is open.

        Whoever asks for the next one says that the last one is on disk: only then is it acknowledged on the wire.
        """
        ...

    async def health(self) -> Health:
        """A sign of life that moves no money and shows nothing to the customer; bounded by its own time-out."""
        ...

    async def close(self) -> None:
        """Gives up the line. A running `perform` ends in doubt if its request had left."""
        ...


class Driver(Protocol):
    """What a wire's folder exports under the entry-point group `tillbridge.drivers`."""

    name: str
    settings: type[BaseModel]

    def connect(self, settings: BaseModel, runtime: Runtime) -> Terminal:
        """A terminal that opens its line when it is needed. Does no I/O itself."""
        ...


# ---------------------------------------------------------------- the desk behind a door


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What to make of a signature that nobody has judged after `seconds`: accept it, or refuse and reverse."""

    accept: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a door asks for.

    `caller` is the authenticated till ("hipay:log", "concert:till-concert-v2"); order numbers are matched within it.
    `terminal` None leaves the choice to the desk (the only one, or the door's default). `key` is an idempotency key
    and `fingerprint` a digest over everything that makes the request what it is: the same key with another
    fingerprint is refused. `notes` are kept with the payment for receivers (cart, customer, custom data) and never
    interpreted by the engine. `parent` is the id of the payment that a refund, capture or void goes back to.
    `keyless` is set by a door whose wire has neither a key nor an order number (Concert, myPOS XML): there an approved
    result that could not be delivered holds the door. `unsigned` None leaves a signature to the desk's own setting.
    `amount` None asks for a reconciliation, or for all of the parent's money.
    """

    kind: Kind
    amount: Money | None
    caller: str
    door: str
    terminal: str | None = None
    register: str = "01"
    order_id: str | None = None
    key: str | None = None
    fingerprint: str = ""
    online: bool = False
    partial_allowed: bool = False
    parent: str | None = None
    keyless: bool = False
    unsigned: Unsigned | None = None
    notes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as the desk knows it now; a snapshot, not a live object.

    `replayed` says that the request met an earlier payment and nothing new was done. `closed_at` is when the outcome
    became known (for an approved payment: when it was paid). Times are UTC.
    """

    id: str
    kind: Kind
    stage: Stage
    amount: Money | None
    terminal: str
    caller: str
    door: str
    register: str
    accepted_at: datetime
    order_id: str | None = None
    key: str | None = None
    online: bool = False
    parent: str | None = None
    progress: Progress | None = None
    outcome: Outcome | None = None
    closed_at: datetime | None = None
    replayed: bool = False
    warnings: tuple[str, ...] = ()
    notes: Mapping[str, object] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the terminal may still be working on it."""
        return self.stage in RUNNING

    @property
    def open(self) -> bool:
        """Whether it occupies its terminal: running, or in doubt."""
        return self.stage in OPEN

    @property
    def money_moved(self) -> MoneyMoved:
        """Whether money moved, as far as is known; a running payment is unknown. A reconciliation moves none."""
        if self.kind is Kind.RECONCILIATION:
            return MoneyMoved.NO
        if self.outcome is None or isinstance(self.outcome, InDoubt):
            return MoneyMoved.NO if self.stage is Stage.ACCEPTED else MoneyMoved.UNKNOWN
        return money_moved(self.outcome)


@dataclass(frozen=True, slots=True)
class TerminalStatus:
    """One terminal as the desk sees it. `occupied_by` is the payment that runs there or keeps it locked."""

    name: str
    driver: str
    capabilities: Capabilities
    health: Health
    occupied_by: Payment | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Approved money of one terminal, kind and currency since a moment: a count and a sum of minor units."""

    terminal: str
    kind: Kind
    currency: Currency
    count: int
    minor: int


class PaymentDesk(Protocol):
    """What a door may ask. The engine is a desk; the virtual terminal behind a simulator is a desk.

    Refusals are `BridgeError`s with a code of the catalogue; after one, nothing was sent to a terminal.
    """

    async def start(self, request: PaymentRequest) -> Payment:
        """Accepts a payment, or returns the earlier one that this request repeats. Returns once it is accepted."""
        ...

    async def wait(self, payment_id: str, patience: float) -> Payment:
        """The payment once it no longer runs, or as it stands after `patience` seconds. The payment goes on anyway."""
        ...

    async def abort(self, payment_id: str) -> AbortReply:
        """Asks for a running payment to be stopped."""
        ...

    async def inquire(self, payment_id: str) -> Payment:
        """The payment with this id; `BridgeError(PAYMENT_UNKNOWN)` if there is none."""
        ...

    async def sign(self, payment_id: str, *, accepted: bool, by: str) -> Payment:
        """A person named `by` has compared the signature. `BridgeError(NOTHING_TO_SIGN)` if nobody is asked for it."""
        ...

    async def find_key(self, caller: str, key: str) -> Payment:
        """The payment that this caller's key stands for; `BridgeError(PAYMENT_UNKNOWN)` if there is none."""
        ...

    async def find_order(self, caller: str, order_id: str) -> Payment:
        """The newest payment of this caller's order; `BridgeError(PAYMENT_UNKNOWN)` if there is none."""
        ...

    async def terminals(self) -> Sequence[TerminalStatus]:
        """Every terminal with its state."""
        ...

    async def totals(self, since: datetime) -> Sequence[Totals]:
        """Approved money since that moment."""
        ...

    async def delivered(self, payment_id: str, receiver: str, reached: bool) -> None:
        """Notes whether a door could hand a result to its till. Costs no commit of its own."""
        ...


class HostControl(Protocol):
    """What a door may ask of the program around it."""

    @property
    def version(self) -> str:
        """The version of tillbridge that runs."""
        ...

    def busy(self) -> bool:
        """Whether a payment is running anywhere."""
        ...

    def stop(self) -> bool:
        """Stops the program cleanly if no payment runs; returns whether it will. Never in the middle of a payment."""
        ...


# ---------------------------------------------------------------- doors


class Door(Protocol):
    """A door at work."""

    @property
    def address(self) -> str:
        """Where tills reach it, as a person would type it; known once `serve` has called `on_ready`."""
        ...

    async def serve(self, on_ready: Callable[[], None]) -> None:
        """Listens until cancelled. Raises `BridgeError(PORT_TAKEN)` naming the address if it cannot listen."""
        ...


class DoorMaker(Protocol):
    """What a wire's folder exports under the entry-point group `tillbridge.doors`."""

    name: str
    settings: type[BaseModel]

    def open(
        self,
        settings: BaseModel,
        desk: PaymentDesk,
        runtime: Runtime,
        host: HostControl | None = None,
        behaviour: Behaviour | None = None,
    ) -> Door:
        """A door that serves this desk. `behaviour` is given only when the desk is a virtual terminal."""
        ...
