"""What the terminal's side does with one request, over any payment desk; no bytes and no line.

Choices: protocols/mypos_xml/README.md, section 7. Whatever is not known is told as status 8, never as a refusal.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import structlog

from tillbridge.domain.card import hide_checked_numbers
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.errors import Code as Refusal
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved, Declined, DeclineReason, InDoubt, Outcome
from tillbridge.protocols.contract import Behaviour, Fault, Payment, PaymentDesk, PaymentRequest, ProtocolError
from tillbridge.protocols.mypos_xml.amounts import NotAnAmount, read_sum
from tillbridge.protocols.mypos_xml.faults import Delivery, deliver
from tillbridge.protocols.mypos_xml.framing import FrameReader
from tillbridge.protocols.mypos_xml.judgement import Code, failure, told
from tillbridge.protocols.mypos_xml.messages import BAD_XML, Answer, Request, Result, Root, parse_request
from tillbridge.protocols.mypos_xml.settings import DoorSettings

log = structlog.get_logger(__name__)

DOOR_NAME: Final = "mypos-xml"
CALLER: Final = "mypos"
TILL: Final = "till"
"""What a till is called where the settings give it no name: the wire names none."""

REGISTER: Final = "01"
"""The wire has no number of the register."""

INVOICE_NOTE: Final = "mypos_invoice"
LONGEST_INVOICE_NOTE: Final = 99
"""Characters of the till's own reference that are kept with the payment."""

_KINDS: Final = MappingProxyType(
    {
        Root.PAY: Kind.SALE,
        Root.REFUND: Kind.REFUND,
        Root.PREAUTH: Kind.AUTHORIZATION,
        Root.PREAUTHCOMPLETION: Kind.CAPTURE,
        Root.PREAUTHCANCEL: Kind.VOID,
    }
)

