"""What a reply, or the lack of one, says about an operation; protocols/concert/README.md, section 7."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, assert_never

from tillbridge.domain.card import CardUse
from tillbridge.domain.money import BY_NUMERIC, Money
from tillbridge.domain.operation import Kind, Operation
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.concert.v2.machine import Tell
from tillbridge.protocols.concert.v2.messages import (
    MAX_AMOUNT,
    Authorisation,
    Dialect,
    Means,
    OperationType,
    Reply,
    ReplyDelay,
    Request,
    Status,
)
from tillbridge.protocols.concert.v2.settings import DriverSettings
from tillbridge.protocols.contract import LateResult

TYPES: Final = MappingProxyType(
    {
        Kind.SALE: OperationType.DEBIT,
        Kind.REFUND: OperationType.CREDIT,
        Kind.VOID: OperationType.CANCELLATION,
        Kind.AUTHORIZATION: OperationType.PRE_AUTHORISATION,
    }
)


def express(operation: Operation, settings: DriverSettings) -> Request | NotStarted:
    """The request for an operation, or why this wire cannot carry it."""
    wanted, amount = TYPES.get(operation.kind), operation.amount
    if wanted is None or amount is None:
        return _cannot(f"Concert V2 has no {operation.kind}")
    if not 0 < amount.minor <= MAX_AMOUNT:
        return _cannot(f"an amount lies between 1 and {MAX_AMOUNT} minor units")
    if operation.online and settings.dialect is Dialect.E:
        return _cannot("protocol E cannot ask for online authorisation, only E+ can")
    with_tail = settings.dialect is Dialect.E_PLUS
    online = Authorisation.ONLINE if operation.online else Authorisation.TERMINAL_DECIDES
    try:
        return Request(
            register=settings.register_number or operation.register,
            amount_minor=amount.minor,
            currency=amount.currency.numeric,
            operation=wanted,
            ask_card_report=settings.ask_card_report or settings.nepting_receipt,
            delay=ReplyDelay.AT_END if with_tail else None,
            authorisation=online if with_tail else None,
            receipt=settings.nepting_receipt,
        )
    except ValueError as error:
        return _cannot(str(error))


def _cannot(detail: str) -> NotStarted:
    return NotStarted(NotStartedReason.CANNOT_EXPRESS, detail)


def judge(asked: Request, reply: Reply) -> Outcome:
    """The outcome that a reply gives to the request that it came for."""
    different = _differences(asked, reply)
    if different:
        return InDoubt(DoubtReason.ANSWER_MISMATCH, f"the reply ({reply.status.name}) differs in {different}")
    return _outcome(reply)


def _differences(asked: Request, reply: Reply) -> str:
    """What keeps a reply from being ours. A refusal may carry an amount of zero; the means may be the terminal's."""
    zero_refusal = reply.status is Status.NOT_ACCEPTED and reply.amount_minor == 0
    found = []
    if reply.register != asked.register:
        found.append(f"register ({reply.register} for {asked.register})")
    if reply.amount_minor != asked.amount_minor and not zero_refusal:
        found.append(f"amount ({reply.amount_minor} for {asked.amount_minor})")
    if reply.currency != asked.currency:
        found.append(f"currency ({reply.currency} for {asked.currency})")
    return ", ".join(found)


def _outcome(reply: Reply) -> Outcome:
    match reply.status:
        case Status.ACCEPTED:
            return _accepted(reply)
        case Status.NOT_ACCEPTED:
            return Declined(DeclineReason.UNSPECIFIED, wire_reason=reply.status.value)
        case Status.NOT_KNOWN:
            return InDoubt(DoubtReason.ANSWER_NOT_FINAL, "STAT 9: the terminal took the request and tells no outcome")
        case _:
            assert_never(reply.status)


def _accepted(reply: Reply) -> Outcome:
    currency = BY_NUMERIC.get(reply.currency)
    if currency is None:
        return InDoubt(DoubtReason.ANSWER_MISMATCH, f"accepted in a currency ({reply.currency}) that nobody knows")
    # With a cheque REP is the line printed on it, which is no card number.
    pan = reply.report if reply.report and reply.means != Means.CHEQUE else None
    return Approved(
        amount=Money(reply.amount_minor, currency),
        card=CardUse(masked_pan=pan, application=reply.means),
        ticket=reply.receipt,
    )


