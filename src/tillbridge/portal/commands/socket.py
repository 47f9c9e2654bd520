"""The portal's end of the lasting connection: a WebSocket that a connector opens (docs/explanation/link.md)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Final, assert_never

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.frames import UnknownMessage, read_from_connector, write
from tillbridge.link.message_words import CommandState
from tillbridge.link.messages import (
    Bye,
    CommandAnswer,
    FromConnector,
    FromPortal,
    Heartbeat,
    Hello,
    Noted,
    Unpair,
    Welcome,
)
from tillbridge.link.protocol import OLDEST, PROTOCOL, Verdict, understand
from tillbridge.portal.commands.hub import SEND_SECONDS, Hub, bye_for
from tillbridge.portal.commands.model import Holder, Report
from tillbridge.portal.commands.service import CommandDesk
from tillbridge.portal.house import House

PATH: Final = "/v1/link"

HELLO_SECONDS: Final = 10.0
"""For the first message: whoever opens a connection and says nothing does not keep it."""

HEARTBEAT_SECONDS: Final = 60

SILENCE_SECONDS: Final = 3 * HEARTBEAT_SECONDS
"""After so long without a word the other end is taken for dead; it comes back when it lives."""

NORMAL: Final = 1000
REFUSED: Final = 1008
UNREADABLE: Final = 1007
FAULT: Final = 1011
"""Codes of RFC 6455, section 7.4.1: what ended the connection, for whoever reads a trace."""

_UNREADABLE: Final = frozenset({Code.BODY_INVALID, Code.FIELD_INVALID, Code.BODY_TOO_LARGE})

Admit = Callable[[WebSocket], Awaitable[Holder]]
"""Whose connection it is, by its token and its proof; `BridgeError` for anybody else."""

Greet = Callable[[Holder], Awaitable[Welcome]]
Unpaired = Callable[[Holder, str], Awaitable[None]]

log = structlog.get_logger(__name__)


class _Open:
    """One open connection, as the hub sees it."""

    def __init__(self, line_id: str, holder: Holder, socket: WebSocket) -> None:
        self._id = line_id
        self._holder = holder
        self._socket = socket
        self._sending = asyncio.Lock()

    @property
    def id(self) -> str:
        return self._id

    @property
    def holder(self) -> Holder:
        return self._holder

    async def send(self, message: FromPortal) -> None:
        async with self._sending:
            try:
                await self._socket.send_text(write(message))
            except RuntimeError:
                # It was closed from here, by the hub or by the end of the conversation.
                raise WebSocketDisconnect(NORMAL) from None

    async def hear(self, seconds: float) -> FromConnector | UnknownMessage:
        """The next message; `TimeoutError` if none comes, `BridgeError` for what is none."""
        async with asyncio.timeout(seconds):
            message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        text = message.get("text")
        if text is None:
            raise BridgeError(Code.BODY_INVALID, "messages are texts")
        return read_from_connector(text)

    async def close(self, why: Bye, status: int = NORMAL) -> None:
        # Whatever goes wrong here, the connection is over; that is what was wanted.
        with suppress(RuntimeError, WebSocketDisconnect, OSError, TimeoutError):
            async with asyncio.timeout(SEND_SECONDS):
                await self.send(why)
                await self._socket.close(status)


class LinkSocket:
    """Serves the connections of connectors."""

    def __init__(
        self, house: House, hub: Hub, desk: CommandDesk, admit: Admit, greet: Greet, unpaired: Unpaired
    ) -> None:
        self._house = house
        self._hub = hub
        self._desk = desk
        self._admit = admit
        self._greet = greet
        self._unpaired = unpaired

    @property
    def route(self) -> WebSocketRoute:
        """Where connectors find it."""
        return WebSocketRoute(PATH, self._serve)

    async def _serve(self, socket: WebSocket) -> None:
        try:
            holder = await self._admit(socket)
        except BridgeError as error:
            # Accepted first: a refusal of the handshake itself could not say why.
            await socket.accept()
            await _Open("", Holder("", "", ""), socket).close(bye_for(error), REFUSED)
            return
        await socket.accept()
        line = _Open(self._house.runtime.ids.new(), holder, socket)
        try:
            await self._converse(line)
        except BridgeError as error:
            log.info("link_refused", location=holder.location_id, code=error.code.value, place=error.place)
            await line.close(bye_for(error), UNREADABLE if error.code in _UNREADABLE else FAULT)
        except TimeoutError:
            await line.close(Bye(code="silent", text="Nothing was heard for too long.", retry_after=1))
        except WebSocketDisconnect:
            pass
        finally:
            self._hub.leave(line)

    async def _converse(self, line: _Open) -> None:
        hello = await line.hear(HELLO_SECONDS)
        if not isinstance(hello, Hello):
            raise BridgeError(Code.BODY_INVALID, "the first message must be a hello")
        if (bye := _misunderstanding(hello)) is not None:
            await line.close(bye, REFUSED)
            return
        await line.send(await self._greet(line.holder))
        await self._desk.resumed(line.holder, hello.resume)
        await self._hub.enter(line)
        await self._hub.ask_again(line, hello.resume)
        while True:
            await self._hear(line, await line.hear(SILENCE_SECONDS))

    async def _hear(self, line: _Open, message: FromConnector | UnknownMessage) -> None:
        match message:
            case Heartbeat():
                now = self._house.runtime.clock.now()
                skew = round((message.clock - now).total_seconds())
                holder = line.holder
                self._hub.report(Report(holder.location_id, holder.link_id, now, skew, message))
            case CommandAnswer():
                await self._desk.answered(line.holder, message)
                if message.state in {CommandState.DONE, CommandState.REFUSED}:
                    async with asyncio.timeout(SEND_SECONDS):
                        await line.send(Noted(id=message.id))
            case Unpair():
                await self._unpaired(line.holder, message.reason)
                await line.close(bye_for(BridgeError(Code.LINK_REVOKED)))
            case Hello():
                raise BridgeError(Code.BODY_INVALID, "a second hello on one connection")
            case UnknownMessage():
                log.info("message_unknown", type=message.type)


def _misunderstanding(hello: Hello) -> Bye | None:
    """What a connector is told with which this portal shares no version of the messages."""
    theirs, oldest = hello.protocol, hello.oldest
    match understand(theirs, oldest).verdict:
        case Verdict.AGREED:
            return None
        case Verdict.THEY_ARE_TOO_OLD:
            text = f"This connector speaks version {theirs}, the portal needs {OLDEST} or newer: update the connector."
        case Verdict.WE_ARE_TOO_OLD:
            text = f"This connector needs version {oldest}, the portal speaks {PROTOCOL}: the portal must be updated."
        case verdict:
            assert_never(verdict)
    return Bye(code=Code.LINK_OUTDATED, text=text, retry_after=3600)


def own_version() -> str:
    """The version that this portal says of itself."""
    return version("tillbridge")
