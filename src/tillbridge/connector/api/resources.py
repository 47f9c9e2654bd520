"""What the native interface gives out. The shapes are promises: fields are added, never renamed or removed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    MoneyMoved,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.engine.journal.records import Event, EventType
from tillbridge.protocols.contract import (
    AbortReply,
    AbortSupport,
    Capabilities,
    HealthState,
    Payment,
    Recovery,
    TerminalStatus,
)


class Resource(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class AmountResource(Resource):
    """An amount: `minor` units for programs, `major` for people ("12.50")."""

    minor: int
    currency: str
    major: str

    @classmethod
    def of(cls, money: Money) -> "AmountResource":
        """This amount."""
        return cls(minor=money.minor, currency=money.currency.code, major=money.major())


class CardResource(Resource):
    """The card as far as it may be remembered: never more than six and four digits of its number."""

    masked_pan: str | None
    entry_mode: EntryMode | None
    application: str | None
    aid: str | None

    @classmethod
    def of(cls, card: CardUse) -> "CardResource":
        """This card."""
        return cls(masked_pan=card.masked_pan, entry_mode=card.entry_mode, application=card.application, aid=card.aid)


class ApprovedResource(Resource):
    """The terminal says that the money moved."""

    type: Literal["approved"] = "approved"
    amount: AmountResource
    card: CardResource | None
    authorization_code: str | None
    contract: str | None
    ticket: str | None


class DeclinedResource(Resource):
    """The terminal, or a named person, says that no money was taken."""

    type: Literal["declined"] = "declined"
    reason: DeclineReason
    wire_reason: str | None
    ticket: str | None


class AbortedResource(Resource):
    """Somebody stopped it before money moved."""

    type: Literal["aborted"] = "aborted"
    by: AbortedBy
    wire_reason: str | None
    ticket: str | None


class NotStartedResource(Resource):
    """The terminal never worked on it."""

    type: Literal["not_started"] = "not_started"
    reason: NotStartedReason
    detail: str


class InDoubtResource(Resource):
    """Nobody can say yet whether money moved. This is no decline: look at the terminal before anything is repeated."""

    type: Literal["in_doubt"] = "in_doubt"
    reason: DoubtReason
    detail: str


OutcomeResource = Annotated[
    ApprovedResource | DeclinedResource | AbortedResource | NotStartedResource | InDoubtResource,
    Field(discriminator="type"),
]


def outcome_resource(outcome: Outcome) -> OutcomeResource:
    """This outcome."""
    match outcome:
        case Approved():
            return ApprovedResource(
                amount=AmountResource.of(outcome.amount),
                card=None if outcome.card is None else CardResource.of(outcome.card),
                authorization_code=outcome.authorization_code,
                contract=outcome.contract,
                ticket=outcome.ticket,
            )
        case Declined():
            return DeclinedResource(reason=outcome.reason, wire_reason=outcome.wire_reason, ticket=outcome.ticket)
        case Aborted():
            return AbortedResource(by=outcome.by, wire_reason=outcome.wire_reason, ticket=outcome.ticket)
        case NotStarted():
            return NotStartedResource(reason=outcome.reason, detail=outcome.detail)
        case InDoubt():
            return InDoubtResource(reason=outcome.reason, detail=outcome.detail)
        case _:
            assert_never(outcome)


class PaymentResource(Resource):
    """A payment as it stands. `outcome` is null while it runs; `progress` is null when it does not.

    `money_moved` is the whole answer for a till in a hurry: yes, no, or unknown. `replayed` says that this request
    met an earlier payment and nothing new was done.
    """

    id: str
    kind: Kind
    stage: Stage
    progress: Progress | None
    outcome: OutcomeResource | None
    money_moved: MoneyMoved
    amount: AmountResource | None
    terminal: str
    door: str
    order_id: str | None
    accepted_at: datetime
    closed_at: datetime | None
    warnings: tuple[str, ...]
    replayed: bool

    @classmethod
    def of(cls, payment: Payment) -> "PaymentResource":
        """This payment."""
        return cls(
            id=payment.id,
            kind=payment.kind,
            stage=payment.stage,
            progress=payment.progress,
            outcome=None if payment.outcome is None else outcome_resource(payment.outcome),
            money_moved=payment.money_moved,
            amount=None if payment.amount is None else AmountResource.of(payment.amount),
            terminal=payment.terminal,
            door=payment.door,
            order_id=payment.order_id,
            accepted_at=payment.accepted_at,
            closed_at=payment.closed_at,
            warnings=payment.warnings,
            replayed=payment.replayed,
        )


class PaymentsResource(Resource):
    """One page, newest first; `next` is the path of the page with the older ones."""

    payments: tuple[PaymentResource, ...]
    next: str | None


class EventResource(Resource):
    """One line of a payment's timeline."""

    seq: int
    type: EventType
    at: datetime
    cause: str | None
    detail: Mapping[str, Any]

    @classmethod
    def of(cls, event: Event) -> "EventResource":
        """This event."""
        return cls(seq=event.seq, type=event.type, at=event.at, cause=event.cause, detail=event.detail)


