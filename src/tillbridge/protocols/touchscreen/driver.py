"""The driver: acts as a till toward a touch-screen terminal (README, sections 3 to 5).

A start leaves this computer at most once. From its first byte on only the terminal's own word, asked for by our id,
says what happened; until then the operation is in doubt.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog
from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import currency
from tillbridge.domain.operation import Kind, Operation, Progress
from tillbridge.domain.outcome import (
    REVERSIBLE,
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
from tillbridge.protocols.moving import read_address
from tillbridge.protocols.touchscreen.judgement import Asked
from tillbridge.protocols.touchscreen.line import HTTP_OK, Found, Line, Whereabouts
from tillbridge.protocols.touchscreen.link import Address, Ended, Heard, HttpLink, Link
from tillbridge.protocols.touchscreen.messages import Start, read_terminal, start_body, terminal_body, wire_id
from tillbridge.protocols.touchscreen.profile import STARTS, AckOrder, Meaning, Op, Profile, profile_of
from tillbridge.protocols.touchscreen.pursuit import CLOSED, Asking, Pursuit, Said, State
from tillbridge.protocols.touchscreen.settings import DriverSettings, addresses
from tillbridge.protocols.touchscreen.starting import Taken, read_start
from tillbridge.protocols.unheard import NotSent
from tillbridge.runtime.effects import Runtime

log = structlog.get_logger(__name__)

MAX_OWED: Final = 100
MAX_ATTEMPTS: Final = 20
"""Confirmations that are kept to be paid later, and how often each is tried; after that the terminal wants none."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts at most; the first ones follow each other like questions."""

_AMOUNTLESS: Final = frozenset({Kind.VOID, Kind.RECONCILIATION})
"""What the wire starts without an amount: a void undoes all of its original."""


