"""The lasting connection to the portal: one WebSocket that this side opens (docs/explanation/link.md).

It works from behind any router, comes back by itself, and never stands in the way of a payment: whatever goes wrong
here is noted on the board and tried again.
"""

import asyncio
import random
from contextlib import suppress
from typing import Final, assert_never

import aiohttp
import structlog

from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.faults import OVERDUE_SECONDS, UnderMaintenance
from tillbridge.connector.portal.http import network_fault
from tillbridge.connector.portal.link_commands import Commander
from tillbridge.connector.portal.states import Planned
from tillbridge.domain.errors import CATALOGUE, BridgeError, Code
from tillbridge.link.frames import MAX_FRAME, UnknownMessage, read_from_portal, write
from tillbridge.link.message_words import StationHealth
from tillbridge.link.messages import (
    MAX_RESUMED,
    MAX_STATIONS,
    Bye,
    Command,
    CommandAnswer,
    FromConnector,
    FromPortal,
    Heartbeat,
    Hello,
    Maintenance,
    Noted,
    Notice,
    Station,
    Unpair,
    Welcome,
    Window,
)
from tillbridge.link.protocol import OLDEST, PROTOCOL, Verdict, understand
from tillbridge.protocols.contract import PaymentDesk, TerminalStatus

PATH: Final = "/v1/link"

PING_SECONDS: Final = 20.0
"""Between two pings; an answer that does not come within half of it means that the line is dead without saying so."""

