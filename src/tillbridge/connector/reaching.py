"""Who reaches what the connector listens on, read from the settings of a door."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from tillbridge.transports.allow import on_loopback

_LINES: Final = ("serial", "pty", "bluetooth")
"""Settings of a door that take the place of its TCP port, which then has its default and means nothing."""

_LOGINS: Final = ("api_username",)
"""Settings of a door that asks each till for a login and a password."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A TCP port of the settings.

    `networks` are those that it serves beyond this computer, `login` says that it asks each till for one.
    """

    host: str
    port: int
    networks: Sequence[str] = ()
    login: bool = False

    @property
    def warning(self) -> str:
        """What a person should know of it: empty where nobody but this computer reaches it."""
        if on_loopback(self.host):
            return ""
        if self.networks:
            return f"on the network without a password, for {', '.join(self.networks)} alone"
        if self.login:
            return "on the network: login and payments travel there in clear"
        return "on the network, for everybody who reaches it"


def listening(settings: BaseModel) -> Listening | None:
    """Where a door of these settings listens on TCP; None for one on another line."""
    if any(getattr(settings, line, None) is not None for line in _LINES):
        return None
    at = getattr(settings, "tcp", None) or settings
    host, port = getattr(at, "host", None), getattr(at, "port", None)
    if not isinstance(host, str) or not isinstance(port, int):
        return None
    networks = [str(network) for network in getattr(at, "allow_from", ())]
    return Listening(host, port, networks, any(getattr(settings, name, None) for name in _LOGINS))
