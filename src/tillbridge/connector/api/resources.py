"""What the native interface gives out. The shapes are promises: fields are added, never renamed or removed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from tillbridge.connector.api.outcome_resources import AmountResource, OutcomeResource, outcome_resource
from tillbridge.connector.api.outcome_resources import Resource as Resource  # noqa: PLC0414  # the base of all shapes
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.engine.journal.records import Change, Event, EventType
from tillbridge.protocols.contract import (
    AbortReply,
    AbortSupport,
    Capabilities,
    HealthState,
    Payment,
    Recovery,
    TerminalStatus,
    Totals,
)
from tillbridge.protocols.moving import Place


class PaymentResource(Resource):
    """A payment as it stands. `outcome` is null while it runs; `progress` is null when it does not.

    `money_moved` is the whole answer for a till in a hurry: yes, no, or unknown. `replayed` says that this request
    met an earlier payment and nothing new was done. `parent` is the payment that it goes back to, `caller` is who asked
    for it: `native:` and the name of the key, or a till behind another door.
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
    caller: str
    register_number: str = Field(alias="register")
    order_id: str | None
    parent: str | None
    accepted_at: datetime
    closed_at: datetime | None
    warnings: tuple[str, ...]
    replayed: bool

    @classmethod
    def of(cls, payment: Payment) -> "PaymentResource":
        """This payment."""
        return cls(**_fields(payment))


def _fields(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id,
        "kind": payment.kind,
        "stage": payment.stage,
        "progress": payment.progress,
        "outcome": None if payment.outcome is None else outcome_resource(payment.outcome),
        "money_moved": payment.money_moved,
        "amount": None if payment.amount is None else AmountResource.of(payment.amount),
        "terminal": payment.terminal,
        "door": payment.door,
        "caller": payment.caller,
        "register": payment.register,
        "order_id": payment.order_id,
        "parent": payment.parent,
        "accepted_at": payment.accepted_at,
        "closed_at": payment.closed_at,
        "warnings": payment.warnings,
        "replayed": payment.replayed,
    }


class ChangeResource(Resource):
    """Why a payment is told: the line of the journal with this number says that this happened."""

    seq: int
    type: EventType
    at: datetime


class StreamedResource(PaymentResource):
    """A payment as the stream of events tells it: as it stands now. `change` is null for what is not in the journal."""

    change: ChangeResource | None

    @classmethod
    def told(cls, payment: Payment, change: Change | None = None) -> "StreamedResource":
        """This payment, told because of this line of the journal."""
        line = None if change is None else ChangeResource(seq=change.seq, type=change.type, at=change.at)
        return cls(**_fields(payment), change=line)


class TotalResource(Resource):
    """Approved payments of one kind and currency on one terminal: how many, and the sum in minor units."""

    terminal: str
    kind: Kind
    currency: str
    count: int
    minor: int


class TotalsResource(Resource):
    """What was approved of all that was accepted since that moment."""

    since: datetime
    totals: tuple[TotalResource, ...]

    @classmethod
    def of(cls, since: datetime, totals: Iterable[Totals]) -> "TotalsResource":
        """These totals."""
        return cls(
            since=since,
            totals=tuple(
                TotalResource(
                    terminal=one.terminal,
                    kind=one.kind,
                    currency=one.currency.code,
                    count=one.count,
                    minor=one.minor,
                )
                for one in totals
            ),
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
    """What a terminal can do; `currencies` null means every currency.

    `linked` are the kinds that it runs only with a `parent`, `voids` the kinds that it can void.
    """

    kinds: tuple[Kind, ...]
    currencies: tuple[str, ...] | None
    max_minor: int
    recovery: Recovery
    abort: AbortSupport
    online_flag: bool
    partial: bool
    linked: tuple[Kind, ...]
    voids: tuple[Kind, ...]

    @classmethod
    def of(cls, capabilities: Capabilities) -> "CapabilitiesResource":
        """These capabilities, in an order that does not change."""
        return cls(
            kinds=_in_order(capabilities.kinds),
            currencies=None if capabilities.currencies is None else tuple(sorted(capabilities.currencies)),
            max_minor=capabilities.max_minor,
            recovery=capabilities.recovery,
            abort=capabilities.abort,
            online_flag=capabilities.online_flag,
            partial=capabilities.partial,
            linked=_in_order(capabilities.linked),
            voids=_in_order(capabilities.voids),
        )


def _in_order(kinds: frozenset[Kind]) -> tuple[Kind, ...]:
    return tuple(kind for kind in Kind if kind in kinds)


class HealthResource(Resource):
    """How the terminal looked when it was last asked for a sign of life; `detail` is for a technician."""

    state: HealthState
    detail: str


class TerminalResource(Resource):
    """A terminal. `occupied_by` is the payment that runs there or, being in doubt, keeps it locked.

    `address` is where it is reached, as host:port, and `configured_address` what its settings say; both are null where
    it is on no network. `candidates` are addresses at which a terminal was seen that did not prove to be this one.
    """

    name: str
    driver: str
    state: Literal["free", "busy", "locked"]
    health: HealthResource
    occupied_by: PaymentResource | None
    capabilities: CapabilitiesResource
    address: str | None
    configured_address: str | None
    candidates: tuple[str, ...]

    @classmethod
    def of(cls, status: TerminalStatus, place: Place | None) -> "TerminalResource":
        """This terminal, in this place."""
        occupant = status.occupied_by
        return cls(
            name=status.name,
            driver=status.driver,
            state="free" if occupant is None else "busy" if occupant.running else "locked",
            health=HealthResource(state=status.health.state, detail=status.health.detail),
            occupied_by=None if occupant is None else PaymentResource.of(occupant),
            capabilities=CapabilitiesResource.of(status.capabilities),
            address=None if place is None else place.address,
            configured_address=None if place is None else place.configured,
            candidates=() if place is None else place.candidates,
        )


class TerminalsResource(Resource):
    """Every terminal of the settings."""

    terminals: tuple[TerminalResource, ...]


class ProblemResource(Resource):
    """An error as RFC 9457 has it. Members without a value are left out.

    `code` is stable for ever, `action` says what to do now, `place` names what is wrong, `payment_id` is the payment
    that stands in the way. `money_moved` speaks of this request; where it is about an earlier payment, of that one.
    `number` is the short name of an error of the link to the portal, `retry_after` how many seconds to wait.
    """

    type: str
    title: str
    status: int
    detail: str | None = None
    code: str
    number: str | None = None
    retry_after: int | None = None
    action: str
    place: str | None = None
    money_moved: MoneyMoved
    payment_id: str | None = None
    trace_id: str | None = None
