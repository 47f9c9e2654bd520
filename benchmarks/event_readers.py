"""Readers of the connector's stream of events, many of them in one program, and some that never read.

`python -m benchmarks.event_readers PORT KEY` reads commands, a line each, and answers each with a line of JSON:
`open N` opens so many readers and answers when the stream of each has begun; `deaf N` opens so many that never read, in
buffers that are as small as the system allows; `heard` waits until every reader has been told an outcome, and gives per
outcome its moment in the journal and that at which the last reader had it, in nanoseconds of the system's time; `close`
hangs up all of them.
"""

import json
import re
import selectors
import socket
import sys
from dataclasses import dataclass, field
from datetime import datetime
from time import time_ns
from typing import Any, Final

PIECE: Final = 262_144
SMALLEST: Final = 1
"""Bytes of a receiving buffer; the system makes of it the least that it allows."""

BEGUN: Final = b"retry:"
OUTCOME: Final = re.compile(rb'"seq":([0-9]+),"type":"outcome","at":"([^"]+)"')


@dataclass(eq=False, slots=True)
class Reader:
    """One stream; `tail` is what of it is no whole event yet."""

    line: socket.socket
    tail: bytes = b""
    begun: bool = False


@dataclass(slots=True)
class Outcome:
    """An outcome of the journal: when it was filed, when the last reader had it, and how many have it."""

    filed: int
    last: int = 0
    readers: int = 0


@dataclass(slots=True)
class Readers:
    """All of them."""

    port: int
    key: str
    readers: list[Reader] = field(default_factory=list)
    deaf: list[socket.socket] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    ready: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)

    def open(self, number: int) -> int:
        """Opens so many readers; returns once each of their streams has begun."""
        for _ in range(number):
            reader = Reader(self._connect())
            self.readers.append(reader)
            self.ready.register(reader.line, selectors.EVENT_READ, reader)
        while not all(reader.begun for reader in self.readers):
            self.listen()
        return len(self.readers)

    def open_deaf(self, number: int) -> int:
        """Opens so many that never read."""
        self.deaf += [self._connect(SMALLEST) for _ in range(number)]
        return len(self.deaf)

    def listen(self) -> bool:
        """Takes what has come; whether a command has."""
        commanded = False
        for key, _ in self.ready.select():
            if key.data is None:
                commanded = True
            else:
                self._read(key.data)
        return commanded

    def heard(self) -> list[tuple[int, int]]:
        """Filed and last of each outcome since the last time."""
        while not self.outcomes or any(one.readers < len(self.readers) for one in self.outcomes.values()):
            self.listen()
        told = [(one.filed, one.last) for one in self.outcomes.values()]
        self.outcomes.clear()
        return told

    def close(self) -> int:
        """Hangs up."""
        for reader in self.readers:
            self.ready.unregister(reader.line)
            reader.line.close()
        for line in self.deaf:
            line.close()
        self.readers, self.deaf = [], []
        return 0

    def _connect(self, buffer: int = 0) -> socket.socket:
        line = socket.socket()
        if buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        line.connect(("127.0.0.1", self.port))
        head = f"GET /v1/events HTTP/1.1\r\nHost: localhost:{self.port}\r\nAuthorization: Bearer {self.key}\r\n\r\n"
        line.sendall(head.encode())
        return line

    def _read(self, reader: Reader) -> None:
        piece = reader.line.recv(PIECE)
        now = time_ns()
        if not piece:
            raise RuntimeError("a reader was cut off although it reads")
        *events, reader.tail = (reader.tail + piece).split(b"\n\n")
        reader.begun = reader.begun or any(BEGUN in event for event in events)
        for event in events:
            found = OUTCOME.search(event)
            if found is not None:
                outcome = self.outcomes.setdefault(int(found[1]), Outcome(_nanoseconds(found[2].decode())))
                outcome.last = now
                outcome.readers += 1


def _nanoseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000_000) * 1000


def main() -> None:
    """See the module."""
    readers = Readers(int(sys.argv[1]), sys.argv[2])
    readers.ready.register(sys.stdin, selectors.EVENT_READ)
    while True:
        if not readers.listen():
            continue
        word, *number = sys.stdin.readline().split() or [""]
        answer: Any
        match word:
            case "open":
                answer = readers.open(int(number[0]))
            case "deaf":
                answer = readers.open_deaf(int(number[0]))
            case "heard":
                answer = readers.heard()
            case "close":
                answer = readers.close()
            case _:
                return
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
