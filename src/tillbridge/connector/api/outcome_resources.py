"""How an operation ended, as the native interface gives it out."""

from typing import Annotated, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.money import Money
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
    Side,
)


class Resource(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, serialize_by_alias=True)


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


class BatchTotalResource(Resource):
    """One line of a terminal's own totals at the end of the day."""

    side: Side
    count: int
    amount: AmountResource


class ApprovedResource(Resource):
    """The terminal says that the money moved.

    `reference` is the terminal's own name for the payment, `signature` says that the cardholder signs the slip. A
    reconciliation has an amount of zero, because it moves nothing, and the terminal's `totals`.
    """

    type: Literal["approved"] = "approved"
    amount: AmountResource
    card: CardResource | None
    authorization_code: str | None
    contract: str | None
    ticket: str | None
    reference: str | None
    signature: bool
    totals: tuple[BatchTotalResource, ...]

    @classmethod
    def of(cls, approved: Approved) -> "ApprovedResource":
        """This approval."""
        return cls(
            amount=AmountResource.of(approved.amount),
            card=None if approved.card is None else CardResource.of(approved.card),
            authorization_code=approved.authorization_code,
            contract=approved.contract,
            ticket=approved.ticket,
            reference=approved.reference,
            signature=approved.signature,
            totals=tuple(
                BatchTotalResource(side=one.side, count=one.count, amount=AmountResource.of(one.amount))
                for one in approved.totals
            ),
        )


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
            return ApprovedResource.of(outcome)
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
