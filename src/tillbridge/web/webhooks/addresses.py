"""Where a webhook may go. A receiver's address is typed in by somebody: it must not become a way into this network.

Whoever may add a webhook could otherwise have this computer ask its own services, the router, a terminal or a cloud's
metadata service, and read the answers in the delivery log. So the address is looked at when it is set, and again at
every attempt, after its name was resolved: the connection then goes to the very address that was looked at.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, model_validator
from yarl import URL

LONGEST_URL: Final = 2000
"""Characters: more than any receiver needs, and what programs commonly take."""

MOST_NETWORKS: Final = 20

WIDEST: Final = {4: 8, 6: 16}
"""Bits that an allowed network fixes at least: nobody allows the whole internet by a slip of the finger."""

RESOLVE_SECONDS: Final = 5.0
"""For a name to be resolved; a resolver that works takes a fraction of one."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_TRANSLATED: Final = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))
"""IPv6 addresses that stand for an IPv4 address at their end, which a router may send them on to."""


_LOCAL_THOUGH_GLOBAL: Final = (
    # Site-local addresses (RFC 3879): not given out any more, and still what an old router may send on inside.
    ipaddress.IPv6Network("fec0::/10"),
    # The address at which one large cloud gives each of its machines what it has to know, passwords among that.
    ipaddress.IPv4Network("168.63.129.16/32"),
)
"""Networks that the registries' lists do not call private, and that lead inside all the same."""


class AddressRefused(Exception):
    """No request goes there; the text says why."""


class WebhookSettings(BaseModel):
    """Where webhooks may go besides the internet.

    `allow_networks` are networks of receivers of yours ("192.168.10.0/24"). `allow_http_to_loopback` lets a receiver on
    this computer be reached without TLS; it opens the loopback addresses as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_networks: Annotated[tuple[IPvAnyNetwork, ...], Field(max_length=MOST_NETWORKS)] = ()
    allow_http_to_loopback: bool = False

    @model_validator(mode="after")
    def _narrow(self) -> Self:
        for network in self.allow_networks:
            if network.prefixlen < WIDEST[network.version]:
                raise ValueError(f"{network} is too wide: name the network of the receiver")
        return self


def check_url(text: str, settings: WebhookSettings) -> URL:
    """The address, if it may be used as far as can be seen without resolving its name; else `AddressRefused`."""
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise AddressRefused(f"it must be plain ASCII of at most {LONGEST_URL} characters")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError:
        raise AddressRefused("it is not an address such as https://shop.example/tillbridge") from None
    if url.scheme not in ("http", "https") or not host or not port:
        raise AddressRefused("it must begin with https:// and name a host")
    if url.user is not None or url.password is not None or url.fragment:
        raise AddressRefused("it must hold no login and no #")
    literal = _literal(host)
    if literal is not None:
        check_address(literal, settings, encrypted=url.scheme == "https")
    elif url.scheme == "http" and not (settings.allow_http_to_loopback and host == "localhost"):
        raise AddressRefused("it must begin with https://: what is sent there is about payments")
    return url


def check_address(address: Address, settings: WebhookSettings, *, encrypted: bool) -> None:
    """Returns if a request may go to this address; `AddressRefused` if not."""
    address = _meant(address)
    if address.is_loopback and settings.allow_http_to_loopback:
        return
    if not encrypted:
        raise AddressRefused("without TLS only a receiver on this computer is reached, and only if the settings say so")
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        raise AddressRefused(f"{address} is no address of a receiver")
    if any(address.version == network.version and address in network for network in settings.allow_networks):
        return
    inside = any(address.version == network.version and address in network for network in _LOCAL_THOUGH_GLOBAL)
    if inside or not address.is_global or address.is_reserved:
        raise AddressRefused(
            f"{address} is inside this network: allow it in the settings if a receiver of yours is there"
        )


async def resolve(
    host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
) -> Sequence[tuple[Address, socket.AddressFamily]]:
    """The addresses of a name at this moment; `OSError` if there are none, or none is told in time."""
    async with asyncio.timeout(RESOLVE_SECONDS):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    return [(ipaddress.ip_address(str(where[0])), kind) for kind, _, _, _, where in found]


async def check_reachable(url: URL, settings: WebhookSettings) -> None:
    """Refuses a name that stands for an address inside. A name that nobody knows now may be known later."""
    if url.host is None or url.port is None or _literal(url.host) is not None:
        return
    try:
        found = await resolve(url.host, url.port)
    except (OSError, UnicodeError):
        return
    for one, _ in found:
        check_address(one, settings, encrypted=url.scheme == "https")


def _literal(host: str) -> Address | None:
    """The address that a host is written as. One in an odd spelling (127.1, 0x7f000001, octal) is refused."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        # What ends in a number is read as an IPv4 address by every system's resolver and by nobody's registrar.
        if ":" in host or last.isdigit() or last.lower().startswith("0x"):
            raise AddressRefused(f"{host} is not the usual way to write an address") from None
        return None


def _meant(address: Address) -> Address:
    """The address that packets end up at: IPv4 addresses inside IPv6 ones are taken out."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inside = address.ipv4_mapped or address.sixtofour
    if inside is None and address.teredo is not None:
        inside = address.teredo[1]
    if inside is None and address != ipaddress.IPv6Address("::1") and not address.is_unspecified:
        translated = any(address in network for network in _TRANSLATED)
        inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if translated else None
    return address if inside is None else inside
