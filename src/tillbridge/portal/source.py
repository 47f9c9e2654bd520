"""Where a request comes from, as limits count it and the audit log names it."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.requests import HTTPConnection

from tillbridge.portal.settings import PortalSettings

UNKNOWN: Final = "unknown"
"""What is counted together: requests of which nobody knows where they come from."""

IPV6_PREFIX: Final = 64
"""A household or a server is given this much of IPv6: one address of it says nothing about who asks."""

_FORWARDED: Final = "x-forwarded-for"


def source_of(request: HTTPConnection, settings: PortalSettings) -> str:
    """The client's address; of IPv6 its network of 64 bits.

    Behind a proxy of the operator's it is the last entry of `X-Forwarded-For`, which that proxy wrote: whatever stands
    before it came from the client. Where the settings speak of no proxy the header is not looked at.
    """
    peer = request.client.host if request.client else ""
    if settings.listen.behind_proxy:
        forwarded = request.headers.getlist(_FORWARDED)
        last = forwarded[-1].rpartition(",")[2] if forwarded else ""
        return _grouped(_without_port(last.strip())) or _grouped(peer) or UNKNOWN
    return _grouped(peer) or UNKNOWN


def _grouped(text: str) -> str:
    """The address in its one spelling; nothing for what is none."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Network((address, IPV6_PREFIX), strict=False))
    return str(address)


def _without_port(text: str) -> str:
    """Some proxies write the port too: `[2001:db8::1]:443`, `192.0.2.1:443`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
