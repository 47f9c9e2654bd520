"""Locations to be made."""

from tillbridge.portal.locations.model import Address, Draft
from tillbridge.portal.rights import Area


def draft(name: str = "Am Bach", *, independent: bool = False, restricted: frozenset[Area] = frozenset()) -> Draft:
    address = Address("Bachgasse 3", "80331", "München", "DE")
    return Draft(name, address, "EUR", "Europe/Berlin", independent, restricted)


def typed(**changes: str) -> dict[str, str]:
    """A form as a browser sends it."""
    form = {"name": "Am Bach", "street": "Bachgasse 3", "postal_code": "80331", "city": "München"}
    return form | {"country": "DE", "currency": "EUR", "time_zone": "Europe/Berlin"} | changes
