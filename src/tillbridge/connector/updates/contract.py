"""What the updater promises to the supervisor: a version that can be started, and what is told of it afterwards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version that lies unpacked and verified beside the running one, and that passed its self-test."""

    version: str
    program: Path


class Updates(Protocol):
    """Newer versions for this computer. All of it is asked by one caller, never two at once."""

    async def prepare(self) -> Prepared | None:
        """Looks, verifies, downloads, unpacks beside the running version and lets the new one test itself.

        None: there is nothing newer. Raises `BridgeError` where something newer could not be had; the running version
        is untouched then, and the next call begins again.
        """
        ...

    def switched(self, version: str) -> None:
        """This version is in use now, and proved healthy."""
        ...

    def refused(self, version: str, why: str) -> None:
        """This version was rolled back: it is never prepared again. `why` is one sentence without secrets."""
        ...

    def outcome(self) -> str | None:
        """One sentence on the last update, for status pages; None where none was ever looked for."""
        ...
