"""`tillbridge connector run --supervised`: the connector that a supervisor has started."""

import sys
from contextlib import suppress
from pathlib import Path

from tillbridge.cli.connecting import in_force, say_ready
from tillbridge.cli.errors import bridge_error
from tillbridge.cli.exits import Exit
from tillbridge.cli.running import run
from tillbridge.cli.standard_input import lines_of_input
from tillbridge.connector.app import run_connector
from tillbridge.connector.host import Host
from tillbridge.connector.settings import ConnectorSettings
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.supervisor.obeying import obey
from tillbridge.connector.supervisor.words import REFUSED
from tillbridge.runtime.effects import Runtime


def run_supervised(path: Path) -> Exit:
    """Runs the connector of this settings file; how it ended. A refusal is named to the supervisor and raised."""
    try:
        wished = run(_run(in_force(load_settings(path))))
    except Exception as error:
        found = bridge_error(error)
        if found is not None:
            _say(f"{REFUSED}{found.code}")
        raise
    return Exit.STOPPED_BY_WISH if wished else Exit.APPROVED


async def _run(settings: ConnectorSettings) -> bool:
    hosts: list[Host] = []

    async def attend(host: Host) -> None:
        hosts.append(host)
        await obey(host, lines_of_input(), _say)

    await run_connector(settings, Runtime(), say_ready, _tell, attend=attend)
    return any(host.stopped_by_wish for host in hosts)


def _say(line: str) -> None:
    # A supervisor that is gone reads nothing, and a running payment is waited for all the same.
    with suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _tell(sentence: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
