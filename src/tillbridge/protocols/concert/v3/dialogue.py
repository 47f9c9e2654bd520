"""One connection of Concert V3, for both roles: bytes and the ends of them in, events out; no clock and no socket.

The wire has neither a length in front nor an end mark: a message is over when the bytes split into whole elements and
either the other side has closed or the line has been quiet for a moment (protocols/concert/README-V3.md, section 1).
Who owns the clock asks `pause` after each piece and calls `quiet` when that moment has passed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tillbridge.protocols.concert.tlv import Fields, Gathering, TlvReader
from tillbridge.protocols.contract import ProtocolError

Settled = Callable[[Fields], bool]
"""Says of whole elements whether they can be all of the message. Where they cannot, quiet proves nothing."""


class Pause(StrEnum):
    """What a silence on the line would mean now."""

    NOTHING = "nothing"  # nothing has come, or nothing more is wanted
    INCOMPLETE = "incomplete"  # a message has begun, and something of it is missing
    COMPLETE = "complete"  # all that is needed is there; only the end is not certain


@dataclass(frozen=True, slots=True)
class MessageRead:
    """The other side's message is all there."""

    fields: Fields


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The other side sent what is no message; `detail` says why, in words that hold nothing of the bytes."""

    detail: str


@dataclass(frozen=True, slots=True)
class LineClosed:
    """The other side closed before its message was all there; `begun` says whether any of it had come."""

    begun: bool


Event = MessageRead | Unreadable | LineClosed


class Incoming:
    """Gathers one message of the other side. After its event it hears nothing more."""

    def __init__(self, settled: Settled) -> None:
        self._settled = settled
        self._reader = TlvReader()
        self._gathering = Gathering()
        self._begun = False
        self._over = False

    @property
    def pause(self) -> Pause:
        """What a silence would mean now."""
        if self._over or not self._begun:
            return Pause.NOTHING
        if self._reader.whole and self._settled(self.fields):
            return Pause.COMPLETE
        return Pause.INCOMPLETE

    @property
    def fields(self) -> Fields:
        """What has come so far, in whole elements."""
        return self._gathering.fields

    def received(self, chunk: bytes) -> Unreadable | None:
        """Takes a piece of any size."""
        if self._over:
            return None
        self._begun = self._begun or bool(chunk)
        try:
            self._gathering.add(self._reader.feed(chunk))
        except ProtocolError as error:
            self._over = True
            return Unreadable(str(error))
        return None

    def quiet(self) -> MessageRead | None:
        """The line has been quiet: the message, if it can be all there."""
        if self.pause is not Pause.COMPLETE:
            return None
        self._over = True
        return MessageRead(self.fields)

    def closed(self) -> MessageRead | LineClosed | None:
        """The other side sends no more: the message if it ends where an element ends, whatever it lacks."""
        if self._over:
            return None
        self._over = True
        if self._reader.whole and self.fields.values:
            return MessageRead(self.fields)
        return LineClosed(self._begun)

    def given_up(self) -> MessageRead | None:
        """Nobody waits any longer: what is there, if it is whole elements. What it lacks is for the caller to judge."""
        if self._over or not self._reader.whole or not self.fields.values:
            return None
        self._over = True
        return MessageRead(self.fields)


class TillState(StrEnum):
    """Where the till's side of a connection stands."""

    READY = "ready"
    WAITING = "waiting"
    ENDED = "ended"


class TillDialogue:
    """The till's side: one request out, one answer in.

    `settled` says which answers can be whole. Bytes that come before the request was sent are the terminal's fault
    and no answer to it, so they make the answer unreadable.
    """

    def __init__(self, request: bytes, settled: Settled) -> None:
        self._request = request
        self._incoming = Incoming(settled)
        self.state = TillState.READY

    @property
    def pause(self) -> Pause:
        """What a silence would mean now."""
        return self._incoming.pause if self.state is TillState.WAITING else Pause.NOTHING

    def start(self) -> bytes:
        """The bytes to send, in one write. From here on nobody knows what the terminal does until it answers."""
        if self.state is not TillState.READY:
            raise RuntimeError("a connection carries one request")
        self.state = TillState.WAITING
        return self._request

    def received(self, chunk: bytes) -> Event | None:
        """Takes a piece of the answer."""
        if self.state is TillState.READY:
            return self._end(Unreadable("the terminal spoke before it was asked"))
        return self._end(self._incoming.received(chunk)) if self.state is TillState.WAITING else None

    def quiet(self) -> Event | None:
        """The line has been quiet for the agreed moment."""
        return self._end(self._incoming.quiet()) if self.state is TillState.WAITING else None

    def closed(self) -> Event | None:
        """The terminal closed, or the line is gone."""
        return None if self.state is TillState.ENDED else self._end(self._incoming.closed())

    def _end(self, event: Event | None) -> Event | None:
        if event is not None:
            self.state = TillState.ENDED
        return event


class TerminalState(StrEnum):
    """Where the terminal's side of a connection stands."""

    READING = "reading"
    WORKING = "working"
    ENDED = "ended"


_REQUIRED: Final = ("CZ", "CJ", "CA", "CD")
_REQUIRED_TO_PAY: Final = ("CZ", "CJ", "CA", "CB", "CD", "CE")

REQUIRED: Final = MappingProxyType(
    {
        "0": _REQUIRED_TO_PAY,
        "1": _REQUIRED_TO_PAY,
        "2": _REQUIRED_TO_PAY,
        "T": (*_REQUIRED, "CF"),
    }
)
"""Tags that a request cannot do without, by its action. Any other is a service, which carries no money, or one that
this door does not run: it is told so, and not that an amount is missing (README-V3.md, section 2)."""


def missing_tags(fields: Fields) -> tuple[str, ...]:
    """The tags that this request lacks for the action that it names."""
    action = fields.get("CD")
    required = _REQUIRED_TO_PAY if action is None else REQUIRED.get(action, _REQUIRED)
    return tuple(tag for tag in required if tag not in fields)


class TerminalDialogue:
    """The terminal's side: one request in, one answer out. It never waits for the till to close.

    A request that lacks something is read as well once the line has been quiet for longer: its sender is owed an
    answer that says so.
    """

    def __init__(self) -> None:
        self._incoming = Incoming(lambda fields: not missing_tags(fields))
        self.state = TerminalState.READING

    @property
    def pause(self) -> Pause:
        """What a silence would mean now."""
        return self._incoming.pause if self.state is TerminalState.READING else Pause.NOTHING

    def received(self, chunk: bytes) -> Event | None:
        """Takes a piece of the request; what comes after it is not looked at."""
        return self._read(self._incoming.received(chunk)) if self.state is TerminalState.READING else None

    def quiet(self) -> Event | None:
        """The line has been quiet for as long as `pause` asked for."""
        if self.state is not TerminalState.READING:
            return None
        return self._read(self._incoming.quiet() or self._overdue())

    def closed(self) -> Event | None:
        """The till sends no more; it may still listen."""
        return self._read(self._incoming.closed()) if self.state is TerminalState.READING else None

    def answer(self) -> None:
        """The answer goes out, or is known never to: the connection has done its work."""
        self.state = TerminalState.ENDED

    def _overdue(self) -> Event | None:
        if self._incoming.pause is not Pause.INCOMPLETE:
            return None
        return self._incoming.given_up() or Unreadable("the request ends in the middle of an element")

    def _read(self, event: Event | None) -> Event | None:
        if event is not None:
            self.state = TerminalState.WORKING
        return event
