"""Drives a virtual terminal without any wire: for demos, for trying out a till, and as the plainest driver there is.

What a real line does to an answer, the terminal's faults do here. So everything above the wires (journal, recovery,
console) can be seen at work, in every way in which a payment can end, without a port.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.operation import Operation, Progress
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, NotStarted, NotStartedReason, Outcome
from tillbridge.protocols.contract import (
    AbortReply,
    Capabilities,
    Driver,
    Fault,
    Health,
    HealthState,
    LateResult,
    OperationLog,
    Payment,
    PaymentRequest,
    Recovery,
    Unanswered,
)
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.behaviour import ScriptedBehaviour
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.terminal import CAPABILITIES, VirtualTerminal

ANSWER_SECONDS: Final = 420.0
"""How long the driver waits for the end of an operation: longer than the slowest scripted customer, six minutes."""

CALLER: Final = "virtual"
"""The terminal knows its operations by our references, as order numbers of this caller."""

LINE_FAULTS: Final = (Fault.DROP_BEFORE_ANSWER, Fault.DROP_IN_ANSWER, Fault.DROP_LAST_BYTE)
"""Without bytes it is all the same where in the answer the line dies."""


class VirtualSettings(BaseModel):
    """A virtual terminal of the settings.

    `delay` is the whole time of an operation in seconds. `recovery` is what the terminal can be asked after a lost
    answer: with anything but `by_id` it cannot be asked, and what is in doubt waits for a person. It forgets everything
    when the program ends; a composition that wants it to remember makes its own `DirectTerminal`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="virtual", min_length=1, max_length=64)
    delay: float = Field(default=1.0, ge=0, le=600)
    answer_seconds: float = Field(default=ANSWER_SECONDS, gt=0, le=3600)
    recovery: Recovery = Recovery.BY_ID