WELCOME_SECONDS: Final = 15.0
SEND_SECONDS: Final = 10.0

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds before the next try: doubled after each failure, with chance in it, so that a portal that comes back is not
run over by all its connectors at once."""

JITTER_SECONDS: Final = 10.0
"""A heartbeat comes so much earlier or later: those of a thousand shops spread by themselves."""

HEALTHY_SECONDS: Final = 60.0
"""A connection that lasted so long was a good one: the next pause is a short one again."""

MOST_ORDERED: Final = 3600.0
"""The longest pause that a portal may ask for."""

MAX_REASON: Final = 500

_LINE_FAULTS: Final = (aiohttp.ClientError, OSError, TimeoutError)
"""How a connection breaks."""

_ABOUT_THE_LINK: Final = frozenset(
    {entry.number for code, entry in CATALOGUE.items() if code.value.startswith("link_") and entry.number}
    | {CATALOGUE[code].number for code in (Code.NONCE_NEEDED, Code.TOKEN_EXPIRED, Code.PROOF_REFUSED, Code.NOT_PAIRED)}
)
"""Good-byes after which the token endpoint is asked what they mean: it also hands out the next nonce."""

log = structlog.get_logger(__name__)


class LastingLink:
    """The connection of one connector. `desk` tells how the terminals are; `commander` does what the portal asks."""

    def __init__(self, desk: PaymentDesk, commander: Commander, version: str, chance: random.Random) -> None:
        self._desk = desk
        self._commander = commander
        self._version = version
        self._chance = chance
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._ended = asyncio.Event()
        self._farewell_heard = False

    async def run(self, connection: Connection) -> None:
        """Keeps the connection, until cancelled."""
        connection.farewell = self._say_farewell
        self._commander.rotate = lambda: _ask_for_rotation(connection)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commander.work(self._answer))
            group.create_task(self._commander.follow(self._answer))
            await self._keep(connection)

    async def _keep(self, connection: Connection) -> None:
        pause = FIRST_PAUSE
        while True:
            link_id = await _usable(connection)
            loop = asyncio.get_running_loop()
            began = loop.time()
            ordered = await self._once(connection)
            pause = FIRST_PAUSE if loop.time() - began >= HEALTHY_SECONDS else min(pause * 2, LONGEST_PAUSE)
            seconds = self._chance.uniform(0.5, 1.0) * pause
            if ordered is not None:
                # Never earlier than the portal asked, and not all of its connectors at that very moment.
                seconds += min(ordered, MOST_ORDERED)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _another(connection, link_id)

    async def _once(self, connection: Connection) -> float | None:
        """One connection, to its end. Returns the pause that the portal asked for, if it did."""
        try:
            socket = await self._open(connection)
            try:
                return await self._converse(connection, socket)
            finally:
                self._socket = None
                self._ended.set()
                await _close(socket)
        except BridgeError as error:
            connection.board.failed(error)
            if error.code is Code.LINK_OUTDATED:
                connection.board.told(error.detail)
            log.info("portal_link_lost", code=error.code)
            return None if error.retry_after is None else float(error.retry_after)
        except _LINE_FAULTS as error:
            found = network_fault(error, connection.http().place)
            connection.board.failed(found)
            log.info("portal_link_lost", code=found.code)
            return None

    async def _open(self, connection: Connection) -> aiohttp.ClientWebSocketResponse:
        http = connection.http()
        url = http.url(PATH)
        token = await connection.tokens.status(http)
        headers = {"Authorization": f"DPoP {token}", "DPoP": connection.tokens.proof("GET", url, token)}
        async with asyncio.timeout(WELCOME_SECONDS):
            return await http.session.ws_connect(
                url,
                headers=headers,
                heartbeat=PING_SECONDS,
                # Answered by hand: that the portal answers a ping is what tells that it is reached.
                autoping=False,
                max_msg_size=MAX_FRAME,
                ssl=http.pin,
                timeout=aiohttp.ClientWSTimeout(ws_close=SEND_SECONDS),
            )

    # ------------------------------------------------------------ one conversation

    async def _converse(self, connection: Connection, socket: aiohttp.ClientWebSocketResponse) -> float | None:
        await _send(socket, await self._hello(connection))
        async with asyncio.timeout(WELCOME_SECONDS):
            first = await self._receive(connection, socket)
        if isinstance(first, Bye):
            return await self._sent_away(connection, first)
        if not isinstance(first, Welcome):
            raise BridgeError(Code.PORTAL_FAULT, "it did not welcome this connector")
        _agree(first)
        self._welcomed(connection, first)
        self._socket = socket
        self._ended.clear()
        self._farewell_heard = False
        farewell = await self._stay(connection, socket, first.heartbeat_seconds)
        if farewell is None:
            return None
        self._farewell_heard = farewell.code == CATALOGUE[Code.LINK_REVOKED].number
        return await self._sent_away(connection, farewell)

    def _welcomed(self, connection: Connection, welcome: Welcome) -> None:
        connection.board.announced(map(_planned, welcome.windows), _maintained(welcome.maintenance))
        connection.board.reached(welcome.server_time)
        connection.board.told(welcome.update_advice)

    async def _stay(self, connection: Connection, socket: aiohttp.ClientWebSocketResponse, seconds: int) -> Bye | None:
        """Reports and listens until the portal says good-bye, or the line ends; what broke it is raised as it was."""
        fault: Exception | None = None
        farewell: Bye | None = None
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(self._beat(connection, socket, seconds))
            try:
                farewell = await self._listen(connection, socket)
            except (BridgeError, *_LINE_FAULTS) as error:
                # Not through the group, which would wrap it.
                fault = error
            beating.cancel()
        if fault is not None:
            raise fault
        return farewell

    async def _listen(self, connection: Connection, socket: aiohttp.ClientWebSocketResponse) -> Bye | None:
        """Hears the portal until it says good-bye, or the line ends."""
        while True:
            message = await self._receive(connection, socket)
            match message:
                case None:
                    return None
                case Bye():
                    return message
                case Command():
                    self._commander.take(message, connection.board.standing().skew)
                case Noted():
                    await self._commander.noted(message.id)
                case Notice():
                    connection.board.told(message.text)
                case Welcome():
                    self._welcomed(connection, message)
                case UnknownMessage():
                    log.info("portal_message_left_alone", type=message.type)
                case _:
                    assert_never(message)

    async def _beat(self, connection: Connection, socket: aiohttp.ClientWebSocketResponse, seconds: int) -> None:
        jitter = min(JITTER_SECONDS, seconds / 2)
        try:
            while True:
                await _send(socket, await self._heartbeat(connection))
                await asyncio.sleep(seconds + self._chance.uniform(-jitter, jitter))
        except _LINE_FAULTS as error:
            # Whoever listens hears of it as the end of the line.
            log.info("portal_heartbeat_unsent", type=type(error).__name__)
            await _close(socket)

    async def _receive(
        self, connection: Connection, socket: aiohttp.ClientWebSocketResponse
    ) -> FromPortal | UnknownMessage | None:
        """The next message; None once the line has ended."""
        while True:
            message = await socket.receive()
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    connection.board.heard()
                    return read_from_portal(message.data)
                case aiohttp.WSMsgType.PONG:
                    connection.board.heard()
                case aiohttp.WSMsgType.PING:
                    async with asyncio.timeout(SEND_SECONDS):
                        await socket.pong(message.data)
                case aiohttp.WSMsgType.CLOSE | aiohttp.WSMsgType.CLOSING | aiohttp.WSMsgType.CLOSED:
                    return None
                case aiohttp.WSMsgType.ERROR:
                    raise BridgeError(Code.PORTAL_SILENT, "the line broke")
                case _:
                    raise BridgeError(Code.PORTAL_FAULT, "it sent something that is no text")

    async def _sent_away(self, connection: Connection, bye: Bye) -> float | None:
        """What a good-bye means. Whether the link has ended is asked of the token endpoint, which can prove itself."""
        log.info("portal_said_bye", code=bye.code)
        if bye.code == Code.LINK_OUTDATED:
            raise BridgeError(Code.LINK_OUTDATED, bye.text, retry_after=bye.retry_after)
        if bye.code in _ABOUT_THE_LINK:
            await connection.tokens.contact(connection.http())
        return None if bye.retry_after is None else float(bye.retry_after)

    # ------------------------------------------------------------ what this side says

    async def _hello(self, connection: Connection) -> Hello:
        return Hello(
            protocol=PROTOCOL,
            oldest=OLDEST,
            version=self._version,
            connector_id=_connector_id(connection),
            stations=await self._stations(),
            resume=self._commander.book.unfinished[:MAX_RESUMED],
        )

    async def _heartbeat(self, connection: Connection) -> Heartbeat:
        standing = connection.board.standing()
        now = connection.runtime.clock.now()
        oldest = standing.unsent.oldest_at
        return Heartbeat(
            version=self._version,
            stations=await self._stations(),
            clock=now,
            oldest_unsent_seconds=None if oldest is None else max(0, int((now - oldest).total_seconds())),
            unsent_count=standing.unsent.count,
            open_put_backs=standing.unsent.put_backs,
            configuration_revision=self._commander.revision,
        )

    async def _stations(self) -> tuple[Station, ...]:
        return tuple(_station(one) for one in (await self._desk.terminals())[:MAX_STATIONS])

    async def _answer(self, answer: CommandAnswer) -> None:
        if (socket := self._socket) is not None:
            # A line that is over is found out by its reader.
            with suppress(*_LINE_FAULTS):
                await _send(socket, answer)

    async def _say_farewell(self, reason: str) -> bool:
        """Tells the portal that the link ends here; it was told if the portal has ended it then."""
        socket = self._socket
        if socket is None:
            return False
        try:
            await _send(socket, Unpair(reason=reason[:MAX_REASON]))
        except _LINE_FAULTS:
            return False
        await self._ended.wait()
        return self._farewell_heard


def _station(terminal: TerminalStatus) -> Station:
    return Station(
        name=terminal.name,
        health=StationHealth(terminal.health.state.value),
        busy=terminal.occupied_by is not None,
    )


def _planned(window: Window) -> Planned:
    return Planned(window.component, window.start, window.end)


def _maintained(maintenance: Maintenance | None) -> UnderMaintenance | None:
    return None if maintenance is None else UnderMaintenance(maintenance.until, OVERDUE_SECONDS)


def _agree(welcome: Welcome) -> None:
    """`BridgeError(LINK_OUTDATED)` where the two sides share no version of the messages, naming which is too old."""
    match understand(welcome.protocol, welcome.oldest).verdict:
        case Verdict.AGREED:
            return
        case Verdict.THEY_ARE_TOO_OLD:
            detail = f"the portal speaks version {welcome.protocol} of the link, this connector needs {OLDEST}"
        case Verdict.WE_ARE_TOO_OLD:
            detail = f"the portal needs version {welcome.oldest} of the link: update this connector"
        case verdict:
            assert_never(verdict)
    raise BridgeError(Code.LINK_OUTDATED, detail)


async def _send(socket: aiohttp.ClientWebSocketResponse, message: FromConnector) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await socket.send_str(write(message))


async def _close(socket: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(*_LINE_FAULTS):
        async with asyncio.timeout(SEND_SECONDS):
            await socket.close()


async def _usable(connection: Connection) -> str:
    """Waits until there is a link that the portal has acknowledged; returns its id."""
    while True:
        link = _link_of(connection)
        if link is not None:
            return link
        await connection.board.change()


async def _another(connection: Connection, link_id: str) -> None:
    """Returns when the link is another one, or none any more."""
    while _link_of(connection) == link_id:
        await connection.board.change()


def _link_of(connection: Connection) -> str | None:
    kept = None if connection.keystore.fault is not None else connection.keystore.kept
    link = None if kept is None else kept.link
    return None if link is None or link.ended or not link.acknowledged else link.link_id


def _connector_id(connection: Connection) -> str:
    kept = connection.keystore.kept
    if kept is None:
        raise BridgeError(Code.NOT_PAIRED)
    return kept.connector_id


def _ask_for_rotation(connection: Connection) -> None:
    connection.tokens.rotation_asked = True
    connection.board.link_changed()
