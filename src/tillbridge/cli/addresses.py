"""Addresses as they are written on the command line."""

from typing import Final

from tillbridge.cli.errors import WrongWord
from tillbridge.domain.errors import Code
from tillbridge.web.listening import HIGHEST_PORT

LONGEST_PORT: Final = len(str(HIGHEST_PORT))
LONGEST_SHOWN: Final = 100
"""Characters of a wrong address that are repeated to the person who wrote it."""


def host_and_port(text: str, place: str) -> tuple[str, int]:
    """Reads HOST:PORT, an IPv6 host in brackets; `WrongWord` names the option `place`."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    digits = port.isascii() and port.isdigit() and len(port) <= LONGEST_PORT
    if not (colon and host and digits) or (":" in host) != bracketed:
        shown = repr(text[:LONGEST_SHOWN])
        raise WrongWord(Code.SETTINGS_INVALID, f"{shown} is not HOST:PORT such as 127.0.0.1:8888", place=place)
    if int(port) > HIGHEST_PORT:
        raise WrongWord(Code.SETTINGS_INVALID, f"a port is at most {HIGHEST_PORT}, not {port}", place=place)
    return host, int(port)
