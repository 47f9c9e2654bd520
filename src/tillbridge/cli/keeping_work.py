"""`tillbridge connector export` and `import`: what they do."""

import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import typer

from tillbridge.cli.finding import data_folder
from tillbridge.cli.keeping import PASSPHRASE_VARIABLE
from tillbridge.cli.places import Where
from tillbridge.cli.running import OWNER_ONLY, run
from tillbridge.connector.keeping.contents import Contents
from tillbridge.connector.keeping.exporting import export
from tillbridge.connector.keeping.importing import Imported, Wish, folder_of, look_into, restore
from tillbridge.connector.keeping.sealed_file import LONGEST_PASSPHRASE, checked_passphrase
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.persons import person_named
from tillbridge.runtime.data_folder import owned
from tillbridge.runtime.durable import read_bounded
from tillbridge.runtime.effects import Runtime

A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the command line says about a restore."""

    by: str
    gap_settled: bool
    replace: bool
    without_link: bool


def export_to(place: Where, file: Path, passphrase_file: Path | None) -> None:
    """Writes a backup and says what is in it."""
    os.umask(OWNER_ONLY)
    folder = data_folder(place).path
    passphrase = checked_passphrase(_passphrase(passphrase_file, new=True), "the passphrase")
    done = export(folder, None if place.config is None else place.config.resolve(), file, passphrase, Runtime())
    for sentence in done.missed:
        sys.stderr.write(f"tillbridge: {sentence}\n")
    parts = ", ".join(part.name for part in done.contents.parts)
    sys.stdout.write(f"{file}: {done.size} bytes, with {parts}\n")
    if place.config is None:
        sys.stdout.write("The settings and the stored passwords are not in it: say where they are with --config.\n")
    sys.stdout.write("Keep the passphrase somewhere else than the file. Without it nobody opens the file again.\n")


def import_from(place: Where, file: Path, passphrase_file: Path | None, answers: Answers) -> None:
    """Restores a backup and says what follows from it."""
    os.umask(OWNER_ONLY)
    by = person_named(answers.by)
    passphrase = _passphrase(passphrase_file, new=False)
    contents, settings = look_into(file, passphrase)
    config = None if place.config is None else place.config.resolve()
    folder = place.data.resolve() if place.data is not None else folder_of(settings, config or Path())
    if config is None and place.data is None:
        raise BridgeError(
            Code.SETTINGS_INVALID, "say where the settings file belongs with --config, or the data with --data"
        )
    runtime = Runtime()
    _say_gap(contents, runtime)
    if not answers.gap_settled:
        typer.confirm("Is that done?", abort=True, err=True)
    wish = Wish(file, folder, config, by, replace=answers.replace, with_link=not answers.without_link)
    with owned(folder):
        done = run(restore(wish, passphrase, runtime))
    _say_done(done, folder)


def _say_gap(contents: Contents, runtime: Runtime) -> None:
    since = contents.newest_at or contents.made_at
    gap = runtime.clock.now() - contents.made_at
    sys.stderr.write(
        f"This backup was made at {contents.made_at:%Y-%m-%d %H:%M} UTC: {_words(gap)}."
        f" The newest line of its journal is of {since:%Y-%m-%d %H:%M}.\n"
        "Of everything since then the restored connector knows nothing. A payment of that time that the till still\n"
        "shows as open, or asks for again, would be taken from the customer a second time. First settle each of them\n"
        "at the till by hand: the terminal's slips and totals say what was paid. The old computer must stay off.\n"
    )


def _say_done(done: Imported, folder: Path) -> None:
    sys.stdout.write(f"Restored into {folder}.\n")
    if done.aside is not None:
        sys.stdout.write(f"What was there before is kept in {done.aside}.\n")
    if done.marked.running:
        sys.stdout.write(
            f"{done.marked.running} payments were not over when the backup was made: the next start asks the terminals"
            " about them, and what nobody can say is in doubt until a person settles it.\n"
        )
    if done.marked.reports:
        sys.stdout.write(
            f"{done.marked.reports} reports may have been sent since and are not sent again by themselves: compare with"
            " the receiver, then replay those that it lacks.\n"
        )
    if done.with_link and done.linked:
        sys.stdout.write(
            "The connection with the portal goes on, and is renewed at the first contact: the computer that was backed"
            " up is locked out then.\n"
            "If it was renewed since the backup was made, the portal refuses it: `tillbridge connector link status` and"
            " the console then say so. Ask the office for a new PIN and pair this computer anew.\n"
        )
    if not done.with_link:
        sys.stdout.write("The connection with the portal was left out: pair this computer anew.\n")


def _words(gap: timedelta) -> str:
    if gap < timedelta(0):
        return (
            "by a clock that was ahead of this one, or this clock is behind: look at the date. It is not known how long"
        )
    if gap >= A_DAY:
        return f"{gap.days} days"
    return f"{gap.seconds // 3600} hours and {gap.seconds % 3600 // 60} minutes"


def _passphrase(file: Path | None, *, new: bool) -> str:
    if file is not None:
        try:
            content = read_bounded(file, LONGEST_PASSPHRASE * 4)
            found = (content or b"").decode("utf-8").split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError):
            found = ""
        if not found:
            raise BridgeError(Code.FIELD_INVALID, "there is no passphrase in this file", place=str(file))
        return found
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    typed: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
    return typed
