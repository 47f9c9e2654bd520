"""A Concert V2 terminal on a pty that approves at once, as fast as Python can: blocking, no loop, no customer.

A program of its own: `python wire_terminal.py [LINK]` prints the port to open, serves until its input ends, and then
prints how many payments it went through with from ENQ to EOT. It keeps to the dialogue and the layouts of
protocols/concert/README.md (sections 2 to 4) and uses nothing of tillbridge, so that both clients meet a stranger.
"""

import os
import select
import sys
import tty
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Final

ENQ: Final = b"\x05"
ACK: Final = b"\x06"
NAK: Final = b"\x15"
EOT: Final = b"\x04"
STX: Final = 0x02
ETX: Final = 0x03
E_LENGTH: Final = 26
FRAMING: Final = 3
"""STX, ETX and the check byte."""


def read_frame(line: int) -> bytes:
    """What comes up to and including the byte after ETX, or a single control byte."""
    heard = os.read(line, 256)
    while heard[0] == STX and (len(heard) < FRAMING or heard[-2] != ETX):
        heard += os.read(line, 256)
    return heard


def reply(body: bytes) -> bytes:
    """The short reply to this request: accepted, or "taken for processing" where the till does not wait (A011)."""
    status = b"9" if body[E_LENGTH : E_LENGTH + 4] == b"A011" else b"0"
    text = body[:2] + status + body[2:10] + body[11:12] + body[13:16] + b" " * 10 + b"\x03"
    return b"\x02" + text + bytes([reduce(xor, text)])


def session(line: int) -> bool:
    """One session that the till begins; whether it was a payment and the till acknowledged the reply."""
    if os.read(line, 256) != ENQ:
        return False
    os.write(line, ACK)
    frame = read_frame(line)
    if frame[0] != STX:
        return False
    if reduce(xor, frame[1:]) != 0:
        os.write(line, NAK)
        return False
    os.write(line, ACK)
    if os.read(line, 1) != EOT:
        return False
    os.write(line, ENQ)
    if os.read(line, 1) != ACK:
        return False
    os.write(line, reply(frame[1:-2]))
    taken = os.read(line, 1) == ACK
    os.write(line, EOT)
    return taken


def main() -> None:
    """See the module."""
    line, slave = os.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    if len(sys.argv) > 1:
        link = Path(sys.argv[1])
        link.unlink(missing_ok=True)
        link.symlink_to(port)
        port = str(link)
    print(port, flush=True)
    payments = 0
    while True:
        # The command channel is only looked at between sessions: a session is nothing but reads and writes.
        ready, _, _ = select.select([line, 0], [], [])
        if line in ready:
            payments += session(line)
        elif not os.read(0, 256):
            break
    print(payments, flush=True)


if __name__ == "__main__":
    main()
