"""HTTP as a till's computer speaks it over a kept connection, and a relay that cuts such connections on purpose."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, cast

from tests.portal.storm.plan import Cut

ANSWER_SECONDS: Final = 60.0
"""Real seconds in which the portal has to say something, on the slowest computer."""

_END: Final = b"\r\n\r\n"


class Broken(Exception):
    """The connection ended before the whole answer was there, or was not to be had."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def whole(heard: bytes) -> Answer | None:
    """The answer in these bytes; None while something of it is missing."""
    head, gap, body = heard.partition(_END)
    if not gap:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if len(body) < int(headers.get("content-length", "0")):
        return None
    return Answer(int(first.split()[1]), headers, body)


class Line(asyncio.Protocol):
    """One connection, which answers one request after another."""

    def __init__(self) -> None:
        self._line: asyncio.Transport | None = None
        self._heard = b""
        self._answer: asyncio.Future[Answer] | None = None
        self.open = True

    @classmethod
    async def to(cls, port: int) -> "Line":
        """A new connection. `Broken` if nobody listens."""
        try:
            _, made = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        except OSError:
            raise Broken from None
        return made

    async def ask(self, request: bytes) -> Answer:
        """Sends a request. `Broken` if the connection ends instead of an answer."""
        if not self.open or self._line is None:
            raise Broken
        self._answer = asyncio.get_running_loop().create_future()
        self._line.write(request)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._answer
        finally:
            self._answer = None

    def close(self) -> None:
        """Hangs up."""
        self.open = False
        if self._line is not None:
            self._line.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        answer = whole(self._heard)
        if answer is not None and self._answer is not None and not self._answer.done():
            self._heard = b""
            self._answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's own name
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken())


@dataclass(slots=True)
class Relay:
    """Stands between tills and one process of the portal, and cuts each connection at one place.

    An answer is cut off only when the whole of it has come from the portal: what it tells is committed by then.
    `heard` has these answers by their keys.
    """

    portal: int
    cut: Cut
    port: int = 0
    heard: dict[str, Answer] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Relay"]:
        """Listens as long as the block lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _message(reader)
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.portal)
        try:
            if self.cut is Cut.IN_REQUEST:
                ours.write(request[: len(request) // 2])
                await ours.drain()
                return
            ours.write(request)
            answer = await _message(theirs)
            self.heard[_key_of(request)] = _whole(answer)
            if self.cut is Cut.IN_ANSWER:
                writer.write(answer[: len(answer) // 2])
                await writer.drain()
                # To the till the line ends; what was written arrives first.
                with suppress(OSError):
                    writer.write_eof()
                    await reader.read()
        finally:
            ours.transport.abort()


@asynccontextmanager
async def relays(portals: list[int]) -> AsyncIterator[dict[tuple[int, Cut], Relay]]:
    """A relay for each process and each place to cut at."""
    async with AsyncExitStack() as stack:
        made = [Relay(port, cut) for port in portals for cut in Cut if cut is not Cut.NOWHERE]
        for one in made:
            await stack.enter_async_context(one.open())
        yield {(one.portal, one.cut): one for one in made}


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(_END)
    return head + await reader.readexactly(int(_header(head, "content-length") or 0))


def _whole(heard: bytes) -> Answer:
    answer = whole(heard)
    assert answer is not None
    return answer


def _key_of(request: bytes) -> str:
    return _header(request.partition(_END)[0], "idempotency-key")


def _header(head: bytes, name: str) -> str:
    lines = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    return next((value.strip() for found, _, value in lines if found.lower() == name), "")
