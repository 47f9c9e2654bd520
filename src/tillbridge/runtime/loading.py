"""Loads many modules sooner than Python does by itself."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_later() -> Iterator[None]:
    """Modules that are loaded in this block are not searched for garbage meanwhile.

    Hundreds of modules make hundreds of thousands of objects that all stay. Looking through them again and again costs
    a fifth of a connector's start, and finds nothing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
