"""Where a terminal on a network is, shared by its driver and whoever opens its line."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.moving import HostPort, read_address
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.tcp import CONNECT_TIMEOUT, connect_tcp

P = TypeVar("P", bound=asyncio.Protocol)


class Whereabouts:
    """The address that the next connection goes to."""

    def __init__(self, host: str, port: int) -> None:
        self.at = HostPort(host, port)

    async def connect(self, factory: Callable[[], P], seconds: float = CONNECT_TIMEOUT) -> tuple[asyncio.Transport, P]:
        """A line to where it is now; `LineUnavailable` as for every line, and where it has moved meanwhile."""
        asked = self.at
        transport, protocol = await connect_tcp(asked.host, asked.port, factory, seconds)
        if self.at != asked:
            # A person has just said that it is elsewhere: whoever answers here is another one.
            transport.abort()
            raise LineUnavailable(f"the terminal is not at {asked} any more but at {self.at}")
        return transport, protocol


class OnNetwork:
    """`Movable` for drivers whose wire names no terminal: they see no candidates, and believe what a person says."""

    def __init__(self, where: Whereabouts | None) -> None:
        self._where = where

    @property
    def address(self) -> str | None:
        """See `Movable.address`."""
        return None if self._where is None else str(self._where.at)

    def candidates(self) -> Sequence[str]:
        """See `Movable.candidates`."""
        return ()

    def move(self, address: str) -> None:
        """See `Movable.move`."""
        there = read_address(address)
        if self._where is None:
            raise BridgeError(Code.OPERATION_UNSUPPORTED, "this terminal is on no network")
        self._where.at = there
        self.leave()

    def leave(self) -> None:
        """Gives up a line to the old place, where the driver keeps one open between requests."""
