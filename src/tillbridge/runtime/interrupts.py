"""Hears the signals that ask a program to stop, on every system that we run on."""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_interrupt(heard: Callable[[], None]) -> Iterator[None]:
    """Calls `heard` in the running loop at each signal to stop, instead of ending the program."""
    loop = asyncio.get_running_loop()
    before = {one: signal.getsignal(one) for one in STOP_SIGNALS}
    for one in STOP_SIGNALS:
        if sys.platform == "win32":
            # Its loops know no signal handlers; theirs runs between two steps of the main thread and wakes the loop.
            signal.signal(one, lambda *_: loop.call_soon_threadsafe(heard))
        else:
            loop.add_signal_handler(one, heard)
    try:
        yield
    finally:
        for one, handler in before.items():
            if sys.platform != "win32":
                loop.remove_signal_handler(one)
            signal.signal(one, handler)
