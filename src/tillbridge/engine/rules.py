"""The decisions of the engine that need no I/O: what may start, what a repeat means, what a late result fits."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Operation, Stage
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, Outcome
from tillbridge.protocols.contract import Capabilities, LateResult, Payment, PaymentRequest, Unsigned

TAKEN_BACK: Final = frozenset({Kind.SALE, Kind.AUTHORIZATION})
"""What a lost abort may take back by itself: the customer's money, and nothing that a shop gave back."""

KEYLESS_REPEAT: Final = timedelta(seconds=120)
"""A till without keys that asks for the same thing again this soon has lost the answer, not sold the same twice."""

MOST_ROUTES: Final = 200
"""One for each terminal that a connector may have."""


class OrderIdsRepeat(StrEnum):
    """Whether a till's order numbers start again."""

    DAILY = "daily"
    NEVER = "never"


class LostAbort(StrEnum):
    """What follows when somebody asked to stop, and the card was faster (law 5)."""

    KEEP = "keep"
    REVERSE = "reverse"


class Signature(StrEnum):
    """What becomes of a payment whose signature nobody has judged in time."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class Route(BaseModel):
    """Payments that fit everything that is named here go to `terminal`; what is left out fits everything.

    `door` and `caller` are compared with what stands with each payment: the door's language, or the `name` of its
    settings where it has one; and who asks, such as "hipay:LOGIN", "concert-v3:NAME" or "native:KEY". `register` is
    the till's number of two digits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    terminal: str
    door: str | None = None
    caller: str | None = None
    register_number: str | None = Field(default=None, alias="register")
    kind: Kind | None = None
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")

    def fits(self, request: PaymentRequest) -> bool:
        """Whether this payment goes here."""
        currency = None if request.amount is None else request.amount.currency.code
        asked = (
            (self.door, request.door),
            (self.caller, request.caller),
            (self.register_number, request.register),
            (self.kind, request.kind),
            (self.currency, currency),
        )
        return all(wanted in (None, given) for wanted, given in asked)


