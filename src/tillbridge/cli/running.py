"""Runs a command's coroutine."""

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

OWNER_ONLY: Final = 0o077
"""What a file that we make gives to others: nothing. A journal says who bought what."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result."""
    os.umask(OWNER_ONLY)
    return asyncio.run(coroutine)
