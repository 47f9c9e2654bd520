"""The pages of partners and their keys, below Interfaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.views import Badge, day, done, wrong_field
from tillbridge.portal.pages.site import Form, MenuEntry, Site, Visit
from tillbridge.portal.partners.model import LONGEST_NAME, SCOPES, KeyDraft, PartnerKey, read_scopes
from tillbridge.portal.partners.service import Partners, SeenPartner
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.going import see_other
from tillbridge.web.words import Moment, Words

PATH: Final = "/interfaces/partners"

DAYS: Final = ("30", "90", "365", "730")
"""For how long a key may be good, besides until it is revoked."""

_WRONG: Final = {
    "name": "partners.wrong.name",
    "location": "partners.wrong.location",
    "scopes": "partners.wrong.scopes",
    "days": "partners.wrong.days",
}
_TAKEN: Final = {"name": "partners.wrong.taken", "location": "partners.wrong.two"}


@dataclass(frozen=True, slots=True)
class PartnersEntry(MenuEntry):
    """An entry of its own for whoever may see partners but not the tills' interface, below which they stand."""

    def shown_to(self, person: Person) -> bool:
        """See `MenuEntry.shown_to`."""
        return person.may_somewhere(Area.PARTNERS) and not person.may_somewhere(Area.POS_INTERFACE)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as lists show it."""

    id: str
    ending: str
    location: str
    scopes: tuple[str, ...]
    badge: Badge
    made: str
    by: str
    expires: str
    used: Moment | None
    used_from: str
    in_address: bool
    revocable: bool


async def zone_of(site: Site, person: Person) -> str:
    """The clock of what is about the merchant as a whole: that of the head office."""
    async with site.house.database.reading() as connection:
        head = await locations.find_head_office(connection, person.home)
    return "Europe/Berlin" if head is None else head.time_zone


class PartnerPages:
    """Shows, makes and ends partners and keys."""

    def __init__(self, site: Site, partners: Partners) -> None:
        self._site = site
        self._partners = partners

    def routes(self) -> list[BaseRoute]:
        """Every page of it; those with fixed words stand before those with an id."""
        site, one = self._site, f"{PATH}/{{partner_id}}"
        return [
            site.get(PATH, self.listing),
            site.get(f"{PATH}/new", self.new),
            site.post(f"{PATH}/new", self.create),
            site.get(one, self.show),
            site.post(f"{one}/keys", self.make_key),
            # A key is shown once, as the answer to its form: there is nothing to load again.
            site.get(f"{one}/keys", self.back_to_one),
            site.post(f"{one}/keys/{{key_id}}/revoke", self.revoke),
            site.post(f"{one}/remove", self.remove),
        ]

    async def listing(self, request: Request, visit: Visit) -> Response:
        """The partners, each with its keys."""
        person = visit.person
        found, names = await self._partners.all(person), await self._partners.names(person)
        zone = await zone_of(self._site, person)
        words = self._site.words(request, person, zone)
        return await self._site.page(
            request,
            "partners/list.html",
            visit=visit,
            zone=zone,
            rows=[(seen.partner, *self._summary(seen, names, words)) for seen in found],
            may_edit=person.may_somewhere(Area.PARTNERS, Action.EDIT),
            notice=done(request, words.t, "partners"),
        )

    async def new(self, request: Request, visit: Visit) -> Response:
        """The form of a new partner."""
        return await self._form(request, visit, {}, {})

    async def create(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it."""
        try:
            made = await self._partners.add(visit.person, form.get("name", ""))
        except BridgeError as error:
            return await self._form(request, visit, form, _wrong(error))
        return see_other(f"{PATH}/{made.id}?done=added")

    async def show(self, request: Request, visit: Visit) -> Response:
        """One partner with its keys."""
        return await self._show(request, visit, {}, {})

    async def back_to_one(self, request: Request, visit: Visit) -> Response:
        """To the partner."""
        seen = await self._partners.seen(visit.person, request.path_params["partner_id"])
        return see_other(f"{PATH}/{seen.partner.id}")

    async def make_key(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes a key and shows it, this once."""
        days = form.get("days", "")
        draft = KeyDraft(
            form.get("location", ""),
            read_scopes([scope for scope in SCOPES if form.get(_field(scope)) == "on"]),
            int(days) if days in DAYS else None,
            in_address=form.get("in_address") == "on",
        )
        partner_id = request.path_params["partner_id"]
        try:
            made = await self._partners.make_key(visit.person, partner_id, draft)
        except BridgeError as error:
            return await self._show(request, visit, form, _wrong(error))
        one = (await self._partners.seen(visit.person, partner_id)).partner
        names = await self._partners.names(visit.person)
        answer = await self._site.page(
            request,
            "partners/key.html",
            visit=visit,
            one=one,
            key=made.text,
            location=names.get(made.key.location_id, ""),
        )
        # A page with a key on it is written to no disk, and a proxy keeps none of them.
        answer.headers["Cache-Control"] = "no-store, private"
        return answer

    async def revoke(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as the site has it
        """Ends a key at once."""
        partner_id = request.path_params["partner_id"]
        await self._partners.revoke(visit.person, partner_id, request.path_params["key_id"])
        return see_other(f"{PATH}/{partner_id}?done=revoked")

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:
        """Takes a partner away, once that was ticked."""
        partner_id = request.path_params["partner_id"]
        if form.get("sure") != "yes":
            return await self._show(request, visit, {}, {"sure": "partners.wrong.sure"})
        await self._partners.remove(visit.person, partner_id)
        return see_other(f"{PATH}?done=removed")

    async def _form(self, request: Request, visit: Visit, form: Form, wrong: dict[str, str]) -> Response:
        if not visit.person.may_somewhere(Area.PARTNERS, Action.EDIT):
            visit.person.require(Area.PARTNERS, Action.EDIT)
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "partners/new.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            form=form,
            longest=LONGEST_NAME,
            wrong={name: t(key) for name, key in wrong.items()},
        )

    async def _show(self, request: Request, visit: Visit, form: Form, wrong: dict[str, str]) -> Response:
        person = visit.person
        seen = await self._partners.seen(person, request.path_params["partner_id"])
        names, zone = await self._partners.names(person), await zone_of(self._site, person)
        words = self._site.words(request, person, zone)
        places = await self._partners.places(person, Action.EDIT)
        may_edit = person.may_somewhere(Area.PARTNERS, Action.EDIT)
        return await self._site.page(
            request,
            "partners/partner.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=zone,
            one=seen.partner,
            made=day(words, seen.partner.created_at),
            rows=[self._row(key, names, words, person) for key in seen.keys],
            places=[(place.id, place.name) for place in places],
            scopes=[(_field(scope), _scope_text(words, scope)) for scope in SCOPES],
            days=DAYS,
            form=form,
            may_edit=may_edit,
            address=f"{self._site.house.settings.address}/v1/partner",
            wrong={name: words.t(key) for name, key in wrong.items()},
            notice=done(request, words.t, "partners"),
        )

    def _summary(self, seen: SeenPartner, names: dict[str, str], words: Words) -> tuple[Sequence[str], Moment | None]:
        """At which locations it has keys that are good, and when one of its keys was used last."""
        now = words.now
        places = sorted({names.get(key.location_id, "") for key in seen.keys if key.good(now)})
        used = max((key.used_at for key in seen.keys if key.used_at is not None), default=None)
        return places, None if used is None else words.moment(used)

    def _row(self, key: PartnerKey, names: dict[str, str], words: Words, person: Person) -> KeyRow:
        may_edit = person.may(Area.PARTNERS, Action.EDIT, key.location_id)
        return KeyRow(
            id=key.id,
            ending=key.ending,
            location=names.get(key.location_id, ""),
            scopes=tuple(_scope_text(words, scope) for scope in key.scopes),
            badge=_badge(key, words),
            made=day(words, key.created_at),
            by=key.created_by,
            expires="" if key.expires_at is None else day(words, key.expires_at),
            used=None if key.used_at is None else words.moment(key.used_at),
            used_from=key.used_from,
            in_address=key.in_address,
            revocable=may_edit and key.good(words.now),
        )


def _badge(key: PartnerKey, words: Words) -> Badge:
    if key.revoked_at is not None:
        return Badge("calm", words.t("partners.key.revoked"))
    if not key.good(words.now):
        return Badge("alert", words.t("partners.key.expired"))
    return Badge("good", words.t("partners.key.good"))


def _field(scope: str) -> str:
    """The name of a scope's box in the form, and the end of its text's key."""
    return scope.rpartition(":")[2]


def _scope_text(words: Words, scope: str) -> str:
    return words.t(f"partners.scope.{_field(scope)}")


def _wrong(error: BridgeError) -> dict[str, str]:
    return wrong_field(error, _TAKEN if error.code is Code.RECORD_CONFLICT else _WRONG)
