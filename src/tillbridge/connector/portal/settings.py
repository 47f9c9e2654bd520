"""What a person may set about the portal (docs/reference/connector-portal.md, section 1)."""

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tillbridge.connector.portal.addresses import checked_address
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.location_number import LocationNumber

_SHA_256: Final = re.compile(r"(?:sha256:)?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})", re.ASCII)


def _address(text: str) -> str:
    try:
        return checked_address(text)
    except BridgeError as error:
        raise ValueError(error.detail) from None


def _location(text: str) -> str:
    try:
        return str(LocationNumber.parse(text, place="location_number"))
    except BridgeError as error:
        raise ValueError(error.detail) from None


def _fingerprint(text: str) -> str:
    found = _SHA_256.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("it must be the SHA-256 of the certificate's public key: 64 hexadecimal digits")
    return found[1].replace(":", "")


class PortalSettings(BaseModel):
    """The portal that this location is paired with. Without this section the console's page *Portal* asks for it once.

    `address` is where the portal is reached, such as https://portal.example; http is taken on this computer alone.
    `location_number` is the number that the portal shows for this location. `ca` is a file (PEM) with the certificate
    of a private authority that the portal's certificate comes from. `pin_certificate` is the SHA-256 of the public key
    in the portal's certificate: any other one is then refused, whoever has signed it. `accept_configuration` lets the
    portal send settings, `accept_payments` lets it start payments here: each is the merchant's own consent. `name` is
    what the portal calls this computer; without it, the computer's own name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, Field(max_length=300), AfterValidator(_address)]
    location_number: Annotated[str, Field(max_length=20), AfterValidator(_location)]
    ca: Path | None = None
    pin_certificate: Annotated[str, AfterValidator(_fingerprint)] | None = None
    accept_configuration: bool = False
    accept_payments: bool = False
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None
