"""The pages of connectors: how each one is, a payment that the office starts, settings that it sends."""

import re
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, Money, parse_major
from tillbridge.link.message_words import CommandKind
from tillbridge.portal.commands import store
from tillbridge.portal.commands.model import Command
from tillbridge.portal.commands.service import LONGEST_ORDER, CommandDesk
from tillbridge.portal.commands.views import badge_of, in_force, sentence_of, standing_badge, station_rows
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.forms import read_wish
from tillbridge.portal.locations.model import Location
from tillbridge.portal.locations.service import location_for
from tillbridge.portal.locations.views import paging
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.web.going import see_other

PATH: Final = "/connectors"

LONGEST_TERMINAL: Final = 100
LONGEST_LINES: Final = 800

_ATTEMPT: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)

_AREAS: Final = {
    CommandKind.PAYMENT: Area.PAYMENTS,
    CommandKind.CONFIGURATION: Area.POS_INTERFACE,
    CommandKind.ROTATE: Area.POS_INTERFACE,
    CommandKind.ASK: Area.POS_INTERFACE,
}


@dataclass(frozen=True, slots=True)
class ConnectorPages:
    """The pages of one portal."""

    site: Site
    desk: CommandDesk
    links: Links

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, one = self.site, f"{PATH}/{{location_id}}"
        return [
            site.get(PATH, self.list),
            site.get(one, self.show),
            site.post(f"{one}/payment", self.pay),
            site.get(f"{one}/commands/{{command_id}}", self.command),
            site.post(f"{one}/configuration", self.configure),
        ]

    async def list(self, request: Request, visit: Visit) -> Response:
        """The locations whose connectors the reader may see."""
        person, wish = visit.person, read_wish(request.query_params)
        reach = person.reach(Area.POS_INTERFACE, Action.VIEW) | person.reach(Area.PAYMENTS, Action.VIEW)
        async with self.site.house.database.reading() as connection:
            found = await locations.page_of(connection, person.home, reach, wish)
            states = await self.links.states_of(connection, person.home)
        words = self.site.words(request, person)
        rows = [(one, standing_badge(words, states.get(one.id))) for one in found.locations]
        return await self.site.page(
            request,
            "commands/list.html",
            visit=visit,
            rows=rows,
            found=found,
            wish=wish,
            paging=paging(PATH, wish, found),
        )

    async def show(self, request: Request, visit: Visit) -> Response:
        """One location's connector."""
        location = await self._location(request, visit)
        return await self._show(request, visit, location, {}, {"attempt": self.site.house.runtime.ids.new()})

    async def pay(self, request: Request, visit: Visit, form: Form) -> Response:
        """Asks the connector to take a payment."""
        location = await self._location(request, visit)
        amount = _amount(form.get("amount", ""), location.currency)
        if amount is None:
            return await self._show(request, visit, location, {"amount": "commands.pay.amount.wrong"}, dict(form))
        order = form.get("order", "")
        if len(order) > LONGEST_ORDER or not order.isprintable():
            return await self._show(request, visit, location, {"order": "commands.pay.order.wrong"}, dict(form))
        terminal = form.get("terminal", "")[:LONGEST_TERMINAL]
        attempt = form.get("attempt", "")
        if _ATTEMPT.fullmatch(attempt) is None:
            raise BridgeError(Code.FIELD_INVALID, "load the page anew", place="attempt")
        made = await self.desk.start_payment(visit.person, location.id, amount, terminal, order, attempt)
        return see_other(f"{PATH}/{location.id}/commands/{made.id}")

    async def configure(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sends settings to the connector."""
        location = await self._location(request, visit)
        made = await self.desk.send_configuration(visit.person, location.id, read_settings(form))
        return see_other(f"{PATH}/{location.id}/commands/{made.id}")

    async def command(self, request: Request, visit: Visit) -> Response:
        """What became of a command; the page renews itself until it is over."""
        location = await self._location(request, visit)
        async with self.site.house.database.reading() as connection:
            found = await store.find(connection, request.path_params["command_id"], visit.person.home)
            equipment = await store.equipment(connection, location.id)
        if found is None or found.location_id != location.id:
            raise BridgeError(Code.RECORD_UNKNOWN)
        visit.person.require(_AREAS[found.kind], Action.VIEW, location.id)
        words = self.site.words(request, visit.person, location.time_zone)
        return await self.site.page(
            request,
            "commands/command.html",
            visit=visit,
            zone=location.time_zone,
            location=location,
            command=found,
            amount=words.amount(amount_of(found)),
            at=words.moment(found.created_at),
            badge_of=badge_of(words, found),
            sentence=sentence_of(words, found),
            in_force=in_force(words, found, equipment),
        )

    async def _location(self, request: Request, visit: Visit) -> Location:
        """The location, if its connector or its payments may be seen there."""
        location_id = request.path_params["location_id"]
        area = Area.PAYMENTS if visit.person.may(Area.PAYMENTS, Action.VIEW, location_id) else Area.POS_INTERFACE
        async with self.site.house.database.reading() as connection:
            return await location_for(connection, visit.person, location_id, Action.VIEW, area)

    async def _show(
        self, request: Request, visit: Visit, location: Location, wrong: dict[str, str], form: dict[str, str]
    ) -> Response:
        person = visit.person
        async with self.site.house.database.reading() as connection:
            standing = await self.links.state_of(connection, location.id)
            link = await self.links.link_of(connection, location.id)
            equipment = await store.equipment(connection, location.id)
            may_see = person.may(Area.PAYMENTS, Action.VIEW, location.id)
            payments = await store.latest(connection, location.id, CommandKind.PAYMENT) if may_see else ()
            settings = await store.latest(connection, location.id, CommandKind.CONFIGURATION, 1)
        words = self.site.words(request, person, location.time_zone)
        rows = [
            (one, words.amount(amount_of(one)), words.moment(one.created_at), badge_of(words, one)) for one in payments
        ]
        return await self.site.page(
            request,
            "commands/show.html",
            visit=visit,
            zone=location.time_zone,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            location=location,
            state=standing_badge(words, standing),
            link=link,
            equipment=equipment,
            seen=None if equipment is None else words.moment(equipment.at),
            stations=station_rows(words, equipment),
            payments=rows,
            sent=settings[0] if settings else None,
            sent_badge=badge_of(words, settings[0]) if settings else None,
            may_see_payments=may_see,
            sent_in_force=in_force(words, settings[0], equipment) if settings else None,
            may_pay=person.may(Area.PAYMENTS, Action.EDIT, location.id),
            may_configure=person.may(Area.POS_INTERFACE, Action.EDIT, location.id),
            languages_of_receipts=tuple(Language),
            wrong=defaultdict(str, wrong),
            form=defaultdict(str, form),
        )


def _amount(text: str, currency: str) -> Money | None:
    """What somebody typed; None for anything that is no amount above nothing."""
    try:
        amount = parse_major(text, BY_CODE[currency])
    except BridgeError:
        return None
    return amount if amount.minor else None


def amount_of(command: Command) -> Money | None:
    """The amount that a payment was asked for."""
    minor, code = command.body.get("amount_minor"), command.body.get("currency")
    if not isinstance(minor, int) or not isinstance(code, str) or code not in BY_CODE:
        return None
    return Money(minor, BY_CODE[code])


def read_settings(form: Form) -> dict[str, JsonValue]:
    """The settings of a form: what was left empty is not sent, and stays as it is at the shop."""
    settings: dict[str, JsonValue] = {}
    for name in ("receipt_header", "receipt_footer"):
        lines = [line.rstrip() for line in form.get(name, "")[:LONGEST_LINES].splitlines()]
        if any(lines):
            settings[name] = [*lines]
    for name in ("receipt_language", "console_language"):
        if form.get(name) in set(Language):
            settings[name] = form[name]
    if not settings:
        raise BridgeError(Code.FIELD_INVALID, "there is nothing to send", place="receipt_header")
    return settings