class DirectTerminal:
    """`contract.Terminal` over a `VirtualTerminal`: one operation at a time, answers by a plain call."""

    def __init__(
        self,
        desk: VirtualTerminal,
        behaviour: ScriptedBehaviour,
        recovery: Recovery = Recovery.BY_ID,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.desk = desk
        self.behaviour = behaviour
        self._recovery = recovery
        self._answer_seconds = answer_seconds
        self._closing = False
        self._changed = asyncio.Event()
        self._overdue: deque[Operation] = deque()

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`."""
        return replace(CAPABILITIES, recovery=self._recovery)

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        if self.behaviour.strikes(Fault.SILENT_TO_ENQ) or self.desk.screen is Screen.REBOOTING:
            return NotStarted(NotStartedReason.TERMINAL_SILENT, "the virtual terminal does not answer")
        await log.sending()
        outcome = await self._run(operation, log)
        if isinstance(outcome, Approved) and outcome.signature and not await log.signature(outcome):
            outcome = InDoubt(DoubtReason.SIGNATURE_REFUSED, "the cashier refused the signature")
        await log.outcome(outcome)
        if not isinstance(outcome, InDoubt | NotStarted):
            await self._delivered(operation)
        return outcome

    async def abort(self, operation_id: str) -> AbortReply:
        """See `Terminal.abort`."""
        payment = self.desk.current
        if payment is None or payment.key != operation_id:
            return AbortReply.NOT_RUNNING
        return await self.desk.abort(payment.id)

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`."""
        if self._recovery is not Recovery.BY_ID or self.behaviour.line_pulled:
            return Unanswered.CANNOT_ASK
        try:
            payment = await self.desk.find_order(CALLER, operation.wire_reference)
        except BridgeError:
            return Unanswered.NOT_FOUND
        return payment.outcome or Unanswered.STILL_RUNNING

    async def settle(self, operation: Operation) -> None:
        """See `Terminal.settle`: from now on the terminal's memory says that its till knows."""
        await self._delivered(operation)

    async def late(self) -> AsyncGenerator[LateResult, None]:
        """See `Terminal.late`: the ends of operations for which `perform` did not wait long enough."""
        while not self._closing:
            if not self._overdue:
                await self._change()
                continue
            operation = self._overdue[0]
            payment = await self._ended(operation, lambda _: None)
            if payment.outcome is not None and not self._swallowed(payment):
                amount = payment.outcome.amount if isinstance(payment.outcome, Approved) else payment.amount
                yield LateResult(payment.outcome, operation.register, amount, operation.wire_reference)
                await self._delivered(operation)
            # Only now: a result that its listener could not keep is told again.
            self._overdue.popleft()

    async def health(self) -> Health:
        """See `Terminal.health`."""
        if self.behaviour.line_pulled:
            return Health(HealthState.UNREACHABLE, "the line to the virtual terminal is pulled")
        return (await self.desk.terminals())[0].health

    async def close(self) -> None:
        """See `Terminal.close`."""
        self._closing = True
        self._changed.set()

    async def _run(self, operation: Operation, log: OperationLog) -> Outcome:
        try:
            payment = await self.desk.start(await self._request(operation))
        except BridgeError as refusal:
            return NotStarted(_reason(refusal), str(refusal))
        if self.behaviour.strikes(Fault.DROP_ON_REQUEST, payment.id):
            return InDoubt(DoubtReason.LINE_LOST, "the line dropped on the request")
        try:
            async with asyncio.timeout(self._answer_seconds):
                payment = await self._ended(operation, log.progress)
                if self.behaviour.strikes(Fault.NEVER_ANSWER, payment.id):
                    await self._until_closed()
        except TimeoutError:
            self._give_up_waiting(operation)
            return InDoubt(DoubtReason.NO_ANSWER, f"no answer within {self._answer_seconds:g} s")
        except asyncio.CancelledError:
            self._give_up_waiting(operation)
            raise
        return self._heard(payment)

    async def _request(self, operation: Operation) -> PaymentRequest:
        parent = (
            None
            if operation.parent is None
            else (await self.desk.find_order(CALLER, operation.parent.wire_reference)).id
        )
        return PaymentRequest(
            operation.kind,
            operation.amount,
            CALLER,
            CALLER,
            register=operation.register,
            order_id=operation.wire_reference,
            key=operation.id,
            online=operation.online,
            partial_allowed=operation.partial_allowed,
            parent=parent,
        )

    async def _ended(self, operation: Operation, progress: Callable[[Progress], None]) -> Payment:
        """The terminal's payment once it is over, or as it stands when the line is given up."""
        self.desk.observer = self._changed.set
        payment = await self.desk.find_order(CALLER, operation.wire_reference)
        while payment.running and not self._closing:
            if payment.progress is not None:
                progress(payment.progress)
            await self._change()
            payment = await self.desk.find_order(CALLER, operation.wire_reference)
        return payment

    async def _until_closed(self) -> None:
        while not self._closing:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _give_up_waiting(self, operation: Operation) -> None:
        self._overdue.append(operation)
        self._changed.set()

    def _heard(self, payment: Payment) -> Outcome:
        """The end of an operation as it comes through, whatever the line does to it."""
        outcome = payment.outcome
        if outcome is None or self._closing:
            return InDoubt(DoubtReason.LINE_LOST, "the line was given up before the answer")
        if self._swallowed(payment):
            return InDoubt(DoubtReason.LINE_LOST, "the line dropped before the whole answer was there")
        if isinstance(outcome, Approved) and self.behaviour.strikes(Fault.WRONG_AMOUNT, payment.id):
            return replace(outcome, amount=Money(outcome.amount.minor + 1, outcome.amount.currency))
        return outcome

    def _swallowed(self, payment: Payment) -> bool:
        faults = (*LINE_FAULTS, Fault.NEVER_ANSWER)
        return any(self.behaviour.strikes(fault, payment.id) for fault in faults)

    async def _delivered(self, operation: Operation) -> None:
        payment = await self.desk.find_order(CALLER, operation.wire_reference)
        await self.desk.delivered(payment.id, CALLER, reached=True)


def _reason(refusal: BridgeError) -> NotStartedReason:
    match refusal.code:
        case Code.TERMINAL_BUSY:
            return NotStartedReason.TERMINAL_BUSY
        case _:
            return NotStartedReason.TERMINAL_REFUSED_MESSAGE


class VirtualDriver:
    """`contract.Driver` of virtual terminals."""

    name = "virtual"
    settings: type[BaseModel] = VirtualSettings

    def connect(self, settings: BaseModel, runtime: Runtime) -> DirectTerminal:
        """See `Driver.connect`."""
        if not isinstance(settings, VirtualSettings):
            raise TypeError("the virtual driver takes VirtualSettings")
        desk = VirtualTerminal(settings.name, runtime, delay=settings.delay)
        return DirectTerminal(desk, ScriptedBehaviour(desk), settings.recovery, settings.answer_seconds)


DRIVER: Final[Driver] = VirtualDriver()
