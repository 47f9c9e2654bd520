"""Finds out how a terminal sends its bits, without beginning a payment; README.md, section 6, "Finding the line".

A terminal that hears ENQ answers ACK, which looks the same in 8N1 and in 7E1. So it is given a frame that can be no
request: without a body, and with a wrong check byte. It refuses it with NAK, and gives up with EOT; both have an odd
number of bits set, so that bit 7 shows whether the terminal sends a parity bit. The port is open in 8N1 for all of it.
"""

import asyncio
from enum import StrEnum
from typing import Final

from tillbridge.protocols.concert.frames import Control
from tillbridge.transports.serial_line import SerialSettings, connect_serial

ENQ_SECONDS: Final = 1.5
"""For the answer to one ENQ: it is one byte, and integrations of the field wait 1 to 3 seconds; it is asked twice."""

ENQ_ATTEMPTS: Final = 2

REFUSAL_SECONDS: Final = 3.5
"""For the refusal of a frame: a terminal that waits for more of it does so for 2.5 to 3 seconds."""

PARITY_BIT: Final = 0x80
_BAD_FRAME: Final = bytes([Control.STX, Control.ETX, 0x20])
"""No body, and a check byte that is wrong: the right one would be that of ETX alone, 03."""

_BAD_FRAME_EVEN: Final = bytes([Control.STX | PARITY_BIT, Control.ETX, 0x20 | PARITY_BIT])
"""The same with even parity in bit 7, for a terminal that throws away what comes without it."""

_REFUSALS: Final = frozenset({Control.NAK, Control.EOT})


class Heard(StrEnum):
    """What a terminal's answers show."""

    PLAIN = "plain"  # eight bits without parity
    EVEN_PARITY = "even_parity"  # seven bits and an even parity bit
    ANSWERS = "answers"  # it answers, and nothing that it sent tells one from the other
    WANTS_TO_TELL = "wants_to_tell"  # it has the result of an earlier payment; nothing was taken
    SILENT = "silent"
    NOISE = "noise"  # something came that is no answer: another speed, or another wire


class _Ear(asyncio.Protocol):
    """Keeps what comes, until somebody takes it."""

    def __init__(self) -> None:
        self._heard = bytearray()
        self._came = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._heard += data
        self._came.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's own signature
        """See asyncio.Protocol."""
        self._came.set()

    async def hear(self, seconds: float) -> bytes:
        """The next bytes, none after this time."""
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return b""
        self._came.clear()
        heard, self._heard = bytes(self._heard), bytearray()
        return heard


async def listen(port: str, baud_rate: int) -> Heard:
    """What the terminal at this port shows at this speed. Raises `LineUnavailable`, `ValueError` for no such speed."""
    settings = SerialSettings.model_validate({"port": port, "baud_rate": baud_rate})
    transport, ear = await connect_serial(settings, _Ear)
    try:
        found = await _greet(transport, ear)
        if found is Heard.ANSWERS:
            found = await _be_refused(transport, ear)
            # The session that ENQ began ends, in the bits that this terminal reads.
            transport.write(bytes([Control.EOT | (PARITY_BIT if found is Heard.EVEN_PARITY else 0)]))
        return found
    finally:
        transport.close()


async def _greet(transport: asyncio.Transport, ear: _Ear) -> Heard:
    for _ in range(ENQ_ATTEMPTS):
        transport.write(bytes([Control.ENQ]))
        heard = await ear.hear(ENQ_SECONDS)
        if not heard:
            continue
        refused = _refusal(heard)
        if refused is not None:
            return refused
        if Control.ENQ in heard:
            return Heard.WANTS_TO_TELL
        return Heard.ANSWERS if Control.ACK in heard else Heard.NOISE
    return Heard.SILENT


async def _be_refused(transport: asyncio.Transport, ear: _Ear) -> Heard:
    for frame in (_BAD_FRAME, _BAD_FRAME_EVEN):
        transport.write(frame)
        refused = _refusal(await ear.hear(REFUSAL_SECONDS))
        if refused is not None:
            return refused
    return Heard.ANSWERS


def _refusal(heard: bytes) -> Heard | None:
    for byte in heard:
        if byte in _REFUSALS:
            return Heard.PLAIN
        if byte & PARITY_BIT and byte & ~PARITY_BIT in _REFUSALS:
            return Heard.EVEN_PARITY
    return None
