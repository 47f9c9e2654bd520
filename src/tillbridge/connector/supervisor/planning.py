"""What it takes to have the supervisor started with the computer: which files and which commands. Changes nothing."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PureWindowsPath
from typing import Final

from tillbridge.connector.supervisor import crontab, tasks, units
from tillbridge.connector.supervisor.room import FOLDER
from tillbridge.connector.supervisor.scripts import POSIX, WINDOWS, posix_script, windows_script
from tillbridge.connector.updates.layout import Layout, packaged
from tillbridge.domain.errors import BridgeError, Code

SYSTEMD_RUNS: Final = Path("/run/systemd/system")
"""Is there exactly where systemd has started the computer (sd_booted(3))."""

SYSTEM_UNITS: Final = Path("/etc/systemd/system")

EXECUTABLE: Final = 0o700
READABLE: Final = 0o644


class Kind(StrEnum):
    """What starts the supervisor."""

    SYSTEMD = "systemd"
    SYSTEMD_USER = "systemd-user"
    TASK = "task"
    CRON = "cron"


@dataclass(frozen=True, slots=True)
class Computer:
    """What this computer has. `units` is where a user's own units lie."""

    windows: bool
    systemd: bool
    root: bool
    units: Path

    def usual(self) -> Kind:
        """What fits this computer and this user best."""
        if self.windows:
            return Kind.TASK
        if not self.systemd:
            return Kind.CRON
        return Kind.SYSTEMD if self.root else Kind.SYSTEMD_USER


@dataclass(frozen=True, slots=True)
class Served:
    """The connector that is to be kept up. `program` is a whole path; `layout` where packaged versions lie."""

    config: Path
    data: Path
    program: Path
    layout: Layout | None

    @property
    def scripts(self) -> Path:
        """Where the scripts lie: beside the versions of a packaged connector, else in the supervisor's folder."""
        return self.data / FOLDER if self.layout is None else self.layout.root

    def values(self, **more: str) -> dict[str, str]:
        """What the scripts are filled in with. Those of a packaged connector find the version in use by themselves."""
        program = {"program": str(self.program)} if self.layout is None else {}
        return {**program, "config": str(self.config), **more}


@dataclass(frozen=True, slots=True)
class FileToWrite:
    """A file as it shall be."""

    path: Path
    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Files first, then commands, in their order. `cron_line` goes into the user's crontab; `told` is for people."""

    files: tuple[FileToWrite, ...] = ()
    commands: tuple[Sequence[str], ...] = ()
    cron_line: str | None = None
    told: tuple[str, ...] = ()


def installing(kind: Kind, served: Served, computer: Computer, account: str) -> Plan:
    """What makes this kind of service. `account` is whom a system unit or a task runs as."""
    match kind:
        case Kind.SYSTEMD | Kind.SYSTEMD_USER:
            return _systemd(kind, served, computer, account)
        case Kind.TASK:
            return _task(served, account)
        case Kind.CRON:
            return _cron(served)


def removing(kind: Kind, served: Served, computer: Computer) -> tuple[Plan, tuple[Path, ...]]:
    """What takes it away: commands and the crontab's line, and then these files. Settings and data are not touched."""
    match kind:
        case Kind.SYSTEMD | Kind.SYSTEMD_USER:
            unit = _unit_folder(kind, computer) / units.NAME
            stop = _systemctl(kind, "disable", "--now", units.NAME)
            return Plan(commands=(stop,)), (unit,)
        case Kind.TASK:
            told = "What runs now goes on until the computer is shut down, or until it is stopped by hand."
            return Plan(commands=(tasks.delete_command(),), told=(told,)), ()
        case Kind.CRON:
            told = "What runs now goes on until the computer is shut down, or until it is stopped by hand."
            return Plan(cron_line=crontab.line_for(str(served.scripts / crontab.SCRIPT)), told=(told,)), ()


