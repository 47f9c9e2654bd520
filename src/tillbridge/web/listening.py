"""Takes a TCP port for a server, and says in plain words why it cannot."""

import asyncio
import errno
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tillbridge.domain.errors import BridgeError, Code

BACKLOG: Final = 128
"""Connections that may wait to be accepted: far more than a shop has tills, and Linux's own customary limit."""

_ABSENT: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""A name such as localhost may stand for an address of a family that this computer does not use."""


HIGHEST_PORT: Final = 65535

_Address = tuple[socket.AddressFamily, tuple[str | int, ...]]


@dataclass(frozen=True, slots=True)
class BoundAddress:
    """Where a server listens: the host as it was asked for, and the port that it really got."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def bind(host: str, port: int, *, only_first: bool = False) -> tuple[list[socket.socket], BoundAddress]:
    """Listening sockets on every address of `host`; with port 0 the system chooses one, the same for all of them.

    `only_first` stops at the first address that this computer has, IPv4 before IPv6. Raises `BridgeError(PORT_TAKEN)`
    naming host:port when another program has it, and `BridgeError(SETTINGS_INVALID)` when this computer or this user
    cannot listen there at all.
    """
    wanted = BoundAddress(host, port)
    if not 0 <= port <= HIGHEST_PORT:
        raise BridgeError(Code.SETTINGS_INVALID, f"{port} is not a port: ports go from 0 to {HIGHEST_PORT}")
    addresses = await _addresses(wanted)
    bound: list[socket.socket] = []
    absent: OSError | None = None
    try:
        for family, address in addresses:
            try:
                bound.append(_listener(family, (address[0], wanted.port, *address[2:])))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise _refusal(wanted, error) from error
                absent = error
                continue
            wanted = BoundAddress(host, bound[0].getsockname()[1])
            if only_first:
                break
    except BaseException:
        for one in bound:
            one.close()
        raise
    if not bound and absent is not None:
        raise _refusal(wanted, absent) from absent
    return bound, wanted


async def _addresses(wanted: BoundAddress) -> list[_Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise BridgeError(
            Code.SETTINGS_INVALID, f"this computer does not know the name {wanted.host!r}, so it cannot listen there"
        ) from error
    unique: list[_Address] = list(dict.fromkeys((family, (*address,)) for family, _, _, _, address in found))
    return sorted(unique, key=lambda one: one[0] != socket.AF_INET)


def _listener(family: socket.AddressFamily, address: tuple[str | int, ...]) -> socket.socket:
    # The protocol is named: asyncio switches Nagle's algorithm off only on sockets that say that they are TCP. With it
    # on, an answer of two pieces waits 40 ms for the client's delayed acknowledgement of the first.
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two programs share the port, and each would get some of the payments.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Here it only allows a port whose earlier connections are still in TIME_WAIT: a restart needs that.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with suppress(OSError):
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
        one.bind(address)
        one.listen(BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def _refusal(wanted: BoundAddress, error: OSError) -> BridgeError:
    if error.errno in (errno.EACCES, errno.EPERM) and sys.platform != "win32":
        detail = f"this user may not listen on {wanted}; ports below 1024 need a privilege"
        return BridgeError(Code.SETTINGS_INVALID, detail)
    if error.errno in _ABSENT:
        return BridgeError(Code.SETTINGS_INVALID, f"{wanted.host!r} is not an address of this computer")
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return BridgeError(Code.PORT_TAKEN, f"another program already listens on {wanted}")
    return BridgeError(Code.SETTINGS_INVALID, f"this computer cannot listen on {wanted}: {error.strerror or error}")
