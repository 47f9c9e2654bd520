"""The frame `STX body ETX LRC` and the control bytes around it; protocols/concert/README.md, section 2.

Shared by V2 and by V3 over a serial line. The check byte LRC may equal any control byte (for small amounts in euros it
usually does), so the decoder counts: whatever follows ETX is the LRC. It never looks for control bytes inside a frame.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import reduce
from operator import xor
from typing import Final

MAX_BODY: Final = 512
"""The documented limit of data characters in a frame, and so the most that a decoder ever stores."""

_LAST_CHARACTER: Final = 0x7F
_DATA: Final = bytes(range(0x20, _LAST_CHARACTER + 1))
_BELOW_DATA: Final = bytes(range(0x20))
_SEVEN_BITS: Final = bytes(range(0x80))
_EVEN_ABOVE: Final = bytes(value for value in range(0x80, 0x100) if value.bit_count() % 2 == 0)
_ENDS_BODY: Final = re.compile(rb"[\x02\x03]")
_ENDS_NOISE: Final = re.compile(rb"[\x02-\x06\x15]")


class Control(IntEnum):
    """The control bytes of the line."""

    STX = 0x02
    ETX = 0x03
    EOT = 0x04
    ENQ = 0x05
    ACK = 0x06
    NAK = 0x15


class BadFrameReason(StrEnum):
    """What is wrong with a frame."""

    CHECK = "the check byte does not fit"
    CHARACTER = "a character outside 20..7F"
    TOO_LONG = "more than 512 characters"
    NO_START = "the first byte is missing"


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame whose check byte fits. The body may hold a card number, so it is not shown."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that cannot be used; the sender is asked for it again."""

    reason: BadFrameReason


@dataclass(frozen=True, slots=True)
class Noise:
    """A run of bytes that belong to nothing; one event per run, however long it is."""


Event = Control | Frame | BadFrame | Noise
"""What comes off the line. Of the control bytes only ENQ, ACK, NAK and EOT are events of their own."""

_NOISE: Final = Noise()
_ANSWERS: Final = {int(control): control for control in (Control.EOT, Control.ENQ, Control.ACK, Control.NAK)}


def check_byte(body: bytes) -> int:
    """The LRC: XOR over every byte after STX up to and including ETX."""
    return reduce(xor, body, Control.ETX.value)


def encode(body: bytes) -> bytes:
    """The frame that carries this body. `ValueError` if the body is not 1 to 512 characters of 20..7F."""
    if not 1 <= len(body) <= MAX_BODY:
        raise ValueError(f"a frame carries 1 to {MAX_BODY} characters, not {len(body)}")
    if body.translate(None, _DATA):
        raise ValueError("a frame carries characters of 20..7F only")
    return b"\x02%b\x03%c" % (body, check_byte(body))


class _Place(IntEnum):
    BETWEEN = 0
    BODY = 1
    CHECK = 2
    NOISE = 3
    NOISE_CHECK = 4


_KEEP_NEXT: Final = frozenset({_Place.BODY, _Place.CHECK, _Place.NOISE_CHECK})


