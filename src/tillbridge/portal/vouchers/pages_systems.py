"""The pages of voucher systems: the overview, one system with its locations, and vouchers across borders."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, EUR
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.routes import CURRENCY_CHOICES, ZONE_CHOICES
from tillbridge.portal.locations.views import Badge, day, done
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.pages_forms import (
    USUAL,
    WRONG_SYSTEM,
    Wrong,
    country_name,
    limits_as_form,
    month_name,
    read_limits,
    state_badge,
    wrong_of,
)
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.portal.vouchers.systems_model import LONGEST_NAME, Circulation, Draft, VoucherSystem
from tillbridge.portal.vouchers.systems_service import Systems
from tillbridge.web.going import see_other
from tillbridge.web.language import Catalogue
from tillbridge.web.words import Words

PATH: Final = "/vouchers"


@dataclass(frozen=True, slots=True)
class Figures:
    """What is in circulation, as pages show it."""

    money: str
    blocked: str
    vouchers: str
    states: tuple[tuple[Badge, str], ...]


class SystemPages:
    """Shows, makes and changes voucher systems."""

    def __init__(self, site: Site, systems: Systems, batches: Batches) -> None:
        self._site = site
        self._systems = systems
        self._batches = batches

    def routes(self) -> list[BaseRoute]:
        """Every page of it; those with fixed words stand before those with an id."""
        site, one = self._site, f"{PATH}/systems/{{system_id}}"
        return [
            site.get(PATH, self.overview),
            site.get(f"{PATH}/systems/new", self.new),
            site.post(f"{PATH}/systems/new", self.create),
            site.get(one, self.show),
            site.get(f"{one}/edit", self.edit),
            site.post(f"{one}/edit", self.change),
            site.post(f"{one}/join", self.join),
            site.post(f"{one}/leave", self.leave),
            site.get(f"{one}/cross-country", self.ask_cross),
            site.post(f"{one}/cross-country", self.cross),
        ]

    async def overview(self, request: Request, visit: Visit) -> Response:
        """The systems with what is in circulation, and the search."""
        words, person = self._site.words(request, visit.person), visit.person
        listed = await self._systems.all(person)
        return await self._site.page(
            request,
            "vouchers/overview.html",
            visit=visit,
            rows=[(one, figures(words, one.system, one.circulation)) for one in listed],
            may_create=person.may(Area.VOUCHER_SETTINGS, Action.EDIT),
            entered="",
            wrong={},
        )

    async def new(self, request: Request, visit: Visit) -> Response:
        """The form of a new system; it starts with what the head office has."""
        visit.person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        async with self._site.house.database.reading() as connection:
            head = await locations.find_head_office(connection, visit.person.home)
        currency, zone = (EUR.code, "Europe/Berlin") if head is None else (head.currency, head.time_zone)
        return await self._form(request, visit, {"currency": currency, "time_zone": zone, **USUAL})

    async def create(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it."""
        visit.person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        unit = BY_CODE.get(form.get("currency", ""))
        limits, wrong = read_limits(form, unit or EUR)
        if unit is None:
            wrong["currency"] = WRONG_SYSTEM["currency"]
        if not wrong:
            draft = Draft(form.get("name", ""), form["currency"], form.get("time_zone", ""), limits)
            try:
                made = await self._systems.create(visit.person, draft)
            except BridgeError as error:
                wrong = wrong_of(error, WRONG_SYSTEM)
            else:
                return see_other(f"{PATH}/systems/{made.id}?done=created")
        return await self._form(request, visit, form, wrong=wrong)

    async def show(self, request: Request, visit: Visit) -> Response:
        """One system."""
        person, system_id = visit.person, request.path_params["system_id"]
        seen = await self._systems.seen(person, system_id)
        one = seen.system
        words, quota = self._site.words(request, person, one.time_zone), await self._batches.quota(person, one.id)
        may_edit = person.may(Area.VOUCHER_SETTINGS, Action.EDIT)
        candidates = await self._systems.candidates(person, one.id) if may_edit else ()
        counted = await self._batches.of_system(person, one.id)
        return await self._site.page(
            request,
            "vouchers/system.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            tabs=tabs(words.t, person, one.id, ""),
            figures=figures(words, one, seen.circulation),
            load=[amount(words, minor, one.currency) for minor in (one.load_min, one.load_max)],
            most=amount(words, one.balance_max, one.currency),
            quota=quota,
            month=month_name(words.t, quota.month),
            participants=[
                (each, country_name(words.t, each.country), day(words, each.joined_at)) for each in seen.participants
            ],
            able=[each for each in candidates if each.hindrance is None],
            unable=[each for each in candidates if each.hindrance is not None],
            batches=[(each, day(words, each.batch.made_at), badges(words, each.vouchers)) for each in counted],
            may_edit=may_edit,
            may_make=person.may(Area.VOUCHER_CODES, Action.EDIT),
            notice=done(request, words.t, "vouchers"),
        )

    async def edit(self, request: Request, visit: Visit) -> Response:
        """The form of a system that is there."""
        one = await self._editable(request, visit.person)
        separator = self._site.words(request, visit.person).t("format.decimal")
        return await self._form(request, visit, {"name": one.name, **limits_as_form(one, separator)}, one=one)

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Changes it."""
        one = await self._editable(request, visit.person)
        limits, wrong = read_limits(form, one.unit)
        if not wrong:
            try:
                await self._systems.change(visit.person, one.id, form.get("name", ""), limits)
            except BridgeError as error:
                wrong = wrong_of(error, WRONG_SYSTEM)
            else:
                return see_other(f"{PATH}/systems/{one.id}?done=changed")
        return await self._form(request, visit, form, one=one, wrong=wrong)

    async def join(self, request: Request, visit: Visit, form: Form) -> Response:
        """Lets a location take part."""
        system_id = request.path_params["system_id"]
        await self._systems.join(visit.person, system_id, form.get("location", ""))
        return see_other(f"{PATH}/systems/{system_id}?done=joined")

    async def leave(self, request: Request, visit: Visit, form: Form) -> Response:
        """Lets one take part no more."""
        system_id = request.path_params["system_id"]
        await self._systems.leave(visit.person, system_id, form.get("location", ""))
        return see_other(f"{PATH}/systems/{system_id}?done=left")

    async def ask_cross(self, request: Request, visit: Visit) -> Response:
        """The notice that has to be accepted, or what switching off means."""
        return await self._cross(request, visit, await self._editable(request, visit.person))

    async def cross(self, request: Request, visit: Visit, form: Form) -> Response:
        """Switches it."""
        one = await self._editable(request, visit.person)
        if form.get("to") not in {"on", "off"}:
            raise BridgeError(Code.FIELD_INVALID, "on or off", place="to")
        on = form["to"] == "on"
        try:
            await self._systems.cross_country(visit.person, one.id, on=on, accepted=form.get("accepted") == "yes")
        except BridgeError as error:
            return await self._cross(request, visit, one, wrong_of(error, {"accepted": "vouchers.wrong.accepted"}))
        return see_other(f"{PATH}/systems/{one.id}?done={'cross_on' if on else 'cross_off'}")

    async def _editable(self, request: Request, person: Person) -> VoucherSystem:
        one = (await self._systems.seen(person, request.path_params["system_id"])).system
        person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        return one

    async def _cross(self, request: Request, visit: Visit, one: VoucherSystem, wrong: Wrong | None = None) -> Response:
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "vouchers/cross.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=one,
            wrong=said(t, wrong),
        )

    async def _form(
        self,
        request: Request,
        visit: Visit,
        form: Form,
        *,
        one: VoucherSystem | None = None,
        wrong: Wrong | None = None,
    ) -> Response:
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "vouchers/edit.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=one,
            form=form,
            wrong=said(t, wrong),
            longest=LONGEST_NAME,
            currencies=CURRENCY_CHOICES,
            zones=ZONE_CHOICES,
        )


def figures(words: Words, one: VoucherSystem, circulation: Circulation) -> Figures:
    """What is in circulation, in words."""
    return Figures(
        amount(words, circulation.money, one.currency),
        amount(words, circulation.blocked, one.currency),
        words.count(circulation.total),
        badges(words, circulation.vouchers),
    )


def badges(words: Words, vouchers: Mapping[VoucherState, int]) -> tuple[tuple[Badge, str], ...]:
    """How many vouchers stand how, each state that there is with its badge."""
    return tuple((state_badge(words.t, state), words.count(vouchers[state])) for state in _ORDER if vouchers.get(state))


def said(t: Catalogue, wrong: Wrong | None) -> dict[str, str]:
    """The sentences for what is wrong, by field."""
    return {name: t(key) for name, key in (wrong or {}).items()}


_ORDER: Final = (
    VoucherState.LOADED,
    VoucherState.ACTIVATED,
    VoucherState.PRODUCED,
    VoucherState.EMPTIED,
    VoucherState.EXPIRED,
    VoucherState.BLOCKED,
    VoucherState.RETIRED,
)
"""From what matters most in a shop to what matters least."""
