"""What a supervisor reads in the settings file: only what it needs, and also from a file in which the rest is wrong.

The connector checks all of the file when it starts, and says what is wrong by file and line. The supervisor must know
the data folder even then, to be the only one there.
"""

from dataclasses import dataclass, field
from datetime import time
from pathlib import Path

from pydantic import ValidationError

from tillbridge.connector.updates.settings import UpdateSettings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.settings.reading import open_document


@dataclass(frozen=True, slots=True)
class Place:
    """`data` is the connector's data folder. `updates` are those of the file; the usual ones where they are wrong."""

    config: Path
    data: Path
    updates: UpdateSettings = field(default_factory=UpdateSettings)

    @property
    def hour(self) -> time:
        """When to look for updates, by this computer's clock."""
        return time.fromisoformat(self.updates.time)


def read_place(config: Path) -> Place:
    """What the file says. `BridgeError(SETTINGS_INVALID)` where it cannot be read or names no data folder."""
    value = open_document(config).value
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(data, str) or not data.strip():
        raise BridgeError(Code.SETTINGS_INVALID, "it names no data folder", place=f"{config}, data")
    try:
        folder = (config.parent / Path(data).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):  # a link in a circle, an unknown user, a letter that no path has
        raise BridgeError(Code.SETTINGS_INVALID, "the data folder is no path", place=f"{config}, data") from None
    try:
        updates = UpdateSettings.model_validate(value.get("updates") or {})
    except ValidationError:
        updates = UpdateSettings()
    return Place(config, folder, updates)


@dataclass(frozen=True, slots=True)
class Seen:
    """How the file looked: whether it was changed is told by that, and never by which of two moments is later."""

    stamp: tuple[int, int, int] | None


def look_at(config: Path) -> Seen:
    """How the file looks now; a file that is not there looks like nothing."""
    try:
        found = config.stat()
    except OSError:
        return Seen(None)
    return Seen((found.st_mtime_ns, found.st_size, found.st_ino))
