"""`tillbridge service`: what it does."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from tillbridge.cli.errors import WrongWord
from tillbridge.cli.exits import Exit
from tillbridge.cli.supervising import show_status
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.supervisor import crontab
from tillbridge.connector.supervisor.place import read_place
from tillbridge.connector.supervisor.planning import (
    Kind,
    Plan,
    Served,
    asking,
    asking_whether_active,
    installing,
    removing,
    served_by,
)
from tillbridge.connector.supervisor.room import room_of
from tillbridge.connector.supervisor.services import carry_out, crontab_text, give_to, run, take_away, this_computer
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import make


def install(config: Path, kind: str | None, account: str | None, *, dry_run: bool) -> None:
    """Writes the files and runs the commands, or only shows them."""
    chosen, served = _chosen(kind), _served(config)
    plan = installing(chosen, served, this_computer(), account or getpass.getuser())
    if dry_run:
        _show(plan)
        return
    _refuse_beside_another(chosen, served.data)
    make(served.data)
    _forget_wish(served.data)
    if chosen is Kind.SYSTEMD:
        give_to(served.data, account or getpass.getuser())
    carry_out(plan, _say)


def _refuse_beside_another(kind: Kind, data: Path) -> None:
    """A unit that is started beside a supervisor of the crontab's or of a window's would fail, again and again.

    A line of the crontab, or a task, starts nothing while another is at work, and may stand beside it.
    """
    active = asking_whether_active(kind)
    room = room_of(data)
    if active is None or not room.taken() or _answer(active) == "active":
        return
    found = room.status()
    process = "" if found is None else f" (process {found.supervisor})"
    raise BridgeError(
        Code.FOLDER_IN_USE,
        f"another supervisor{process} keeps this connector up, and was not started by this unit. If the crontab has"
        " started it: `tillbridge service remove --kind cron`. Then end that process; it waits for a running payment"
        f"{'' if found is None else f': kill {found.supervisor}'}. Then give this command again",
        place=str(data),
    )


def _forget_wish(data: Path) -> None:
    """Whoever makes the service wants it to run: that a till has stopped the connector before does not hold it down."""
    try:
        room_of(data).forget_wish()
    except OSError as error:
        raise BridgeError(Code.FOLDER_UNUSABLE, f"it cannot be changed: {error.strerror}", place=str(data)) from None


def restart(config: Path) -> Exit:
    """Asks the supervisor at work, if one is. Raises `BridgeError` where the settings would not load."""
    config = config.absolute()
    load_settings(config)
    room = room_of(read_place(config).data)
    if not room.taken():
        sys.stderr.write("No supervisor is at work here.\n")
        return Exit.FAILED
    room.ask_restart()
    _say("The connector that runs is started again with these settings as soon as nobody pays.")
    return Exit.APPROVED


def remove(config: Path, kind: str | None) -> None:
    """Takes it away."""
    plan, files = removing(_chosen(kind), _served(config), this_computer())
    take_away(plan, files, _say)


def status(config: Path, kind: str | None) -> Exit:
    """Whether it is there, and what the supervisor is doing."""
    chosen, served = _chosen(kind), _served(config)
    command = asking(chosen)
    if command is None:
        line = crontab.line_for(str(served.scripts / crontab.SCRIPT))
        there = "in the crontab" if line in crontab_text().splitlines() else "not installed"
    else:
        there = _answer(command)
    _say(f"service      {chosen}: {there}")
    return show_status(config)


def _answer(command: Sequence[str]) -> str:
    try:
        return " ".join(run(command, may_fail=True).split()) or "not installed"
    except BridgeError as error:
        return str(error)


def _chosen(kind: str | None) -> Kind:
    if kind is None:
        return this_computer().usual()
    try:
        return Kind(kind)
    except ValueError:
        raise WrongWord(Code.FIELD_INVALID, f"{kind!r} is none of {', '.join(Kind)}", place="--kind") from None


def _served(config: Path) -> Served:
    config = config.absolute()
    return served_by(config, read_place(config).data, Path(sys.executable))


def _show(plan: Plan) -> None:
    for file in plan.files:
        text = file.content.decode("utf-16" if file.path.suffix == ".xml" else "utf-8")
        _say(f"---- {file.path}\n{text}")
    for command in plan.commands:
        _say(f"---- {' '.join(command)}")
    if plan.cron_line is not None:
        _say(f"---- crontab\n{plan.cron_line}")
    for sentence in plan.told:
        _say(sentence)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
