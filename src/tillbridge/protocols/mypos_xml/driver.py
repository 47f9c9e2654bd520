"""The driver: acts as a till toward a terminal that runs the payment interface for myPOS Smart.

The wire cannot ask what became of a payment and cannot stop one. The intent is on disk before the connect; from the
first byte of the request on, only a whole and fitting answer says what happened, and everything else locks the
terminal until a person has looked: protocols/mypos_xml/README.md, section 6.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR, Money
from tillbridge.domain.operation import Kind, Operation, Progress
from tillbridge.domain.outcome import (
    Approved,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import (
    AbortReply,
    AbortSupport,
    Capabilities,
    Driver,
    Health,
    HealthState,
    LateResult,
    OperationLog,
    ProtocolError,
    Recovery,
    Terminal,
    Unanswered,
)
from tillbridge.protocols.mypos_xml.documents import write
from tillbridge.protocols.mypos_xml.expressing import Refused, express
from tillbridge.protocols.mypos_xml.framing import Encoding, Frame, FrameReader
from tillbridge.protocols.mypos_xml.judgement import Asked, judge, oddities
from tillbridge.protocols.mypos_xml.line import Ended, Heard, Line
from tillbridge.protocols.mypos_xml.messages import Copy, Request, parse_answer, request_document, shown
from tillbridge.protocols.mypos_xml.opening import line_of
from tillbridge.protocols.mypos_xml.settings import DriverSettings
from tillbridge.protocols.network import OnNetwork, Whereabouts
from tillbridge.protocols.unheard import Lost, NotSent
from tillbridge.runtime.effects import Runtime

log = structlog.get_logger(__name__)

REFUNDS: Final = frozenset({Kind.REFUND})
HOLDS: Final = frozenset({Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID})


class MyposXmlTerminal(OnNetwork):
    """One terminal; see `contract.Terminal` and `moving.Movable`."""

    def __init__(self, settings: DriverSettings, line: Line, where: Whereabouts | None = None) -> None:
        super().__init__(where)
        self._settings = settings
        self._line = line
        self._turn = asyncio.Lock()
        self._running: str | None = None
        self._last_contact = "not asked: on some terminals a connection uses up the button"
        self._stray = ""
        if settings.receipt is Copy.AFTER_CONFIRMATION:
            log.warning(
                "mypos_receipt_after_confirmation", detail="the vendor allows this for the customer's slip only"
            )

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`."""
        refunds = REFUNDS if self._settings.refund_enabled else frozenset()
        holds = HOLDS if self._settings.preauth_enabled else frozenset()
        return Capabilities(
            kinds=frozenset({Kind.SALE}) | refunds | holds,
            recovery=Recovery.NONE,
            max_minor=MAX_MINOR,
            currencies=frozenset({self._settings.currency}),
            abort=AbortSupport.NONE,
            linked=frozenset({Kind.CAPTURE, Kind.VOID}),
            voids=frozenset({Kind.AUTHORIZATION}),
        )

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        try:
            request, amount = express(operation, self._settings)
            raw = write(request_document(request), self._settings.layout, declaration=True).encode()
        except (Refused, ValueError) as error:
            return NotStarted(NotStartedReason.CANNOT_EXPRESS, str(error))
        async with self._turn:
            self._running = operation.id
            try:
                return await self._perform(operation, request, amount, raw, log)
            finally:
                self._running = None

    async def abort(self, operation_id: str) -> AbortReply:
        """See `Terminal.abort`: only the red key stops a payment; hanging up does not."""
        return AbortReply.CANNOT if self._running == operation_id else AbortReply.NOT_RUNNING

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`: the wire has no message for it."""
        return Unanswered.STILL_RUNNING if self._running == operation.id else Unanswered.CANNOT_ASK

    async def settle(self, operation: Operation) -> None:
        """See `Terminal.settle`: this wire has neither confirmation nor acknowledgement."""

    async def late(self) -> AsyncGenerator[LateResult, None]:
        """See `Terminal.late`. What comes unasked never says what it answers, so that it closes nothing by itself."""
        while (unasked := await self._line.next_unasked()) is not None:
            self._stray = shown(unasked.raw)
            if unasked.wary:
                yield LateResult(InDoubt(DoubtReason.ANSWER_MISMATCH, f"came when nobody asked: {self._stray}"))

    async def health(self) -> Health:
        """See `Terminal.health`. Nothing is sent, and no connection is opened unless the settings allow it."""
        if self._turn.locked():
            return Health(HealthState.BUSY, "it works on an operation")
        if self._line.awaiting:
            return Health(HealthState.BUSY, "an earlier request is still without an answer")
        if self._line.connected:
            return self._seen(HealthState.READY, "the line is open")
        if not self._settings.probe_by_connecting:
            # What was seen earlier is told as that: as the state it would keep a terminal from ever being tried again.
            return self._seen(HealthState.UNKNOWN, self._last_contact)
        async with self._turn:
            why = await self._line.probe()
        return (
            self._seen(HealthState.UNREACHABLE, why) if why else self._seen(HealthState.READY, "it takes connections")
        )

    async def close(self) -> None:
        """See `Terminal.close`."""
        await self._line.close()

    def leave(self) -> None:
        """See `OnNetwork.leave`. What was seen at the old place says nothing about the new one."""
        self._last_contact = "not asked since it has moved"
        self._line.leave()

    # ------------------------------------------------------------ one operation

    async def _perform(
        self, operation: Operation, request: Request, amount: Money, raw: bytes, journal: OperationLog
    ) -> Outcome:
        asked = Asked(request.root, amount, self._settings.failed_is_unknown)
        told: list[Outcome] = []

        async def take(ended: Ended) -> None:
            outcome = self._outcome(operation, asked, ended)
            self._line.wary = isinstance(outcome, InDoubt) or (self._line.wary and isinstance(ended, NotSent))
            await journal.outcome(outcome)
            told.append(outcome)

        await journal.sending()
        journal.progress(Progress.CONNECTING)
        try:
            await self._line.ask(raw, lambda: journal.progress(Progress.WAITING_FOR_CARD), take)
        except BaseException:
            self._line.wary = True
            raise
        return told[0]

    def _outcome(self, operation: Operation, asked: Asked, ended: Ended) -> Outcome:
        match ended:
            case NotSent(reason=reason, detail=detail):
                self._last_contact = f"the last request was not sent: {detail}"
                return NotStarted(reason, detail)
            case Lost(reason=reason, detail=detail):
                self._last_contact = f"the last request has no answer: {detail}"
                return InDoubt(reason, detail)
            case Heard(frame=frame, seconds=seconds):
                self._last_contact = "it answered the last request"
                return self._judged(operation, asked, frame, seconds)

    def _judged(self, operation: Operation, asked: Asked, frame: Frame, seconds: float) -> Outcome:
        raw = shown(frame.text)
        if frame.encoding is not Encoding.UTF_8:
            log.warning("mypos_answer_in_another_encoding", payment=operation.id, encoding=frame.encoding)
        try:
            answer = parse_answer(frame.text)
        except ProtocolError as error:
            return InDoubt(DoubtReason.ANSWER_UNREADABLE, f"{error}: {raw!r}")
        for odd in oddities(answer):
            log.warning("mypos_odd_answer", payment=operation.id, detail=odd)
        log.info("mypos_answer", payment=operation.id, text=raw)
        if frame.rest:
            log.warning("mypos_bytes_behind_the_answer", payment=operation.id, text=shown(frame.rest))
            if _another_answer(frame.text, frame.rest):
                return InDoubt(DoubtReason.ANSWER_CONTRADICTORY, f"two answers: {raw!r} and {shown(frame.rest)!r}")
        outcome = judge(asked, answer)
        if isinstance(outcome, Approved) and seconds < self._settings.fastest_approval:
            return InDoubt(DoubtReason.ANSWER_MISMATCH, f"approved after {seconds:.3f} s, too soon for a card: {raw!r}")
        return outcome

    def _seen(self, state: HealthState, detail: str) -> Health:
        return Health(state, f"{detail}; it said when nobody asked: {self._stray}" if self._stray else detail)


def _another_answer(first: str, rest: bytes) -> bool:
    """Whether a whole answer that says something else came behind one: then nobody knows which of them is ours."""
    try:
        frame = FrameReader().feed(rest)
        if frame is None:
            return False
        other = parse_answer(frame.text)
    except ProtocolError:
        return False
    return other.root is not None and other != parse_answer(first)


class MyposXmlDriver:
    """See `contract.Driver`."""

    name = "mypos-xml"
    settings: type[BaseModel] = DriverSettings

    def connect(self, settings: BaseModel, runtime: Runtime) -> Terminal:  # noqa: ARG002 - the line needs neither ids nor wall time
        """A terminal on the line of its settings; opens nothing yet."""
        if not isinstance(settings, DriverSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a myPOS XML terminal")
        return MyposXmlTerminal(settings, *line_of(settings))


DRIVER: Driver = MyposXmlDriver()
