"""Whether a payment runs, as the connector's journal has it: also where the connector itself does not answer any more.

The intent of every payment is on disk before the first byte goes to a terminal, so that the journal knows of each one.
It is read here with a connection that cannot write, in another process, and without the engine.
"""

import sqlite3
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tillbridge.domain.operation import RUNNING

JOURNAL_FILE: Final = "journal.sqlite"
"""The same name as `tillbridge.engine.opening` has: that module would bring the whole engine into this process."""

BUSY_SECONDS: Final = 1.0
"""A reader of a WAL journal waits for nobody, except in the moment when the file is made or recovered."""

_COUNT: Final = f"SELECT count(*) FROM operation WHERE stage IN ({', '.join('?' * len(RUNNING))})"  # noqa: S608  # marks


class Payments(StrEnum):
    """What the journal says."""

    RUN = "run"
    NONE = "none"
    UNKNOWN = "unknown"


def payments(data: Path) -> Payments:
    """Whether one runs. `UNKNOWN` where the journal cannot be read; `NONE` where there is none yet."""
    path = data / JOURNAL_FILE
    if not path.exists():
        return Payments.NONE
    try:
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as connection:
            (count,) = connection.execute(_COUNT, sorted(RUNNING)).fetchone()
    except sqlite3.Error:
        return Payments.UNKNOWN
    return Payments.RUN if count else Payments.NONE
