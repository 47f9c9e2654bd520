"""The paths of the unattended profile that look after a terminal (README, section 10).

What the terminal's own wire cannot do is refused, in this profile's own words: a kiosk that was told that a terminal
has restarted or was collected, when it has not, would go on as if it had.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import AbortReply, HealthState, PaymentDesk, TerminalStatus
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.protocols.strict_json import JsonObject

Act = Callable[[], Awaitable[JsonObject]]

CANCELLED: Final = "The terminal was asked to stop"
TOO_LATE: Final = "The terminal can no longer be stopped"
IDLE: Final = "No transaction is running"

UNSEEN: Final = ("card", "call", "periph")
"""What HiPay's `/check` tells besides, and no terminal's wire tells us: a card in the reader, a call, the parts."""


class State(IntEnum):
    """`cr` of `/check`. A terminal that a payment in doubt locks wants a person, as one under maintenance does."""

    AVAILABLE = 0
    BUSY = 1
    MAINTENANCE = 2
    NOT_CONNECTED = 3


class Upkeep:
    """The paths of one door."""

    def __init__(self, settings: HipaySettings, desk: PaymentDesk, caller: str) -> None:
        self._settings = settings
        self._desk = desk
        self._caller = caller

    def paths(self) -> Mapping[str, Act]:
        """What each path does."""
        return {"/cancel": self.cancel, "/reset": self.reset, "/tlc": self.collect, "/check": self.check}

    async def cancel(self) -> JsonObject:
        """Asks the terminal to stop what this caller has running there; the end is read from the payment (law 5)."""
        running = (await self._terminal()).occupied_by
        if running is None or not running.running or running.caller != self._caller:
            return {"message": IDLE, "cancelled": False}
        reply = await self._desk.abort(running.id)
        asked = reply is AbortReply.REQUESTED
        told: JsonObject = {"message": CANCELLED if asked else TOO_LATE, "cancelled": asked}
        return told | {"payment_id": running.id, "cancel": reply.value}

    async def reset(self) -> JsonObject:
        """Restarts the terminal: no wire that is spoken here can."""
        raise BridgeError(
            Code.OPERATION_UNSUPPORTED, "the terminal cannot be restarted from here: switch it off and on"
        )

    async def collect(self) -> JsonObject:
        """Sends the terminal's payments to its bank: no wire that is spoken here can ask for it."""
        raise BridgeError(
            Code.OPERATION_UNSUPPORTED, "telecollection cannot be started from here: the terminal does it"
        )

    async def check(self) -> JsonObject:
        """How the terminal is, as far as is known; it is not asked anew."""
        status = await self._terminal()
        told: JsonObject = {"cr": int(_state(status)), "terminal": status.name, "detail": status.health.detail}
        return told | {"not_known": list(UNSEEN)}

    async def _terminal(self) -> TerminalStatus:
        """The terminal that this door pays on: the one of its settings, or the only one."""
        found = [one for one in await self._desk.terminals() if self._settings.terminal in (None, one.name)]
        if len(found) != 1:
            raise BridgeError(Code.TERMINAL_UNKNOWN, "name the terminal in the settings of this door", place="terminal")
        return found[0]


def _state(status: TerminalStatus) -> State:
    if status.occupied_by is not None:
        return State.BUSY if status.occupied_by.running else State.MAINTENANCE
    match status.health.state:
        case HealthState.UNREACHABLE | HealthState.SILENT:
            return State.NOT_CONNECTED
        case HealthState.BUSY:
            return State.BUSY
        case HealthState.READY | HealthState.UNKNOWN:
            return State.AVAILABLE
