"""The merchant's page of support access."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.accounts import people_forms as forms
from tillbridge.portal.accounts import people_store
from tillbridge.portal.accounts.desk import require_somewhere
from tillbridge.portal.accounts.people_routes import notice_of
from tillbridge.portal.accounts.rights_tables import REASON_LENGTH
from tillbridge.portal.accounts.support_service import MOST_HOURS, SEE, Support
from tillbridge.portal.accounts.support_store import Access
from tillbridge.portal.audit.reading import home_zone
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

PATH: Final = "/people/support"


class SupportPages:
    """Opens and closes support access, and shows what was open when."""

    def __init__(self, site: Site, support: Support) -> None:
        self._site = site
        self._support = support

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.show),
            site.post(PATH, self.open),
            site.post(f"{PATH}/{{access_id}}/close", self.close),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """What is open, and the form to open it."""
        return await self._page(request, visit, {})

    async def open(self, request: Request, visit: Visit, form: Form) -> Response:
        """Opens access."""
        try:
            await self._support.open(visit.person, forms.read_opening(form))
        except BridgeError as error:
            return await self._page(request, visit, form, error)
        return see_other(f"{PATH}?done=support_opened")

    async def close(self, request: Request, visit: Visit, form: Form) -> Response:
        """Closes it at once."""
        try:
            await self._support.close(visit.person, request.path_params["access_id"])
        except BridgeError as error:
            return await self._page(request, visit, form, error)
        return see_other(f"{PATH}?done=support_closed")

    async def _page(self, request: Request, visit: Visit, form: Form, error: BridgeError | None = None) -> Response:
        person = visit.person
        require_somewhere(person, SEE)
        found = await self._support.page(person)
        reach = person.reach(Area.SUPPORT, Action.EDIT)
        async with self._site.house.database.reading() as connection:
            places = await people_store.places_in(connection, person.home, reach)
            zone = await home_zone(connection, person.home)
        words = self._site.words(request, person, zone)
        wrong = {} if error is None else forms.wrong_of(words.t, error)
        return await self._site.page(
            request,
            "people/support.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else error.entry.status,
            now_open=[_row(words, one) for one in found if one.open],
            past=[_row(words, one) for one in found if not one.open],
            may_edit=person.may_somewhere(Area.SUPPORT, Action.EDIT),
            choices={"whole": reach.everywhere, "places": [(one.id, f"{one.name} · {one.number}") for one in places]},
            most_hours=MOST_HOURS,
            longest=REASON_LENGTH,
            form=forms.filled(form),
            wrong=wrong,
            notice=notice_of(request, words.t),
        )


def _row(words: Words, one: Access) -> dict[str, object]:
    """An access as the page shows it."""
    ended = one.closed_at or one.ends_at
    return {
        "id": one.id,
        "place": one.place or words.t("people.scope.tenant" if one.location_id is None else "people.scope.gone"),
        "reason": one.reason,
        "opened_by": one.opened_by,
        "opened_at": words.moment(one.opened_at),
        "ends_at": words.moment(one.ends_at),
        "ended": words.moment(ended),
        "closed_by": one.closed_by,
    }
