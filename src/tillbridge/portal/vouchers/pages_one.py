"""The page of a single voucher: found by its number, its history, blocking and unblocking it."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import LONGEST
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations.views import done
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.vouchers.batches_model import LONGEST_REASON
from tillbridge.portal.vouchers.office_service import MOST_ENTRIES, Office, SeenVoucher
from tillbridge.portal.vouchers.pages_forms import Wrong, country_name, state_badge, wrong_of
from tillbridge.portal.vouchers.pages_systems import PATH, figures, said
from tillbridge.portal.vouchers.systems_service import Systems
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

_NOT_FOUND = frozenset({Code.VOUCHER_UNREADABLE, Code.VOUCHER_CHECK_DIGIT, Code.VOUCHER_UNKNOWN})


class VoucherPages:
    """Finds, shows and blocks single vouchers."""

    def __init__(self, site: Site, systems: Systems, office: Office) -> None:
        self._site = site
        self._systems = systems
        self._office = office

    def routes(self) -> list[BaseRoute]:
        """Every page of it. A number is sent in a form, so that it stands in no address."""
        site, one = self._site, f"{PATH}/one/{{voucher_id}}"
        return [
            site.post(f"{PATH}/find", self.find),
            site.get(one, self.show),
            site.post(f"{one}/block", self.block),
            site.post(f"{one}/unblock", self.unblock),
            site.post(f"{one}/pin", self.unblock_pin),
        ]

    async def find(self, request: Request, visit: Visit, form: Form) -> Response:
        """Goes to the voucher that was scanned or typed."""
        text = form.get("number", "")[: LONGEST + 1]
        try:
            voucher_id = await self._office.find(visit.person, text)
        except BridgeError as error:
            if error.code not in _NOT_FOUND:
                raise
            return await self._not_found(request, visit, text, error)
        return see_other(f"{PATH}/one/{voucher_id}")

    async def show(self, request: Request, visit: Visit) -> Response:
        """One voucher."""
        return await self._show(request, visit, "", None)

    async def block(self, request: Request, visit: Visit, form: Form) -> Response:
        """Blocks it."""
        return await self._set(request, visit, form.get("reason", ""), blocked=True)

    async def unblock(self, request: Request, visit: Visit, form: Form) -> Response:
        """Unblocks it."""
        return await self._set(request, visit, form.get("reason", ""), blocked=False)

    async def unblock_pin(self, request: Request, visit: Visit, form: Form) -> Response:
        """Gives its PIN new tries."""
        voucher_id = request.path_params["voucher_id"]
        try:
            await self._office.unblock_pin(visit.person, voucher_id, form.get("pin_reason", ""))
        except BridgeError as error:
            wrong = wrong_of(error, {"reason": "vouchers.wrong.reason"})
            return await self._show(request, visit, "", {f"pin_{name}": key for name, key in wrong.items()})
        return see_other(f"{PATH}/one/{voucher_id}?done=pin_unblocked")

    async def _set(self, request: Request, visit: Visit, reason: str, *, blocked: bool) -> Response:
        voucher_id = request.path_params["voucher_id"]
        act = self._office.block if blocked else self._office.unblock
        try:
            await act(visit.person, voucher_id, reason)
        except BridgeError as error:
            return await self._show(request, visit, reason, wrong_of(error, {"reason": "vouchers.wrong.reason"}))
        return see_other(f"{PATH}/one/{voucher_id}?done={'blocked' if blocked else 'unblocked'}")

    async def _not_found(self, request: Request, visit: Visit, text: str, error: BridgeError) -> Response:
        words, person = self._site.words(request, visit.person), visit.person
        listed = await self._systems.all(person)
        return await self._site.page(
            request,
            "vouchers/overview.html",
            visit=visit,
            status=error.entry.status,
            rows=[(one, figures(words, one.system, one.circulation)) for one in listed],
            may_create=person.may(Area.VOUCHER_SETTINGS, Action.EDIT),
            entered=text,
            wrong={"number": refusal_text(error.code, words.t.language)},
        )

    async def _show(self, request: Request, visit: Visit, reason: str, wrong: Wrong | None) -> Response:
        person = visit.person
        seen = await self._office.seen(person, request.path_params["voucher_id"])
        one, system = seen.voucher, seen.system
        words = self._site.words(request, person, system.time_zone)
        return await self._site.page(
            request,
            "vouchers/one.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            system=system,
            batch=seen.batch,
            one=one,
            number=one.shown(whole=person.may(Area.VOUCHER_CODES, Action.EDIT)),
            state=state_badge(words.t, one.state),
            balance=amount(words, one.balance, system.currency),
            country=country_name(words.t, one.country),
            last=None if one.last_activity is None else words.moment(one.last_activity),
            history=[
                (
                    each,
                    words.moment(each.booked_at),
                    f"{'+' if each.amount > 0 else ''}{amount(words, each.amount, system.currency)}",
                    amount(words, each.balance_after, system.currency),
                )
                for each in seen.history
            ],
            cut=words.count(MOST_ENTRIES) if one.entries > MOST_ENTRIES else "",
            may_print=person.may(Area.VOUCHER_CODES, Action.EDIT) and one.state is not VoucherState.RETIRED,
            may_block=seen.may_block,
            may_unblock_pin=seen.may_unblock_pin,
            pin_fault=_pin_fault(words, seen),
            reason=reason,
            longest_reason=LONGEST_REASON,
            wrong=said(words.t, wrong),
            notice=done(request, words.t, "vouchers"),
        )


def _pin_fault(words: Words, seen: SeenVoucher) -> str:
    """Why no PIN is judged at this moment; "" where one is."""
    if not seen.pin_shut:
        return ""
    until = seen.voucher.pin_locked_until
    if seen.voucher.pin_blocked or until is None:
        return words.t("vouchers.pin.blocked")
    return words.t("vouchers.pin.locked", until=words.moment(until).text)