_REFUSALS: Final = MappingProxyType(
    {
        Refusal.AMOUNT_INVALID: (Code.INVALID_AMOUNT, None),
        Refusal.AMOUNT_TOO_LARGE: (Code.INVALID_AMOUNT, None),
        Refusal.PARENT_SPENT: (Code.INVALID_AMOUNT, None),
        Refusal.CURRENCY_UNKNOWN: (Code.INVALID_CURRENCY, None),
        Refusal.CURRENCY_UNSUPPORTED: (Code.INVALID_CURRENCY, None),
        Refusal.OPERATION_UNSUPPORTED: (Code.NO_DATA_FOUND, "OPERATION_UNSUPPORTED"),
        Refusal.PAYMENT_UNKNOWN: (Code.NO_DATA_FOUND, None),
        Refusal.PARENT_REQUIRED: (Code.NO_DATA_FOUND, None),
        Refusal.PARENT_UNFIT: (Code.NO_DATA_FOUND, None),
        # No status of the wire says busy. The words keep a cashier from reading it as the end of an earlier payment.
        Refusal.TERMINAL_BUSY: (Code.TRANSACTION_FAILED, "TERMINAL_BUSY"),
        Refusal.TERMINAL_LOCKED: (Code.TRANSACTION_FAILED, "EARLIER_PAYMENT_UNKNOWN"),
        Refusal.DOOR_HELD: (Code.TRANSACTION_FAILED, "EARLIER_PAYMENT_NOT_TOLD"),
    }
)
_OF_THE_CODE: Final = frozenset({Refusal.PAYMENT_UNKNOWN, Refusal.PARENT_REQUIRED, Refusal.PARENT_UNFIT})


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to the till: `answer`, or nothing at all where it is None.

    `payment_id` is the payment that the exchange is about, None where nothing was started. `known` says whether the
    answer tells its outcome. `strange` says that the message could not be read, so that the line is of no more use.
    `struck` are faults that spoil this answer although no payment is behind it.
    """

    answer: Answer | None
    payment_id: str | None = None
    known: bool = True
    strange: bool = False
    struck: frozenset[Fault] = frozenset()


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    answer: Answer


@dataclass(eq=False, slots=True)
class _Telling:
    """An answer on its way to the till; `hurry` asks for a verdict about it at once."""

    hurry: Callable[[], None]
    over: asyncio.Event = field(default_factory=asyncio.Event)


class TerminalService:
    """Runs requests; as many at once as tills ask, the desk decides what that means."""

    def __init__(self, desk: PaymentDesk, settings: DoorSettings, behaviour: Behaviour | None = None) -> None:
        self._desk = desk
        self._settings = settings
        self._behaviour = behaviour
        self._caller = f"{CALLER}:{settings.name or TILL}"
        self._telling: list[_Telling] = []

    def strikes(self, fault: Fault, payment_id: str | None = None) -> bool:
        """Whether a simulator's fault happens now; never without one."""
        return self._behaviour is not None and self._behaviour.strikes(fault, payment_id)

    def unreadable(self, detail: str) -> Reply:
        """The answer to bytes that are no message: nothing was started."""
        log.info("mypos_request_unreadable", detail=detail)
        return Reply(_bad_xml(), strange=True)

    def delivery(self, reply: Reply) -> Delivery | None:
        """How the reply goes out; None for no answer."""
        if reply.answer is None:
            return None
        return deliver(reply.answer, self._settings.personality, lambda fault: self._spoils(fault, reply))

    def too_early(self, raw: bytes) -> tuple[bytes, ...]:
        """What is said to a request that came before the one ahead of it was answered: busy, if it can be read."""
        try:
            frame = FrameReader().feed(raw)
            root = None if frame is None else parse_request(frame.text).root
        except ProtocolError:
            root = None
        if root is None:
            return ()
        busy = failure(root, *_REFUSALS[Refusal.TERMINAL_BUSY])
        return deliver(busy, self._settings.personality, lambda _: False).pieces

    async def run(self, text: str) -> Reply:
        """Runs the request in this message to its answer. A payment takes as long as it takes."""
        try:
            request = parse_request(text)
        except ProtocolError as error:
            log.info("mypos_request_refused", detail=str(error))
            return Reply(_bad_xml())
        try:
            asked = await self._asked(request)
            return await self._pay(request.root, asked)
        except _Refused as refused:
            return Reply(refused.answer)
        except BridgeError as error:
            return Reply(self._refusal(request.root, error))

    async def delivered(self, reply: Reply, reached: bool) -> None:
        """Tells the desk whether the till knows what became of its payment; one that heard "unknown" does not."""
        if reply.payment_id is not None:
            await self._desk.delivered(reply.payment_id, self._caller, reached and reply.known)

    @asynccontextmanager
    async def telling(self, hurry: Callable[[], None]) -> AsyncIterator[None]:
        """While this is open, the next payment waits for what becomes of this answer.

        Otherwise the desk could take a new sale for the repeat of one whose till has just heard of it.
        """
        one = _Telling(hurry)
        self._telling.append(one)
        try:
            yield
        finally:
            self._telling.remove(one)
            one.over.set()

    # ------------------------------------------------------------ what is asked

    async def _asked(self, request: Request) -> PaymentRequest:
        kind = _KINDS[request.root]
        self._check_enabled(request.root, kind)
        parent = None if request.preauthcode is None else await self._parent(request.root, request.preauthcode)
        amount = None if request.sum is None else self._amount(request.root, request.sum)
        if parent is not None and amount is not None and isinstance(parent.outcome, Approved):
            held = parent.outcome.amount
            if amount.minor > held.minor:
                raise _Refused(failure(request.root, Code.INVALID_AMOUNT))
        return PaymentRequest(
            kind=kind,
            amount=amount,
            caller=self._caller,
            door=self._settings.name or DOOR_NAME,
            terminal=self._settings.terminal,
            register=REGISTER,
            parent=None if parent is None else parent.id,
            keyless=True,
            notes=_notes(request),
        )

    def _check_enabled(self, root: Root, kind: Kind) -> None:
        settings = self._settings
        refund_off = kind is Kind.REFUND and not settings.refund_enabled
        hold_off = kind in (Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID) and not settings.preauth_enabled
        if refund_off or hold_off:
            raise _Refused(failure(root, Code.NO_DATA_FOUND, "OPERATION_UNSUPPORTED"))

    def _amount(self, root: Root, text: str) -> Money:
        try:
            amount = read_sum(text, self._settings.unit, self._settings.written_decimals)
        except NotAnAmount:
            raise _Refused(failure(root, Code.INVALID_AMOUNT)) from None
        if amount is None:
            raise _Refused(_bad_xml())
        if amount.minor == 0:
            raise _Refused(failure(root, Code.INVALID_AMOUNT))
        return amount

    async def _parent(self, root: Root, code: str) -> Payment:
        """The authorization that a code stands for: the code is its payment's id."""
        try:
            parent = await self._desk.inquire(code)
        except BridgeError as error:
            raise _Refused(self._refusal(root, error)) from error
        if parent.kind is not Kind.AUTHORIZATION:
            raise _Refused(failure(root, self._settings.personality.preauth_refusal))
        return parent

    # ------------------------------------------------------------ what becomes of it

    async def _pay(self, root: Root, asked: PaymentRequest) -> Reply:
        if self.strikes(Fault.DROP_ON_REQUEST):
            return Reply(None)
        if self.strikes(Fault.BUSY):
            return Reply(failure(root, *_REFUSALS[Refusal.TERMINAL_BUSY]))
        if self.strikes(Fault.BAD_XML):
            return Reply(_bad_xml())
        if self.strikes(Fault.BAD_XML_SPLIT):
            return Reply(_bad_xml(), struck=frozenset({Fault.BAD_XML_SPLIT}))
        for earlier in tuple(self._telling):
            earlier.hurry()
            await earlier.over.wait()
        payment = await self._desk.start(asked)
        if self.strikes(Fault.DROP_ON_REQUEST, payment.id):
            return Reply(None, payment.id, known=False)
        try:
            payment = await self._desk.wait(payment.id, self._settings.patience)
        except BridgeError as error:
            # The payment runs: whatever the desk says now is no refusal of it.
            log.warning("mypos_till_told_unknown", payment=payment.id, code=error.code)
            return _unknown(root, payment.id)
        return self._told(root, asked, payment)

    def _told(self, root: Root, asked: PaymentRequest, payment: Payment) -> Reply:
        outcome = payment.outcome
        if payment.running or outcome is None or isinstance(outcome, InDoubt) or _is_partial(asked, outcome):
            log.warning("mypos_till_told_unknown", payment=payment.id)
            return _unknown(root, payment.id)
        if self._behaviour is not None and asked.kind in (Kind.CAPTURE, Kind.VOID) and _nothing_there(outcome):
            return Reply(failure(root, self._settings.personality.preauth_refusal), payment.id)
        return Reply(told(root, payment.id, outcome), payment.id)

    def _refusal(self, root: Root, error: BridgeError) -> Answer:
        log.info("mypos_refused", code=error.code, payment=error.payment_id)
        if error.code in _OF_THE_CODE:
            return failure(root, self._settings.personality.preauth_refusal)
        return failure(root, *_REFUSALS.get(error.code, (Code.TRANSACTION_FAILED, None)))

    def _spoils(self, fault: Fault, reply: Reply) -> bool:
        if reply.payment_id is None:
            return fault in reply.struck
        return self.strikes(fault, reply.payment_id)


def _notes(request: Request) -> dict[str, object]:
    """The till's own reference, without what may be a card number in it: hidden first and cut then (law 7)."""
    invoice = hide_checked_numbers(request.invoice or "")[:LONGEST_INVOICE_NOTE]
    return {INVOICE_NOTE: invoice} if invoice else {}


def _bad_xml() -> Answer:
    return Answer(Root.PAY, Result.ERROR, ref=BAD_XML)


def _unknown(root: Root, payment_id: str) -> Reply:
    return Reply(failure(root, Code.COMMUNICATION_ERROR), payment_id, known=False)


def _is_partial(asked: PaymentRequest, outcome: Outcome) -> bool:
    """Whether other money was approved than was asked for: no answer can say so, and a success would claim it all."""
    return isinstance(outcome, Approved) and asked.amount is not None and outcome.amount != asked.amount


def _nothing_there(outcome: Outcome) -> bool:
    return isinstance(outcome, Declined) and outcome.reason is DeclineReason.REFUSED
