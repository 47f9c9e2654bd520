"""Makes an archive of a built folder, and reads one as a connector would."""

import os
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tillbridge.connector.publishing.keys import refuse
from tillbridge.connector.updates.archive import FILE_MODE, PROGRAM_MODE, unpack
from tillbridge.connector.updates.layout import PROGRAM
from tillbridge.connector.updates.release import (
    LARGEST_UNPACKED,
    RELEASE_FILE,
    ROOT_FILE,
    Latest,
    Shipped,
    archive_path,
    read_root,
    read_shipped,
)

WINDOWS_PROGRAM: Final = "tillbridge.exe"


@dataclass(frozen=True, slots=True)
class Packed:
    """What an archive holds: its version and kind, its size unpacked, and the root that it trusts."""

    shipped: Shipped
    unpacked: int
    root: bytes

    def latest(self, channel: str) -> Latest:
        """How it is offered in a channel."""
        path = archive_path(channel, self.shipped.kind, self.shipped.version)
        return Latest(version=self.shipped.version, kind=self.shipped.kind, archive=path, unpacked=self.unpacked)


@contextmanager
def temporary_folder(beside: Path) -> Iterator[Path]:
    """A folder on the same disk as what is made of it; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=beside, prefix=".release-") as name:
        yield Path(name)


def describe(folder: Path, shipped: Shipped, root: bytes) -> None:
    """Writes into a built folder what it is and whom it trusts."""
    (folder / RELEASE_FILE).write_text(shipped.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / ROOT_FILE).write_bytes(root)


def pack(folder: Path, archive: Path) -> None:
    """Everything in the folder, in one order and with one date, so that the same folder gives the same archive.

    Links are followed, since a connector unpacks none; `BridgeError(RELEASE_REFUSED)` for one that leads outside.
    """
    with tarfile.open(archive, "w:xz", format=tarfile.PAX_FORMAT, dereference=True) as packed:
        for path in files(folder):
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            member.mode = PROGRAM_MODE if runs(path) else FILE_MODE
            with path.open("rb") as source:
                packed.addfile(member, source)


def files(folder: Path) -> Iterator[Path]:
    """Every file below the folder, in order; none of them outside of it."""
    top = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if not path.resolve().is_relative_to(top):
            raise refuse("this link leads out of the folder", str(path))
        if path.is_file():
            yield path


def runs(path: Path) -> bool:
    """Whether it is a program. Windows has no such mark: there the name says it."""
    return path.name in {PROGRAM, WINDOWS_PROGRAM} or os.access(path, os.X_OK)


def read_packed(archive: Path) -> Packed:
    """What the archive holds, found as a connector finds it: what none would take is refused here."""
    with temporary_folder(archive.parent) as work:
        folder = work / "version"
        unpack(archive, folder, LARGEST_UNPACKED, threading.Event())
        shipped, root = read_shipped(folder), read_root(folder)
        if shipped is None or root is None:
            raise refuse(f"there is no {RELEASE_FILE} or no {ROOT_FILE} in it", str(archive))
        program = WINDOWS_PROGRAM if shipped.kind.startswith("windows-") else PROGRAM
        if not (folder / program).is_file():
            raise refuse(f"there is no {program} in it", str(archive))
        return Packed(shipped, sum(path.stat().st_size for path in files(folder)), root)
