"""Does what a plan says: files as a whole, commands one after another, and the line of the crontab."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tillbridge.connector.supervisor.crontab import with_line, without_line
from tillbridge.connector.supervisor.planning import SYSTEMD_RUNS, Computer, FileToWrite, Plan
from tillbridge.domain.errors import BridgeError, Code

COMMAND_SECONDS: Final = 300.0
"""For a command of the system: stopping a service waits for a running payment, and Windows asks for a password."""

LONGEST_WORDS: Final = 400
"""Characters of what a command says that are shown."""

Tell = Callable[[str], None]


def this_computer() -> Computer:
    """What is here."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Computer(
        windows=sys.platform == "win32",
        systemd=SYSTEMD_RUNS.is_dir(),
        root=sys.platform != "win32" and os.geteuid() == 0,
        units=settings / "systemd" / "user",
    )


def give_to(folder: Path, account: str) -> None:
    """Makes the folder this account's own. `BridgeError` where there is no such account, or root alone may do that."""
    if sys.platform != "win32":
        try:
            shutil.chown(folder, account)
        except LookupError:
            raise BridgeError(Code.FIELD_INVALID, f"there is no account {account!r}", place="--account") from None
        except OSError as error:
            raise _refused(folder, error) from None


def carry_out(plan: Plan, tell: Tell) -> None:
    """Installs. `BridgeError` names the file or the command that failed."""
    for file in plan.files:
        _write(file)
        tell(f"written: {file.path}")
    for command in plan.commands:
        run(command)
        tell(f"done: {' '.join(command)}")
    if plan.cron_line is not None:
        _change_crontab(lambda table: with_line(table, plan.cron_line or ""))
        tell(f"crontab: {plan.cron_line}")
    for sentence in plan.told:
        tell(sentence)


def take_away(plan: Plan, files: Sequence[Path], tell: Tell) -> None:
    """Removes. What is not there any more is no error."""
    for command in plan.commands:
        try:
            run(command)
            tell(f"done: {' '.join(command)}")
        except BridgeError as error:
            tell(f"{error}")
    if plan.cron_line is not None:
        _change_crontab(lambda table: without_line(table, plan.cron_line or ""))
        tell(f"crontab: without {plan.cron_line}")
    for path in files:
        with suppress(FileNotFoundError):
            try:
                path.unlink()
            except PermissionError as error:
                raise _refused(path, error) from None
            tell(f"removed: {path}")
    for sentence in plan.told:
        tell(sentence)


def crontab_text() -> str:
    """The user's crontab; empty where there is none."""
    done = _run(("crontab", "-l"))
    return done.stdout if done.returncode == 0 else ""


def run(command: Sequence[str], *, may_fail: bool = False) -> str:
    """What the command says. `BridgeError(INTERNAL)` where it fails or is not there."""
    done = _run(command)
    if done.returncode and not may_fail:
        said = " ".join((done.stderr or done.stdout or "").split())[:LONGEST_WORDS]
        raise BridgeError(Code.INTERNAL, f"it ended with {done.returncode}: {said}", place=" ".join(command))
    return done.stdout or ""


def _run(command: Sequence[str], text: str | None = None) -> "subprocess.CompletedProcess[str]":
    # Windows asks for the account's password in this very window, so that this one command keeps its output there.
    asks = "/RP" in command
    try:
        return subprocess.run(  # noqa: S603  # words of ours, and no shell
            command, input=text, capture_output=not asks, text=True, check=False, timeout=COMMAND_SECONDS
        )
    except FileNotFoundError:
        raise BridgeError(Code.INTERNAL, f"this computer has no {command[0]}", place=command[0]) from None
    except subprocess.TimeoutExpired:
        raise BridgeError(
            Code.INTERNAL, f"it did not end within {COMMAND_SECONDS:g} seconds", place=" ".join(command)
        ) from None


def _change_crontab(change: Callable[[str], str]) -> None:
    before = crontab_text()
    after = change(before)
    if after == before:
        return
    done = _run(("crontab", "-"), after)
    if done.returncode:
        raise BridgeError(Code.INTERNAL, f"the crontab was not changed: {done.stderr.strip()}", place="crontab")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error) from None


def _write(file: FileToWrite) -> None:
    """Whole or not at all; a script that somebody runs meanwhile keeps its old text to its end."""
    _make(file.path.parent)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile("wb", dir=file.path.parent, prefix=".", delete=False) as new:
            temporary = Path(new.name)
            new.write(file.content)
            new.flush()
            os.fsync(new.fileno())
        temporary.chmod(file.mode)
        temporary.replace(file.path)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise _refused(file.path, error) from None


def _refused(path: Path, error: OSError) -> BridgeError:
    return BridgeError(Code.FOLDER_UNUSABLE, f"it cannot be changed: {error.strerror}", place=str(path))
