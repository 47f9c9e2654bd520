"""`tillbridge connector import`: a backup in the place of what is there, whole or not at all.

All of it is proven and made ready in a folder beside the old files before one of them is touched; then they are swapped
by a plan that survives a power cut (`runtime.swapping`).
"""

import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import yaml

from tillbridge.connector.keeping import secrets_part
from tillbridge.connector.keeping.archive import FOLDER as ARCHIVE
from tillbridge.connector.keeping.contents import (
    JOURNAL,
    SECRETS,
    SETTINGS,
    VOUCHERS,
    Contents,
    Part,
    read_contents,
    read_into,
    read_small,
)
from tillbridge.connector.keeping.exporting import SMALL_FILES
from tillbridge.connector.keeping.marking import Marked, Restored, mark_journal, mark_vouchers
from tillbridge.connector.keeping.sealed_file import OpeningReader
from tillbridge.connector.keeping.secrets_part import Secrets, has_link
from tillbridge.connector.keeping.snapshots import check_sound, version_of
from tillbridge.connector.portal.keystore import KEYSTORE_FILE
from tillbridge.connector.portal.sealing import PORTAL
from tillbridge.connector.vouchers import schema as voucher_schema
from tillbridge.connector.vouchers.seal import FOLDER as VOUCHER_FOLDER
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal import schema
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sealed_secrets import NAMES as PASSWORDS
from tillbridge.runtime.sealed_secrets import SECRETS_FILE
from tillbridge.runtime.swapping import PLAN_FILE, STAGING, Aside, Disk, Into, Plan, swap

KEPT_ASIDE: Final = "before-restore-"
"""How the folder is called in which the old files are kept: with the moment behind it."""

BESIDE_SETTINGS: Final = (SECRETS_FILE, PASSWORDS.key_file, PASSWORDS.windows_file)
"""What stands beside the settings file, and belongs to it."""

REPLACED: Final = (
    *(f"{name}{tail}" for name in (JOURNAL, VOUCHERS) for tail in ("", "-wal", "-shm", "-journal")),
    *SMALL_FILES,
    *(KEYSTORE_FILE, PORTAL.key_file, PORTAL.windows_file),
    *(VOUCHER_FOLDER, ARCHIVE),
)
"""What is put aside of the data folder, also where the backup has nothing in its place."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. `by` is who says that nothing of the gap is still open at the till.

    `settings` is where the settings file belongs, None to leave it out; `folder` is the data folder. `replace`: what is
    there is kept aside. `with_link`: this computer takes the place of the one that was backed up.
    """

    file: Path
    folder: Path
    settings: Path | None
    by: str
    replace: bool = False
    with_link: bool = True


@dataclass(frozen=True, slots=True)
class Imported:
    """What was restored; `aside` is where the old files are kept, None where there were none.

    `linked`: a connection with the portal came with it.
    """

    contents: Contents
    marked: Marked
    at: datetime
    aside: Path | None
    with_link: bool
    linked: bool = False


def look_into(file: Path, passphrase: str) -> tuple[Contents, bytes | None]:
    """What a backup says of itself, and the settings in it.

    `BridgeError(FILE_UNREADABLE)` where it is none, or the passphrase is another.
    """
    with _opened(file) as raw:
        reader = OpeningReader(raw, passphrase, str(file))
        contents = read_contents(reader)
        first = contents.parts[0]
        return contents, read_small(reader, first) if first.name == SETTINGS else None


def folder_of(settings: bytes | None, target: Path) -> Path:
    """The data folder that restored settings name, once they stand at `target`. `BridgeError(FILE_UNREADABLE)`."""
    try:
        found = yaml.safe_load(settings or b"")
    except yaml.YAMLError:
        found = None
    match found:
        case {"data": str(data)} if data:
            return (target.parent / Path(data).expanduser()).resolve()
        case _:
            raise BridgeError(
                Code.FILE_UNREADABLE, "no settings in it name a data folder: say where with --data", place=str(target)
            )


async def restore(wish: Wish, passphrase: str, runtime: Runtime, disk: Disk | None = None) -> Imported:
    """Puts a backup in its place. The caller owns the data folder.

    `BridgeError`: FILE_UNREADABLE, JOURNAL_TOO_NEW, FOLDER_UNUSABLE, or FOLDER_IN_USE where something is there and was
    not to be replaced. Then everything is as it was.
    """
    disk = disk or Disk()
    _check_free(wish)
    staging = wish.folder / STAGING
    now = runtime.clock.now()
    try:
        disk.clear(staging)  # of an import that a power cut has ended before it was decided
        disk.folder(staging)
        contents, secrets = _unpack(wish, passphrase, staging, disk)
        mark = Restored(now, wish.by, contents.made_at, contents.newest_at)
        marked = _make_ready(contents, staging, mark)
        await secrets_part.give(secrets, staging, runtime, with_link=wish.with_link)
        plan, aside = _plan(wish, staging, now)
        swap(wish.folder, plan, disk)
    except (OSError, sqlite3.Error) as error:
        _give_up(wish, staging, disk)
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"the backup cannot be put in place: {error}", place=str(wish.folder)
        ) from error
    except BridgeError:
        _give_up(wish, staging, disk)
        raise
    return Imported(contents, marked, now, aside, wish.with_link, has_link(secrets))


