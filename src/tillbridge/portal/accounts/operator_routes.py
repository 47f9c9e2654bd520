"""The pages of the operator's own staff: merchants, a new one, and the help that merchants asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError
from tillbridge.portal.accounts import people_forms as forms
from tillbridge.portal.accounts.merchants import LONGEST_NAME, Merchants, NewMerchant, clean_merchant_name
from tillbridge.portal.accounts.people_routes import notice_of
from tillbridge.portal.accounts.support_service import Staff, require_staff
from tillbridge.portal.accounts.tables import EMAIL_LENGTH, NAME_LENGTH
from tillbridge.portal.locations.countries import COUNTRIES, NAMED
from tillbridge.portal.locations.forms import LONGEST, ZONES, read_draft
from tillbridge.portal.locations.routes import CURRENCIES
from tillbridge.portal.pages.site import Form, MenuEntry, Site, Visit
from tillbridge.portal.rights import Person
from tillbridge.web.going import see_other

PATH: Final = "/operator"
ZONE: Final = "UTC"
"""Merchants are of many time zones; the page says that its times are of this one."""

PAGE: Final = 50
OTHERS: Final = tuple((code, code) for code in sorted(COUNTRIES.difference(NAMED)))


@dataclass(frozen=True, slots=True)
class StaffEntry(MenuEntry):
    """An entry of the menu that only the operator's staff finds there."""

    def shown_to(self, person: Person) -> bool:
        """Whether this person is one of them."""
        return person.operator


class OperatorPages:
    """Lists merchants, makes new ones, and lets staff help where access is open."""

    def __init__(self, site: Site, staff: Staff, merchants: Merchants) -> None:
        self._site = site
        self._staff = staff
        self._merchants = merchants

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.overview),
            site.get(f"{PATH}/new", self.ask_new),
            site.post(f"{PATH}/new", self.make),
            site.post(f"{PATH}/leave", self.leave),
            site.post(f"{PATH}/help/{{tenant_id}}", self.help),
        ]

    async def overview(self, request: Request, visit: Visit) -> Response:
        """All merchants; while somebody is helped, whom, and the button that ends it."""
        words = self._site.words(request, visit.person, ZONE)
        if visit.person.operator and visit.person.tenant_id is not None:
            return await self._site.page(request, "people/helping.html", visit=visit)
        search = forms.read_search(request.query_params)
        found = await self._staff.merchants(visit.person, search.text, search.offset, PAGE + 1)
        return await self._site.page(
            request,
            "people/merchants.html",
            visit=visit,
            rows=[(one, None if one.open_until is None else words.moment(one.open_until)) for one in found[:PAGE]],
            search=search,
            before=_at(search.text, search.offset - PAGE) if search.offset else "",
            after=_at(search.text, search.offset + PAGE) if len(found) > PAGE else "",
            notice=notice_of(request, words.t),
        )

    async def ask_new(self, request: Request, visit: Visit) -> Response:
        """The form of a new merchant."""
        language = self._site.language(request, visit.person).value
        zone, currency = "Europe/Berlin", "EUR"
        return await self._form(
            request, visit, {"language": language, "country": "DE", "currency": currency, "time_zone": zone}
        )

    async def make(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it."""
        t = self._site.words(request, visit.person).t
        draft, faults = read_draft({**form, "name": form.get("name") or form.get("merchant", "")})
        wrong = {place: t(key) for place, key in faults.items()}
        try:
            name = clean_merchant_name(form.get("merchant", ""))
            owner = forms.read_invitee(form, "owner_")
            if draft is not None:
                await self._merchants.make(visit.person, NewMerchant(name, draft, owner))
                return see_other(f"{PATH}?done=merchant_made")
        except BridgeError as error:
            wrong = {**wrong, **forms.wrong_of(t, error)}
        return await self._form(request, visit, form, wrong)

    async def help(self, request: Request, visit: Visit, _: Form) -> Response:
        """Works for a merchant from now on."""
        await self._staff.help(visit, request.path_params["tenant_id"])
        return see_other("/")

    async def leave(self, _: Request, visit: Visit, __: Form) -> Response:
        """Works for nobody any more."""
        await self._staff.leave(visit)
        return see_other(PATH)

    async def _form(
        self, request: Request, visit: Visit, form: Form, wrong: Mapping[str, str] | None = None
    ) -> Response:
        require_staff(visit.person)
        visit.person.require_step_up(self._site.house.runtime.clock.now())
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "people/new_merchant.html",
            visit=visit,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            form=forms.filled(form),
            wrong=wrong or {},
            longest={**LONGEST, "merchant": LONGEST_NAME, "owner_name": NAME_LENGTH, "owner_email": EMAIL_LENGTH},
            countries=sorted(((code, t(f"country.{code}")) for code in NAMED), key=lambda country: country[1]),
            other_countries=OTHERS,
            currencies=[(code, code) for code in CURRENCIES],
            zones=[(zone, zone) for zone in ZONES],
            tongues=[(language.value, t(f"people.language.{language}")) for language in Language],
        )


def _at(text: str, offset: int) -> str:
    asked = {"q": text, "from": str(max(offset, 0))}
    return f"{PATH}?{urlencode({name: value for name, value in asked.items() if value})}"
