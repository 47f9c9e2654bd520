"""Finds the terminal: the ports there are, the one that appears when it is plugged in, how its line is set, its answer.

Nothing here moves money: a driver's sign of life, and a frame that a terminal can only refuse.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Health, HealthState
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.serial_line import PortDescription, list_ports

HEALTH_SECONDS: Final = 30.0
"""For a terminal's sign of life: a driver bounds it by itself, this is for one that does not."""

POLL_SECONDS: Final = 0.5
"""Between two looks at the ports: a person sees the answer at once, and listing them takes milliseconds."""

BAUD_RATES: Final = (9600, 1200, 19200, 38400, 57600, 115200)
"""In the order in which they are met (src/tillbridge/protocols/concert/README.md, section 6)."""


BY_ID: Final = Path("/dev/serial/by-id")
"""Where Linux names a USB port after what is plugged in there. That name stays; ttyUSB0 goes to whoever comes first."""


def ports() -> list[PortDescription]:
    """The serial ports of this computer, by the name that lasts; none where the system cannot list them."""
    try:
        return [lasting(port) for port in list_ports()]
    except (OSError, RuntimeError):
        return []


def lasting(port: PortDescription, by_id: Path = BY_ID) -> PortDescription:
    """The same port under the name that stays when cables are plugged elsewhere, if it has one."""
    try:
        names = [link for link in sorted(by_id.iterdir()) if link.resolve() == Path(port.path).resolve()]
    except OSError:
        return port
    if not names:
        return port
    return PortDescription(str(names[0]), f"{Path(port.path).name}, {port.description}")


class Watch:
    """Notices a port that was not there before. One that is pulled out and put in again is new, too."""

    def __init__(self, listed: Callable[[], Sequence[PortDescription]] = ports) -> None:
        self._listed = listed
        self._before = {port.path for port in listed()}

    def look(self) -> PortDescription | None:
        """The port that has appeared since, if one has."""
        now = self._listed()
        found = next((port for port in now if port.path not in self._before), None)
        self._before &= {port.path for port in now}
        return found

    async def wait(self) -> PortDescription:
        """Returns when a port appears; whoever waits says how long."""
        while True:
            found = self.look()
            if found is not None:
                return found
            await asyncio.sleep(POLL_SECONDS)


async def sign_of_life(kind: str, settings: dict[str, Any]) -> Health:
    """Whether a terminal with these settings answers. `BridgeError(SETTINGS_INVALID)` where they are none."""
    driver = registry.driver(kind)
    try:
        checked = driver.settings.model_validate(settings)
    except ValidationError as error:
        raise BridgeError(Code.SETTINGS_INVALID, error.errors(include_input=False)[0]["msg"], place=kind) from None
    terminal = driver.connect(checked, Runtime())
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            return await terminal.health()
    except TimeoutError:
        return Health(HealthState.SILENT, f"nothing for {HEALTH_SECONDS:g} seconds")
    finally:
        await terminal.close()


@dataclass(frozen=True, slots=True)
class FoundLine:
    """How a line is set, such as "9600 7E1", and whether the terminal's own bytes have shown it."""

    line: str
    proven: bool


class TerminalWaits(Exception):
    """The terminal wants to tell the result of an earlier payment: the connector must take it, not the setup."""


Listen = Callable[[str, int], Awaitable[str]]
"""`protocols.concert.v2.line_check.listen`: a composition hands it in."""


async def find_line(port: str, listen: Listen, tried: Callable[[int], None]) -> FoundLine | None:
    """How the terminal at this port sends its bits; None where it answers at no speed.

    `tried` hears of each speed before it is tried. Raises `LineUnavailable`, `TerminalWaits`.
    """
    for baud_rate in BAUD_RATES:
        tried(baud_rate)
        match await listen(port, baud_rate):
            case "plain":
                return FoundLine(f"{baud_rate} 8N1", proven=True)
            case "even_parity":
                return FoundLine(f"{baud_rate} 7E1", proven=True)
            case "answers":
                return FoundLine(f"{baud_rate} 8N1", proven=False)
            case "wants_to_tell":
                raise TerminalWaits
            case _:
                continue
    return None
