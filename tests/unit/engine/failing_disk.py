"""A disk that can be made to fail: a committer whose connection refuses to flush, as a full or dying disk does."""

import sqlite3
from pathlib import Path
from typing import Any

from tillbridge.runtime.sqlite import Committer, Connect, InlineCommitter


class Disk:
    """`broken` makes each flush fail; `flushes` counts those that did not."""

    def __init__(self) -> None:
        self.broken = False
        self.flushes = 0

    def committer(self, connect: Connect) -> Committer:
        """A committer on this disk."""
        return InlineCommitter(lambda: self._connect(connect))

    def _connect(self, connect: Connect) -> sqlite3.Connection:
        healthy = connect()
        path = healthy.execute("PRAGMA database_list").fetchone()[2]
        healthy.close()
        connection = sqlite3.connect(Path(path), isolation_level=None, factory=_FailingConnection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.disk = self
        return connection


class _FailingConnection(sqlite3.Connection):
    disk: Disk | None = None

    def execute(self, statement: str, *bound: Any) -> sqlite3.Cursor:
        if statement == "COMMIT" and self.disk is not None:
            if self.disk.broken:
                raise sqlite3.OperationalError("disk I/O error")
            self.disk.flushes += 1
        return super().execute(statement, *bound)
