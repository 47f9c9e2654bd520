"""Which program is started as the connector: the version in use of a packaged one, else this very program."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tillbridge
from tillbridge.connector.updates.contract import Prepared
from tillbridge.connector.updates.layout import Layout, packaged


@dataclass(frozen=True, slots=True)
class Program:
    """`command` is how it is called, without what it is asked to do."""

    version: str
    command: tuple[str, ...]

    def runs(self, config: Path) -> tuple[str, ...]:
        """The command of a supervised connector with these settings."""
        return (*self.command, "connector", "run", "--supervised", "--config", str(config))

    def tells(self, config: Path) -> tuple[str, ...]:
        """A command that loads this version's supervisor, reads what is kept on disk, and changes nothing."""
        return (*self.command, "supervise", "--status", "--config", str(config))


@dataclass(frozen=True, slots=True)
class Programs:
    """`layout` is where packaged versions lie; None where updates come in another way."""

    own: Program
    layout: Layout | None = None

    def current(self) -> Program:
        """The version in use. Where its folder is gone, the version that this process is of: something always runs."""
        version = None if self.layout is None else self.layout.current()
        if self.layout is None or version is None or version == self.own.version:
            return self.own
        return Program(version, (str(self.layout.program(version)),))


def of(prepared: Prepared) -> Program:
    """A version that is to be tried."""
    return Program(prepared.version, (str(prepared.program),))


def own_programs() -> Programs:
    """As this process was started."""
    executable = Path(sys.executable)
    frozen = bool(getattr(sys, "frozen", False))
    command = (str(executable),) if frozen else (str(executable), "-m", "tillbridge")
    layout = packaged(executable) if frozen else None
    # In a layout a version is called by its folder: compared with anything else, it might never be the one in use.
    version = tillbridge.__version__ if layout is None else executable.resolve().parent.name
    return Programs(Program(version, command), layout)
