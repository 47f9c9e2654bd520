"""Tells whoever watches (the console, later webhooks) what changes, without ever waiting for them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from tillbridge.protocols.contract import Payment

BACKLOG: Final = 500
"""A watcher that has fallen this far behind is cut off and has to ask anew: it must not eat the connector's memory."""


class Watcher:
    """One subscription: iterate it for payments as they change; it ends when the watcher was too slow."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Payment | None] = asyncio.Queue(BACKLOG)
        self._cut_off = False

    def offer(self, payment: Payment) -> None:
        """Hands over a change, or cuts the watcher off."""
        if self._queue.full():
            self._cut_off = True
        if not self._cut_off:
            self._queue.put_nowait(payment)

    def __aiter__(self) -> AsyncIterator[Payment]:
        return self

    async def __anext__(self) -> Payment:
        if self._cut_off and self._queue.empty():
            raise StopAsyncIteration
        payment = await self._queue.get()
        if payment is None:
            raise StopAsyncIteration
        return payment

    def rest(self) -> list[Payment]:
        """What else has come by now; does not wait, and leaves the end to the iteration."""
        found: list[Payment] = []
        while not self._queue.empty():
            payment = self._queue.get_nowait()
            if payment is None:
                self._queue.put_nowait(None)
                break
            found.append(payment)
        return found

    def end(self) -> None:
        """Ends the iteration after what is queued."""
        if not self._cut_off and not self._queue.full():
            self._queue.put_nowait(None)
        self._cut_off = True


class Feed:
    """All subscriptions."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def publish(self, payment: Payment) -> None:
        """Offers a change to every watcher; never blocks."""
        for watcher in self._watchers:
            watcher.offer(payment)

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """A subscription for the time of the `with` block."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def end(self) -> None:
        """Lets every watcher finish, so that a stopping connector does not wait for an open page."""
        for watcher in self._watchers:
            watcher.end()