class TouchScreenTerminal:
    """One terminal; see `contract.Terminal` and `moving.Movable`."""

    def __init__(self, settings: DriverSettings, profile: Profile, link: Link) -> None:
        self._settings = settings
        self._profile = profile
        secret = settings.secret or profile.secret.value
        self._secret = secret.get_secret_value()
        self._link = link
        known = Address(settings.host, settings.port or profile.port)
        where = Whereabouts(known, settings.terminal_id, addresses(settings.search))
        self._line = Line(link, profile, self._secret, where)
        self._asking = Asking(self._line, profile, self._secret)
        self._turn = asyncio.Lock()
        self._closed = asyncio.Event()
        self._stirred = asyncio.Event()
        self._running: Operation | None = None
        self._sent = False
        self._unwanted = False
        self._owed: OrderedDict[str, int] = OrderedDict()

    @property
    def capabilities(self) -> Capabilities:
        """See `Terminal.capabilities`."""
        kinds = frozenset(kind for kind, op in STARTS.items() if self._profile.has(op))
        return Capabilities(
            kinds=kinds,
            recovery=Recovery.BY_ID,
            max_minor=self._profile.amount.max_minor,
            currencies=self._settings.currencies,
            abort=AbortSupport.UNTIL_CARD if self._profile.has(Op.CANCEL) else AbortSupport.NONE,
            linked=kinds & {Kind.VOID, Kind.CAPTURE},
            voids=frozenset({Kind.SALE}),
        )

    async def perform(self, operation: Operation, log: OperationLog) -> Outcome:
        """See `Terminal.perform`."""
        asked = self._asked(operation)
        if isinstance(asked, NotStarted):
            return asked
        async with self._turn:
            self._running, self._sent, self._unwanted = operation, False, False
            try:
                return await self._perform(operation, asked, log)
            finally:
                self._running = None

    async def abort(self, operation_id: str) -> AbortReply:
        """See `Terminal.abort`: a wish; what came of it is read from the terminal (law 5)."""
        running = self._running
        if running is None or running.id != operation_id:
            return AbortReply.NOT_RUNNING
        if not self._profile.has(Op.CANCEL):
            return AbortReply.CANNOT
        if not self._sent:
            self._unwanted = True
            return AbortReply.REQUESTED
        taken = await self._asking.cancel(wire_id(running.wire_reference, self._profile))
        return AbortReply.REQUESTED if taken else AbortReply.CANNOT

    async def inquire(self, operation: Operation) -> Outcome | Unanswered:
        """See `Terminal.inquire`. An id that the terminal does not know proves nothing unless the profile says so."""
        if self._running is not None and self._running.id == operation.id:
            return Unanswered.STILL_RUNNING
        asked = self._asked(operation)
        if isinstance(asked, NotStarted):
            return Unanswered.CANNOT_ASK
        async with self._turn:
            found = await self._line.find()
            if isinstance(found, Ended):
                return Unanswered.CANNOT_ASK
            return await self._inquire(asked)

    async def settle(self, operation: Operation) -> None:
        """See `Terminal.settle`: confirms; what the terminal does not take at once is repeated by `late`."""
        if self._profile.ack.order is AckOrder.AFTER_RESULT:
            await self._confirm(wire_id(operation.wire_reference, self._profile))

    async def late(self) -> AsyncGenerator[LateResult, None]:
        """See `Terminal.late`: this wire never speaks unasked. While it is listened to, owed confirmations are paid."""
        pause = self._profile.timing.poll
        while not self._closed.is_set():
            if not self._owed:
                pause = self._profile.timing.poll
                self._stirred.clear()
                await self._stirred.wait()
            else:
                await self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                await self._pay_owed()
        nothing: tuple[LateResult, ...] = ()
        for result in nothing:
            yield result

    async def health(self) -> Health:
        """See `Terminal.health`. A terminal that works on something is not disturbed."""
        if self._turn.locked():
            return Health(HealthState.BUSY, "it works on an operation")
        async with self._turn:
            found = await self._line.find()
            if isinstance(found, Ended):
                return _unreached(found, self._line.hint)
            return await self._look()

    async def close(self) -> None:
        """See `Terminal.close`."""
        self._closed.set()
        self._stirred.set()
        await self._link.close()

    @property
    def address(self) -> str:
        """See `Movable.address`."""
        return str(self._line.address)

    def candidates(self) -> Sequence[str]:
        """See `Movable.candidates`."""
        return [str(address) for address in self._line.candidates]

    def move(self, address: str) -> None:
        """See `Movable.move`."""
        there = read_address(address)
        self._line.move(Address(there.host, there.port))

    # ------------------------------------------------------------ one operation

    def _asked(self, operation: Operation) -> Asked | NotStarted:
        if operation.kind not in self.capabilities.kinds:
            return _cannot(f"this terminal is asked for no {operation.kind}")
        id_ = wire_id(operation.wire_reference, self._profile)
        unit = currency(self._settings.currency)
        amount = operation.amount
        if operation.kind in self.capabilities.linked:
            if operation.parent is None:
                return _cannot(f"a {operation.kind} needs the operation that it goes back to")
            if operation.kind is Kind.VOID and operation.parent.kind not in self.capabilities.voids:
                return _cannot(f"this terminal voids no {operation.parent.kind}")
            if operation.kind is Kind.VOID and amount not in (None, operation.parent.amount):
                return _cannot("this terminal voids the whole of a sale, never a part")
            amount = amount or operation.parent.amount
        if operation.kind is Kind.RECONCILIATION:
            return Asked(operation.kind, id_, None, unit)
        if amount is None or not 0 < amount.minor <= self._profile.amount.max_minor:
            return _cannot(f"an amount lies between 1 and {self._profile.amount.max_minor} minor units")
        known = self._settings.currencies
        if known is not None and amount.currency.code not in known:
            return _cannot(f"this terminal takes no {amount.currency}")
        return Asked(operation.kind, id_, amount, unit)

    async def _perform(self, operation: Operation, asked: Asked, journal: OperationLog) -> Outcome:
        await journal.sending()
        journal.progress(Progress.CONNECTING)
        outcome = await self._run(operation, asked, journal)
        if isinstance(outcome, Approved) and outcome.signature and operation.kind is Kind.SALE:
            journal.progress(Progress.AWAITING_SIGNATURE)
            if not await journal.signature(outcome):
                outcome = InDoubt(DoubtReason.SIGNATURE_REFUSED, "the signature is not that of the card")
        await journal.outcome(outcome)
        if self._is_owed(outcome):
            await self._confirm(asked.id)
        return outcome

    async def _run(self, operation: Operation, asked: Asked, journal: OperationLog) -> Outcome:
        found = await self._line.find()
        if isinstance(found, Ended):
            return NotStarted(_silence(found), _detail(found, self._line.hint))
        if self._unwanted:
            return NotStarted(NotStartedReason.ABORTED_FIRST, "stopped before the terminal was asked")
        if self._closed.is_set():
            return NotStarted(NotStartedReason.CONNECTOR_STOPPED, "stopped before the terminal was asked")
        op = STARTS[operation.kind]
        # From here on a wish to stop goes to the terminal: nobody can say any more that nothing was sent.
        self._sent = True
        body = start_body(self._start(op, operation, asked), self._secret, self._profile)
        ended = await self._line.ask(op, body)
        if isinstance(ended, NotSent) and isinstance(await self._line.find(), Found):
            # It never left, and the terminal has proven to be the same one elsewhere: still the one start there is.
            ended = await self._line.ask(op, body)
        taken = read_start(ended, asked.id, self._profile, unsupported=self._unsupported(ended))
        if isinstance(taken, NotStarted):
            return replace(taken, detail=_detail(ended, self._line.hint)) if isinstance(ended, NotSent) else taken
        if self._closed.is_set():
            return CLOSED
        pursuit = Pursuit(
            self._asking, self._profile, asked, self._closed, journal.progress, proven=taken is Taken.ACCEPTED
        )
        return await pursuit.follow(self._profile.operations[op].limit)

    def _start(self, op: Op, operation: Operation, asked: Asked) -> Start:
        parent = operation.parent if operation.kind in self.capabilities.linked else None
        return Start(
            op,
            asked.id,
            amount=None if operation.kind in _AMOUNTLESS else asked.amount,
            parent_id=None if parent is None else wire_id(parent.wire_reference, self._profile),
            sub_merchant=self._settings.sub_merchant,
        )

    def _unsupported(self, ended: Ended) -> bool:
        """The documented answer to a start means that the version went away: nothing was started under it."""
        if not isinstance(ended, Heard) or not self._line.unsupported(ended):
            return False
        self._line.forget()
        return True

    # ------------------------------------------------------------ afterwards

    async def _inquire(self, asked: Asked) -> Outcome | Unanswered:
        said = await self._asking.status(asked.id)
        if said.unsupported:
            self._line.forget()
            await self._line.find()
            said = await self._asking.status(asked.id)
        if said.state is State.UNKNOWN_ID:
            # Only twice, with time between them: a terminal that has just started may not have its memory yet.
            await asyncio.sleep(self._profile.timing.grace)
            said = await self._asking.status(asked.id)
        match said.state:
            case State.RUNNING:
                return Unanswered.STILL_RUNNING
            case State.UNKNOWN_ID:
                return Unanswered.NOT_FOUND
            case State.NOTHING:
                return Unanswered.CANNOT_ASK
            case State.ENDED:
                told = await self._asking.result(asked)
                return Unanswered.CANNOT_ASK if isinstance(told, Said) else told

    def _is_owed(self, outcome: Outcome) -> bool:
        """What the terminal has told is confirmed, also what is reversed next; what made no sense is not."""
        if self._profile.ack.order is not AckOrder.AFTER_RESULT or isinstance(outcome, NotStarted):
            return False
        return not isinstance(outcome, InDoubt) or outcome.reason in REVERSIBLE

    async def _confirm(self, id_: str) -> None:
        """One attempt: nobody at the counter waits for more than that."""
        # Noted first, so that being cancelled in the middle does not lose it.
        self._owed[id_] = 0
        if await self._asking.confirm(id_):
            self._owed.pop(id_, None)
            return
        log.warning("touchscreen_confirmation_owed", id=id_)
        while len(self._owed) > MAX_OWED:
            self._owed.popitem(last=False)
        self._stirred.set()

    async def _pay_owed(self) -> None:
        """One attempt for each confirmation that earlier ones could not deliver."""
        for id_ in list(self._owed):
            if self._closed.is_set():
                return
            if await self._asking.confirm(id_):
                self._owed.pop(id_, None)
                continue
            if id_ not in self._owed:
                continue
            self._owed[id_] += 1
            if self._owed[id_] >= MAX_ATTEMPTS:
                del self._owed[id_]
                log.error("touchscreen_confirmation_given_up", id=id_)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    async def _look(self) -> Health:
        if not self._profile.has(Op.TERMINAL):
            return Health(HealthState.READY, f"version {self._line.version}")
        ended = await self._line.ask(Op.TERMINAL, terminal_body(self._secret, self._profile))
        if not isinstance(ended, Heard):
            return _unreached(ended, self._line.hint)
        if self._unsupported(ended):
            return Health(HealthState.UNKNOWN, f"it no longer speaks the version that it spoke at {self._line.address}")
        if ended.status != HTTP_OK:
            meaning = self._profile.http.ask.get(str(ended.status), Meaning.UNKNOWN)
            return Health(HealthState.UNKNOWN, f"it answers with HTTP {ended.status} ({meaning})")
        try:
            state = read_terminal(ended.body, self._profile)
        except ProtocolError as error:
            return Health(HealthState.UNKNOWN, f"its answer cannot be read: {error}")
        words = (f"version {self._line.version}", state.online and f"host: {state.online}", self._line.hint)
        return Health(HealthState.READY, ", ".join(word for word in words if word))


