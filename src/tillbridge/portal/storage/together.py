"""Reads for many who ask at the same time what one question to the database can tell.

While one reading is under way those who come later gather; then one of them reads for all. Nobody is told anything that
was read before he asked, so that a key that was revoked is refused from the next request on, and still a hundred
requests a moment cost one reading.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.storage.database import Database

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Read = Callable[[AsyncConnection, Collection[K]], Awaitable[Mapping[K, V]]]


class Together(Generic[K, V]):
    """One kind of question. `read` answers it for several keys; what it leaves out is None."""

    def __init__(self, database: Database, read: Read[K, V]) -> None:
        self._database = database
        self._read = read
        self._reading = asyncio.Lock()
        self._gathered: dict[K, list[asyncio.Future[V | None]]] = {}

    async def ask(self, key: K) -> V | None:
        """What is true of this key now. Whatever `read` raises, everybody of that reading hears."""
        waiting: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._gathered.setdefault(key, []).append(waiting)
        async with self._reading:
            # Somebody before us in the queue may have read for all who had gathered.
            if not waiting.done():
                await self._answer()
        return waiting.result()

    async def _answer(self) -> None:
        gathered, self._gathered = self._gathered, {}
        try:
            async with self._database.reading() as connection:
                found = await self._read(connection, gathered.keys())
        except asyncio.CancelledError:
            # Whoever read has gone: the next in the queue reads for the rest.
            for key, left in gathered.items():
                self._gathered.setdefault(key, []).extend(left)
            raise
        except Exception as error:  # noqa: BLE001  # each of them has to hear of it
            for waiting in _all(gathered):
                waiting.set_exception(error)
                # Whoever has gone meanwhile hears nothing, and asyncio is not to complain of it.
                waiting.exception()
            return
        for key, asking in gathered.items():
            for waiting in asking:
                waiting.set_result(found.get(key))


def _all(gathered: Mapping[K, list[asyncio.Future[V | None]]]) -> Iterator[asyncio.Future[V | None]]:
    return (waiting for asking in gathered.values() for waiting in asking)
