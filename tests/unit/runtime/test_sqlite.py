"""The committer: order, company, isolation of failures, and what happens when the disk does not take a flush."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tillbridge.runtime.sqlite import (
    Committer,
    CommittingThread,
    Connect,
    InlineCommitter,
    StorageUnavailable,
    connect_reading,
    connect_writing,
)

Make = Callable[[Connect], Committer]
BOTH = pytest.mark.parametrize("make", [CommittingThread, InlineCommitter])


class CountingConnection(sqlite3.Connection):
    """Counts commits, and refuses them while `broken`."""

    commits = 0
    broken = False
    on_commit: Callable[[], object] = staticmethod(lambda: None)

    def execute(self, statement: str, *bound: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            if CountingConnection.broken:
                raise sqlite3.OperationalError("database or disk is full")
            CountingConnection.commits += 1
        cursor = super().execute(statement, *bound)
        if statement == "COMMIT":
            CountingConnection.on_commit()
        return cursor


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    """Connections to one file with a table `n`."""
    path = tmp_path / "x.sqlite"
    first = connect_writing(path)
    first.execute("CREATE TABLE n (value INTEGER PRIMARY KEY) STRICT")
    first.close()
    CountingConnection.commits, CountingConnection.broken = 0, False
    CountingConnection.on_commit = staticmethod(lambda: None)

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=CountingConnection)

    return connect


def insert(value: int) -> Callable[[sqlite3.Connection], int]:
    def job(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO n VALUES (?)", (value,))
        return value * 10

    return job


def stored(tmp_path: Path) -> list[int]:
    reading = connect_reading(tmp_path / "x.sqlite")
    values = [row["value"] for row in reading.execute("SELECT value FROM n ORDER BY value")]
    reading.close()
    return values


@BOTH
async def test_a_durable_job_is_on_disk_when_it_is_answered(make: Make, connect: Connect, tmp_path: Path) -> None:
    committer = make(connect)
    assert await committer.submit(insert(1), durable=True) == 10
    assert stored(tmp_path) == [1]
    await committer.close()


@BOTH
async def test_what_rides_along_costs_no_commit_of_its_own(make: Make, connect: Connect, tmp_path: Path) -> None:
    committer = make(connect)
    riding = [committer.submit(insert(value), durable=False) for value in range(20)]
    await committer.submit(insert(99), durable=True)
    assert [job.result() for job in riding] == [value * 10 for value in range(20)]
    assert len(stored(tmp_path)) == 21
    assert CountingConnection.commits == 1
    await committer.close()


@BOTH
async def test_a_job_that_fails_takes_only_itself_back(make: Make, connect: Connect, tmp_path: Path) -> None:
    committer = make(connect)

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO n VALUES (2)")
        raise ValueError("not this one")

    jobs = [
        committer.submit(insert(1), durable=True),
        committer.submit(half, durable=True),
        committer.submit(insert(1), durable=True),
        committer.submit(insert(3), durable=True),
    ]
    answers = [await _caught(job) for job in jobs]
    assert [type(answer) for answer in answers] == [int, ValueError, sqlite3.IntegrityError, int]
    assert stored(tmp_path) == [1, 3]
    await committer.close()


async def _caught(job: "asyncio.Future[Any]") -> object:
    try:
        return await job
    except (ValueError, sqlite3.Error, StorageUnavailable) as error:
        return error


@BOTH
async def test_a_failed_flush_leaves_nothing_behind_and_the_next_one_works(
    make: Make, connect: Connect, tmp_path: Path
) -> None:
    committer = make(connect)
    await committer.submit(insert(1), durable=True)
    CountingConnection.broken = True
    riding = committer.submit(insert(2), durable=False)
    with pytest.raises(StorageUnavailable, match="full"):
        await committer.submit(insert(3), durable=True)
    assert riding.done()
    assert stored(tmp_path) == [1]
    CountingConnection.broken = False
    await committer.submit(insert(4), durable=True)
    assert stored(tmp_path) == [1, 4]
    await committer.close()


@BOTH
async def test_closing_commits_what_still_rides_along(make: Make, connect: Connect, tmp_path: Path) -> None:
    committer = make(connect)
    await committer.submit(insert(5), durable=False)
    await committer.close()
    assert stored(tmp_path) == [5]


async def test_what_rides_alone_is_committed_after_a_while(connect: Connect, tmp_path: Path) -> None:
    committer = CommittingThread(connect)
    await committer.submit(insert(6), durable=False)
    committed = threading.Event()
    CountingConnection.on_commit = staticmethod(committed.set)
    assert await asyncio.to_thread(committed.wait, 10)
    assert stored(tmp_path) == [6]
    await committer.close()
    with pytest.raises(StorageUnavailable):
        await committer.submit(insert(7), durable=True)


async def test_jobs_that_gather_during_a_commit_share_the_next_one(connect: Connect, tmp_path: Path) -> None:
    committer = CommittingThread(connect)
    jobs = [committer.submit(insert(value), durable=True) for value in range(200)]
    async with asyncio.timeout(20):
        assert [await job for job in jobs] == [value * 10 for value in range(200)]
    assert CountingConnection.commits < 200
    assert stored(tmp_path) == list(range(200))
    await committer.close()


def test_the_connection_flushes_at_each_commit(tmp_path: Path) -> None:
    connection = connect_writing(tmp_path / "y.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    connection.close()
    reading = connect_reading(tmp_path / "y.sqlite")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reading.execute("CREATE TABLE z (a)")
    reading.close()
