"""What the terminal's side does with one request, over any payment desk; no bytes and no line.

Choices: protocols/concert/README-V3.md, section 6. What the desk holds in doubt gets no answer at all, because this
wire has none that a till could not take for a refusal.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, assert_never

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_NUMERIC, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import InDoubt
from tillbridge.protocols.concert.tlv import Fields
from tillbridge.protocols.concert.v3.answers import AnswerWriter
from tillbridge.protocols.concert.v3.dialogue import missing_tags
from tillbridge.protocols.concert.v3.messages import Action, Answer, Detail, read_amount
from tillbridge.protocols.concert.v3.personalities import PERSONALITIES
from tillbridge.protocols.concert.v3.settings import DoorSettings
from tillbridge.protocols.contract import Behaviour, Fault, HealthState, Payment, PaymentDesk, PaymentRequest
from tillbridge.protocols.handover import Handover

log = structlog.get_logger(__name__)

DOOR_NAME: Final = "concert-v3"

WAIT_SECONDS: Final = 60.0
"""How long one look at a running payment lasts; the door looks again for as long as the payment runs."""

REMEMBERED: Final = 1000
"""References and last payments that the door keeps in memory to answer status requests: a busy day of one till."""

REFERENCE_NOTE: Final = "concert_reference"
"""The till's private field, as it is kept with the payment."""

CHEQUE: Final = "00C"
REGISTER_DIGITS: Final = 2

_KINDS: Final = {Action.DEBIT: Kind.SALE, Action.CREDIT: Kind.REFUND, Action.CANCEL: Kind.VOID}
_MONEY_TAGS: Final = frozenset({"CA", "CB", "CC", "CD", "CE", "BA", "BB", "BF", "CF"})

_REPEATED: Final = frozenset({"CZ", "CJ", "CA", "CD", "CK"})
_ABOUT_EARLIER: Final = frozenset({Action.STATUS, Action.DUPLICATE})

