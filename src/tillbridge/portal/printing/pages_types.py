"""The pages of a voucher system's types."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, parse_major
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.pages.site import CATALOGUES, Form, Site, Visit
from tillbridge.portal.printing.types_model import LAST_POSITION, LONGEST_DESIGN, LONGEST_NAME, TypeDraft, VoucherType
from tillbridge.portal.printing.types_service import VoucherTypes
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.vouchers.pages_forms import Wrong
from tillbridge.portal.vouchers.pages_systems import PATH, said
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.portal.vouchers.systems_service import Systems
from tillbridge.web.going import see_other

SECTION: Final = "/types"

WRONG: Final[Mapping[str, str]] = {
    "names": "printing.wrong.names",
    "price": "printing.wrong.price",
    "position": "printing.wrong.position",
    "design": "printing.wrong.design",
}
DONE: Final[Mapping[str, str]] = {
    "created": "printing.done.type_created",
    "changed": "printing.done.type_changed",
    "removed": "printing.done.type_removed",
}


class TypePages:
    """Lists, makes, changes and removes types."""

    def __init__(self, site: Site, systems: Systems, types: VoucherTypes) -> None:
        self._site = site
        self._systems = systems
        self._types = types

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, listing, one = self._site, f"{PATH}/systems/{{system_id}}{SECTION}", f"{PATH}/types/{{type_id}}"
        return [
            site.get(listing, self.list),
            site.get(f"{listing}/new", self.new),
            site.post(f"{listing}/new", self.create),
            site.get(one, self.edit),
            site.post(one, self.change),
            site.post(f"{one}/remove", self.remove),
        ]

    async def list(self, request: Request, visit: Visit) -> Response:
        """The types of a system."""
        seen = await self._types.seen(visit.person, request.path_params["system_id"])
        words, system = self._site.words(request, visit.person), seen.system
        key = DONE.get(request.query_params.get("done", ""))
        return await self._site.page(
            request,
            "printing/types.html",
            visit=visit,
            system=system,
            tabs=tabs(words.t, visit.person, system.id, SECTION),
            rows=[
                (
                    each,
                    each.name(words.t.language),
                    "" if each.draft.price is None else amount(words, each.draft.price, system.currency),
                    each.draft.active and not each.sellable(system),
                )
                for each in seen.types
            ],
            limits=[amount(words, minor, system.currency) for minor in (system.load_min, system.load_max)],
            may_edit=visit.person.may(Area.VOUCHER_SETTINGS, Action.EDIT),
            notice="" if key is None else words.t(key),
        )

    async def new(self, request: Request, visit: Visit) -> Response:
        """The form of a new type."""
        system = await self._editable(request, visit)
        return await self._form(request, visit, system, {"active": "on", "position": "0"})

    async def create(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it."""
        system = await self._editable(request, visit)
        try:
            await self._types.create(visit.person, system.id, _draft(form, system))
        except BridgeError as error:
            return await self._form(request, visit, system, form, wrong=_wrong(error))
        return see_other(f"{PATH}/systems/{system.id}{SECTION}?done=created")

    async def edit(self, request: Request, visit: Visit) -> Response:
        """The form of a type that is there."""
        system, one = await self._types.one(visit.person, request.path_params["type_id"])
        separator = self._site.words(request, visit.person).t("format.decimal")
        return await self._form(request, visit, system, _as_form(one, system, separator), one=one)

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Changes it."""
        system, one = await self._types.one(visit.person, request.path_params["type_id"])
        try:
            await self._types.change(visit.person, one.id, _draft(form, system))
        except BridgeError as error:
            return await self._form(request, visit, system, form, one=one, wrong=_wrong(error))
        return see_other(f"{PATH}/systems/{system.id}{SECTION}?done=changed")

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # as every form's action
        """Forgets it."""
        system_id = await self._types.remove(visit.person, request.path_params["type_id"])
        return see_other(f"{PATH}/systems/{system_id}{SECTION}?done=removed")

    async def _editable(self, request: Request, visit: Visit) -> VoucherSystem:
        one = (await self._systems.seen(visit.person, request.path_params["system_id"])).system
        visit.person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        return one

    async def _form(
        self,
        request: Request,
        visit: Visit,
        system: VoucherSystem,
        form: Form,
        *,
        one: VoucherType | None = None,
        wrong: Wrong | None = None,
    ) -> Response:
        words = self._site.words(request, visit.person)
        return await self._site.page(
            request,
            "printing/type.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            system=system,
            one=one,
            name="" if one is None else one.name(words.t.language),
            form=form,
            wrong=said(words.t, wrong),
            languages_of_names=[(each.value, CATALOGUES[each]("language.name")) for each in Language],
            limits=[amount(words, minor, system.currency) for minor in (system.load_min, system.load_max)],
            longest_name=LONGEST_NAME,
            longest_design=LONGEST_DESIGN,
            last_position=LAST_POSITION,
        )


def _draft(form: Form, system: VoucherSystem) -> TypeDraft:
    names = {each: name for each in Language if (name := form.get(f"name_{each}", ""))}
    price, position = form.get("price", ""), form.get("position", "")
    if not position.isascii() or not position.isdigit() or len(position) > len(str(LAST_POSITION)):
        raise BridgeError(Code.FIELD_INVALID, "a place is a whole number", place="position")
    minor = None
    if price:
        try:
            minor = parse_major(price, system.unit).minor
        except BridgeError as error:
            raise BridgeError(Code.FIELD_INVALID, "the price is no amount", place="price") from error
    return TypeDraft(names, minor, form.get("active") == "on", int(position), form.get("design", ""))


def _as_form(one: VoucherType, system: VoucherSystem, separator: str) -> dict[str, str]:
    price = "" if one.draft.price is None else Money(one.draft.price, system.unit).major(separator)
    names = {f"name_{language}": name for language, name in one.draft.names.items()}
    rest = {"price": price, "position": str(one.draft.position), "design": one.draft.design}
    return names | rest | ({"active": "on"} if one.draft.active else {})


def _wrong(error: BridgeError) -> Wrong:
    place = error.place or ""
    if place not in WRONG or error.code is not Code.FIELD_INVALID:
        raise error
    return {place: WRONG[place]}
