"""The wire trace: for an hour, what passes between the connector and a terminal is written down, masked.

It ends by itself, by time or by size, also over a restart of the connector; nothing that it does can hold up a payment
or make one fail.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from tillbridge.connector.settings import Configured
from tillbridge.connector.tracing import files
from tillbridge.connector.tracing.files import LARGEST_TRACE, Span, TraceLine
from tillbridge.connector.tracing.pieces import Pieces
from tillbridge.connector.tracing.traced import traced
from tillbridge.connector.wiretest.lines import secrets_of
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.engine import TerminalSetup
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.tap import Direction

USUAL_MINUTES: Final = 60
MOST_MINUTES: Final = 24 * 60
"""A fault that comes once a day is caught; whoever wants more starts it again, and knows that it runs."""

WRITE_SECONDS: Final = 0.5
"""Between two writes: what a crash may lose of a trace, and how seldom its disk is touched."""

QUIET_SECONDS: Final = 10.0
"""A piece that nothing was added to for so long is ended: who watches a payment wants to see its last answer."""

MOST_WAITING: Final = 2000
"""Pieces that wait to be written: if the disk takes none for long, the newer ones are left out and counted."""

MOST_LINES: Final = 500
"""Lines of a tail: more is read from the file itself."""

LONGEST_PERSON: Final = 100

log = structlog.get_logger(__name__)


class Ended(StrEnum):
    """Why a trace is over."""

    TIME = "time"
    SIZE = "size"
    PERSON = "person"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class TraceState:
    """The trace of one terminal as it stands. `span` is None where none runs; `ended` says why the last one is over.

    `left_out` counts pieces that the disk was too slow for, `bytes_written` is the file's, which all terminals share.
    """

    terminal: str
    span: Span | None
    ended: Ended | None
    left_out: int
    bytes_written: int


class _Line:
    """One terminal's line: what passes goes into pieces while a trace runs, and nowhere else."""

    def __init__(self, name: str, secrets: Iterable[str], tracing: "WireTracing", runtime: Runtime) -> None:
        self.name = name
        self.span: Span | None = None
        self.ends_at = 0.0
        self.ended: Ended | None = None
        self.left_out = 0
        self.heard_at = 0.0
        self._clock = runtime.clock
        self.pieces = Pieces(name, runtime.clock, secrets, tracing.keep)

    def observe(self, direction: Direction, passed: bytes) -> None:
        """Takes in bytes; an `Observer`, which may neither wait nor raise."""
        if self.span is None:
            return
        now = self._clock.monotonic()
        if now >= self.ends_at:
            return
        self.heard_at = now
        self.pieces.observe(direction, passed)


