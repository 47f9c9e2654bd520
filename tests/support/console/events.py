"""Server-sent events as a client reads them."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support.console.asgi_client import Stream
from tillbridge.connector.api.stream import HEARTBEAT


@dataclass(frozen=True)
class Told:
    """`id` is None for what is told as it happens and not again."""

    id: int | None
    payment: dict[str, Any]

    @property
    def change(self) -> str | None:
        """What the journal says has happened."""
        change = self.payment["change"]
        return None if change is None else str(change["type"])


def read(piece: bytes) -> Told:
    """One event."""
    fields = dict(line.split(": ", 1) for line in piece.decode().rstrip("\n").split("\n"))
    assert fields["event"] == "payment"
    payment = json.loads(fields["data"])
    number = int(fields["id"]) if "id" in fields else None
    assert number == (None if payment["change"] is None else payment["change"]["seq"])
    return Told(number, payment)


async def start(stream: Stream) -> int:
    """Reads what a stream begins with: where in the journal it stands."""
    piece = await stream.next()
    assert piece is not None
    retry, number, *rest = piece.decode().split("\n")
    assert (retry, rest) == ("retry: 2000", ["", ""])
    return int(number.removeprefix("id: "))


async def told(stream: Stream) -> Told:
    """The next event, past signs of life."""
    while (piece := await stream.next()) == HEARTBEAT:
        pass
    assert piece is not None, "the stream has ended"
    return read(piece)


async def until(stream: Stream, last: int) -> list[Told]:
    """The events until that line of the journal."""
    found = [await told(stream)]
    while found[-1].id != last:
        found.append(await told(stream))
    return found


async def rest(stream: Stream) -> list[Told]:
    """The events until the stream ends."""
    found = []
    while (piece := await stream.next()) is not None:
        if piece != HEARTBEAT:
            found.append(read(piece))
    return found
