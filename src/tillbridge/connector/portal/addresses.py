"""The address of a portal: TLS beyond this computer, a host name that both sides can write alike, and nothing else."""

import ipaddress
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tillbridge.domain.errors import BridgeError, Code

LONGEST_ADDRESS: Final = 300

_EXAMPLE: Final = "an address such as https://portal.example"
_LOCAL_NAME: Final = "localhost"
_LONGEST_LABEL: Final = 63


def checked_address(text: str) -> str:
    """The address in its one spelling, such as `https://portal.example:8443`.

    `BridgeError(FIELD_INVALID)` names the fault; what stood there is not repeated, because it may hold a password.
    """
    parts = _parts(text.strip())
    host = _host(parts)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _invalid("leave out what stands behind the host name: a portal has a host of its own")
    match parts.scheme:
        case "https":
            pass
        case "http" if is_loopback(host):
            pass
        case "http":
            raise _invalid("use https: without it everybody on the way could listen; http is for this computer alone")
        case _:
            raise _invalid(f"it must be {_EXAMPLE}")
    port = _port(parts)
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


def host_of(address: str) -> str:
    """The host name of a checked address, as the pairing names the portal."""
    return urlsplit(address).hostname or ""


def port_of(address: str) -> int:
    """The port of a checked address."""
    parts = urlsplit(address)
    return parts.port or (443 if parts.scheme == "https" else 80)


def is_loopback(host: str) -> bool:
    """Whether this is a name of this very computer."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == _LOCAL_NAME


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  # reading it is what checks it
    except ValueError:
        raise _invalid(f"it must be {_EXAMPLE}") from None
    if not parts.hostname or "\\" in text or not text.isprintable():
        raise _invalid(f"it must be {_EXAMPLE}")
    if "@" in parts.netloc:
        raise _invalid("no name and no password may stand in it")
    return parts


def _host(parts: SplitResult) -> str:
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    labels = host.removesuffix(".").split(".")
    good = all(
        0 < len(label) <= _LONGEST_LABEL and label.replace("-", "").isalnum() and label.strip("-") == label
        for label in labels
    )
    if not good or not host.isascii():
        raise _invalid("its host is no name that a pairing can be bound to")
    return host


def _port(parts: SplitResult) -> int | None:
    usual = 443 if parts.scheme == "https" else 80
    if parts.port == 0:
        raise _invalid("there is no port 0")
    return None if parts.port in {None, usual} else parts.port


def _invalid(detail: str) -> BridgeError:
    return BridgeError(Code.FIELD_INVALID, detail, place="address")