def late_result(reply: Reply, register_number: str | None) -> LateResult:
    """A reply that nobody waited for. `register_number` is the one that stands in for the tills' own."""
    currency = BY_NUMERIC.get(reply.currency)
    # A refusal may carry zero instead of its amount, and then has none to be matched by.
    gave_amount = currency is not None and not (reply.status is Status.NOT_ACCEPTED and reply.amount_minor == 0)
    return LateResult(
        outcome=_outcome(reply),
        register=None if reply.register == register_number else reply.register,
        amount=Money(reply.amount_minor, currency) if gave_amount and currency is not None else None,
    )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a technician wants to know beside the fact: how the line is set, and what it looked like."""

    settings: DriverSettings
    even_parity: bool = False
    fault: str = ""
    closed: bool = False

    @property
    def line_lost(self) -> NotStartedReason:
        """What it is called when this kind of line is not there."""
        if self.closed:
            return NotStartedReason.CONNECTOR_STOPPED
        return NotStartedReason.PORT_UNAVAILABLE if self.settings.serial else NotStartedReason.NETWORK_UNAVAILABLE

    @property
    def parity_hint(self) -> str:
        """The signature of a line whose two sides disagree about parity, as far as it was seen."""
        if not self.even_parity or self.settings.serial is None:
            return ""
        return f"; what came carries even parity: the terminal speaks 7E1, this line is {self.settings.serial.line}"


_WHY: Final = (
    "it is off, busy with something else on its screen, on another cable, or its menu entry for the connection to a "
    "till is missing"
)


_NO_REPLY_READ: Final = MappingProxyType(
    {
        Tell.NO_ACK: (DoubtReason.NO_ANSWER, "the request was sent and not acknowledged in time"),
        Tell.NO_REPLY: (DoubtReason.NO_ANSWER, "the terminal took the request and gave no reply in time"),
        Tell.BROKEN_OFF: (DoubtReason.NO_ANSWER, "the terminal ended its session without a readable reply"),
        Tell.UNREADABLE: (DoubtReason.ANSWER_UNREADABLE, "the terminal's reply could not be read"),
        Tell.LOST_AFTER: (DoubtReason.LINE_LOST, "the line was lost before the reply"),
    }
)


def unanswered(tell: Tell, seen: Circumstances) -> NotStarted | InDoubt:
    """The outcome of a request that got no reply that could be read."""
    hint = seen.parity_hint
    match tell:
        case Tell.SILENT:
            attempts = seen.settings.timers.enq_attempts
            return NotStarted(NotStartedReason.TERMINAL_SILENT, f"no answer to {attempts} ENQ: {_WHY}{hint}")
        case Tell.BUSY:
            return NotStarted(NotStartedReason.TERMINAL_BUSY, f"the terminal takes no request now{hint}")
        case Tell.REFUSED:
            return NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE, _refused(seen))
        case Tell.LOST_BEFORE:
            return NotStarted(seen.line_lost, "the line was lost before the request left")
        case Tell.LOST_AFTER if seen.closed:
            return InDoubt(DoubtReason.CONNECTOR_STOPPED, "the connector stopped before the reply")
        case _:
            reason, what = _NO_REPLY_READ[tell]
            if tell is Tell.BROKEN_OFF and seen.fault:
                reason = DoubtReason.ANSWER_UNREADABLE
            fault = f" ({seen.fault})" if seen.fault else ""
            return InDoubt(reason, f"{what}{fault}{hint}")


def _refused(seen: Circumstances) -> str:
    serial = seen.settings.serial
    refused = f"ENQ was acknowledged, the request was refused {seen.settings.timers.frame_attempts} times"
    if serial is None:
        return refused
    return (
        f"{refused}: the terminal takes nothing now, or its parity does not fit (this line is {serial.line}; 7E1 at "
        "the other side looks like this, or the reverse)"
    )
