"""Which computers may use a door that asks for no password.

Most wires of the field have no authentication at all: whoever reaches the port can start a payment or a refund. So a
door listens on this computer alone, and one that listens on the network has to say which addresses it serves.
"""

import ipaddress
from collections.abc import Sequence
from typing import Annotated, Final

import structlog
from pydantic import AliasChoices, Field, IPvAnyNetwork

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.web.asgi import App, Receive, Scope, Send, answer
from tillbridge.web.guard import Render
from tillbridge.web.problem import problem_json

MOST_NETWORKS: Final = 100
"""More than a shop has tills; a longer list is a network, and is written as one."""

Networks = Annotated[tuple[IPvAnyNetwork, ...], Field(max_length=MOST_NETWORKS)]
"""Addresses or networks, as a person types them: "192.168.1.20", "10.0.0.0/24"."""

BindHost = Annotated[str, Field(min_length=1, max_length=255, validation_alias=AliasChoices("host", "bind"))]
"""The address to listen on, under either of the two names that people look for in a settings file."""

log = structlog.get_logger(__name__)


def on_loopback(host: str) -> bool:
    """Whether nobody but this computer reaches this host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_exposure(host: str, networks: Sequence[IPvAnyNetwork]) -> None:
    """`ValueError` for a door without authentication that the network reaches and that does not say whom it serves."""
    if not on_loopback(host) and not networks:
        raise ValueError(
            "a door without a password that listens beyond this computer needs allow_from: the addresses of its tills"
        )


def warn_of_exposure(door: str, address: str, host: str, networks: Sequence[IPvAnyNetwork]) -> None:
    """Says at the start of a door that other computers reach it, and which ones it serves."""
    if not on_loopback(host):
        log.warning("door_on_the_network", door=door, address=address, allow_from=[str(one) for one in networks])


def allowed(address: str, networks: Sequence[IPvAnyNetwork]) -> bool:
    """Whether a peer at this address may use the door. This computer itself always may."""
    try:
        peer = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return peer.is_loopback or any(peer in network for network in networks)


class AllowFrom:
    """ASGI middleware: refuses peers that are not `allowed`, in the shape that `render` gives to an error."""

    def __init__(self, app: App, networks: Sequence[IPvAnyNetwork], *, render: Render = problem_json) -> None:
        self._app = app
        self._networks = networks
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        peer = (scope.get("client") or ("",))[0]
        if scope["type"] == "http" and not allowed(peer, self._networks):
            log.warning("peer_refused", address=peer, path=scope["path"])
            await answer(send, self._render(BridgeError(Code.ADDRESS_NOT_ALLOWED, place=peer or None)))
            return
        await self._app(scope, receive, send)
