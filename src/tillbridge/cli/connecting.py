"""`tillbridge connector`: what it does."""

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Final
from urllib.parse import quote

from tillbridge.cli.finding import running_connector
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.connector.app import Addresses, run_connector
from tillbridge.connector.settings import ConnectorSettings
from tillbridge.connector.settings_file import load_settings
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.settings.secret_values import hash_password

READY: Final = "ready: "
"""What the line begins with that says that payments are taken; programs that start a connector wait for it."""


def run_file(path: Path, *, until_stdin_ends: bool) -> None:
    """Runs the connector of this settings file."""
    run(_run(load_settings(path), until_stdin_ends))


async def _run(settings: ConnectorSettings, until_stdin_ends: bool) -> None:
    leave = _stdin_ended() if until_stdin_ends else None
    await run_connector(settings, Runtime(), _say_ready, _say, leave)


def _say_ready(addresses: Addresses) -> None:
    places = [f"console {addresses.console}", *(f"{name} {where}" for name, where in addresses.doors.items())]
    sys.stdout.write(f"{READY}{', '.join(places)}\n")
    sys.stdout.flush()


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


async def _stdin_ended() -> None:
    """Returns when whoever started this process closes its end of standard input, which a death does too."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # Past Python's own buffer, whose lock a thread that is still reading would take into the grave.
        while os.read(sys.stdin.fileno(), 1024):
            pass
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)

    # A daemon: a read cannot be interrupted, and must not keep a process alive that is done.
    threading.Thread(target=read, name="stdin", daemon=True).start()
    await ended.wait()


def print_link(place: Where) -> None:
    """Prints the address of the running connector's console, with the key that signs in."""
    url, key = running_connector(place)
    sys.stdout.write(f"{url.rstrip('/')}/?key={quote(key)}\n")


def print_hash(password: str) -> None:
    """Prints the hash of a password."""
    sys.stdout.write(f"{hash_password(password)}\n")