def _give_up(wish: Wish, staging: Path, disk: Disk) -> None:
    # Once the plan is there it is decided, and the new files are all that there is: they wait to be carried on with.
    if not (wish.folder / PLAN_FILE).exists():
        disk.clear(staging)


def _check_free(wish: Wish) -> None:
    if wish.replace:
        return
    there = next((name for name in (JOURNAL, VOUCHERS) if (wish.folder / name).exists()), None)
    if there is not None:
        raise BridgeError(
            Code.FOLDER_UNUSABLE,
            f"there is a {there} here already: choose another folder, or say that it is to be kept aside (--replace)",
            place=str(wish.folder),
        )
    if wish.settings is not None and wish.settings.exists():
        raise BridgeError(
            Code.FOLDER_UNUSABLE,
            "there is a settings file here already: choose another place, or say that it is to be kept aside"
            " (--replace)",
            place=str(wish.settings),
        )


def _unpack(wish: Wish, passphrase: str, staging: Path, disk: Disk) -> tuple[Contents, Secrets]:
    secrets = Secrets()
    with _opened(wish.file) as raw:
        reader = OpeningReader(raw, passphrase, str(wish.file))
        contents = read_contents(reader)
        if wish.settings is not None and contents.part(SETTINGS) is None:
            raise reader.unreadable("it has no settings in it: leave out --config and give --data")
        for part in contents.parts:
            if part.name == SECRETS:
                try:
                    secrets = secrets_part.read(read_small(reader, part))
                except ValueError as error:
                    raise reader.unreadable(str(error)) from None
            else:
                _unpack_one(reader, part, staging, disk)
        reader.end()
    return contents, secrets


def _unpack_one(reader: OpeningReader, part: Part, staging: Path, disk: Disk) -> None:
    known = part.name in (JOURNAL, VOUCHERS, SETTINGS, *SMALL_FILES) or part.name.startswith(f"{ARCHIVE}/")
    if not known:
        raise reader.unreadable(f"{part.name} is of a newer version of the program")
    path = staging / part.name
    if path.parent != staging:
        disk.folder(path.parent)
    file = disk.create(path)
    try:
        read_into(reader, part, file)
    except BaseException:
        file.close()
        raise
    disk.keep(file)


def _make_ready(contents: Contents, staging: Path, mark: Restored) -> Marked:
    """Proves that this release can work with the journals, and marks them."""
    journal, vouchers = staging / JOURNAL, staging / VOUCHERS
    check_sound(journal)
    version, oldest = version_of(journal)
    if version > schema.VERSION and oldest > schema.VERSION:
        raise BridgeError(
            Code.JOURNAL_TOO_NEW,
            f"its version is {version}, this release knows {schema.VERSION}; it was made by {contents.program}",
            place=JOURNAL,
        )
    marked = mark_journal(journal, mark)
    if vouchers.exists():
        check_sound(vouchers)
        voucher_schema.migrate(vouchers)
        mark_vouchers(vouchers)
    for path in (journal, vouchers):
        if path.exists():
            check_sound(path)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    return marked


def _plan(wish: Wish, staging: Path, now: datetime) -> tuple[Plan, Path | None]:
    stamp = f"{KEPT_ASIDE}{now:%Y%m%d-%H%M%S}"
    aside = [Aside(name=name, kept_as=f"{stamp}/{name}") for name in REPLACED if (wish.folder / name).exists()]
    waiting = [path for path in staging.iterdir() if path.name in REPLACED]
    into = [Into(waiting=f"{STAGING}/{path.name}", place=path.name) for path in sorted(waiting)]
    if wish.settings is not None:
        beside = wish.settings.parent.resolve()
        places = {SETTINGS: beside / wish.settings.name, **{name: beside / name for name in BESIDE_SETTINGS}}
        for name, place in places.items():
            if place.exists():
                aside.append(Aside(name=str(place), kept_as=f"{stamp}/settings/{place.name}"))
            if (staging / name).exists():
                into.append(Into(waiting=f"{STAGING}/{name}", place=str(place)))
    return Plan(aside=tuple(aside), into=tuple(into)), wish.folder / stamp if aside else None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BridgeError(Code.FILE_UNREADABLE, f"it cannot be read: {error.strerror}", place=str(path)) from None
