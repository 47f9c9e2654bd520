"""Which line leads to a terminal, read from the settings of whatever wire it speaks: to see when two mean the same."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from tillbridge.runtime.scrubbing import is_secret
from tillbridge.transports.serial_line import SerialSettings

HOSTS: Final = ("host", "hostname", "ip")
URLS: Final = ("http://", "https://")
RADIO: Final = ("bluetooth", "address", "device_name", "mac")
"""Names of settings that hold a Bluetooth terminal's name or address."""


def lines_of(settings: BaseModel) -> frozenset[str]:
    """Every line that these settings lead to, each in one spelling.

    Another computer counts as one terminal whatever the port: a terminal has one screen and one customer. On this
    computer, where simulators live side by side, the port tells them apart.
    """
    return frozenset(_lines(settings))


def line_at(address: str) -> str:
    """The line that leads to this address (host:port), in the same spelling."""
    host, _, port = address.rpartition(":")
    return _computer(host.strip("[]"), port)


def secrets_of(settings: BaseModel) -> frozenset[str]:
    """The passwords that stand in these settings, to be hidden wherever they turn up."""
    return frozenset(secret for secret in _secrets(settings) if secret)


def _lines(settings: BaseModel) -> Iterator[str]:
    if isinstance(settings, SerialSettings):
        yield f"serial {Path(settings.port).resolve()}"
        return
    port = getattr(settings, "port", None)
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        match value:
            case BaseModel():
                yield from _lines(value)
            case str() if value.lower().startswith(URLS):
                parts = urlsplit(value)
                yield _computer(parts.hostname or "", parts.port)
            case str() if value and name in HOSTS:
                yield _computer(value, port)
            case str() if value and any(word in name for word in RADIO):
                yield f"bluetooth {value.strip().lower()}"
            case _:
                pass


def _computer(host: str, port: object) -> str:
    name = host.strip().lower().rstrip(".")
    return f"localhost:{port}" if _is_here(name) else name


def _is_here(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _secrets(settings: BaseModel) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, str) and is_secret(name):
            yield value
