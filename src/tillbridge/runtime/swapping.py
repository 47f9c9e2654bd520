"""Puts files in the place of others so that after a power cut at any moment the old ones are there, or the new ones.

What is to be moved is written down first, in a plan in the data folder. Whoever owns the folder next carries the plan
on, whatever it was started for: nobody ever works with half of the old files and half of the new ones.
"""

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.errors import BridgeError, Code

PLAN_FILE: Final = "restoring.json"
STAGING: Final = "restoring"
"""The folder in the data folder where the new files wait."""

MOST_BYTES: Final = 1024 * 1024
"""Of a plan: a line for each file, of which there are some dozens."""

MOST_MOVES: Final = 2000

Place = Annotated[str, Field(min_length=1, max_length=4096)]
"""A path in the data folder; or an absolute one, for what stands beside the settings file."""


class Disk:
    """Everything that is done to the disk here, one deed at a time; each is durable when it returns."""

    def folder(self, path: Path) -> None:
        """Makes a folder for its owner alone, if it is not there."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _flush(path.parent)

    def create(self, path: Path) -> BinaryIO:
        """A new file for its owner alone, to be ended with `keep`."""
        return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600), "wb")

    def keep(self, file: BinaryIO) -> None:
        """Closes a file that `create` gave, once all of it is on the disk."""
        with file:
            file.flush()
            os.fsync(file.fileno())

    def write(self, path: Path, content: bytes) -> None:
        """A whole file in the place of what is there, or nothing."""
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self.move(Path(file.name), path)

    def move(self, source: Path, target: Path) -> None:
        """A file under another name, in the place of what is there."""
        source.replace(target)
        _flush(target.parent)
        if source.parent != target.parent:
            _flush(source.parent)

    def remove(self, path: Path) -> None:
        """Takes a file away; it is no error if there is none."""
        path.unlink(missing_ok=True)
        _flush(path.parent)

    def clear(self, path: Path) -> None:
        """Takes a folder away with all that is in it."""
        shutil.rmtree(path, ignore_errors=True)


class Aside(BaseModel):
    """A file of the old ones, and where it is kept: a name that nothing had before."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Place
    kept_as: Place


class Into(BaseModel):
    """A new file that waits, and the place that it is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    waiting: Place
    place: Place


class Plan(BaseModel):
    """All that is to be moved: the old files aside, then the new ones into their place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    aside: Annotated[tuple[Aside, ...], Field(max_length=MOST_MOVES)] = ()
    into: Annotated[tuple[Into, ...], Field(max_length=MOST_MOVES)] = ()


def swap(folder: Path, plan: Plan, disk: Disk) -> None:
    """Writes the plan down, which decides it, and carries it out. Only for the process that owns the folder."""
    disk.write(folder / PLAN_FILE, plan.model_dump_json().encode())
    carry_on(folder, disk)


def carry_on(folder: Path, disk: Disk | None = None) -> bool:
    """Carries out what a plan in this folder still asks for; False where there is none.

    `BridgeError(FOLDER_UNUSABLE)` where it cannot be: then nothing may be done in this folder.
    """
    disk = disk or Disk()
    try:
        with (folder / PLAN_FILE).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        plan = Plan.model_validate_json(content)
        _carry_out(folder, plan, disk)
    except FileNotFoundError:
        return False
    except ValidationError:
        raise _stuck(folder, "its plan cannot be read") from None
    except OSError as error:
        raise _stuck(folder, error.strerror or type(error).__name__) from None
    return True


def _carry_out(folder: Path, plan: Plan, disk: Disk) -> None:
    for old in plan.aside:
        source, target = folder / old.name, folder / old.kept_as
        # Its place aside was free when the plan was made: what stands there was moved there by it, and what has the old
        # name by now is new.
        if not target.exists() and source.exists():
            disk.folder(target.parent)
            disk.move(source, target)
    for new in plan.into:
        waiting, place = folder / new.waiting, folder / new.place
        if waiting.exists():
            disk.folder(place.parent)
            disk.move(waiting, place)
    disk.remove(folder / PLAN_FILE)
    disk.clear(folder / STAGING)


def _stuck(folder: Path, why: str) -> BridgeError:
    return BridgeError(
        Code.FOLDER_UNUSABLE,
        f"a restored backup was being put in place here, and that cannot go on: {why}",
        place=str(folder / PLAN_FILE),
    )


def _flush(folder: Path) -> None:
    # The names are in the folder: without this a crash could bring the old ones back. Windows cannot do it.
    if sys.platform != "win32":
        with suppress(FileNotFoundError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
