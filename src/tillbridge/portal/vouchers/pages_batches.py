"""The pages of batches: making one, its vouchers, and activating them."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations.views import Badge, Paging, day, done
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.vouchers.batches_model import LONGEST_GROUP, OfficeVoucher
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.pages_forms import (
    WRONG_BATCH,
    WRONG_RANGE,
    Wrong,
    country_name,
    month_name,
    read_batch,
    state_badge,
    wrong_of,
)
from tillbridge.portal.vouchers.pages_systems import PATH, badges, said
from tillbridge.portal.vouchers.systems_model import LONGEST_NAME
from tillbridge.portal.vouchers.systems_service import Systems
from tillbridge.web.going import see_other
from tillbridge.web.words import Words


class BatchPages:
    """Makes, shows and activates batches."""

    def __init__(self, site: Site, systems: Systems, batches: Batches) -> None:
        self._site = site
        self._systems = systems
        self._batches = batches

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, one = self._site, f"{PATH}/batches/{{batch_id}}"
        return [
            site.get(f"{PATH}/systems/{{system_id}}/batches/new", self.new),
            site.post(f"{PATH}/systems/{{system_id}}/batches/new", self.make),
            site.get(one, self.show),
            site.post(f"{one}/activate", self.activate),
        ]

    async def new(self, request: Request, visit: Visit) -> Response:
        """The form of a new batch."""
        return await self._form(request, visit, {})

    async def make(self, request: Request, visit: Visit, form: Form) -> Response:
        """Makes it."""
        try:
            made = await self._batches.make(visit.person, request.path_params["system_id"], read_batch(form))
        except BridgeError as error:
            return await self._form(request, visit, form, wrong_of(error, WRONG_BATCH))
        return see_other(f"{PATH}/batches/{made.id}?done=made")

    async def show(self, request: Request, visit: Visit) -> Response:
        """A batch with its vouchers."""
        return await self._show(request, visit, {}, None)

    async def activate(self, request: Request, visit: Visit, form: Form) -> Response:
        """Activates from one voucher to another."""
        batch_id = request.path_params["batch_id"]
        try:
            activated = await self._batches.activate(
                visit.person, batch_id, form.get("first", ""), form.get("last", "")
            )
        except BridgeError as error:
            return await self._show(request, visit, form, wrong_of(error, WRONG_RANGE))
        return see_other(f"{PATH}/batches/{batch_id}?done={'activated' if activated else 'none_activated'}")

    async def _form(self, request: Request, visit: Visit, form: Form, wrong: Wrong | None = None) -> Response:
        person, system_id = visit.person, request.path_params["system_id"]
        seen = await self._systems.seen(person, system_id)
        person.require(Area.VOUCHER_CODES, Action.EDIT)
        t = self._site.words(request, person).t
        digits = {each.country for each in seen.participants if each.open}
        return await self._site.page(
            request,
            "vouchers/make.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=seen.system,
            quota=await self._batches.quota(person, system_id),
            countries=sorted(((each, country_name(t, each)) for each in digits), key=lambda each: each[1]),
            form=form,
            wrong=said(t, wrong),
            longest=LONGEST_NAME,
            longest_group=LONGEST_GROUP,
        )

    async def _show(self, request: Request, visit: Visit, form: Form, wrong: Wrong | None) -> Response:
        person, page = visit.person, request.query_params.get("page", "")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < len("1000000") else 1
        seen = await self._batches.seen(person, request.path_params["batch_id"], number)
        batch, system = seen.counted.batch, seen.system
        words = self._site.words(request, person, system.time_zone)
        here, may_edit = f"{PATH}/batches/{batch.id}?page=", person.may(Area.VOUCHER_CODES, Action.EDIT)
        return await self._site.page(
            request,
            "vouchers/batch.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            system=system,
            batch=batch,
            made_on=day(words, batch.made_at),
            # The address behind the name is for the audit log.
            made_by=batch.made_by.partition(" <")[0],
            country=country_name(words.t, batch.country),
            month=month_name(words.t, batch.month),
            states=badges(words, seen.counted.vouchers),
            to_activate=may_edit and bool(seen.counted.vouchers.get(VoucherState.PRODUCED)),
            may_edit=may_edit,
            may_see_pins=may_edit and person.may(Area.VOUCHER_PIN, Action.EDIT),
            rows=[_row(words, each, system.currency, whole=may_edit) for each in seen.vouchers],
            paging=Paging(
                seen.page,
                seen.pages,
                f"{here}{seen.page - 1}" if seen.page > 1 else "",
                f"{here}{seen.page + 1}" if seen.page < seen.pages else "",
            ),
            form=form,
            wrong=said(words.t, wrong),
            notice=done(request, words.t, "vouchers"),
        )


def _row(words: Words, one: OfficeVoucher, code: str, *, whole: bool) -> tuple[OfficeVoucher, str, Badge, str, str]:
    """A voucher of a list: itself, its number, its state, what is on it, and the day of its last use."""
    last = "" if one.last_activity is None else day(words, one.last_activity)
    return one, one.shown(whole=whole), state_badge(words.t, one.state), amount(words, one.balance, code), last
