"""Cables with a clock: one per terminal on TCP, each of which can be made to go silent or slow.

`python -m benchmarks.tcp_tap PORT...` listens once for each terminal's port and prints its own ports as JSON. It reads
commands, a line each. `noted` prints what has passed since the last time, per cable: side, nanoseconds of the system's
monotonic clock, and number of bytes. `silent N` and `slow N` change what the till gets to hear from terminal N, `free`
hands over what was kept back. What comes from a till is stamped after it was read, what goes to it before it is
written, so that the cable's own time counts against the bridge.
"""

import contextlib
import json
import selectors
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic, monotonic_ns
from typing import Final

PIECE: Final = 65536
SLOW_SECONDS: Final = 0.02
"""Between two bytes of a slow terminal."""

TILL: Final = "till"
TERMINAL: Final = "terminal"


class Manner(StrEnum):
    """How a cable carries what the terminal says."""

    PLAIN = "free"
    SILENT = "silent"
    SLOW = "slow"


@dataclass(slots=True)
class Cable:
    """The way to one terminal; `noted` is what has passed."""

    terminal: int
    listener: socket.socket
    manner: Manner = Manner.PLAIN
    noted: list[tuple[str, int, int]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Pair:
    """One connection, both of its ends. `kept` is what the till has not been given yet; an empty piece is the end."""

    cable: Cable
    till: socket.socket
    terminal: socket.socket
    kept: deque[bytes] = field(default_factory=deque)
    ended: set[str] = field(default_factory=set)


class Tap:
    """All cables, in one thread that waits for whatever moves first."""

    def __init__(self, terminals: list[int]) -> None:
        self.cables = [Cable(port, _listener()) for port in terminals]
        self._ready = selectors.DefaultSelector()
        self._pairs: set[Pair] = set()
        self._next_byte = 0.0
        for cable in self.cables:
            self._ready.register(cable.listener, selectors.EVENT_READ, lambda cable=cable: self._accept(cable))

    def run(self, command: Callable[[str], None]) -> None:
        """Carries until standard input ends."""
        self._ready.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in self._ready.select(self._until_next_byte()):
                if key.data is not None:
                    key.data()
                elif line := sys.stdin.readline():
                    command(line.strip())
                else:
                    return
            self._drip()

    def change(self, number: int, manner: Manner) -> None:
        """From now on this cable carries in this manner."""
        self.cables[number].manner = manner

    def free(self) -> None:
        """Every cable is a plain one again, and hands over what it has kept back."""
        for cable in self.cables:
            cable.manner = Manner.PLAIN
        for pair in tuple(self._pairs):
            while pair.kept:
                self._tell(pair, pair.kept.popleft())

    # ------------------------------------------------------------ connections

    def _accept(self, cable: Cable) -> None:
        till, _ = cable.listener.accept()
        terminal = socket.create_connection(("127.0.0.1", cable.terminal))
        for end in (till, terminal):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair(cable, till, terminal)
        self._pairs.add(pair)
        self._ready.register(till, selectors.EVENT_READ, lambda: self._from_till(pair))
        self._ready.register(terminal, selectors.EVENT_READ, lambda: self._from_terminal(pair))

    def _from_till(self, pair: Pair) -> None:
        piece = _read(pair.till)
        if piece:
            pair.cable.noted.append((TILL, monotonic_ns(), len(piece)))
            _write(pair.terminal, piece)
        else:
            self._end(pair, TILL, pair.till, pair.terminal)

    def _from_terminal(self, pair: Pair) -> None:
        piece = _read(pair.terminal)
        if not piece:
            self._ready.unregister(pair.terminal)
        if pair.cable.manner is Manner.PLAIN and not pair.kept:
            self._tell(pair, piece)
        else:
            pair.kept.extend([piece[place : place + 1] for place in range(len(piece))] or [b""])

    def _tell(self, pair: Pair, piece: bytes) -> None:
        if piece:
            pair.cable.noted.append((TERMINAL, monotonic_ns(), len(piece)))
            _write(pair.till, piece)
        else:
            self._end(pair, TERMINAL, None, pair.till)

    def _end(self, pair: Pair, side: str, heard: socket.socket | None, told: socket.socket) -> None:
        if heard is not None:
            self._ready.unregister(heard)
        with contextlib.suppress(OSError):
            told.shutdown(socket.SHUT_WR)
        pair.ended.add(side)
        if pair.ended >= {TILL, TERMINAL}:
            self._pairs.discard(pair)
            for end in (pair.till, pair.terminal):
                end.close()

    # ------------------------------------------------------------ slow terminals

    def _until_next_byte(self) -> float | None:
        if not any(pair.kept and pair.cable.manner is not Manner.SILENT for pair in self._pairs):
            return None
        return max(0.0, self._next_byte - monotonic())

    def _drip(self) -> None:
        if monotonic() < self._next_byte:
            return
        self._next_byte = monotonic() + SLOW_SECONDS
        for pair in tuple(self._pairs):
            if pair.kept and pair.cable.manner is not Manner.SILENT:
                self._tell(pair, pair.kept.popleft())


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(True)
    return listener


def _read(end: socket.socket) -> bytes:
    try:
        return end.recv(PIECE)
    except OSError:
        return b""


def _write(end: socket.socket, piece: bytes) -> None:
    # Whoever has hung up is not owed anything; its end of the cable says so next.
    with contextlib.suppress(OSError):
        end.sendall(piece)


def main() -> None:
    """See the module."""
    tap = Tap([int(port) for port in sys.argv[1:]])
    print(json.dumps([cable.listener.getsockname()[1] for cable in tap.cables]), flush=True)

    def command(line: str) -> None:
        word, _, number = line.partition(" ")
        if word == "noted":
            print(json.dumps([cable.noted for cable in tap.cables]), flush=True)
            for cable in tap.cables:
                cable.noted = []
            return
        if word == Manner.PLAIN:
            tap.free()
        else:
            tap.change(int(number), Manner(word))
        print("done", flush=True)

    tap.run(command)


if __name__ == "__main__":
    main()
