"""A cable with a clock: forwards what passes between a till's port and a terminal's, and notes two moments per payment.

`python -m benchmarks.line_tap TERMINAL_PORT LINK` prints the port for the till. At each line that it reads it prints
what it has noted since the last one: pairs of nanoseconds of the system's monotonic clock, the first after the first
byte of a payment was read from the till's side, the second before the check byte of the reply was written to it.
"""

import json
import os
import select
import sys
import tty
from pathlib import Path
from time import monotonic_ns
from typing import Final

ENQ: Final = b"\x05"
STX: Final = 0x02
ETX: Final = 0x03


def _open(port: str, link: Path) -> tuple[int, int]:
    terminal = os.open(port, os.O_RDWR | os.O_NOCTTY)
    till, slave = os.openpty()
    for end in (terminal, slave):
        tty.setraw(end)
    link.unlink(missing_ok=True)
    link.symlink_to(os.ttyname(slave))
    return terminal, till


def _ends_frame(frame: bytes) -> bool:
    return len(frame) > 2 and frame[-2] == ETX


def main() -> None:
    """See the module."""
    link = Path(sys.argv[2])
    terminal, till = _open(sys.argv[1], link)
    print(link, flush=True)
    noted: list[tuple[int, int]] = []
    first, frame = 0, b""
    while True:
        ready, _, _ = select.select([terminal, till, 0], [], [])
        if till in ready:
            piece = os.read(till, 4096)
            now = monotonic_ns()
            os.write(terminal, piece)
            first = now if piece == ENQ else first
        if terminal in ready:
            piece = os.read(terminal, 4096)
            frame = piece if piece[0] == STX else frame + piece
            now = monotonic_ns()
            os.write(till, piece)
            if frame[0] == STX and _ends_frame(frame):
                noted.append((first, now))
                frame = b""
            elif frame[0] != STX:
                frame = b""
        if 0 in ready:
            if not os.read(0, 256):
                return
            print(json.dumps(noted), flush=True)
            noted = []


if __name__ == "__main__":
    main()