def asking(kind: Kind) -> Sequence[str] | None:
    """The command that says what becomes of it; None where only the crontab knows."""
    match kind:
        case Kind.SYSTEMD | Kind.SYSTEMD_USER:
            return _systemctl(kind, "is-enabled", units.NAME)
        case Kind.TASK:
            return tasks.query_command()
        case Kind.CRON:
            return None


def asking_whether_active(kind: Kind) -> Sequence[str] | None:
    """The command that says whether the unit runs now; None for what starts nothing while a supervisor is at work."""
    match kind:
        case Kind.SYSTEMD | Kind.SYSTEMD_USER:
            return _systemctl(kind, "is-active", units.NAME)
        case Kind.TASK | Kind.CRON:
            return None


def served_by(config: Path, data: Path, executable: Path) -> Served:
    """What is to be kept up, as this program was installed. `BridgeError(INTERNAL)` where it has no path to call."""
    if getattr(sys, "frozen", False):
        return Served(config, data, executable, packaged(executable))
    name = "tillbridge.exe" if sys.platform == "win32" else "tillbridge"
    beside = executable.with_name(name)
    found = str(beside) if beside.is_file() else shutil.which("tillbridge")
    if found is None:
        raise BridgeError(Code.INTERNAL, "the program tillbridge was not found beside Python", place=str(executable))
    return Served(config, data, Path(found), None)


# ------------------------------------------------------------ each kind


def _systemd(kind: Kind, served: Served, computer: Computer, account: str) -> Plan:
    command: tuple[str, ...] = (str(served.program), "supervise", "--config", str(served.config))
    files: list[FileToWrite] = []
    writable = [served.data]
    if served.layout is not None:
        # Through a script: the program's own path changes with each update.
        script = _script("supervise.sh", served)
        files.append(script)
        command = ("/bin/sh", str(script.path))
        writable.append(served.layout.root)
    unit = units.Unit(command, tuple(writable), account if kind is Kind.SYSTEMD else None)
    files.append(FileToWrite(_unit_folder(kind, computer) / units.NAME, unit.text().encode(), READABLE))
    commands = (
        _systemctl(kind, "daemon-reload"),
        _systemctl(kind, "enable", units.NAME),
        _systemctl(kind, "restart", units.NAME),
    )
    told = (
        ("It starts when you sign in. To have it started with the computer: loginctl enable-linger",)
        if kind is Kind.SYSTEMD_USER
        else ()
    )
    return Plan(tuple(files), commands, told=told)


def _task(served: Served, account: str) -> Plan:
    scripts = [
        FileToWrite(served.scripts / name, windows_script(name, **served.values()).encode(), EXECUTABLE)
        for name in WINDOWS
    ]
    xml = served.scripts / "desktop-connector.xml"
    task = tasks.Task(PureWindowsPath(served.scripts / "always-up.cmd"), account)
    files = (*scripts, FileToWrite(xml, task.text().encode(tasks.ENCODING), READABLE))
    return Plan(files, (tasks.create_command(str(xml), account), tasks.run_command()))


def _cron(served: Served) -> Plan:
    scripts = tuple(_script(name, served) for name in POSIX)
    line = crontab.line_for(str(served.scripts / crontab.SCRIPT))
    return Plan(scripts, cron_line=line, told=("It is started within two minutes.",))


def _script(name: str, served: Served) -> FileToWrite:
    values = served.values()
    if name == crontab.SCRIPT:
        values["lock"] = str(served.data / FOLDER / "always-up.lock")
    return FileToWrite(served.scripts / name, posix_script(name, **values).encode(), EXECUTABLE)


def _unit_folder(kind: Kind, computer: Computer) -> Path:
    return SYSTEM_UNITS if kind is Kind.SYSTEMD else computer.units


def _systemctl(kind: Kind, *words: str) -> Sequence[str]:
    return ("systemctl", *(("--user",) if kind is Kind.SYSTEMD_USER else ()), *words)
