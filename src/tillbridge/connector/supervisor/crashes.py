"""Crash reports: what a person who helps from afar needs of an end that nobody asked for, and no secret."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from tillbridge.connector.supervisor.endings import Ended
from tillbridge.runtime.data_folder import make
from tillbridge.runtime.durable import write_durably
from tillbridge.runtime.scrubbing import scrub_text

FOLDER: Final = "crashes"

KEPT: Final = 20
"""Reports: of a fault that comes back every minute the latest are enough, and the disk does not notice them."""

LINES: Final = 60
"""Of the connector's last words: a traceback has thirty."""

LONGEST_LINE: Final = 2000
"""Characters; a line of the log is shorter."""

_NAME: Final = re.compile(r"crash-([0-9]{6,})\.txt\Z")


def report(moment: datetime, version: str, ended: Ended, lines: Sequence[str], *, payment_ran: bool) -> str:
    """The text of one. `moment` is in UTC, `lines` are the connector's last ones, as it said them."""
    head = [
        f"The connector ended unasked ({ended.why}): {ended.words}",
        f"at {moment.isoformat(timespec='seconds')}, after {ended.seconds:.1f} s, version {version}",
        "A payment was running: it is looked into at the next start." if payment_ran else "No payment was running.",
        "",
        "Its last words:",
    ]
    # Line by line: a text of many lines would lose its middle in the scrubber, which bounds what it gives back.
    return "\n".join([*head, *(scrub_text(line)[:LONGEST_LINE] for line in lines[-LINES:]), ""])


def keep(folder: Path, text: str) -> Path:
    """Writes a report and takes the oldest away, counted by their numbers: a clock may be wrong, and has been set.

    `BridgeError` where the disk does not take it.
    """
    make(folder)
    there = sorted((number, path) for path in folder.glob("crash-*.txt") if (number := _number(path)) is not None)
    path = folder / f"crash-{(there[-1][0] if there else 0) + 1:06}.txt"
    write_durably(path, text.encode())
    for _, old in there[: max(0, len(there) + 1 - KEPT)]:
        old.unlink(missing_ok=True)
    return path


def _number(path: Path) -> int | None:
    found = _NAME.match(path.name)
    return None if found is None else int(found[1])
