"""`tillbridge connector`: what it does."""

import sys
from pathlib import Path
from urllib.parse import quote

from tillbridge.cli.finding import running_connector
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.cli.standard_input import end_of_input
from tillbridge.connector.app import Addresses, run_connector
from tillbridge.connector.settings import ConnectorSettings
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.supervisor.words import READY
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.settings.secret_values import hash_password


def run_file(path: Path, *, until_stdin_ends: bool) -> None:
    """Runs the connector of this settings file."""
    run(_run(in_force(load_settings(path)), until_stdin_ends))


def in_force(settings: ConnectorSettings) -> ConnectorSettings:
    """The settings of the file, with what the portal has sent where the file leaves it open and wants it."""
    if settings.portal is None or not settings.portal.accept_configuration:
        return settings
    from tillbridge.connector.portal.link_settings import with_pushed  # noqa: PLC0415  # only where it is wanted

    return with_pushed(settings)


async def _run(settings: ConnectorSettings, until_stdin_ends: bool) -> None:
    leave = end_of_input() if until_stdin_ends else None
    await run_connector(settings, Runtime(), say_ready, _say, leave)


def say_ready(addresses: Addresses) -> None:
    """The line that says that payments are taken, and where."""
    places = [f"console {addresses.console}", *(f"{name} {where}" for name, where in addresses.doors.items())]
    sys.stdout.write(f"{READY}{', '.join(places)}\n")
    sys.stdout.flush()


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def print_link(place: Where) -> None:
    """Prints the address of the running connector's console, with the key that signs in."""
    url, key = running_connector(place)
    sys.stdout.write(f"{url.rstrip('/')}/?key={quote(key)}\n")


def print_hash(password: str) -> None:
    """Prints the hash of a password."""
    sys.stdout.write(f"{hash_password(password)}\n")