def _cannot(detail: str) -> NotStarted:
    return NotStarted(NotStartedReason.CANNOT_EXPRESS, detail)


def _silence(ended: Ended) -> NotStartedReason:
    """Nothing but a probe has left, so that whatever came of it, the terminal has not worked on the operation."""
    return ended.reason if isinstance(ended, NotSent) else NotStartedReason.TERMINAL_SILENT


def _detail(ended: Ended, hint: str) -> str:
    said = "" if isinstance(ended, Heard) else ended.detail
    return f"{said}; {hint}" if hint else said


def _unreached(ended: Ended, hint: str) -> Health:
    state = HealthState.UNREACHABLE if isinstance(ended, NotSent) else HealthState.SILENT
    return Health(state, _detail(ended, hint))


class TouchScreenDriver:
    """See `contract.Driver`."""

    name = "touchscreen"
    settings: type[BaseModel] = DriverSettings

    def connect(self, settings: BaseModel, runtime: Runtime) -> Terminal:  # noqa: ARG002 - needs neither ids nor wall time
        """A terminal at the address of its settings; reads its profile, and opens nothing yet."""
        if not isinstance(settings, DriverSettings):
            raise BridgeError(Code.SETTINGS_INVALID, "these are not the settings of a touch-screen terminal")
        return TouchScreenTerminal(settings, profile_of(settings.profile), HttpLink())


DRIVER: Driver = TouchScreenDriver()
