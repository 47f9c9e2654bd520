"""Where SPAKE2 is computed: beside the event loop, a few at a time, and with an end to the queue."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from tillbridge.domain.errors import BridgeError, Code

AT_ONCE: Final = 4
"""One takes about 15 ms of a processor; more at once would only take turns."""

MOST_WAITING: Final = 16
"""A quarter of a second of work: who comes later is better told so at once than left to wait."""

RETRY_SECONDS: Final = 2

T = TypeVar("T")


class Bench:
    """Computes in threads, `AT_ONCE` of them; `MOST_WAITING` more may wait."""

    def __init__(self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._most = at_once + most_waiting
        self._here = 0

    async def compute(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. `BridgeError(OVERLOADED)` when too many wait already: nothing was done."""
        if self._here >= self._most:
            raise BridgeError(Code.OVERLOADED, "too many pairings begin at this moment", retry_after=RETRY_SECONDS)
        self._here += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._here -= 1
