"""A dialogue on a line, with a clock: bytes are answered inside `data_received`, without waking a task.

A payment is some ten exchanges of single bytes, so that a task woken for each would cost more than all the rest. Only
what must be awaited elsewhere (a journal, a desk) is told to the owner.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Final, Generic

from tillbridge.protocols.concert.frames import Control
from tillbridge.protocols.concert.v2.machine import Deadline, M, Machine, Notice, S, Send
from tillbridge.transports.streams import stream

CONTROL_BYTES: Final = {
    Send.ENQ: bytes([Control.ENQ]),
    Send.ACK: bytes([Control.ACK]),
    Send.NAK: bytes([Control.NAK]),
    Send.EOT: bytes([Control.EOT]),
    Send.LAST_EOT: bytes([Control.EOT]),
}

STRAY_SECONDS: Final = 0.5
"""A silence behind a frame that nobody expects: sixty characters at 1200 baud, and less than any side waits before it
sends ENQ again, so that a stray STX never costs more than one (protocols/concert/README.md, section 2)."""


class Line(asyncio.Protocol, ABC, Generic[S, M]):
    """Runs one machine. Without a transport what it sends is lost, as on a cable that is unplugged.

    `turnaround` is the pause in seconds before each write. Subclasses say what a frame is and hear the notices.
    """

    def __init__(self, machine: Machine[S, M], waits: Mapping[Deadline, float], turnaround: float) -> None:
        self._machine = machine
        self._waits = waits
        self._turnaround = turnaround
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._armed = 0
        self._stray_since: float | None = None
        self._unsent: deque[bytes] = deque()
        self._turning: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ for subclasses

    @abstractmethod
    def frame(self) -> bytes:
        """The frame that the machine wants to send now."""

    @abstractmethod
    def noticed(self, notice: Notice[M]) -> None:
        """Something happened that the owner wants to know."""

    def send(self, what: Send) -> None:
        """Puts a control byte or the frame on the line, in one write."""
        self.put(self.frame() if what is Send.FRAME else CONTROL_BYTES[what])

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = stream(transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        machine = self._machine
        if self._stray_since is not None and self._loop.time() - self._stray_since >= STRAY_SECONDS:
            machine.forget_frame()
        machine.receive(data)
        self._stray_since = self._loop.time() if machine.astray else None
        self.go_on()

    def connection_lost(self, _exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._transport = None
        self._unsent.clear()
        if self._turning is not None:
            self._turning.cancel()
            self._turning = None
        self._machine.lost()
        self.go_on()

    # ------------------------------------------------------------ what goes out

    @property
    def connected(self) -> bool:
        """Whether what is sent can arrive."""
        return self._transport is not None and not self._transport.is_closing()

    def is_on(self, transport: asyncio.BaseTransport | None) -> bool:
        """Whether this is the connection that the dialogue goes on over."""
        return self._transport is transport

    def hang_up(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def hang_up_after(self, data: bytes) -> None:
        """Ends the connection behind these bytes, without a turnaround."""
        if self._transport is not None:
            if data:
                self._transport.write(data)
            self._transport.close()

    def put(self, data: bytes) -> None:
        """Writes once, after the turnaround."""
        if self._transport is None:
            return
        if not self._turnaround:
            self._transport.write(data)
            return
        self._unsent.append(data)
        if self._turning is None:
            self._turning = self._loop.call_later(self._turnaround, self._turned)

    def _turned(self) -> None:
        self._turning = None
        if self._transport is not None and self._unsent:
            self._transport.write(self._unsent.popleft())
        if self._unsent:
            self._turning = self._loop.call_later(self._turnaround, self._turned)

    # ------------------------------------------------------------ the clock

    def go_on(self) -> None:
        """Does what the machine wants: sends, tells, and starts or ends its wait."""
        machine = self._machine
        while machine.outbox or machine.told:
            if machine.outbox:
                outbox, machine.outbox = machine.outbox, []
                for what in outbox:
                    self.send(what)
            if machine.told:
                told, machine.told = machine.told, []
                for notice in told:
                    self.noticed(notice)
        if machine.armings != self._armed:
            self._armed = machine.armings
            self._arm(machine.deadline)

    def _arm(self, deadline: Deadline | None) -> None:
        """Starts a wait. A timer that would fire too early is left to find that out by itself: that is cheaper."""
        if deadline is None:
            self._due = None
            return
        self._due = self._loop.time() + self._waits[deadline] + self._turnaround * len(self._unsent)
        if self._timer is not None:
            if self._timer.when() <= self._due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._tick)
            return
        self._due = None
        self._machine.expire()
        self.go_on()

    def stop_clock(self) -> None:
        """No wait runs any more."""
        self._due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
