"""The shop's card terminal as the provider's cloud reaches it (README.md, section 11).

A payment is started, waited for, and put in the provider's books.
What the terminal is, is a matter of whoever puts the sandbox together; a sandbox without one says that none is on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Aborted, Approved, Declined, NotStarted, NotStartedReason
from tillbridge.protocols.contract import Payment, PaymentDesk, PaymentRequest
from tillbridge.protocols.strict_json import write
from tillbridge.psp.hipay.sandbox.model import Message
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.receiving import APPROVED
from tillbridge.psp.hipay.sandbox.two_sources import CLOUD, Acquired, Context

PATIENCE: Final = 180.0
"""Seconds that the cloud waits for a terminal: a whole payment takes no longer (README.md, section 11)."""


class Ending(StrEnum):
    """How the cloud sees a payment's end. `OFF`: the terminal was never reached; `SILENT`: it gave no answer."""

    PAID = "paid"
    REFUSED = "refused"
    ABORTED = "aborted"
    BUSY = "busy"
    OFF = "off"
    CUT = "cut"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Asked:
    """A payment that the cloud is asked for. `central` has its data from the central gateway at once."""

    order_id: str
    amount: Money
    kind: Kind
    contract: str
    online: bool
    central: bool
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it; `payment` None where there was none."""

    ending: Ending
    payment: Payment | None = None


class ShopTerminal:
    """One terminal behind the cloud, for all that is asked of it."""

    def __init__(self, provider: Provider, desk: PaymentDesk | None) -> None:
        self._provider = provider
        self._desk = desk

    async def pay(self, asked: Asked) -> Ended:
        """The payment, to its end or to the end of the cloud's patience."""
        if self._desk is None:
            return Ended(Ending.OFF)
        number = self._provider.runtime.ids.new()
        request = PaymentRequest(
            asked.kind, asked.amount, CLOUD, CLOUD, order_id=number, key=number, fingerprint=number, online=asked.online
        )
        try:
            started = await self._desk.start(request)
            payment = await self._desk.wait(started.id, PATIENCE)
        except BridgeError as error:
            return Ended(Ending.BUSY if error.code is Code.TERMINAL_BUSY else Ending.OFF)
        ended = Ended(_ending(payment), payment)
        if ended.ending is Ending.PAID and asked.kind is Kind.SALE:
            await self._book(asked, payment)
        return ended

    async def _book(self, asked: Asked, payment: Payment) -> None:
        """The cloud's own message, and with a central gateway or an authorisation the acquirer's data at once."""
        now = self._provider.runtime.clock.now()
        amount = payment.outcome.amount if isinstance(payment.outcome, Approved) else asked.amount
        text = write(dict(asked.body))
        await self._provider.hear(
            Message(0, now, CLOUD, payment.id, APPROVED, asked.order_id, asked.contract, amount, text, None)
        )
        if asked.central or asked.online:
            context = Context.CENTRALISED if asked.central else Context.STANDALONE
            await self._provider.push(Acquired(asked.order_id, asked.contract, context, authorized=asked.online))


def euros(minor: int) -> Money:
    """Cents as the cloud counts them."""
    return Money(minor, EUR)


def _ending(payment: Payment) -> Ending:
    if payment.running:
        return Ending.SILENT
    match payment.outcome:
        case Approved():
            return Ending.PAID
        case Declined():
            return Ending.REFUSED
        case Aborted():
            return Ending.ABORTED
        case NotStarted(reason=NotStartedReason.TERMINAL_BUSY):
            return Ending.BUSY
        case NotStarted():
            return Ending.OFF
        case _:
            return Ending.CUT
