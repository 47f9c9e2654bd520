"""TCP lines: to a terminal, and from a till.

asyncio switches Nagle's algorithm off on every TCP line by itself (TCP_NODELAY), so that a frame of a few bytes leaves
at once.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

import structlog
from pydantic import IPvAnyNetwork

from tillbridge.transports.allow import allowed
from tillbridge.transports.errors import LineUnavailable
from tillbridge.transports.streams import stream
from tillbridge.transports.tap import tapped
from tillbridge.web.listening import BACKLOG, BoundAddress, bind

log = structlog.get_logger(__name__)

P = TypeVar("P", bound=asyncio.Protocol)

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for a terminal in the same building to accept a connection; one that is off never answers at all."""

PROBE_AFTER: Final = 60
"""Seconds of silence after which the system asks by itself whether the other side still exists (TCP keep-alive)."""

PROBE_EVERY: Final = 15
PROBES: Final = 4
"""Four unanswered probes, a quarter of a minute apart, end a line whose other side lost its power or its cable."""


async def connect_tcp(
    host: str,
    port: int,
    protocol_factory: Callable[[], P],
    timeout: float = CONNECT_TIMEOUT,  # noqa: ASYNC109 - it ends in a LineUnavailable of ours, not in a TimeoutError
) -> tuple[asyncio.Transport, P]:
    """A line to a listening terminal.

    Raises `LineUnavailable` naming the cause, at the latest after `timeout` seconds.
    """
    loop = asyncio.get_running_loop()
    where = BoundAddress(host, port)
    try:
        async with asyncio.timeout(timeout):
            transport, protocol = await tapped(
                lambda factory: loop.create_connection(factory, host, port), protocol_factory
            )
    except TimeoutError as error:
        raise LineUnavailable(
            f"{where} did not answer within {timeout:g} seconds: is the terminal switched on and in this network?"
        ) from error
    except (OSError, UnicodeError, OverflowError) as error:
        raise LineUnavailable(_cause(where, error)) from error
    _watch(transport.get_extra_info("socket"))
    return transport, protocol


class _Porter(asyncio.Protocol):
    """Stands at the entrance: hands a connection over to the door, or ends it where the door serves other peers."""

    def __init__(self, factory: Callable[[], asyncio.Protocol], networks: Sequence[IPvAnyNetwork]) -> None:
        self._factory = factory
        self._networks = networks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not allowed(address, self._networks):
            log.warning("peer_refused", address=address)
            stream(transport).abort()
            return
        till = self._factory()
        transport.set_protocol(till)
        till.connection_made(transport)


async def listen_tcp(
    host: str,
    port: int,
    protocol_factory: Callable[[], asyncio.Protocol],
    networks: Sequence[IPvAnyNetwork] = (),
) -> asyncio.Server:
    """A server that makes a protocol for each till that connects from this computer or from one of `networks`.

    A name that stands for several addresses is served on the first of them that this computer has, IPv4 before IPv6.
    With port 0 the system chooses one: `bound_port` tells which. Raises `BridgeError(PORT_TAKEN)` naming host:port
    when another program has it, and `BridgeError(SETTINGS_INVALID)` when nobody could listen there.
    """
    sockets, _ = await bind(host, port, only_first=True)
    try:
        _watch(sockets[0])  # accepted connections inherit it
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Porter(protocol_factory, networks), sock=sockets[0], backlog=BACKLOG)
    except BaseException:
        sockets[0].close()
        raise


def bound_port(server: asyncio.Server) -> int:
    """The port that a server listens on."""
    port: int = server.sockets[0].getsockname()[1]
    return port


class _Options(Protocol):
    def setsockopt(self, level: int, optname: int, value: int, /) -> None: ...


def _watch(line: _Options) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", PROBE_AFTER), ("TCP_KEEPINTVL", PROBE_EVERY), ("TCP_KEEPCNT", PROBES)):
        option = getattr(socket, name, None)
        if option is not None:
            with suppress(OSError):
                line.setsockopt(socket.IPPROTO_TCP, option, value)


def _cause(where: BoundAddress, error: Exception) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"the name {where.host!r} is not known in this network"
    match getattr(error, "errno", None):
        case errno.ECONNREFUSED:
            return f"{where} refused the connection: nothing listens on that port there"
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return f"{where} cannot be reached from this computer: check the cable, the network and the address"
        case errno.ECONNRESET | errno.ECONNABORTED:
            return f"{where} broke off the connection at once"
        case _:
            return f"no connection to {where}: {getattr(error, 'strerror', None) or error}"
