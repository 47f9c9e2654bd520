"""Payments that somebody at the portal asks for: through the engine like any other, with the command as their key."""

import hashlib
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.connector.portal.link_book import CommandBook, Mark
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR, Money, currency
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted
from tillbridge.link.message_words import CommandState, Outcome
from tillbridge.link.messages import Command, CommandAnswer, PaymentResult
from tillbridge.protocols.contract import Payment, PaymentDesk, PaymentRequest

NOT_ACCEPTED: Final = "payments_not_accepted"
"""The code of a payment where the settings lack the merchant's consent."""

CALLER: Final = "portal"
DOOR: Final = "portal"


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)

    amount_minor: int = Field(ge=1, le=MAX_MINOR)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    terminal: str = Field(default="", max_length=100)
    order_id: str = Field(default="", max_length=50)


class Payments:
    """Takes payment commands to the engine, and says how they stand."""

    def __init__(self, desk: PaymentDesk, book: CommandBook, *, accepted: bool) -> None:
        self._desk = desk
        self._book = book
        self._accepted = accepted

    async def start(self, command: Command) -> CommandAnswer:
        """The answer once the payment is in the journal, or was refused before anything was sent to a terminal.

        `BridgeError(FOLDER_UNUSABLE)` if the command could not be written down: then nothing was begun.
        """
        if not self._accepted:
            return refused(command.id, NOT_ACCEPTED)
        request = request_of(command)
        await self._book.put(command.id, Mark.TAKEN)
        try:
            payment = await self._desk.start(request)
        except BridgeError as error:
            await self._book.drop(command.id)
            return refused(command.id, error.code)
        return answer_of(command.id, payment)

    async def find(self, command_id: str) -> Payment | None:
        """The payment that a command became; None if it became none. `BridgeError` if that cannot be known now."""
        try:
            return await self._desk.find_key(CALLER, key_of(command_id))
        except BridgeError as error:
            if error.code is not Code.PAYMENT_UNKNOWN:
                raise
            return None


def key_of(command_id: str) -> str:
    """The idempotency key of a command: the same command is the same payment, for ever."""
    return f"portal:{command_id}"


def command_of(payment: Payment) -> str | None:
    """The command that a payment came from; None for everybody else's."""
    if payment.caller != CALLER or payment.key is None:
        return None
    return payment.key.removeprefix("portal:")


def request_of(command: Command) -> PaymentRequest:
    """What a command asks of the engine. `BridgeError` where it cannot be read."""
    try:
        body = _Body.model_validate(command.body)
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors()[0]["loc"])
        raise BridgeError(Code.FIELD_INVALID, "the portal's command cannot be read", place=place) from None
    parts = (body.amount_minor, body.currency, body.terminal, body.order_id)
    return PaymentRequest(
        kind=Kind.SALE,
        amount=Money(body.amount_minor, currency(body.currency)),
        caller=CALLER,
        door=DOOR,
        terminal=body.terminal or None,
        order_id=body.order_id or None,
        key=key_of(command.id),
        fingerprint=hashlib.sha256(repr(parts).encode()).hexdigest(),
    )


def refused(command_id: str, code: str) -> CommandAnswer:
    """It was not begun, and never will be."""
    return CommandAnswer(id=command_id, state=CommandState.REFUSED, code=code)


def answer_of(command_id: str, payment: Payment) -> CommandAnswer:
    """How a payment stands. One in doubt still runs for the portal: its end is not known, and it is told when it is."""
    over = payment.outcome is not None and not isinstance(payment.outcome, InDoubt)
    state = CommandState.DONE if over else CommandState.RUNNING
    return CommandAnswer(id=command_id, state=state, result=_result(payment))


def _result(payment: Payment) -> PaymentResult:
    asked = payment.amount
    match payment.outcome:
        case Approved() as approved:
            taken = approved.amount
            return PaymentResult(
                payment_id=payment.id,
                outcome=Outcome.APPROVED,
                amount_minor=taken.minor,
                currency=taken.currency.code,
                masked_pan=approved.card.masked_pan if approved.card is not None else None,
                authorization_code=approved.authorization_code,
            )
        case Declined():
            outcome = Outcome.DECLINED
        case Aborted():
            outcome = Outcome.ABORTED
        case NotStarted():
            outcome = Outcome.NOT_STARTED
        case InDoubt():
            outcome = Outcome.IN_DOUBT
        case _:
            outcome = Outcome.UNKNOWN
    minor, code = (None, None) if asked is None else (asked.minor, asked.currency.code)
    return PaymentResult(payment_id=payment.id, outcome=outcome, amount_minor=minor, currency=code)
