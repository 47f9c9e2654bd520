"""The driver: acts as a till toward a terminal that speaks Concert V3.

Rules of doubt: protocols/concert/README-V3.md, section 4. The connect counts as the first act, so that the intent is
on disk before it; from the first byte of the request on, only a whole and matching answer says what happened.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind, Operation, Progress
from tillbridge.domain.outcome import Approved, InDoubt, NotStarted, NotStartedReason, Outcome
from tillbridge.protocols.concert.tlv import Fields
from tillbridge.protocols.concert.v3.inquiry import Inquirer, request_bytes
from tillbridge.protocols.concert.v3.judgement import Asked, foreign_reference, judge, late_result, settled
from tillbridge.protocols.concert.v3.lines import Call, Heard, Line
from tillbridge.protocols.concert.v3.messages import MAX_AMOUNT_DIGITS, Action, Request, parse_answer
from tillbridge.protocols.concert.v3.opening import line_of
from tillbridge.protocols.concert.v3.settings import TICKET_CODES, DriverSettings
from tillbridge.protocols.contract import (
    AbortReply,
    AbortSupport,
    Capabilities,
    Driver,
    Health,
    HealthState,
    LateResult,
    OperationLog,
    Terminal,
    Unanswered,
)
from tillbridge.protocols.network import OnNetwork, Whereabouts
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.runtime.effects import Runtime

log = structlog.get_logger(__name__)

MAX_MINOR: Final = 10**MAX_AMOUNT_DIGITS - 1

_ACTIONS: Final = {Kind.SALE: Action.DEBIT, Kind.REFUND: Action.CREDIT, Kind.VOID: Action.CANCEL}


class ConcertV3Terminal(OnNetwork):
    """One terminal; see `contract.Terminal` and `moving.Movable`."""

    def __init__(self, settings: DriverSettings, line: Line, where: Whereabouts | None = None) -> None:
        super().__init__(where)
        self._settings = settings
        self._line = line
        self._inquirer = Inquirer(line, settings)
        self._turn = asyncio.Lock()
        self._running: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`. Nothing on this wire stops a payment that the customer sees already."""
        kinds = {Kind.SALE, Kind.REFUND} | ({Kind.VOID} if self._settings.cancel else set())
        return Capabilities(
            kinds=frozenset(kinds),
            recovery=self._inquirer.recovery,
            max_minor=MAX_MINOR,
            currencies=self._settings.currencies,
            abort=AbortSupport.NONE,
            online_flag=True,
            partial=self._settings.partial,
        )

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        asked = self._asked(operation)
        if isinstance(asked, NotStarted):
            return asked
        async with self._turn:
            self._running = operation.id
            try:
                return await self._perform(operation, asked, log)
            finally:
                self._running = None

    async def abort(self, operation_id: str) -> AbortReply:
        """See `Terminal.abort`: only the red key on the terminal stops a payment."""
        return AbortReply.CANNOT if self._running == operation_id else AbortReply.NOT_RUNNING

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`."""
        if self._running == operation.id:
            return Unanswered.STILL_RUNNING
        asked = self._asked(operation)
        if isinstance(asked, NotStarted):
            return Unanswered.CANNOT_ASK
        async with self._turn:
            return await self._inquirer.inquire(operation, asked)

    async def settle(self, operation: Operation) -> None:
        """See `Terminal.settle`: this wire has neither confirmation nor acknowledgement."""

    async def late(self) -> AsyncGenerator[LateResult, None]:
        """See `Terminal.late`."""
        while (overdue := await self._line.next_overdue()) is not None:
            result = late_result(overdue.fields, overdue.about)
            if result is not None:
                yield result
            overdue.confirm()

    async def health(self) -> Health:
        """See `Terminal.health`. A terminal that works on something is not disturbed."""
        if self._turn.locked():
            return Health(HealthState.BUSY, "it works on an operation")
        if self._line.awaiting:
            return Health(HealthState.BUSY, "an earlier request is still without an answer")
        async with self._turn:
            return await self._inquirer.health()

    async def close(self) -> None:
        """See `Terminal.close`."""
        await self._line.close()

    # ------------------------------------------------------------ one operation

    def _asked(self, operation: Operation) -> Asked | NotStarted:
        action = _ACTIONS.get(operation.kind)
        amount = operation.amount
        if action is None or operation.kind not in self.capabilities.kinds or amount is None:
            return NotStarted(NotStartedReason.CANNOT_EXPRESS, f"this terminal is asked for no {operation.kind}")
        if not 0 < amount.minor <= MAX_MINOR:
            return NotStarted(
                NotStartedReason.CANNOT_EXPRESS, f"an amount is written with 2 to {MAX_AMOUNT_DIGITS} digits"
            )
        known = self._settings.currencies
        if known is not None and amount.currency.code not in known:
            return NotStarted(NotStartedReason.CANNOT_EXPRESS, f"this terminal takes no {amount.currency}")
        return Asked(
            actions=frozenset({action}),
            register=operation.register,
            amount=amount,
            reference=operation.wire_reference if self._settings.send_reference else None,
            partial_allowed=operation.partial_allowed,
        )

    async def _perform(self, operation: Operation, asked: Asked, journal: OperationLog) -> Outcome:
        told: Outcome | None = None

        async def take(fields: Fields) -> None:
            nonlocal told
            told = judge(asked, fields)
            self._warn(operation, fields)
            await journal.outcome(told)

        await journal.sending()
        journal.progress(Progress.CONNECTING)
        self._line.stop_awaiting()
        ended = await self._line.ask(
            Call(
                request=request_bytes(self._request(operation, asked), self._settings),
                settled=settled,
                timeout=self._settings.answer_timeout,
                take=take,
                sent=lambda: journal.progress(Progress.WAITING_FOR_CARD),
                stray=lambda fields: foreign_reference(asked.reference, fields.get("CF")),
                about=asked,
            )
        )
        outcome = told if told is not None else _unanswered(ended)
        if told is None:
            await journal.outcome(outcome)
        if isinstance(outcome, Approved):
            self._inquirer.learned(operation, asked)
        return outcome

    def _request(self, operation: Operation, asked: Asked) -> Request:
        settings = self._settings
        return Request(
            action=_ACTIONS[operation.kind],
            version=settings.version,
            protocol_id=settings.protocol_id,
            register=asked.register,
            minor=asked.amount.minor,
            currency=asked.amount.currency.numeric,
            reference=asked.reference,
            application=settings.application,
            ticket=TICKET_CODES.get(settings.ticket),
            online=operation.online,
            partial=settings.partial and operation.partial_allowed,
        )

    def _warn(self, operation: Operation, fields: Fields) -> None:
        """What is odd about an answer without speaking against it: the terminal may choose the application."""
        answer = parse_answer(fields)
        forced = self._settings.application
        if forced is not None and answer.application not in (None, forced):
            log.warning("concert_v3_other_application", payment=operation.id, asked=forced, used=answer.application)
        if answer.malformed or answer.conflicts:
            odd = sorted(answer.malformed | answer.conflicts)
            log.warning("concert_v3_odd_answer", payment=operation.id, tags=odd)


def _unanswered(ended: Heard | NotSent | Lost) -> NotStarted | InDoubt:
    match ended:
        case NotSent(reason=reason, detail=detail):
            return NotStarted(reason, detail)
        case Lost(reason=reason, detail=detail):
            return InDoubt(reason, detail)
        case Heard():
            raise RuntimeError("an answer that was heard has been judged")


class ConcertV3Driver:
    """See `contract.Driver`."""

    name = "concert-v3"
    settings: type[BaseModel] = DriverSettings

    def connect(self, settings: BaseModel, runtime: Runtime) -> Terminal:  # noqa: ARG002 - the line needs neither ids nor wall time
        """A terminal at the address of its settings; opens nothing yet."""
        if not isinstance(settings, DriverSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a Concert V3 terminal")
        return ConcertV3Terminal(settings, *line_of(settings))


DRIVER: Driver = ConcertV3Driver()
