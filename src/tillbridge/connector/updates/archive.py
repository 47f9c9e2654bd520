"""Unpacks a version beside the others. What is unpacked was signed; this still believes none of it.

Only plain files and folders with plain names are taken: no link, no path that leads elsewhere, no name that Windows
reads as something else, not more files or bytes than the signed list has said.
"""

import lzma
import os
import re
import tarfile
import threading
from pathlib import Path
from typing import IO, Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import flush_folder

MOST_FILES: Final = 20_000
"""Ten times what a version has."""

DEEPEST: Final = 16
LONGEST_NAME: Final = 200
"""Letters of a path inside a version: Windows takes 260 with the folder that it lies in."""

_CHUNK: Final = 1024 * 1024

_PART: Final = re.compile(r"[A-Za-z0-9_+@=,~()\[\] .-]*[A-Za-z0-9_+@=,~()\[\]-]\Z")
"""Letters that mean the same on every disk; no `:` or `\\`, and no dot or space at the end, which Windows drops."""

_WINDOWS_NAMES: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z", re.IGNORECASE)

PROGRAM_MODE: Final = 0o755
FILE_MODE: Final = 0o644
_OWNER_RUNS: Final = 0o100


class Stopped(Exception):
    """Whoever asked for it does not want it any more."""


def unpack(archive: Path, into: Path, most_bytes: int, stop: threading.Event) -> None:
    """Unpacks into a new folder; all of it is on the disk when this returns. What is half done at an error stays there.

    Raises `BridgeError(UPDATE_UNTRUSTED)` for an archive that is not as it should be, `OSError` where the disk refuses,
    `Stopped`.
    """
    into.mkdir(mode=PROGRAM_MODE)
    count = size = 0
    try:
        with tarfile.open(archive, "r|xz") as packed:
            for member in packed:
                count, size = count + 1, size + member.size
                if count > MOST_FILES or size > most_bytes:
                    raise _refuse("it holds more than the signed list says")
                _take(packed, member, into, stop)
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise _refuse("it is damaged") from error
    _flush_folders(into)


def _take(packed: tarfile.TarFile, member: tarfile.TarInfo, into: Path, stop: threading.Event) -> None:
    path = into.joinpath(*_parts(member.name))
    if member.isdir():
        path.mkdir(mode=PROGRAM_MODE, parents=True, exist_ok=True)
        return
    source = packed.extractfile(member) if member.isreg() else None
    if source is None:
        raise _refuse("it holds something other than files and folders")
    path.parent.mkdir(mode=PROGRAM_MODE, parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            _copy(source, file, stop)
    except (FileExistsError, IsADirectoryError, NotADirectoryError):
        raise _refuse("it holds two files of one name") from None
    path.chmod(PROGRAM_MODE if member.mode & _OWNER_RUNS else FILE_MODE)


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(name.split("/"))
    plain = all(_PART.match(part) and not _WINDOWS_NAMES.match(part) for part in parts)
    if not plain or len(parts) > DEEPEST or len(name) > LONGEST_NAME:
        raise _refuse("it holds a file with a name that is not allowed")
    return parts


def _copy(source: IO[bytes], file: IO[bytes], stop: threading.Event) -> None:
    while chunk := source.read(_CHUNK):
        if stop.is_set():
            raise Stopped
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())


def _flush_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top):
        flush_folder(Path(folder))


def _refuse(why: str) -> BridgeError:
    return BridgeError(Code.UPDATE_UNTRUSTED, f"the archive of the newer version was refused: {why}")
