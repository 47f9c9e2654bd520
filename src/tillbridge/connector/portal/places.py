"""Which portal, and which location there: from the settings, or from the one time that the console asked for it."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from tillbridge.connector.portal.addresses import checked_address, host_of, is_loopback, port_of
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.runtime.durable import read_bounded, write_durably

PLACE_FILE: Final = "portal.json"
MOST_BYTES: Final = 4096

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A portal and a location there. `from_settings` says that only the settings file can change it.

    `pinned` is the SHA-256 of the public key that the portal's certificate must have, as 64 hexadecimal digits.
    """

    address: str
    location: LocationNumber
    ca: Path | None = None
    pinned: str | None = None
    from_settings: bool = False

    @property
    def host(self) -> str:
        """The portal's host name."""
        return host_of(self.address)

    @property
    def port(self) -> int:
        """The port that it is reached at."""
        return port_of(self.address)

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken; without it the portal is on this computer."""
        return self.address.startswith("https://")

    @property
    def here(self) -> bool:
        """Whether the portal is on this computer."""
        return is_loopback(self.host)


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    address: str
    location_number: str


class Places:
    """The place of one connector."""

    def __init__(self, settings: PortalSettings | None, folder: Path) -> None:
        self._settings = settings
        self._path = folder / PLACE_FILE
        self._place = self._read() if settings is None else _of_settings(settings)

    @property
    def place(self) -> Place | None:
        """Where the portal is; None as long as nobody has said it."""
        return self._place

    def keep(self, address: str, location_number: str) -> Place:
        """Keeps what a person has said.

        `BridgeError`: FIELD_INVALID with the place `address` or `location_number`, SETTINGS_INVALID where the settings
        name the portal already, FOLDER_UNUSABLE where it cannot be written.
        """
        if self._settings is not None:
            raise BridgeError(Code.SETTINGS_INVALID, "the settings file names the portal", place="portal")
        checked = checked_address(address)
        location = LocationNumber.parse(location_number, place="location_number")
        place = Place(checked, location)
        written = _Written(address=place.address, location_number=str(location))
        write_durably(self._path, written.model_dump_json().encode() + b"\n")
        self._place = place
        return place

    def _read(self) -> Place | None:
        try:
            content = read_bounded(self._path, MOST_BYTES)
            if content is None:
                return None
            written = _Written.model_validate_json(content)
            location = LocationNumber.parse(written.location_number, place="location_number")
            return Place(checked_address(written.address), location)
        except (OSError, ValidationError, BridgeError) as error:
            # It is asked for again, which costs a person a minute; guessing could cost more.
            log.warning("portal_place_unreadable", file=str(self._path), cause=type(error).__name__)
            return None


def tls_context(ca: Path | None) -> ssl.SSLContext:
    """How the portal's certificate is checked: by this authority alone, or else by those that the system knows.

    `OSError` (`ssl.SSLError` is one) for a file that is no certificate.
    """
    return ssl.create_default_context(cafile=None if ca is None else str(ca))


def _of_settings(settings: PortalSettings) -> Place:
    location = LocationNumber.parse(settings.location_number, place="location_number")
    return Place(settings.address, location, settings.ca, settings.pin_certificate, from_settings=True)
