"""Reads what somebody typed about a location; each fault belongs to the field where it is shown."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import available_timezones

from tillbridge.domain.money import BY_CODE
from tillbridge.portal.locations.countries import COUNTRIES
from tillbridge.portal.locations.model import Address, Draft, Location, LocationKind, Wish
from tillbridge.portal.rights import RESTRICTABLE, Area

LONGEST: Final[Mapping[str, int]] = {"name": 100, "street": 200, "postal_code": 20, "city": 100}
"""Characters of what is typed freely, as the columns have them."""

LONGEST_SEARCH: Final = 100
LAST_PAGE: Final = 10_000

RESTRICTIONS: Final = tuple(sorted(RESTRICTABLE))
"""In a fixed order, for pages."""

ZONES: Final = tuple(
    sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("posix/", "right/")))
)
"""The time zones that are offered: those that are called after a place, and the fixed ones of Etc."""

_ZONES: Final = frozenset(ZONES)

Wrong = dict[str, str]


def read_draft(form: Mapping[str, str]) -> tuple[Draft | None, Wrong]:
    """The location as typed, or None and for each wrong field the key of a text that says what is wrong."""
    wrong: Wrong = {}
    texts = {name: _text(form, name, wrong) for name in LONGEST}
    if not texts["name"]:
        wrong.setdefault("name", "locations.wrong.empty")
    for name, known in (("country", COUNTRIES), ("currency", BY_CODE), ("time_zone", _ZONES)):
        if form.get(name, "") not in known:
            wrong[name] = f"locations.wrong.{name}"
    independent = form.get("independent") == "on"
    restricted = frozenset(area for area in RESTRICTIONS if form.get(f"restricted.{area}") == "on")
    if wrong:
        return None, wrong
    address = Address(texts["street"], texts["postal_code"], texts["city"], form["country"])
    # Only an independent franchisee keeps something back: what was ticked without that has no meaning.
    kept = restricted if independent else frozenset[Area]()
    return Draft(texts["name"], address, form["currency"], form["time_zone"], independent, kept), wrong


def as_form(location: Location) -> dict[str, str]:
    """A location as its form shows it."""
    ticked = {"independent": "on"} if location.kind is LocationKind.FRANCHISE else {}
    return {
        "name": location.name,
        "street": location.address.street,
        "postal_code": location.address.postal_code,
        "city": location.address.city,
        "country": location.address.country,
        "currency": location.currency,
        "time_zone": location.time_zone,
        **ticked,
        **{f"restricted.{area}": "on" for area in location.restricted},
    }


def read_wish(query: Mapping[str, str]) -> Wish:
    """Which part of a list an address asks for; what cannot be read is left out, as nothing depends on it."""
    page = query.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < len(str(LAST_PAGE)) else 1
    text = "".join(sign for sign in query.get("q", "")[:LONGEST_SEARCH] if sign.isprintable())
    return Wish(text.strip(), max(number, 1), query.get("closed") == "on")


def _text(form: Mapping[str, str], name: str, wrong: Wrong) -> str:
    text = form.get(name, "").strip()
    if len(text) > LONGEST[name] or not text.isprintable():
        wrong[name] = "locations.wrong.text"
    return text
