"""A till made of nothing but bytes: it shares no line of code with the wires' own folders."""

import os
import select
import socket
from functools import reduce
from pathlib import Path
from typing import Final, Self

from tillbridge.runtime.effects import SystemClock

ENQ, ACK, NAK, EOT, STX, ETX = b"\x05", b"\x06", b"\x15", b"\x04", b"\x02", b"\x03"
PATIENCE: Final = 20.0
"""Seconds for a byte that is due, on a busy computer."""


class LineEnded(Exception):
    """The terminal's side is gone."""


class RawLine:
    """A descriptor with deadlines."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def pty(cls, path: Path) -> Self:
        """Opens the line, also one that dropped and is just being made anew."""
        clock = SystemClock()
        until = clock.monotonic() + PATIENCE
        while True:
            try:
                return cls(os.open(path, os.O_RDWR | os.O_NOCTTY))
            except OSError:
                if clock.monotonic() > until:
                    raise

    @classmethod
    def tcp(cls, address: str) -> Self:
        host, _, port = address.rpartition(":")
        return cls(socket.create_connection((host, int(port)), PATIENCE).detach())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def write(self, piece: bytes) -> None:
        os.write(self.descriptor, piece)

    def read(self, patience: float = PATIENCE) -> bytes:
        """At most 4096 bytes; none at the end of a TCP line; TimeoutError when nothing comes."""
        ready, _, _ = select.select([self.descriptor], [], [], patience)
        if not ready:
            raise TimeoutError
        return self._read(4096)

    def expect(self, wanted: bytes) -> None:
        found = self.exactly(len(wanted))
        assert found == wanted, found

    def exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self._read(count - len(found)) if self._ready() else b""
            if not piece:
                raise LineEnded(found)
            found += piece
        return found

    def _read(self, most: int) -> bytes:
        try:
            return os.read(self.descriptor, most)
        except OSError as error:
            # How a pty says that its other side is gone, sometimes; at other times it says that nothing follows.
            raise LineEnded from error

    def _ready(self) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], PATIENCE)
        if not ready:
            raise TimeoutError
        return True


def framed(body: bytes) -> bytes:
    return STX + body + ETX + bytes([reduce(lambda one, other: one ^ other, body + ETX)])


def request(minor: int, *, plus: bool = True) -> bytes:
    return framed(f"01{minor:08d}010978{'':10}{'A010B010' if plus else ''}".encode())


def ask(line: RawLine, minor: int, *, plus: bool = True) -> None:
    """Puts a sale to the terminal, up to the till's EOT."""
    line.write(ENQ)
    line.expect(ACK)
    line.write(request(minor, plus=plus))
    line.expect(ACK)
    line.write(EOT)


def hear(line: RawLine) -> tuple[str, int]:
    """Takes the terminal's reply, acknowledges it, and returns its STAT and amount."""
    line.expect(ENQ)
    line.write(ACK)
    reply = line.exactly(28)
    assert reply == framed(reply[1:-2])
    line.write(ACK)
    line.expect(EOT)
    return reply[3:4].decode(), int(reply[4:12])


def sale(line: RawLine, minor: int, *, plus: bool = True) -> tuple[str, int]:
    ask(line, minor, plus=plus)
    return hear(line)


def tags(raw: bytes) -> dict[str, str]:
    text, found = raw.decode(), {}
    while text:
        length = int(text[2:5])
        found[text[:2]] = text[5 : 5 + length]
        text = text[5 + length :]
    return found


def tag(name: str, value: str) -> str:
    return f"{name}{len(value):03d}{value}"


def v3_request(minor: int) -> bytes:
    parts = {"CZ": "0300", "CJ": "012345678901", "CA": "01", "CB": str(minor), "CD": "0", "CE": "978", "CF": "ref7"}
    return "".join(tag(name, value) for name, value in parts.items()).encode()


def v3_sale(address: str, minor: int) -> dict[str, str]:
    with RawLine.tcp(address) as line:
        line.write(v3_request(minor))
        answer = b""
        while piece := line.read():
            answer += piece
        return tags(answer)


def timed_sale(line: RawLine, minor: int) -> float:
    """Seconds that a sale takes, from the first byte to the last."""
    clock = SystemClock()
    begun = clock.monotonic()
    assert sale(line, minor) == ("0", minor)
    return clock.monotonic() - begun