class EventsResource(Resource):
    """A payment's timeline, oldest first."""

    events: tuple[EventResource, ...]


class AbortResource(Resource):
    """What became of the wish to stop. `requested` is no result: the end is still read from the terminal."""

    abort: AbortReply
    payment: PaymentResource


class CapabilitiesResource(Resource):
    """What a terminal can do; `currencies` null means every currency."""

    kinds: tuple[Kind, ...]
    currencies: tuple[str, ...] | None
    max_minor: int
    recovery: Recovery
    abort: AbortSupport
    online_flag: bool
    partial: bool

    @classmethod
    def of(cls, capabilities: Capabilities) -> "CapabilitiesResource":
        """These capabilities, in an order that does not change."""
        return cls(
            kinds=tuple(kind for kind in Kind if kind in capabilities.kinds),
            currencies=None if capabilities.currencies is None else tuple(sorted(capabilities.currencies)),
            max_minor=capabilities.max_minor,
            recovery=capabilities.recovery,
            abort=capabilities.abort,
            online_flag=capabilities.online_flag,
            partial=capabilities.partial,
        )


class HealthResource(Resource):
    """How the terminal looked when it was last asked for a sign of life; `detail` is for a technician."""

    state: HealthState
    detail: str


class TerminalResource(Resource):
    """A terminal. `occupied_by` is the payment that runs there or, being in doubt, keeps it locked."""

    name: str
    driver: str
    state: Literal["free", "busy", "locked"]
    health: HealthResource
    occupied_by: PaymentResource | None
    capabilities: CapabilitiesResource

    @classmethod
    def of(cls, status: TerminalStatus) -> "TerminalResource":
        """This terminal."""
        occupant = status.occupied_by
        return cls(
            name=status.name,
            driver=status.driver,
            state="free" if occupant is None else "busy" if occupant.running else "locked",
            health=HealthResource(state=status.health.state, detail=status.health.detail),
            occupied_by=None if occupant is None else PaymentResource.of(occupant),
            capabilities=CapabilitiesResource.of(status.capabilities),
        )


class TerminalsResource(Resource):
    """Every terminal of the settings."""

    terminals: tuple[TerminalResource, ...]


class ProblemResource(Resource):
    """An error as RFC 9457 has it. Members without a value are left out.

    `code` is stable for ever, `action` says what to do now, `place` names what is wrong, `payment_id` is the payment
    that stands in the way. `money_moved` speaks of this request; where it is about an earlier payment, of that one.
    """

    type: str
    title: str
    status: int
    detail: str | None = None
    code: str
    action: str
    place: str | None = None
    money_moved: MoneyMoved
    payment_id: str | None = None
    trace_id: str | None = None