class WireTracing:
    """The traces of one connector's terminals. `run` writes; without it nothing is kept."""

    def __init__(self, folder: Path, terminals: Sequence[Configured], runtime: Runtime) -> None:
        self._folder = folder
        self._runtime = runtime
        self._waiting: list[TraceLine] = []
        self._written = files.size(folder)
        self._turn = asyncio.Lock()
        self._lines = {one.name: _Line(one.name, secrets_of(one.settings), self, runtime) for one in terminals}

    # ------------------------------------------------------------ for the composition

    def listen(self, setups: Sequence[TerminalSetup]) -> list[TerminalSetup]:
        """The terminals with their lines within hearing."""
        return [
            replace(one, terminal=traced(one.terminal, self._lines[one.name].observe))
            if one.name in self._lines
            else one
            for one in setups
        ]

    def resume(self) -> None:
        """Goes on with what ran when the connector ended, for as long as is left of it.

        A clock that was set back makes no trace longer than it was asked for: then it is over.
        """
        now = self._runtime.clock.now()
        for name, span in files.read_spans(self._folder).items():
            line = self._lines.get(name)
            left = span.until - now
            sound = span.since <= now and timedelta() < left <= timedelta(minutes=MOST_MINUTES)
            if line is not None and sound:
                line.span = span
                line.ends_at = self._runtime.clock.monotonic() + left.total_seconds()
                log.info("trace_resumed", terminal=name, until=span.until.isoformat())

    async def run(self) -> None:
        """Writes what comes and ends what is over, until cancelled; what is left then is written too."""
        try:
            while True:
                await asyncio.sleep(WRITE_SECONDS)
                async with self._turn:
                    await self._end_what_is_over()
                    await self._write()
        finally:
            for line in self._lines.values():
                line.pieces.cut()
            if self._waiting:
                self._flush(self._taken())

    # ------------------------------------------------------------ for people

    @property
    def running(self) -> int:
        """How many terminals are traced now."""
        return sum(1 for line in self._lines.values() if line.span is not None)

    def state(self, name: str) -> TraceState:
        """How the trace of this terminal stands. `BridgeError(TERMINAL_UNKNOWN)`."""
        line = self._line(name)
        return TraceState(name, line.span, line.ended, line.left_out, self._written)

    async def start(self, name: str, minutes: int, by: str) -> TraceState:
        """Begins a trace, or lets the one that runs end later. It is on the disk when this returns.

        `BridgeError`: TERMINAL_UNKNOWN, FIELD_INVALID for a time that is none, FOLDER_UNUSABLE where the disk refuses.
        """
        line = self._line(name)
        if not 1 <= minutes <= MOST_MINUTES:
            raise BridgeError(Code.FIELD_INVALID, f"1 to {MOST_MINUTES} minutes are possible", place="minutes")
        now = self._runtime.clock.now()
        span = Span(line.span.since if line.span else now, now + timedelta(minutes=minutes), by[:LONGEST_PERSON])
        async with self._turn:
            if not self.running:
                await asyncio.to_thread(files.begin, self._folder)
                self._written = 0
            await asyncio.to_thread(files.write_spans, self._folder, self._spans() | {name: span})
            line.ended, line.left_out = None, 0
            line.ends_at = self._runtime.clock.monotonic() + minutes * 60
            line.span = span
        log.warning("trace_started", terminal=name, minutes=minutes, by=span.by)
        return self.state(name)

    async def stop(self, name: str) -> TraceState:
        """Ends a trace before its time; it is no error if none runs. `BridgeError` as `start`."""
        line = self._line(name)
        async with self._turn:
            await self._end([line], Ended.PERSON)
            await self._write()
        return self.state(name)

    async def tail(self, name: str, most: int = MOST_LINES) -> list[TraceLine]:
        """The newest lines, oldest first. `BridgeError(TERMINAL_UNKNOWN)`."""
        self._line(name)
        async with self._turn:
            await self._write()
        return await asyncio.to_thread(files.tail, self._folder, name, min(most, MOST_LINES))

    # ------------------------------------------------------------ inside

    def keep(self, line: TraceLine) -> None:
        """A piece is over and masked."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)
        else:
            self._lines[line.terminal].left_out += 1

    def _line(self, name: str) -> _Line:
        found = self._lines.get(name)
        if found is None:
            known = ", ".join(self._lines) or "none"
            raise BridgeError(Code.TERMINAL_UNKNOWN, f"{name[:40]!r} is not one of: {known}", place="name")
        return found

    def _spans(self) -> dict[str, Span]:
        return {name: line.span for name, line in self._lines.items() if line.span is not None}

    async def _end_what_is_over(self) -> None:
        now = self._runtime.clock.monotonic()
        for line in self._lines.values():
            if line.span is not None and now - line.heard_at >= QUIET_SECONDS:
                line.pieces.cut()
        await self._end([one for one in self._lines.values() if one.span and now >= one.ends_at], Ended.TIME)
        if self._written >= LARGEST_TRACE:
            await self._end([one for one in self._lines.values() if one.span], Ended.SIZE)

    async def _end(self, lines: Sequence[_Line], why: Ended) -> None:
        over = [line for line in lines if line.span is not None]
        for line in over:
            line.pieces.cut()
            line.span, line.ended = None, why
            log.warning("trace_ended", terminal=line.name, why=why)
        if over:
            try:
                await asyncio.to_thread(files.write_spans, self._folder, self._spans())
            except BridgeError as error:
                # The moment at which it ends is in the old file, too: it does not begin again for long.
                log.warning("trace_state_not_written", cause=str(error))

    async def _write(self) -> None:
        lines = self._taken()
        if lines and not await asyncio.to_thread(self._flush, lines):
            # A disk that is full is for payments first.
            await self._end([one for one in self._lines.values() if one.span], Ended.DISK)

    def _taken(self) -> list[TraceLine]:
        lines, self._waiting = self._waiting, []
        return lines

    def _flush(self, lines: list[TraceLine]) -> bool:
        try:
            self._written = files.append(self._folder, lines)
        except BridgeError as error:
            log.warning("trace_not_written", lines=len(lines), cause=str(error))
            return False
        return True


def open_tracing(folder: Path, terminals: Sequence[Configured], runtime: Runtime) -> WireTracing:
    """The traces of a connector, with those that ran when it ended. Only for who owns the data folder."""
    tracing = WireTracing(folder, terminals, runtime)
    tracing.resume()
    return tracing


def ends_within(state: TraceState, now: datetime) -> timedelta:
    """What is left of a trace."""
    return timedelta() if state.span is None else max(timedelta(), state.span.until - now)