class EngineSettings(BaseModel):
    """How the shop counts.

    `business_day_starts_hour` is the local hour at which a new business day begins, so that a bar's night belongs to
    the day before. `time_zone` is an IANA name; None is the computer's own. `probe_seconds` is how often an idle
    terminal is asked for a sign of life, 0 for never. `wake_seconds` is how long a terminal may have been silent before
    it is asked for a sign of life ahead of a payment, 0 for never. `routes` choose the terminal where neither the
    request nor its door names one: the first that fits. A signature that nobody has judged within `signature_seconds`
    is accepted or refused, as `signature_unanswered` says. Where somebody asked to stop and the card was faster,
    `lost_abort` keeps the payment or takes it back, on terminals that can void it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    order_ids_repeat: OrderIdsRepeat = OrderIdsRepeat.DAILY
    business_day_starts_hour: int = Field(default=4, ge=0, le=12)
    time_zone: str | None = None
    probe_seconds: float = Field(default=60.0, ge=0, le=3600)
    wake_seconds: float = Field(default=0.0, ge=0, le=86400)
    routes: tuple[Route, ...] = Field(default=(), max_length=MOST_ROUTES)
    signature_seconds: float = Field(default=90.0, ge=0, le=600)
    signature_unanswered: Signature = Signature.ACCEPT
    lost_abort: LostAbort = LostAbort.KEEP

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError) as error:
                raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Paris") from error
        return name

    @property
    def unsigned(self) -> Unsigned:
        """What to make of a signature that nobody judges, where a request does not say it."""
        return Unsigned(self.signature_unanswered is Signature.ACCEPT, self.signature_seconds)

    def business_day(self, now: datetime) -> str:
        """The business day that this moment (UTC) belongs to, as an ISO date."""
        local = now.astimezone(None if self.time_zone is None else ZoneInfo(self.time_zone))
        return (local - timedelta(hours=self.business_day_starts_hour)).date().isoformat()


def check_kind(kind: Kind, capabilities: Capabilities) -> None:
    """`BridgeError(OPERATION_UNSUPPORTED)` for what the terminal cannot do at all."""
    if kind not in capabilities.kinds:
        able = ", ".join(sorted(capabilities.kinds))
        raise BridgeError(Code.OPERATION_UNSUPPORTED, f"it cannot do {kind.phrase}; it can do: {able}")


def check_capable(request: PaymentRequest, capabilities: Capabilities) -> tuple[str, ...]:
    """Refuses what the terminal lacks, before anything is sent. A mere hint that it cannot carry gives a warning."""
    check_kind(request.kind, capabilities)
    amount = request.amount
    if amount is None:
        if request.kind is not Kind.RECONCILIATION:
            raise BridgeError(Code.AMOUNT_INVALID, "an amount is required", place="amount")
        return ()
    if amount.minor == 0:
        raise BridgeError(Code.AMOUNT_INVALID, "the amount must be more than zero", place="amount")
    if capabilities.currencies is not None and amount.currency.code not in capabilities.currencies:
        known = ", ".join(sorted(capabilities.currencies))
        raise BridgeError(Code.CURRENCY_UNSUPPORTED, f"{amount.currency} is not one of: {known}", place="currency")
    if amount.minor > capabilities.max_minor:
        raise BridgeError(Code.AMOUNT_TOO_LARGE, f"it can take {capabilities.max_minor} minor units", place="amount")
    if request.online and not capabilities.online_flag:
        return ("online_authorization_left_to_terminal",)
    return ()


def taken_back_if_lost(kind: Kind, settings: EngineSettings, capabilities: Capabilities) -> bool:
    """Whether an approval that comes in spite of an abort is to be taken back (law 5: keep | reverse)."""
    able = Kind.VOID in capabilities.kinds and kind in capabilities.voids and kind in TAKEN_BACK
    return able and settings.lost_abort is LostAbort.REVERSE


def check_key(fingerprint: str, stored: str, payment: Payment) -> None:
    """The same key is the same payment; with another body it is refused (law 3)."""
    if fingerprint != stored:
        raise BridgeError(Code.KEY_CONFLICT, "the key stands for another request", payment_id=payment.id)


def repeats_order(request: PaymentRequest, earlier: Payment) -> bool:
    """Whether a request for an order is answered by an earlier payment of it (True) or is a new attempt (False).

    `BridgeError(ORDER_CONFLICT)` if the earlier one counts and was for other money.
    """
    match earlier.stage:
        case Stage.DECLINED | Stage.ABORTED | Stage.NOT_STARTED:
            return False
        case Stage.ACCEPTED | Stage.SENDING | Stage.APPROVED | Stage.IN_DOUBT:
            if request.amount is not None and earlier.amount != request.amount:
                raise BridgeError(
                    Code.ORDER_CONFLICT,
                    f"order {request.order_id} stands at {earlier.amount}, not {request.amount}",
                    payment_id=earlier.id,
                )
            return True


def repeats_undelivered(request: PaymentRequest, undelivered: Payment, now: datetime) -> bool:
    """Whether a till without keys asks again for the approved payment it never heard of."""
    return (
        undelivered.register == request.register
        and undelivered.kind is request.kind
        and undelivered.amount == request.amount
        and undelivered.closed_at is not None
        and timedelta(0) <= now - undelivered.closed_at <= KEYLESS_REPEAT
    )


def honest(outcome: Outcome, operation: Operation) -> Outcome:
    """An approval of other money than was asked is no approval, whoever says so."""
    if not isinstance(outcome, Approved) or operation.amount is None:
        return outcome
    asked, approved = operation.amount, outcome.amount
    exact = approved == asked
    less = approved.currency == asked.currency and 0 < approved.minor < asked.minor
    # Of a hold that was captured in part, a void lets go of the rest, and some terminals say how much that was.
    held = operation.parent is not None and operation.parent.kind is Kind.AUTHORIZATION
    rest = operation.kind is Kind.VOID and held
    if exact or (less and (operation.partial_allowed or rest)):
        return outcome
    return InDoubt(DoubtReason.ANSWER_MISMATCH, f"asked for {asked}, the terminal approved {approved}")


def fits(late: LateResult, payment: Payment, wire_reference: str) -> bool:
    """Whether a late result can be that payment's. What the wire does not carry cannot speak against it."""
    if late.wire_reference is not None:
        return late.wire_reference == wire_reference
    if late.register is not None and late.register != payment.register:
        return False
    if late.amount is None or late.amount == payment.amount:
        return True
    # A refusal may name no amount or zero; the caller makes sure that only one payment is open on that terminal.
    return late.amount.minor == 0 and not isinstance(late.outcome, Approved)
