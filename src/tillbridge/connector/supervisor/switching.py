"""Switching from one version to the next, so that a power cut at any step ends with the old or the new one running.

```
updates/switching.json      what is about to be done; written, flushed and replaced whole before each step
current                     which version starts: the only line that decides, and it changes as a whole
```

| step | about to be done | after a power cut |
| --- | --- | --- |
| `stopping` | the running version is asked to stop | the old one starts |
| `trying` | the new one is started and has to prove itself | the old one; the third time the new one is refused |
| `choosing` | it is proven: `current` is replaced | the new one starts |
| `telling` | `current` names it: the updater is told | the new one starts |
| `returning` | it failed: the updater is told to refuse it | the old one starts |
| `resting` | nothing: it only counts trials that a power cut ended | the old one starts |
"""

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from tillbridge.connector.updates.contract import Updates
from tillbridge.connector.updates.layout import Layout
from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.durable import flush_folder, read_bounded, write_durably

RECORD: Final = "switching.json"

LARGEST_RECORD: Final = 16 * 1024
"""Bytes; a record has two versions and a sentence."""

MOST_CUT_TRIALS: Final = 3
"""A computer that goes down during every trial of a version goes down because of it."""

log = structlog.get_logger(__name__)


class Step(StrEnum):
    """What is about to be done."""

    STOPPING = "stopping"
    TRYING = "trying"
    CHOOSING = "choosing"
    TELLING = "telling"
    RETURNING = "returning"
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Record:
    """How far it came. `cut_trials` counts trials of this version that neither proved nor refuted it."""

    step: Step
    version: str
    why: str = ""
    cut_trials: int = 0


class Disk:
    """What is changed on the disk: one place, so that a test can cut the power before and behind each change."""

    def write(self, path: Path, content: bytes) -> None:
        """Whole or not at all, and on the disk when this returns. `BridgeError` where it does not take it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content)

    def remove(self, path: Path) -> None:
        """Takes it away for good. `OSError` where that cannot be."""
        path.unlink(missing_ok=True)
        flush_folder(path.parent)

    def choose(self, layout: Layout, version: str) -> None:
        """The version that starts from now on. `OSError` where the disk does not take it."""
        layout.switch(version)
        flush_folder(layout.root)

    def told(self, updates: Updates, version: str) -> None:
        """The updater knows that it is in use."""
        updates.switched(version)

    def refused(self, updates: Updates, version: str, why: str) -> None:
        """The updater knows that it is never to be prepared again."""
        updates.refused(version, why)


class Switching:
    """One layout's switch. Every call is safe to repeat after it was cut."""

    def __init__(self, layout: Layout, updates: Updates, disk: Disk | None = None) -> None:
        self._layout = layout
        self._updates = updates
        self._disk = disk or Disk()
        self._path = layout.updates / RECORD

    def recover(self) -> str | None:
        """Ends what a power cut has left, before anything is started. A sentence about it, where there was something.

        `BridgeError` or `OSError` where the disk does not take it: it is tried again at the next start, and `current`
        names a whole version all the while.
        """
        record = self._read()
        match None if record is None else record.step:
            case Step.CHOOSING | Step.TELLING if record is not None and self._whole(record.version):
                self._choose(record)
                self._tell(record)
                return f"Version {record.version} is in use: the update had been cut off at its last step."
            case Step.TRYING if record is not None and record.cut_trials + 1 < MOST_CUT_TRIALS:
                self._write(replace(record, step=Step.RESTING, cut_trials=record.cut_trials + 1))
                return f"The trial of version {record.version} was cut off: the version before it is in use."
            case Step.TRYING if record is not None:
                why = f"the computer or the supervisor went down during each of {MOST_CUT_TRIALS} trials"
                self.failed(record.version, why)
                return f"Version {record.version} is not tried any more: {why}."
            case Step.RETURNING if record is not None:
                self._refuse(record)
                return f"Version {record.version} was taken back: {record.why}."
            case Step.STOPPING | Step.CHOOSING | Step.TELLING:
                self.abandon()
                return "An update was cut off before it began: the version before it is in use."
        return None

    def intend(self, version: str) -> None:
        """The running version is about to be asked to stop. `BridgeError` where the disk does not take it."""
        before = self._read()
        cut = before.cut_trials if before is not None and before.version == version else 0
        self._write(Record(Step.STOPPING, version, cut_trials=cut))

    def trying(self, version: str) -> None:
        """The new version is about to be started. `BridgeError` where the disk does not take it."""
        before = self._read()
        self._write(Record(Step.TRYING, version, cut_trials=0 if before is None else before.cut_trials))

    def proven(self, version: str) -> None:
        """The new version runs and answers: it is put in use. `BridgeError` or `OSError` if the disk refuses that.

        Once it is in use nothing is raised: what is still to be told is told at the next start.
        """
        record = Record(Step.CHOOSING, version)
        self._write(record)
        self._choose(record)
        try:
            self._tell(record)
        except (BridgeError, OSError) as error:
            log.warning("update_not_told", version=version, cause=told_of(error))

    def failed(self, version: str, why: str) -> None:
        """The new version did not prove itself: it is never tried again. `current` still names the old one."""
        record = Record(Step.RETURNING, version, why)
        self._write(record)
        self._refuse(record)

    def abandon(self) -> None:
        """Nothing comes of it this time, and nobody is to blame. Trials that were cut off stay counted."""
        record = self._read()
        if record is not None and record.cut_trials:
            self._write(replace(record, step=Step.RESTING))
        elif record is not None:
            self._disk.remove(self._path)

    # ------------------------------------------------------------ steps

    def _choose(self, record: Record) -> None:
        if self._layout.current() != record.version:
            self._disk.choose(self._layout, record.version)

    def _tell(self, record: Record) -> None:
        self._write(replace(record, step=Step.TELLING))
        self._disk.told(self._updates, record.version)
        self._disk.remove(self._path)

    def _refuse(self, record: Record) -> None:
        self._disk.refused(self._updates, record.version, record.why)
        self._disk.remove(self._path)

    def _whole(self, version: str) -> bool:
        return self._layout.program(version).is_file()

    def _write(self, record: Record) -> None:
        log.info("switching", step=record.step, version=record.version, why=record.why or None)
        self._disk.write(self._path, json.dumps(asdict(record)).encode())

    def _read(self) -> Record | None:
        """What is about to be done; None where nothing is, or nobody can read it: then `current` alone decides."""
        try:
            match json.loads(read_bounded(self._path, LARGEST_RECORD) or b"null"):
                case {"step": str(step), "version": str(version), "why": str(why), "cut_trials": int(cut)}:
                    return Record(Step(step), version, why, cut)
        except (OSError, ValueError) as error:
            log.warning("switching_unreadable", cause=type(error).__name__)
        return None


def told_of(error: BridgeError | OSError) -> str:
    """Why the disk did not take a step, for people."""
    return str(error) if isinstance(error, BridgeError) else error.strerror or type(error).__name__
