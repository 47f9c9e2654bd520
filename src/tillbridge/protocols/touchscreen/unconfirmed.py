"""A simulator whose till has to confirm: what is not confirmed in time is taken back (README, section 7)."""

import asyncio
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Payment, PaymentDesk, PaymentRequest
from tillbridge.protocols.touchscreen.counter import Known

LONGEST: Final = 1200.0
"""Seconds for which an operation is watched: twice as long as any scripted customer takes."""

TRY_AGAIN: Final = 1.0
"""Seconds until a terminal that is busy is asked again."""

log = structlog.get_logger(__name__)


class Unconfirmed:
    """Watches each sale until it is confirmed. `run` has to be running for anything to be taken back."""

    def __init__(self, desk: PaymentDesk, known: Known, seconds: float) -> None:
        self._desk = desk
        self._known = known
        self._seconds = seconds
        self._begun: asyncio.Queue[tuple[str, Payment]] = asyncio.Queue()

    async def begun(self, id_: str, payment: Payment) -> None:
        """A till has started an operation."""
        if payment.kind is Kind.SALE and not payment.replayed:
            await self._begun.put((id_, payment))

    async def run(self) -> None:
        """Watches until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                id_, payment = await self._begun.get()
                group.create_task(self._watch(id_, payment))

    async def _watch(self, id_: str, payment: Payment) -> None:
        ended = await self._desk.wait(payment.id, LONGEST)
        if not isinstance(ended.outcome, Approved):
            return
        await asyncio.sleep(self._seconds)
        while id_ not in self._known.confirmed:
            if await self._take_back(ended, ended.outcome):
                self._known.take_back(id_)
                return
            await asyncio.sleep(TRY_AGAIN)

    async def _take_back(self, payment: Payment, outcome: Approved) -> bool:
        log.warning("simulated terminal takes back what was not confirmed", payment=payment.id)
        request = PaymentRequest(Kind.VOID, outcome.amount, payment.caller, payment.door, parent=payment.id)
        try:
            await self._desk.start(request)
        except BridgeError as error:
            return error.code is not Code.TERMINAL_BUSY
        return True
