"""Writes a file so that after any crash either the old one is there whole, or the new one."""

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def write_durably(path: Path, content: bytes) -> None:
    """Temporary file, flush, rename, flush of the folder: `content` is on the disk when this returns.

    The file is its owner's alone from the first moment. `BridgeError(FOLDER_UNUSABLE)` if it cannot be written; then
    the old one is still there.
    """
    temporary: Path | None = None
    try:
        # tempfile makes it for its owner alone.
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        raise BridgeError(
            Code.FOLDER_UNUSABLE, f"it cannot be written: {error.strerror or type(error).__name__}", place=str(path)
        ) from None


def read_bounded(path: Path, most: int) -> bytes | None:
    """The file, at most `most` bytes and one; None where there is none. `OSError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        return None


def open_to_others(path: Path) -> bool:
    """Whether anybody but its owner may do something with this file."""
    return os.name == "posix" and bool(path.stat().st_mode & OTHERS)


def flush_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk. `OSError` if the system refuses; nothing on Windows, which cannot."""
    # The name of the file is in the folder: without this a crash could bring the old one back. Windows cannot do it.
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
