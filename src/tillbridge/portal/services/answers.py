"""How services stand, in words: for pages, and for `GET /v1/services`, which connectors ask."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from tillbridge.domain.errors import CATALOGUE
from tillbridge.link.scopes import ServiceState, write_scopes
from tillbridge.portal.locations.views import Badge
from tillbridge.portal.services.model import ServiceStanding
from tillbridge.web.language import Catalogue

TONES: Final[Mapping[ServiceState, str]] = {
    ServiceState.ON: "good",
    ServiceState.NEEDS_PAIRING: "alert",
    ServiceState.SUSPENDED: "alert",
    ServiceState.NEEDS_LICENCE: "alert",
    ServiceState.NEEDS_CONVERSION: "alert",
    ServiceState.OFF: "calm",
    ServiceState.MAINTENANCE: "running",
    ServiceState.DOWN: "bad",
    ServiceState.NOT_AVAILABLE: "calm",
}


def badge(t: Catalogue, one: ServiceStanding) -> Badge:
    """The state in one word."""
    return Badge(TONES[one.state], t(f"services.state.{one.state}"))


def why(t: Catalogue, one: ServiceStanding) -> str:
    """What is missing, in a sentence that names the service; "" if nothing is."""
    if one.code is None:
        return ""
    return t(f"services.why.{one.code}", service=t(f"services.name.{one.service}"))


def who(t: Catalogue, one: ServiceStanding, sales_contact: str) -> str:
    """Who can help, in a sentence; "" if nobody has to."""
    if one.fixer is None:
        return ""
    contact = t("services.who.contact", contact=sales_contact) if sales_contact else ""
    return t(f"services.who.{one.fixer}", contact=contact).strip()


def documents(
    t: Catalogue, standing: Sequence[ServiceStanding], sales_contact: str, now: datetime
) -> list[dict[str, object]]:
    """The answer of `GET /v1/services`: a list of objects, one for each service.

    `code` and `number` are those that a request to the service would be refused with, None when it is on; `until` is
    the expected end of a maintenance in UTC, None where nobody knows it.
    """
    return [_document(t, one, sales_contact, now) for one in standing]


def _document(t: Catalogue, one: ServiceStanding, sales_contact: str, now: datetime) -> dict[str, object]:
    until = None if one.mode is None else one.mode.told_until(now)
    return {
        "service": one.service.value,
        "name": t(f"services.name.{one.service}"),
        "state": one.state.value,
        "scope": write_scopes(one.scopes),
        "code": None if one.code is None else one.code.value,
        "number": None if one.code is None else CATALOGUE[one.code].number,
        "text": why(t, one),
        "who": who(t, one, sales_contact),
        "until": None if until is None else until.isoformat().replace("+00:00", "Z"),
        "retry_after_s": None if one.mode is None else one.mode.retry_after(now),
    }
