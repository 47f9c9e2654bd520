"""How the TUF client gets its files: by HTTP on the event loop, while the client itself works in a thread.

So one client serves all of the connector, a request ends at once when nobody waits for it any more, and no server can
hold it: not with an endless answer, not with one that never comes, not with one that swells when it is unpacked.
"""

import asyncio
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import aiohttp
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.ngclient.fetcher import FetcherInterface

from tillbridge.connector.updates.archive import Stopped

T = TypeVar("T")

CONNECT_SECONDS: Final = 15.0
SILENT_SECONDS: Final = 30.0
"""Between two pieces of an answer: a shop's line that is busy with something else still brings one."""

MOST_REDIRECTS: Final = 5
_CHUNK: Final = 256 * 1024
_FIRST_BAD_STATUS: Final = 400

NO_UNPACKING: Final = {"Accept-Encoding": "identity"}


def open_session() -> aiohttp.ClientSession:
    """A session for updates; the whole of an update has its own time-out around it."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
    return aiohttp.ClientSession(timeout=timeout, auto_decompress=False, trust_env=True, headers=NO_UNPACKING)


class LoopFetcher(FetcherInterface):
    """Called in a thread. `folder` holds what comes in until it is proven: its disk has the room that was asked for."""

    def __init__(self, session: aiohttp.ClientSession, folder: Path) -> None:
        self._session = session
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.stopped = threading.Event()

    def stop(self) -> None:
        """Ends what runs and refuses what would come after; called on the loop."""
        self.stopped.set()
        for task in self._tasks:
            task.cancel()

    def _fetch(self, url: str) -> Iterator[bytes]:
        response = self._on_loop(self._get(url))
        if response.status >= _FIRST_BAD_STATUS:
            self._loop.call_soon_threadsafe(response.close)
            raise DownloadHTTPError(f"the answer was {response.status}", response.status)
        return self._pieces(response)

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """See the base class, which would fill the computer's folder for temporary files."""
        received = 0
        with tempfile.TemporaryFile(dir=self._folder) as file:
            for chunk in self.fetch(url):
                received += len(chunk)
                if received > max_length:
                    raise DownloadLengthMismatchError(f"more than {max_length} bytes")
                file.write(chunk)
            file.seek(0)
            yield file

    async def _get(self, url: str) -> aiohttp.ClientResponse:
        return await self._session.get(url, max_redirects=MOST_REDIRECTS)

    def _pieces(self, response: aiohttp.ClientResponse) -> Iterator[bytes]:
        try:
            while piece := self._on_loop(response.content.read(_CHUNK)):
                yield piece
        finally:
            self._loop.call_soon_threadsafe(response.close)

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        if self.stopped.is_set():
            work.close()
            raise Stopped
        try:
            return asyncio.run_coroutine_threadsafe(self._kept(work), self._loop).result()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DownloadError(f"{type(error).__name__}: the server could not be asked") from error

    async def _kept(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs is a task's
        self._tasks.add(task)
        try:
            if self.stopped.is_set():
                work.close()
                raise Stopped
            return await work
        except asyncio.CancelledError:
            raise Stopped from None
        finally:
            self._tasks.discard(task)
