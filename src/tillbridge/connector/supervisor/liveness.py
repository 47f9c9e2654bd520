"""Asks a running connector whether it lives: one request over HTTP on this computer, without a client of its own.

Any answer counts. A connector whose journal cannot be written says so and is not started again for it: a new one would
meet the same disk, and this one still tells its tills what it knows.
"""

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from tillbridge.connector.supervisor.health import ANSWER_SECONDS

PATH: Final = "/healthz"
STATUS_LINE: Final = b"HTTP/1."


async def alive(address: str) -> bool:
    """Whether the connector at this address answers in time."""
    found = urlsplit(address)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(found.hostname, found.port)
            try:
                writer.write(f"GET {PATH} HTTP/1.1\r\nHost: {found.netloc}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.readexactly(len(STATUS_LINE))) == STATUS_LINE
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (TimeoutError, OSError, EOFError):
        return False
