"""Which of the portal's commands this connector has, durably (docs/explanation/link.md).

It keeps what it took and has not told the end of, and what it will never take.

Asked about a command that it never saw, a connector writes down that it will refuse it, before it says so: a message
that was late on its way could else still charge somebody for a payment that the portal already calls off.
"""

import asyncio
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.durable import read_bounded, write_durably
from tillbridge.runtime.effects import Clock

FILE: Final = "portal-commands.json"
MOST_BYTES: Final = 2 * 1024 * 1024

MOST_KEPT: Final = 10_000
"""Marks. A shop has a few; whoever sends more is not believed."""

KEPT: Final = timedelta(days=8)
"""No command lives longer on its way than a configuration, which waits a week."""

log = structlog.get_logger(__name__)


class Mark(StrEnum):
    """What is known of a command.

    `TAKEN`: a payment whose end the portal has not been told. `KEPT`: settings that were kept, and the portal may not
    know it. `CALLED_OFF`: it will never be taken.
    """

    TAKEN = "taken"
    KEPT = "kept"
    CALLED_OFF = "called_off"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    mark: Mark
    at: AwareDatetime


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    commands: Annotated[dict[str, _Entry], Field(max_length=MOST_KEPT)] = Field(default_factory=dict)


class CommandBook:
    """The marks of commands, in a file of the data folder. Every change is on the disk when its method returns.

    Where the file cannot be read, everything but `unfinished` is refused: without it a late command could be taken
    twice, so none is taken until somebody has looked.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / FILE
        self._clock = clock
        self._fault: BridgeError | None = None
        self._commands = self._load()
        self._writing = asyncio.Lock()

    def mark(self, command_id: str) -> Mark | None:
        """What is known of a command; None for one that was never seen, or was told to its end.

        `BridgeError(FOLDER_UNUSABLE)` where the file could not be read.
        """
        if self._fault is not None:
            raise self._fault
        found = self._commands.get(command_id)
        return None if found is None else found.mark

    def may_be_open(self, command_id: str) -> bool:
        """Whether the portal may not know yet how it ended; always, where the file could not be read."""
        found = self._commands.get(command_id)
        return self._fault is not None or (found is not None and found.mark is Mark.TAKEN)

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The commands whose end the portal has not been told, oldest first."""
        return tuple(sorted(name for name, one in self._commands.items() if one.mark is Mark.TAKEN))

    async def put(self, command_id: str, mark: Mark) -> None:
        """Notes a command. `BridgeError(FOLDER_UNUSABLE)` if it cannot be written: then nothing may be done for it."""
        async with self._writing:
            await self._write(self._commands | {command_id: _Entry(mark=mark, at=self._clock.now())})

    async def drop(self, command_id: str) -> None:
        """The portal knows how it ended; a repeat of it is answered from the journal. `BridgeError` as in `put`."""
        async with self._writing:
            if command_id in self._commands:
                await self._write({name: one for name, one in self._commands.items() if name != command_id})

    async def _write(self, commands: dict[str, _Entry]) -> None:
        if self._fault is not None:
            raise self._fault
        oldest = self._clock.now() - KEPT
        kept = {name: one for name, one in commands.items() if one.at >= oldest or one.mark is Mark.TAKEN}
        if len(kept) > MOST_KEPT:
            raise BridgeError(Code.FOLDER_UNUSABLE, f"more than {MOST_KEPT} commands are open", place=str(self._path))
        content = _File(commands=kept).model_dump_json().encode()
        await asyncio.to_thread(write_durably, self._path, content)
        self._commands = kept

    def _load(self) -> dict[str, _Entry]:
        try:
            content = read_bounded(self._path, MOST_BYTES)
            return {} if content is None else dict(_File.model_validate_json(content).commands)
        except (OSError, ValidationError) as error:
            log.error("portal_commands_unreadable", path=str(self._path), type=type(error).__name__)  # noqa: TRY400  # the reason is named
            self._fault = BridgeError(Code.FOLDER_UNUSABLE, "it cannot be read", place=str(self._path))
            return {}
