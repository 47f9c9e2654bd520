"""What a protocol of ours is given by its line."""

import asyncio
from typing import cast


def stream(transport: asyncio.BaseTransport) -> asyncio.Transport:
    """The transport as what every line of `transports` makes: one of bytes, in both directions.

    asyncio types it as less than that, because a protocol of datagrams is told of its line by the same method.
    """
    return cast(asyncio.Transport, transport)


def end_writing(transport: asyncio.WriteTransport) -> bool:
    """Says that nothing more comes from this end; False if the line turns out to be gone already.

    Where the other end has reset the line, asyncio learns it from the system in this very call and raises.
    """
    try:
        transport.write_eof()
    except OSError:
        return False
    return True
