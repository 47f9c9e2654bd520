"""Whether this installation updates itself, and how; for whoever supervises the connector."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tillbridge.connector.updates.contract import Updates
from tillbridge.connector.updates.layout import Layout, packaged
from tillbridge.connector.updates.naming import this_computer
from tillbridge.connector.updates.release import read_root, read_shipped
from tillbridge.connector.updates.settings import UpdateSettings
from tillbridge.connector.updates.updater import Source, Updater
from tillbridge.runtime.effects import Runtime


@dataclass(frozen=True, slots=True)
class NoUpdates:
    """Why nothing newer is ever looked for here, in one sentence."""

    why: str


def open_updates(
    settings: UpdateSettings, config: Path | None, runtime: Runtime, executable: Path | None = None
) -> Updates | NoUpdates:
    """The updates of this installation. A newer version tests itself with the settings in `config`."""
    program = Path(sys.executable) if executable is None else executable
    layout = packaged(program)
    if layout is None:
        return NoUpdates("This installation is updated by what installed it: the Debian package or Python's installer.")
    if not settings.enabled:
        return NoUpdates("Updates are switched off in the settings.")
    running = program.resolve().parent.name
    source = source_of(layout, running, settings)
    if source is None:
        return NoUpdates("No update server is set, and the installed package names none.")
    return Updater(layout, source, config, running, runtime)


def source_of(layout: Layout, running: str, settings: UpdateSettings) -> Source | None:
    """Where this version gets newer ones from; None where neither it nor the settings say so."""
    shipped, root = read_shipped(layout.folder(running)), read_root(layout.folder(running))
    url = settings.url or (shipped.url if shipped is not None else None)
    return None if root is None or url is None else Source(url, root, settings.channel, this_computer())
