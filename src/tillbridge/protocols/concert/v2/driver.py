"""The driver: acts as a till toward a terminal that speaks Concert V2, on a serial line or over TCP.

The intent is on disk before the first ENQ, the outcome before the reply is acknowledged. From the first byte of the
request on, only a reply that fits says what happened; protocols/concert/README.md, sections 4 and 7.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Operation, Progress
from tillbridge.domain.outcome import InDoubt, NotStarted, NotStartedReason, Outcome
from tillbridge.protocols.concert.frames import encode
from tillbridge.protocols.concert.v2.judgement import TYPES, Circumstances, express, judge, late_result, unanswered
from tillbridge.protocols.concert.v2.machine import Tell
from tillbridge.protocols.concert.v2.messages import MAX_AMOUNT, Dialect, Reply, Request, parse_reply
from tillbridge.protocols.concert.v2.settings import DriverSettings, turnaround
from tillbridge.protocols.concert.v2.till import Exchange, Opener, P, TillLink
from tillbridge.protocols.contract import (
    AbortReply,
    AbortSupport,
    Capabilities,
    Driver,
    Health,
    HealthState,
    LateResult,
    OperationLog,
    Recovery,
    Terminal,
    Unanswered,
)
from tillbridge.protocols.network import OnNetwork, Whereabouts
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.serial_line import connect_serial

_logger = structlog.get_logger(__name__)

HEALTH_SECONDS: Final = 10.0
"""For a sign of life: to open the line, and for the answer to one ENQ."""

LATE_SECONDS: Final = 600.0
"""How long after an operation in doubt a reply may still come: far more than a terminal waits for a customer."""


class ConcertV2Terminal(OnNetwork):
    """One terminal; see `contract.Terminal` and `moving.Movable`."""

    def __init__(self, settings: DriverSettings, opener: Opener, where: Whereabouts | None = None) -> None:
        super().__init__(where)
        self._settings = settings
        self._link = TillLink(opener, parse_reply, settings.timers, lambda: turnaround(settings))
        self._running: str | None = None
        self._doubted_at: float | None = None

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`. Nothing on this wire asks for a result or stops a payment."""
        return Capabilities(
            kinds=frozenset(TYPES),
            recovery=Recovery.NONE,
            max_minor=MAX_AMOUNT,
            abort=AbortSupport.NONE,
            online_flag=self._settings.dialect is Dialect.E_PLUS,
        )

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        request = express(operation, self._settings)
        if isinstance(request, NotStarted):
            return request
        if self._running is not None:
            return NotStarted(NotStartedReason.TERMINAL_BUSY, "another operation runs on this line")
        self._running = operation.id
        try:
            return await self._perform(request, log)
        finally:
            self._running = None

    async def abort(self, operation_id: str) -> AbortReply:
        """See `Terminal.abort`: only the red key on the terminal stops a payment."""
        return AbortReply.CANNOT if self._running == operation_id else AbortReply.NOT_RUNNING

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`: the wire has no message for it."""
        return Unanswered.STILL_RUNNING if self._running == operation.id else Unanswered.CANNOT_ASK

    async def settle(self, operation: Operation) -> None:
        """See `Terminal.settle`: a reply is acknowledged in its own session or not at all."""

    async def late(self) -> AsyncGenerator[LateResult, None]:
        """See `Terminal.late`. Keeps the line open, and reopens it when it is lost."""
        while (reply := await self._link.next_late()) is not None:
            self._doubted_at = None
            yield late_result(reply.message, self._settings.register_number)
            reply.confirm()

    async def health(self) -> Health:
        """See `Terminal.health`: ENQ, ACK, EOT. A terminal that works on something is not disturbed."""
        if self._running is not None:
            return Health(HealthState.BUSY, "it works on an operation")
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await self._link.open()
                return self._health(await self._link.probe())
        except LineUnavailable as error:
            return Health(HealthState.UNREACHABLE, error.detail)
        except TimeoutError:
            return Health(HealthState.SILENT, "the line was not free in time")

    async def close(self) -> None:
        """See `Terminal.close`."""
        await self._link.close()

    def leave(self) -> None:
        """See `OnNetwork.leave`."""
        self._link.renew()

    # ------------------------------------------------------------ one operation

    async def _perform(self, request: Request, log: OperationLog) -> Outcome:
        try:
            fresh = await self._link.open()
        except LineUnavailable as error:
            return NotStarted(self._seen().line_lost, error.detail)
        await log.sending()
        exchange = await self._exchange(request, log, fresh=fresh)
        outcome = exchange if isinstance(exchange, NotStarted) else self._judged(request, exchange)
        if isinstance(exchange, NotStarted):
            await log.outcome(outcome)
            return outcome
        try:
            await log.outcome(outcome)
        except asyncio.CancelledError:
            exchange.line.abandon()
            raise
        except BaseException:
            exchange.drop()
            raise
        exchange.confirm()
        return outcome

    async def _exchange(self, request: Request, log: OperationLog, *, fresh: bool) -> Exchange[Reply] | NotStarted:
        log.progress(Progress.CONNECTING)

        def committed() -> None:
            log.progress(Progress.WAITING_FOR_CARD)

        try:
            return await self._link.exchange(encode(request.encode()), committed, fresh=fresh)
        except LineUnavailable as error:
            return NotStarted(self._seen().line_lost, error.detail)

    def _judged(self, request: Request, exchange: Exchange[Reply]) -> Outcome:
        tell, reply = exchange.notice.tell, exchange.notice.message
        if tell is Tell.RESULT and reply is not None:
            self._doubted_at = None
            if reply.means != request.means:
                _logger.warning("concert_v2_other_means", asked=request.means, used=reply.means)
            return judge(request, reply)
        outcome = unanswered(tell, self._seen())
        if isinstance(outcome, InDoubt):
            self._doubted_at = asyncio.get_running_loop().time()
        if tell is Tell.SILENT:
            self._renew_port()
        return outcome

    def _seen(self) -> Circumstances:
        link = self._link
        return Circumstances(self._settings, link.looks_like_even_parity, link.fault, link.closed())

    def _health(self, tell: Tell) -> Health:
        match tell:
            case Tell.PROBE_ANSWERED:
                return Health(HealthState.READY)
            case Tell.PROBE_REFUSED:
                return Health(HealthState.BUSY, "the terminal takes no request now")
            case _:
                hint = self._seen().parity_hint
                self._renew_port()
                return Health(HealthState.SILENT, f"no answer to ENQ: it is off, busy, or on another cable{hint}")

    def _renew_port(self) -> None:
        """USB links have been seen dead after a night: a silent port is opened again before its next use.

        Not while a late reply may come: opening takes a moment in which nobody would hear it. And not over TCP, where
        the system itself watches the connection, and a terminal may drop a reply together with it.
        """
        now, since = asyncio.get_running_loop().time(), self._doubted_at
        if self._settings.serial is not None and (since is None or now - since > LATE_SECONDS):
            self._link.renew()


def _opener(settings: DriverSettings) -> tuple[Opener, Whereabouts | None]:
    async def over_serial(factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        assert settings.serial is not None  # noqa: S101 - chosen below
        return await connect_serial(settings.serial, factory)

    if settings.tcp is None:
        return over_serial, None
    where = Whereabouts(settings.tcp.host, settings.tcp.port)

    async def over_tcp(factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
        return await where.connect(factory)

    return over_tcp, where


class ConcertV2Driver:
    """See `contract.Driver`."""

    name = "concert-v2"
    settings: type[BaseModel] = DriverSettings

    def connect(self, settings: BaseModel, runtime: Runtime) -> Terminal:  # noqa: ARG002 - the line needs neither ids nor wall time
        """A terminal on the line of its settings; opens nothing yet."""
        if not isinstance(settings, DriverSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a Concert V2 terminal")
        return ConcertV2Terminal(settings, *_opener(settings))


DRIVER: Driver = ConcertV2Driver()
