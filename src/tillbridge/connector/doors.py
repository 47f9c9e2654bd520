"""What is known of the doors of a running connector: how each is set, where it is reached, and whether it listens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from tillbridge.connector.settings import Configured
from tillbridge.protocols.contract import Door


@dataclass(frozen=True, slots=True)
class DoorState:
    """One door. `address` is where tills reach it, once it listens; empty before."""

    name: str
    wire: str
    settings: BaseModel
    address: str
    listening: bool


class Doors:
    """The doors of the settings, each with the one at work."""

    def __init__(self, configured: Sequence[Configured] = (), at_work: Mapping[str, Door] | None = None) -> None:
        self._configured = configured
        self._at_work = at_work or {}
        self._listening: set[str] = set()

    @property
    def at_work(self) -> Mapping[str, Door]:
        """Each door by its name."""
        return self._at_work

    def listens(self, name: str) -> None:
        """From now on this door listens."""
        self._listening.add(name)

    def ended(self, name: str) -> None:
        """This door listens no longer."""
        self._listening.discard(name)

    def states(self) -> list[DoorState]:
        """Every door as it stands now, in the order of the settings."""
        return [
            DoorState(one.name, one.wire, one.settings, self._address(one.name), one.name in self._listening)
            for one in self._configured
        ]

    def _address(self, name: str) -> str:
        return self._at_work[name].address if name in self._listening else ""
