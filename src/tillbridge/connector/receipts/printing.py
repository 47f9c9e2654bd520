"""Hands bytes to a printer, in a bounded time, one slip after the other."""

import asyncio
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tillbridge.connector.receipts.settings import PrinterSettings
from tillbridge.domain.errors import BridgeError, Code

CONNECT_SECONDS: Final = 5.0
"""For a printer in the same building to take a connection."""

PRINT_SECONDS: Final = 20.0
"""For a printer to take a slip. One without paper takes none; the till must hear of that while the customer waits."""


class Printer:
    """One printer. `began` is called when the first byte may have left: from then on a slip may lie there."""

    def __init__(self, settings: PrinterSettings, seconds: float = PRINT_SECONDS) -> None:
        self._settings = settings
        self._seconds = seconds
        self._one_at_a_time = asyncio.Lock()

    @property
    def profile(self) -> str:
        """The printer's name in the library's database."""
        return self._settings.profile

    async def print(self, slip: bytes, began: Callable[[], None]) -> None:
        """Returns when the printer has taken it all. `BridgeError(PRINTER_UNAVAILABLE)` names the cause."""
        async with self._one_at_a_time:
            try:
                if self._settings.path is not None:
                    await asyncio.to_thread(_write, self._settings.path, slip, self._seconds, began)
                else:
                    await self._send(self._settings.host or "", self._settings.port, slip, began)
            except TimeoutError:
                raise _unavailable("it takes nothing: is there paper, and is it closed?") from None
            except (OSError, UnicodeError) as error:
                # A host that is no name at all is a UnicodeError: the resolver's encoding cannot write it.
                number = error.errno if isinstance(error, OSError) else None
                cause = type(error).__name__ if number is None else os.strerror(number)
                raise _unavailable(f"it could not be reached: {cause}") from None

    async def _send(self, host: str, port: int, slip: bytes, began: Callable[[], None]) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except TimeoutError:
            raise _unavailable(f"{host} does not answer: is it switched on?") from None
        try:
            async with asyncio.timeout(self._seconds):
                began()
                # Nothing may be left in a buffer: what the printer has not taken is not printed.
                writer.transport.set_write_buffer_limits(0)
                writer.write(slip)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            # What is not taken by now is not printed later, when nobody expects it any more.
            writer.transport.abort()


def _unavailable(detail: str) -> BridgeError:
    return BridgeError(Code.PRINTER_UNAVAILABLE, detail)


if sys.platform == "win32":

    def _write(path: Path, slip: bytes, seconds: float, began: Callable[[], None]) -> None:
        """Windows bounds the time by itself, as the port is set there."""
        del seconds
        with path.open("ab", buffering=0) as file:
            began()
            file.write(slip)

else:

    def _write(path: Path, slip: bytes, seconds: float, began: Callable[[], None]) -> None:
        """Never waits inside the system without an end: a printer without paper would hold the thread for ever."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK
        file = os.open(path, flags, 0o600)
        try:
            began()
            left = memoryview(slip)
            while left:
                if not select.select([], [file], [], seconds)[1]:
                    raise TimeoutError
                with suppress(BlockingIOError):
                    left = left[os.write(file, left) :]
        finally:
            os.close(file)
