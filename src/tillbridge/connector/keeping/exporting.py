"""`tillbridge connector export`: everything of a connector in one sealed file."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import tillbridge
from tillbridge.connector.keeping import secrets_part
from tillbridge.connector.keeping.archive import FOLDER as ARCHIVE
from tillbridge.connector.keeping.archive import known_files
from tillbridge.connector.keeping.contents import (
    JOURNAL,
    MOST_SMALL,
    SECRETS,
    SETTINGS,
    VOUCHERS,
    Contents,
    Source,
    write_contents,
)
from tillbridge.connector.keeping.sealed_file import Cost, SealingWriter
from tillbridge.connector.keeping.snapshots import newest_at, snapshot, version_of
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import read_bounded
from tillbridge.runtime.effects import Runtime

SMALL_FILES: Final = (
    *("console-key", "native-keys.json", "webhook-secrets.json"),
    *("portal.json", "portal-commands.json", "portal-configuration.json"),
)
"""Files of the data folder that go as they are. Logs, locks, addresses and traces stay."""

WORKSHOP: Final = ".export-"
"""How the folder is called in which the journals' copies lie meanwhile."""

SPARE_BYTES: Final = 64 * 1024 * 1024
"""Free space that is left to a running connector, whose journal must never find the disk full because of a backup."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: its list, its bytes, and in sentences what could not be taken along."""

    contents: Contents
    size: int
    missed: tuple[str, ...]


def export(
    folder: Path,
    settings: Path | None,
    target: Path,
    passphrase: str,
    runtime: Runtime,
    cost: Cost | None = None,
) -> Exported:
    """Writes the backup of a data folder and its settings file to `target`, whole or not at all.

    `BridgeError`: FOLDER_UNUSABLE where something cannot be read or written, FIELD_INVALID for a file that is there.
    """
    if target.exists():
        raise BridgeError(Code.FIELD_INVALID, "there is a file of that name already: choose another", place=str(target))
    if not (folder / JOURNAL).is_file():
        raise BridgeError(Code.FOLDER_UNUSABLE, "there is no journal in this folder", place=str(folder))
    missed: list[str] = []
    try:
        with _workshop(folder) as workshop:
            _check_room(folder, target)
            sources, made_at = _gather(folder, settings, workshop, runtime, missed)
            contents = Contents(
                program=tillbridge.__version__,
                made_at=made_at,
                newest_at=newest_at(workshop / JOURNAL),
                journal_version=version_of(workshop / JOURNAL)[0],
                settings_name=None if settings is None else settings.name,
                parts=tuple(source.measured() for source in sources),
            )
            size = _write(
                target, lambda file: SealingWriter(file, passphrase, runtime.chance.randbytes, cost), contents, sources
            )
    except OSError as error:
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"the backup cannot be written: {error.strerror}", place=str(error.filename or target)
        ) from None
    return Exported(contents, size, tuple(missed))


def _gather(
    folder: Path, settings: Path | None, workshop: Path, runtime: Runtime, missed: list[str]
) -> tuple[list[Source], datetime]:
    made_at = runtime.clock.now()
    # The settings stand first: whoever restores asks them where everything else belongs.
    sources = [] if settings is None else [Source(SETTINGS, _small(settings))]
    # The journal first: what is said of it in other files is then newer than it, and never older.
    snapshot(folder / JOURNAL, workshop / JOURNAL)
    sources.append(Source(JOURNAL, workshop / JOURNAL))
    vouchers = None
    if (folder / VOUCHERS).is_file():
        vouchers = workshop / VOUCHERS
        snapshot(folder / VOUCHERS, vouchers)
        sources.append(Source(VOUCHERS, vouchers))
    sources += [Source(name, _small(folder / name)) for name in SMALL_FILES if (folder / name).is_file()]
    for file, size in known_files(workshop / JOURNAL).items():
        if _has(folder / ARCHIVE / file, size):
            sources.append(Source(f"{ARCHIVE}/{file}", folder / ARCHIVE / file, size))
        else:
            missed.append(f"The old payments of {file} are not in it: the file is gone, or cut off.")
    found = secrets_part.take(folder, settings, vouchers, runtime, missed)
    sources.append(Source(SECRETS, found.model_dump_json().encode()))
    return sources, made_at


def _write(target: Path, seal: Callable[[IO[bytes]], SealingWriter], contents: Contents, sources: list[Source]) -> int:
    temporary: Path | None = None
    try:
        # tempfile makes it for its owner alone.
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            write_contents(seal(file), contents, sources)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        temporary.replace(target)
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise
    return size


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    for left in folder.glob(f"{WORKSHOP}*"):
        shutil.rmtree(left, ignore_errors=True)  # of an export that a power cut has ended
    with tempfile.TemporaryDirectory(dir=folder, prefix=WORKSHOP) as path:
        yield Path(path)


def _check_room(folder: Path, target: Path) -> None:
    needed = sum(path.stat().st_size for name in (JOURNAL, VOUCHERS) for path in folder.glob(f"{name}*"))
    for place in (folder, target.parent):
        free = shutil.disk_usage(place).free
        if free < needed * 2 + SPARE_BYTES:
            raise BridgeError(
                Code.FOLDER_UNUSABLE,
                f"its disk has too little room: {free >> 20} MiB are free, {(needed * 2 + SPARE_BYTES) >> 20} MiB are"
                " needed",
                place=str(place),
            )


def _small(path: Path) -> bytes:
    content = read_bounded(path, MOST_SMALL)
    if content is None or len(content) > MOST_SMALL:
        raise BridgeError(Code.FOLDER_UNUSABLE, "it is gone, or far too large", place=str(path))
    return content


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size >= size
