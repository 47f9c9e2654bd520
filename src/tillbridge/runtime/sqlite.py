"""SQLite with one writing connection that commits in one thread what has gathered in the meantime.

A *durable* job is answered once it is on disk. A job that *rides along* runs at once inside the open transaction and
is committed together with the next durable one, or after `RIDE_SECONDS`: it costs no flush of its own.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

RIDE_SECONDS: Final = 0.2
"""How long a job that rides along may wait for company before it is committed alone."""

BATCH_LIMIT: Final = 256
"""No commit waits for more jobs than this, so that the first of them is not kept waiting by the last."""

Job = Callable[[sqlite3.Connection], Any]
Connect = Callable[[], sqlite3.Connection]


class StorageUnavailable(Exception):
    """The disk did not take a write: full, read-only, or failing. Nothing of the job is on it."""


class Committer(Protocol):
    """Runs jobs against the one writing connection."""

    def submit(self, job: Job, *, durable: bool) -> "asyncio.Future[Any]":
        """Runs the job in order of submission; the future fails with `StorageUnavailable` or the job's own error."""
        ...

    async def close(self) -> None:
        """Commits what still rides along and closes the connection."""
        ...


def connect_writing(path: Path) -> sqlite3.Connection:
    """A writing connection: WAL, a flush at each commit, transactions begun by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """A connection that can only read; it sees what is committed."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    connection.row_factory = sqlite3.Row
    return connection


@dataclass(slots=True)
class _Waiting:
    job: Job
    durable: bool
    future: "asyncio.Future[Any]"
    result: Any = None
    error: Exception | None = None


class _Batch:
    """The connection and its open transaction; the part that both committers share."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self.open = False

    def run(self, waiting: _Waiting) -> None:
        """Runs one job inside the open transaction; a job that fails takes nothing but itself back."""
        try:
            connection = self._begin()
            connection.execute("SAVEPOINT job")
            try:
                waiting.result = waiting.job(connection)
            except BaseException:
                connection.execute("ROLLBACK TO job")
                raise
            finally:
                connection.execute("RELEASE job")
        except sqlite3.OperationalError as error:
            waiting.error = StorageUnavailable(str(error))
            waiting.error.__cause__ = error
            self.give_up()
        except Exception as error:  # noqa: BLE001 - the job's own refusal goes back to whoever submitted it
            waiting.error = error

    def commit(self) -> StorageUnavailable | None:
        """Flushes the open transaction; the error if the disk did not take it, and then nothing of it remains."""
        if not self.open or self._connection is None:
            return None
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.give_up()
            unavailable = StorageUnavailable(str(error))
            unavailable.__cause__ = error
            return unavailable
        self.open = False
        return None

    def give_up(self) -> None:
        """Rolls back and reopens at the next job: after a failed flush the page cache cannot be trusted."""
        self.open = False
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def close(self) -> None:
        self.commit()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _begin(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        if not self.open:
            self._connection.execute("BEGIN IMMEDIATE")
            self.open = True
        return self._connection


def _fail_durable(ran: list[_Waiting], error: StorageUnavailable) -> None:
    for waiting in ran:
        if waiting.durable:
            waiting.error = waiting.error or error


def _answer(answered: list[_Waiting]) -> None:
    for waiting in answered:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)


def _future() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


class CommittingThread:
    """The committer of a running connector: one thread, so that a slow disk never holds up the event loop."""

    def __init__(self, connect: Connect, name: str = "journal") -> None:
        self._batch = _Batch(connect)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job, *, durable: bool) -> "asyncio.Future[Any]":
        """See `Committer.submit`."""
        future = _future()
        if self._closed:
            future.set_exception(StorageUnavailable("the storage is closed"))
            return future
        self._queue.put(_Waiting(job, durable, future))
        return future

    async def close(self) -> None:
        """See `Committer.close`."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while self._work_off_one_batch():
            pass
        self._batch.close()

    def _work_off_one_batch(self) -> bool:
        try:
            first = self._queue.get(timeout=RIDE_SECONDS if self._batch.open else None)
        except queue.Empty:
            self._batch.commit()
            return True
        ran: list[_Waiting] = []
        going_on = self._run(first, ran)
        for _ in range(BATCH_LIMIT):
            if not going_on or self._queue.empty():
                break
            going_on = self._run(self._queue.get(), ran)
        if any(waiting.durable for waiting in ran):
            self._flush(ran)
        if ran:
            self._post(ran)
        return going_on

    def _run(self, waiting: _Waiting | None, ran: list[_Waiting]) -> bool:
        if waiting is None:
            return False
        self._batch.run(waiting)
        if isinstance(waiting.error, StorageUnavailable):
            _fail_durable(ran, waiting.error)
        ran.append(waiting)
        return True

    def _flush(self, ran: list[_Waiting]) -> None:
        unavailable = self._batch.commit()
        if unavailable is not None:
            _fail_durable(ran, unavailable)

    def _post(self, answered: list[_Waiting]) -> None:
        # All of a batch at once: to wake the loop costs more than most jobs. A loop that is gone has nobody left who
        # could wait for the answer.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_answer, answered)


class InlineCommitter:
    """Runs each job at once in the caller's thread: for manual time, where a second thread would have its own."""

    def __init__(self, connect: Connect) -> None:
        self._batch = _Batch(connect)

    def submit(self, job: Job, *, durable: bool) -> "asyncio.Future[Any]":
        """See `Committer.submit`."""
        waiting = _Waiting(job, durable, _future())
        self._batch.run(waiting)
        if durable:
            waiting.error = waiting.error or self._batch.commit()
        _answer([waiting])
        return waiting.future

    async def close(self) -> None:
        """See `Committer.close`."""
        self._batch.close()

    def lose(self) -> None:
        """Closes as a power cut does: what only rode along is gone."""
        self._batch.give_up()
