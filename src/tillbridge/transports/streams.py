"""What a protocol of ours is given by its line."""

import asyncio
from typing import cast


def stream(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """The transport as what every line of `transports` makes: one of bytes, in both directions.

    asyncio types it as less than that, because a protocol of datagrams is told of its line by the same method.
    """
    return cast(asyncio.Transport, transport)