class FrameDecoder:
    """Turns bytes, cut anywhere, into events. Raises nothing, stores at most 512 bytes, costs the same per byte.

    Data characters without an STX before them are the rest of a frame whose start was lost: their ETX is followed by
    an LRC too, which must not be taken for a control byte. Such a rest is one `Noise` and, at its end, one `BadFrame`,
    unless it is the tail of a frame that was reported as bad already.
    """

    __slots__ = ("_body", "_even_above", "_odd_above", "_place", "_reported", "_saw_data")

    def __init__(self) -> None:
        self._body = bytearray()
        self._place = _Place.BETWEEN
        self._saw_data = False
        self._reported = False
        self._even_above = 0
        self._odd_above = 0

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun and is not over."""
        return self._place in (_Place.BODY, _Place.CHECK)

    @property
    def looks_like_even_parity(self) -> bool:
        """Whether bytes above 7F have come and each fits even parity: a line of 7E1 that is read as 8N1."""
        return self._even_above > 0 and self._odd_above == 0

    @property
    def keeps_next(self) -> bool:
        """Whether the next byte counts as part of a frame, whatever it is; `in_frame`, or at a lost frame's LRC."""
        return self._place in _KEEP_NEXT

    def reset(self) -> None:
        """Forgets a frame that has begun: the rest of it did not come in time."""
        self._body.clear()
        self._place = _Place.BETWEEN
        self._saw_data = self._reported = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete, in order."""
        if not data.isascii():
            self._note_parity(data)
        events: list[Event] = []
        position, size = 0, len(data)
        while position < size:
            match self._place:
                case _Place.BETWEEN:
                    position = self._between(data, position, events)
                case _Place.BODY:
                    position = self._in_body(data, position, events)
                case _Place.CHECK:
                    position = self._at_check(data, position, events)
                case _Place.NOISE:
                    position = self._in_noise(data, position)
                case _Place.NOISE_CHECK:
                    position = self._at_noise_check(position, events)
        return events

    def _note_parity(self, data: bytes) -> None:
        above = data.translate(None, _SEVEN_BITS)
        odd = len(above.translate(None, _EVEN_ABOVE))
        self._odd_above += odd
        self._even_above += len(above) - odd

    def _between(self, data: bytes, position: int, events: list[Event]) -> int:
        value = data[position]
        answer = _ANSWERS.get(value)
        if answer is not None:
            self._reported = False
            events.append(answer)
            return position + 1
        if value == Control.STX:
            return self._start(position)
        events.append(_NOISE)
        self._place = _Place.NOISE
        self._saw_data = False
        return position if value != Control.ETX else position + 1

    def _start(self, position: int) -> int:
        self._body.clear()
        self._reported = False
        self._place = _Place.BODY
        return position + 1

    def _in_body(self, data: bytes, position: int, events: list[Event]) -> int:
        found = _ENDS_BODY.search(data, position)
        end = found.start() if found else len(data)
        if len(self._body) + end - position > MAX_BODY:
            return self._overflow(position, events)
        self._body += data[position:end]
        if found is None:
            return end
        if data[end] == Control.ETX:
            self._place = _Place.CHECK
            return end + 1
        # An STX cannot stand inside a body: the sender has started again.
        events.append(_NOISE)
        return self._start(end)

    def _overflow(self, position: int, events: list[Event]) -> int:
        taken = MAX_BODY - len(self._body)
        self._bad(BadFrameReason.TOO_LONG, events)
        self._place = _Place.NOISE
        self._saw_data = True
        return position + taken + 1

    def _bad(self, reason: BadFrameReason, events: list[Event]) -> None:
        events.append(BadFrame(reason))
        self._body.clear()
        self._reported = True

    def _at_check(self, data: bytes, position: int, events: list[Event]) -> int:
        body = bytes(self._body)
        self._place = _Place.BETWEEN
        if check_byte(body) != data[position]:
            self._bad(BadFrameReason.CHECK, events)
        elif body.translate(None, _DATA):
            self._bad(BadFrameReason.CHARACTER, events)
        else:
            self._body.clear()
            events.append(Frame(body))
        return position + 1

    def _in_noise(self, data: bytes, position: int) -> int:
        found = _ENDS_NOISE.search(data, position)
        end = found.start() if found else len(data)
        if not self._saw_data and data[position:end].translate(None, _BELOW_DATA):
            self._saw_data = True
        if found is None:
            return end
        if data[end] != Control.ETX:
            self._place = _Place.BETWEEN
            return end
        if self._saw_data:
            self._place = _Place.NOISE_CHECK
        return end + 1

    def _at_noise_check(self, position: int, events: list[Event]) -> int:
        self._place = _Place.BETWEEN
        if not self._reported:
            events.append(BadFrame(BadFrameReason.NO_START))
        self._reported = False
        return position + 1