_REFUSALS: Final = {
    Code.AMOUNT_INVALID: (Detail.FORMAT_ERROR, None),
    Code.AMOUNT_TOO_LARGE: (Detail.FORMAT_ERROR, "MONTANT TROP GRAND"),
    Code.CURRENCY_UNKNOWN: (Detail.CURRENCY_UNSUPPORTED, None),
    Code.CURRENCY_UNSUPPORTED: (Detail.CURRENCY_UNSUPPORTED, None),
    Code.OPERATION_UNSUPPORTED: (Detail.ACTION_UNKNOWN, None),
    Code.TERMINAL_BUSY: (Detail.NOT_COMPLETED, "TERMINAL OCCUPE"),
    # The refusal is about the new request. The words keep a cashier from reading it as the end of the earlier one.
    Code.TERMINAL_LOCKED: (Detail.NOT_COMPLETED, "PAIEMENT A VERIFIER"),
    Code.DOOR_HELD: (Detail.NOT_COMPLETED, "PAIEMENT NON TRANSMIS"),
    Code.PAYMENT_UNKNOWN: (Detail.SELECTION_ERROR, None),
    Code.ORDER_CONFLICT: (Detail.NOT_COMPLETED, "REFERENCE DEJA PRISE"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to the till: `answer`, or nothing at all where it is None.

    `payment_id` is the payment that the exchange is about, None where nothing was started. `unfinished` says that the
    payment still runs although the till has got all that it wanted.
    """

    answer: Answer | None
    payment_id: str | None = None
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    detail: Detail
    message: str | None = None


class TerminalService:
    """Runs requests; as many at once as tills ask, the desk decides what that means."""

    def __init__(self, desk: PaymentDesk, settings: DoorSettings, behaviour: Behaviour | None = None) -> None:
        self._desk = desk
        self._settings = settings
        self._personality = PERSONALITIES[settings.personality]
        self._behaviour = behaviour
        self._by_reference: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._last_of_register: OrderedDict[str, str] = OrderedDict()
        self._handing_over: dict[str, list[Handover]] = {}

    def strikes(self, fault: Fault, payment_id: str | None = None) -> bool:
        """Whether a simulator's fault happens now; never without one."""
        return self._behaviour is not None and self._behaviour.strikes(fault, payment_id)

    def unreadable(self) -> Reply:
        """The answer to bytes that are no request: nothing was started."""
        return Reply(self._writer(Fields()).refused(Detail.FORMAT_ERROR))

    async def run(self, fields: Fields) -> Reply:
        """Runs one request to its answer. A payment takes as long as it takes."""
        try:
            return await self._run(fields)
        except _Refused as refused:
            return Reply(self._writer(fields).refused(refused.detail, refused.message))
        except BridgeError as error:
            log.info("concert_v3_refused", code=error.code, payment=error.payment_id)
            if fields.get("CD") in _ABOUT_EARLIER and error.code is not Code.PAYMENT_UNKNOWN:
                # "Not completed" would read as the end of the payment that was asked about.
                return Reply(None)
            detail, message = _REFUSALS.get(error.code, (Detail.NOT_COMPLETED, None))
            return Reply(self._writer(fields).refused(detail, message))

    async def finish(self, payment_id: str) -> Payment:
        """The payment once it no longer runs."""
        while True:
            payment = await self._desk.wait(payment_id, WAIT_SECONDS)
            if not payment.running:
                return payment

    async def delivered(self, payment_id: str, fields: Fields, reached: bool) -> None:
        """Tells the desk whether the till got the answer about this payment."""
        await self._desk.delivered(payment_id, self._caller(_register(fields)), reached)

    @contextmanager
    def handing_over(self, fields: Fields, handover: Handover) -> Iterator[None]:
        """While this is open, the next payment of the same register waits for what becomes of this answer.

        Otherwise the desk could take a new sale for the repeat of one whose till has just heard of it.
        """
        pending = self._handing_over.setdefault(_register(fields), [])
        pending.append(handover)
        try:
            yield
        finally:
            pending.remove(handover)
            handover.settled.set()

    # ------------------------------------------------------------ the requests

    async def _run(self, fields: Fields) -> Reply:
        if missing_tags(fields):
            raise _Refused(Detail.FORMAT_ERROR)
        try:
            action = Action(fields.get("CD") or "")
        except ValueError:
            raise _Refused(Detail.ACTION_UNKNOWN) from None
        if action in _KINDS:
            return await self._pay(fields, self._asked(fields, _KINDS[action]))
        if action not in self._personality.services:
            raise _Refused(Detail.ACTION_UNKNOWN)
        match action:
            case Action.IDENTIFY:
                return await self._identify(fields)
            case Action.STATUS:
                return await self._status(fields)
            case Action.DUPLICATE:
                return await self._duplicate(fields)
            case _:
                raise _Refused(Detail.ACTION_UNKNOWN)

    def _writer(self, fields: Fields) -> AnswerWriter:
        return AnswerWriter(fields, self._personality)

    def _caller(self, register: str) -> str:
        """The till, by the door's name or as far as this wire names it."""
        return f"{DOOR_NAME}:{self._settings.name or register}"

    def _asked(self, fields: Fields, kind: Kind) -> PaymentRequest:
        if fields.conflicts & _MONEY_TAGS:
            raise _Refused(Detail.FORMAT_ERROR)
        if kind is Kind.VOID and not self._personality.cancels:
            raise _Refused(Detail.ACTION_UNKNOWN)
        unit = BY_NUMERIC.get(fields.get("CE") or "")
        if unit is None:
            raise _Refused(Detail.CURRENCY_UNSUPPORTED)
        register, minor = _register(fields), read_amount(fields.get("CB"))
        if not minor:
            raise _Refused(Detail.FORMAT_ERROR)
        if fields.get("CC") == CHEQUE:
            # Behind the desk are cards: a card payment in place of a cheque is not what the cashier asked for.
            raise _Refused(self._personality.cheque)
        reference = fields.get("CF")
        order = reference if self._settings.reference_is_order else None
        return PaymentRequest(
            kind=kind,
            amount=Money(minor, unit),
            caller=self._caller(register),
            door=self._settings.name or DOOR_NAME,
            terminal=self._settings.terminal,
            register=register,
            order_id=order,
            online=fields.get("BB") == "1",
            partial_allowed=fields.get("BF") == "1",
            keyless=order is None,
            notes={} if reference is None else {REFERENCE_NOTE: reference},
        )

    async def _pay(self, fields: Fields, request: PaymentRequest) -> Reply:
        if self.strikes(Fault.DROP_ON_REQUEST):
            return Reply(None)
        if self.strikes(Fault.BUSY):
            raise _Refused(Detail.NOT_COMPLETED)
        for earlier in tuple(self._handing_over.get(request.register, ())):
            earlier.hurry()
            await earlier.settled.wait()
        payment = await self._desk.start(request)
        self._remember(fields, request.register, payment.id)
        if self.strikes(Fault.DROP_ON_REQUEST, payment.id):
            return Reply(None, payment.id)
        if fields.get("BA") == "1":
            return Reply(self._writer(fields).taken_into_account(), payment.id, unfinished=True)
        try:
            payment = await self.finish(payment.id)
        except BridgeError as error:
            # The payment runs: whatever the desk says now is no refusal of it.
            log.warning("concert_v3_till_left_without_answer", payment=payment.id, code=error.code)
            return Reply(None, payment.id)
        return Reply(self._told(fields, payment), payment.id)

    def _told(self, fields: Fields, payment: Payment) -> Answer | None:
        outcome = payment.outcome
        if outcome is None or isinstance(outcome, InDoubt):
            log.warning("concert_v3_till_left_without_answer", payment=payment.id)
            return None
        return self._writer(fields).closed(outcome)

    # ------------------------------------------------------------ the services

    async def _identify(self, fields: Fields) -> Reply:
        wanted = self._settings.terminal
        for status in await self._desk.terminals():
            if wanted in (None, status.name):
                match status.health.state:
                    case HealthState.READY | HealthState.UNKNOWN:
                        return Reply(self._writer(fields).identified())
                    case HealthState.BUSY | HealthState.SILENT | HealthState.UNREACHABLE:
                        raise _Refused(Detail.NOT_COMPLETED)
                    case _:
                        assert_never(status.health.state)
        raise _Refused(Detail.NOT_COMPLETED)

    async def _status(self, fields: Fields) -> Reply:
        """A payment by the till's own reference: its outcome as it was told, or "taken into account" while it runs."""
        register, reference = _register(fields), fields.get("CF") or ""
        known = self._by_reference.get((register, reference))
        if known is not None:
            payment = await self._desk.inquire(known)
        elif self._settings.reference_is_order:
            payment = await self._desk.find_order(self._caller(register), reference)
        else:
            # An earlier run of this door may have had it: nothing is known here, and "there is none" would be a claim.
            return Reply(None)
        return Reply(self._retold(fields, payment, reference))

    async def _duplicate(self, fields: Fields) -> Reply:
        """The last payment of this register in this run of the door; as with the status, nothing known is no answer."""
        known = self._last_of_register.get(_register(fields))
        if known is None:
            return Reply(None)
        payment = await self._desk.inquire(known)
        return Reply(self._retold(fields, payment, payment.notes.get(REFERENCE_NOTE)))

    def _retold(self, fields: Fields, payment: Payment, reference: object) -> Answer | None:
        """The answer about an earlier payment, with that payment's money: the request of a service names none."""
        values = {tag: value for tag, value in fields.values.items() if tag in _REPEATED}
        if payment.amount is not None:
            values |= {"CB": str(payment.amount.minor), "CE": payment.amount.currency.numeric}
        if isinstance(reference, str):
            values["CF"] = reference
        about = Fields(values)
        return self._writer(about).taken_into_account() if payment.running else self._told(about, payment)

    def _remember(self, fields: Fields, register: str, payment_id: str) -> None:
        self._last_of_register[register] = payment_id
        reference = fields.get("CF")
        if reference is not None:
            self._by_reference[register, reference] = payment_id
            self._by_reference.move_to_end((register, reference))
        for kept in (self._by_reference, self._last_of_register):
            if len(kept) > REMEMBERED:
                kept.popitem(last=False)


def _register(fields: Fields) -> str:
    """The register's number with two digits; makers' examples have it with one as well."""
    register = fields.get("CA") or ""
    if not (register.isascii() and register.isdecimal() and len(register) <= REGISTER_DIGITS):
        raise _Refused(Detail.FORMAT_ERROR)
    return register.zfill(REGISTER_DIGITS)
