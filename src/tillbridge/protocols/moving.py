"""Terminals on a network may get another address: what their drivers promise besides, and how an address is written."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from tillbridge.domain.errors import BridgeError, Code

LONGEST_ADDRESS: Final = 260
"""Characters of an address: a host name has 253 at most (RFC 1035, section 2.3.4), the colon and the port have six."""

HIGHEST_PORT: Final = 65535

_WRITTEN: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):([0-9]{1,5})", re.ASCII)
_EVERYBODY: Final = ipaddress.ip_address("255.255.255.255")


@runtime_checkable
class Movable(Protocol):
    """What a terminal promises besides `contract.Terminal` whose line may be on a network."""

    @property
    def address(self) -> str | None:
        """Where it is reached, as host:port; None where this one is on no network."""
        ...

    def candidates(self) -> Sequence[str]:
        """Addresses at which a terminal was seen that did not prove to be this one: a person has to say so."""
        ...

    def move(self, address: str) -> None:
        """A person says that it is there now. Counts from the next connection on; called only while nothing runs.

        `BridgeError(FIELD_INVALID)` for what is no address, OPERATION_UNSUPPORTED for a terminal on no network.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a terminal is: its address now, the one that its settings say, and where it may be besides."""

    address: str
    configured: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address on a network."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str) -> HostPort:
    """A host name or an IP address with its port, as in 192.168.1.20:8888 or [2001:db8::7]:8888.

    `BridgeError(FIELD_INVALID)` for anything else, also for an address that cannot be that of one terminal.
    """
    found = _WRITTEN.fullmatch(text) if len(text) <= LONGEST_ADDRESS else None
    if found is None or not 1 <= int(found[2]) <= HIGHEST_PORT:
        raise _no_address("it is written as host:port, for example 192.168.1.20:8888")
    return HostPort(_host(found[1]), int(found[2]))


def _host(text: str) -> str:
    bare = text.strip("[]")
    try:
        number = ipaddress.ip_address(bare)
    except ValueError:
        if ":" in bare or re.fullmatch(r"[0-9.]+", bare):
            raise _no_address(f"{bare} is no IP address") from None
        return bare
    if number.is_unspecified or number.is_multicast or number == _EVERYBODY:
        raise _no_address(f"{bare} is no address of a terminal")
    return bare


def _no_address(detail: str) -> BridgeError:
    return BridgeError(Code.FIELD_INVALID, detail, place="address")
