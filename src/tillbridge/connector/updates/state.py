"""What the updater remembers, in one file that is replaced as a whole."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Self

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.runtime.durable import read_bounded, write_durably

STATE_FILE: Final = "state.json"

LARGEST_STATE: Final = 256 * 1024
"""Bytes: some hundred refused versions with their reasons."""

MOST_REFUSED: Final = 200
"""Refused versions that are remembered; the oldest of so many lies years below the one in use."""

TRIES: Final = 3
"""Failed self-tests after which a version is given up: the first may have met a full disk or a busy night."""

LONGEST_SENTENCE: Final = 600
"""Letters of a sentence on a status page."""

Sentence = Annotated[str, Field(max_length=LONGEST_SENTENCE)]

log = structlog.get_logger(__name__)


class State(BaseModel):
    """All that is remembered between two looks.

    `known_past` is the latest moment that is known to have passed, so that a clock which stands before it is wrong;
    `root` is the version of the root whose keys said so.
    `prepared` lies ready beside the version in use, `came_from` was in use when that was made ready, and `previous` is
    what can be gone back to. `failed` counts the self-tests that a version did not pass.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    outcome: Sentence | None = None
    looked: AwareDatetime | None = None
    known_past: AwareDatetime | None = None
    root: int = 0
    prepared: str | None = None
    came_from: str | None = None
    previous: str | None = None
    refused: dict[str, Sentence] = Field(default_factory=dict)
    failed: dict[str, int] = Field(default_factory=dict)

    def with_refused(self, version: str, why: str) -> Self:
        """This version is never prepared again."""
        refused = {**self.refused, version: why}
        while len(refused) > MOST_REFUSED:
            del refused[next(iter(refused))]
        failed = {name: count for name, count in self.failed.items() if name != version}
        return self.model_copy(update={"refused": refused, "failed": failed})

    def floor(self, now: datetime) -> datetime:
        """What counts as now: the clock, unless it stands before what has certainly passed."""
        return now if self.known_past is None else max(now, self.known_past)

    def at_least(self, accepted: datetime, signed_at: datetime | None, root: int) -> Self:
        """These moments have passed, as the keys of this root say."""
        past = accepted if signed_at is None else max(accepted, signed_at)
        return self.model_copy(update={"known_past": past, "root": root})


def read_state(folder: Path) -> State:
    """The state in this folder; an empty one where there is none, or where a person or a fault has broken it."""
    try:
        content = read_bounded(folder / STATE_FILE, LARGEST_STATE)
        return State() if content is None else State.model_validate_json(content)
    except (OSError, ValidationError):
        log.warning("update_state_unreadable", folder=str(folder))
        return State()


def write_state(folder: Path, state: State) -> None:
    """On the disk when this returns. `BridgeError(FOLDER_UNUSABLE)` if it cannot be; the old one stays then."""
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / STATE_FILE, state.model_dump_json(indent=1).encode())
