"""The folders of versions: what is swept away, and how a new one gets its name."""

import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from tillbridge.connector.updates.layout import DOWNLOADS, VERSIONS, Layout
from tillbridge.connector.updates.naming import version_of
from tillbridge.runtime.durable import flush_folder

PARTIAL: Final = ".partial-"
"""In the name of a folder that is not a version: not yet whole, or not any more."""

log = structlog.get_logger(__name__)


def partial_folder(layout: Layout, version: str) -> Path:
    """A name, not taken, for a version that is not yet whole."""
    versions = layout.root / VERSIONS
    versions.mkdir(parents=True, exist_ok=True)
    reserved = Path(tempfile.mkdtemp(prefix=f"{version}{PARTIAL}", dir=versions))
    reserved.rmdir()
    return reserved


def complete(layout: Layout, partial: Path, version: str) -> None:
    """From now on this is the version: whole or not there, whenever the power goes."""
    partial.rename(layout.folder(version))
    flush_folder(layout.root / VERSIONS)


def remove_version(layout: Layout, version: str) -> None:
    """Takes a version away; at no moment is half of it left under its name."""
    gone = partial_folder(layout, version)
    layout.folder(version).rename(gone)
    _remove(gone)


def sweep(layout: Layout, keep: Collection[str]) -> None:
    """Removes what a power cut left, and every version that is not in `keep`. What cannot be removed stays until later.

    On Windows a program that still runs holds its folder.
    """
    for left in _leftovers(layout):
        _remove(left)
    for folder in _entries(layout.root / VERSIONS):
        if folder.is_dir() and not folder.is_symlink() and version_of(folder.name) and folder.name not in keep:
            with suppress(OSError):
                remove_version(layout, folder.name)
                log.info("old_version_removed", version=folder.name)


def free_bytes(layout: Layout) -> int:
    """Room on the disk that versions lie on."""
    return shutil.disk_usage(layout.root).free


def _leftovers(layout: Layout) -> Iterator[Path]:
    yield from (one for one in _entries(layout.root / VERSIONS) if PARTIAL in one.name)
    yield from _entries(layout.updates / DOWNLOADS)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=sys.platform == "win32")
        else:
            path.unlink()
