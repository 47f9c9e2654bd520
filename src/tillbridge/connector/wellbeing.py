"""How a running connector is, for who watches it: alive, ready for payments, busy, and what is in the way."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import HealthState, TerminalStatus
from tillbridge.runtime.data_folder import SCARCE_BYTES
from tillbridge.runtime.effects import Runtime

OUT: Final = frozenset({HealthState.UNREACHABLE, HealthState.SILENT})
"""Terminals in these states take no payment now. One that was not asked yet counts as there: its first payment asks."""


class Trouble(StrEnum):
    """What is in the way of payments, or soon may be. These words are promised."""

    STOPPING = "stopping"
    JOURNAL_UNWRITABLE = "journal_unwritable"
    TERMINAL_UNREACHABLE = "terminal_unreachable"
    TERMINAL_SILENT = "terminal_silent"
    TERMINAL_LOCKED = "terminal_locked"
    DISK_SCARCE = "disk_scarce"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One trouble. `subject` is the terminal that it is about; `blocks`: because of it no payment can be taken."""

    trouble: Trouble
    subject: str = ""
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Wellbeing:
    """A moment of the connector's life. `ready`: somewhere here a payment can be taken now."""

    version: str
    busy: bool
    obstacles: tuple[Obstacle, ...]
    disk_free: int
    started_at: datetime
    pid: int

    @property
    def ready(self) -> bool:
        """Whether a payment can be taken."""
        return not any(one.blocks for one in self.obstacles)

    @property
    def stopping(self) -> bool:
        """Whether it is about to end."""
        return any(one.trouble is Trouble.STOPPING for one in self.obstacles)


class Alive(Protocol):
    """What is asked of the program around the engine."""

    @property
    def version(self) -> str:
        """The version that runs."""
        ...

    def busy(self) -> bool:
        """Whether a payment runs."""
        ...


class Watch:
    """Looks at one connector."""

    def __init__(self, engine: Engine, host: Alive, runtime: Runtime) -> None:
        self._engine = engine
        self._host = host
        self._folder = engine.outbox_access().path.parent
        self._started_at = runtime.clock.now()

    async def look(self) -> Wellbeing:
        """How it is now. Asks no terminal: what it says of them is their last sign of life."""
        terminals = await self._engine.terminals()
        free = self._free()
        found = [*self._of_program(), *_of_terminals(terminals)]
        if free < SCARCE_BYTES:
            found.append(Obstacle(Trouble.DISK_SCARCE))
        return Wellbeing(self._host.version, self._host.busy(), tuple(found), free, self._started_at, os.getpid())

    def _of_program(self) -> list[Obstacle]:
        found = [Obstacle(Trouble.STOPPING, blocks=True)] if self._engine.stopping else []
        if self._engine.figures.disk_failed:
            found.append(Obstacle(Trouble.JOURNAL_UNWRITABLE, blocks=True))
        return found

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return 0


def _of_terminals(terminals: Sequence[TerminalStatus]) -> list[Obstacle]:
    """One that is out is told of; only where none is left nothing can be taken."""
    out = [one for one in terminals if one.health.state in OUT]
    blocks = bool(terminals) and len(out) == len(terminals)
    found = [
        Obstacle(
            Trouble.TERMINAL_UNREACHABLE if one.health.state is HealthState.UNREACHABLE else Trouble.TERMINAL_SILENT,
            one.name,
            blocks,
        )
        for one in out
    ]
    locked = [one.name for one in terminals if one.occupied_by is not None and not one.occupied_by.running]
    return found + [Obstacle(Trouble.TERMINAL_LOCKED, name) for name in locked]
