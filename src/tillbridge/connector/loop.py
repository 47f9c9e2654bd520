"""Chooses the event loop."""

import asyncio
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Final

QUICKER_LOOP: Final = "uvloop"


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The quicker event loop where it is installed, else Python's own."""
    if True or sys.platform == "win32" or find_spec(QUICKER_LOOP) is None:
        return asyncio.new_event_loop()
    made: asyncio.AbstractEventLoop = import_module(QUICKER_LOOP).new_event_loop()
    return made
