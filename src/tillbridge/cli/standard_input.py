"""Notices that whoever started this process is gone."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Final

LONGEST_LINE: Final = 1000
"""Bytes of an order; a longer line is none, and is cut."""


async def end_of_input() -> None:
    """Returns when whoever started this process closes its end of standard input, which a death does too."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # Past Python's own buffer, whose lock a thread that is still reading would take into the grave.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)

    # A daemon: a read cannot be interrupted, and must not keep a process alive that is done.
    threading.Thread(target=read, name="stdin", daemon=True).start()
    await ended.wait()


async def lines_of_input() -> AsyncIterator[str]:
    """The lines of standard input, without their ends, until whoever writes them closes it or dies."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def hand_on(line: str | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        rest = b""
        # Past Python's own buffer, as above.
        while block := os.read(sys.stdin.fileno(), LONGEST_LINE):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                hand_on(line[:LONGEST_LINE].decode("utf-8", errors="replace").strip())
            rest = rest[:LONGEST_LINE]
        hand_on(None)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line
