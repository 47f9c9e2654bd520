"""The end of `tillbridge connector setup`: has the connector started, or says how to."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import typer

from tillbridge.cli.exits import Exit
from tillbridge.connector.setup.front import Front, Stopped
from tillbridge.connector.setup.starting import Start, ask_start
from tillbridge.connector.supervisor.planning import Computer
from tillbridge.connector.supervisor.services import this_computer
from tillbridge.connector.updates.layout import packaged
from tillbridge.domain.errors import BridgeError
from tillbridge.web.language import Catalogue

Step = Callable[[Path], None]
"""Has the connector of this settings file started. Raises `BridgeError` where it cannot."""

PACKAGE_SERVICE: Final = ("sudo", "systemctl", "restart", "tillbridge")
"""How the Debian package's own service takes new settings up."""


def offer_start(config: Path, front: Front, texts: Catalogue) -> None:
    """Asks how the connector is to be started, and does it. What fails is said, and asked again."""
    if _has_own_service():
        say_how(config, front, texts)
        return
    steps = {Start.SERVICE: _install, Start.NOW: start_now}
    if not started(config, front, texts, has_service=has_service(this_computer()), steps=steps):
        say_how(config, front, texts)


def started(config: Path, front: Front, texts: Catalogue, *, has_service: bool, steps: Mapping[Start, Step]) -> bool:
    """Asks until one of the steps has worked; False where it is to be started later."""
    failed = False
    while True:
        try:
            chosen = ask_start(front, texts, has_service=has_service, failed=failed)
        except Stopped:
            return False  # the settings are written: whoever leaves now has lost nothing
        if chosen is Start.LATER:
            return False
        try:
            steps[chosen](config)
        except BridgeError as error:
            front.warn(str(error))
            failed = True
        else:
            return True


def start_now(config: Path) -> None:
    """Keeps the connector up in this window until somebody stops it. `BridgeError` where something does already."""
    from tillbridge.cli.supervising import supervise_file  # noqa: PLC0415  # only when somebody wants it

    code = supervise_file(config, if_needed=False)
    if code is not Exit.APPROVED:
        raise typer.Exit(code)


def say_how(config: Path, front: Front, texts: Catalogue) -> None:
    """Says the command that starts it."""
    command = PACKAGE_SERVICE if _has_own_service() else (*_program(), "supervise", "--config", str(config))
    front.say(texts("say.start_with", command=shown(command)))


def setup_again(config: Path) -> str:
    """The command that goes on with a setup that was stopped."""
    return shown((*_program(), "connector", "setup", "--resume", "--config", str(config)))


def shown(command: tuple[str, ...], *, windows: bool = sys.platform == "win32") -> str:
    """A command as it can be typed here, also with a path that has blanks in it."""
    return subprocess.list2cmdline(command) if windows else shlex.join(command)


def has_service(computer: Computer) -> bool:
    """Whether this computer has something that starts programs by itself."""
    return computer.windows or computer.systemd or shutil.which("crontab") is not None


def _install(config: Path) -> None:
    from tillbridge.cli.servicing import install  # noqa: PLC0415  # only when somebody wants it

    install(config, None, None, dry_run=False)


def _program() -> tuple[str, ...]:
    return (sys.executable,) if _frozen() else ("tillbridge",)


def _has_own_service() -> bool:
    """Whether this is the Debian package, which has brought a service, and systemd to run it."""
    return _frozen() and packaged(Path(sys.executable)) is None and this_computer().systemd


def _frozen() -> bool:
    return bool(getattr(sys, "frozen", False))
