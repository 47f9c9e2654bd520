"""`tillbridge self-update`: what it does."""

import sys
from pathlib import Path

from tillbridge.cli.running import run
from tillbridge.connector.updates.layout import packaged
from tillbridge.connector.updates.opening import NoUpdates, open_updates
from tillbridge.connector.updates.settings import UpdateSettings
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import Level, set_up_logging


def update_before_setup() -> bool:
    """Whether the newest version is in use now. Raises `BridgeError` where it could not be had."""
    set_up_logging(level=Level.ERROR, console=sys.stderr, readable=True)
    layout = packaged(Path(sys.executable))
    updates = open_updates(UpdateSettings(), None, Runtime())
    if layout is None or isinstance(updates, NoUpdates):
        sys.stderr.write(f"{updates.why if isinstance(updates, NoUpdates) else 'This is no packaged version.'}\n")
        return False
    prepared = run(updates.prepare())
    if prepared is not None:
        layout.switch(prepared.version)
        updates.switched(prepared.version)
    sys.stdout.write(f"{updates.outcome()}\n")
    return True
