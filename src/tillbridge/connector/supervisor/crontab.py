"""The line of a crontab that keeps the connector up where there is no systemd. Pure text."""

import shlex
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

WHEN: Final = "*/2 * * * *"
SCRIPT: Final = "always-up.sh"


def line_for(script: str) -> str:
    """The line that calls this script every two minutes. `BridgeError(FIELD_INVALID)` for a path with a line's end."""
    if not script.isprintable():
        raise BridgeError(Code.FIELD_INVALID, "a path with such a character cannot stand in a crontab", place="folder")
    # In a crontab a percent sign ends the command, also between quotation marks (crontab(5)).
    return f"{WHEN} {shlex.quote(script)}".replace("%", "\\%")


def with_line(table: str, line: str) -> str:
    """The table with this line in it, once; everything else stays as it is."""
    lines = table.splitlines()
    return table if line in lines else "\n".join([*lines, line, ""])


def without_line(table: str, line: str) -> str:
    """The table without this line."""
    kept = [one for one in table.splitlines() if one != line]
    return "\n".join([*kept, ""]) if kept else ""
