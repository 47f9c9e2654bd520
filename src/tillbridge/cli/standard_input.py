"""Notices that whoever started this process is gone."""

import asyncio
import os
import sys
import threading


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
