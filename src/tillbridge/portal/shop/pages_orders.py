"""The merchant's page of one order: what happened to it, sending it again, giving its money back."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, currency
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.locations.views import Badge, day_and_clock, done
from tillbridge.portal.mail.post import LetterState
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.shop.model import Case, Dispatch, DispatchState, Line, said
from tillbridge.portal.shop.office import SeenOrder, ShopOffice
from tillbridge.portal.shop.pages_office import PATH
from tillbridge.portal.shop.views import badges
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

_DIGITS: Final = 4
_ORDER: Final = f"{PATH}/orders/{{order_id}}"


class OfficeOrderPages:
    """Single orders."""

    def __init__(self, site: Site, office: ShopOffice) -> None:
        self._site = site
        self._office = office

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(_ORDER, self.show),
            site.post(f"{_ORDER}/resend", self.resend),
            site.post(f"{_ORDER}/revoke", self.revoke),
            site.post(f"{_ORDER}/refund", self.refund),
            site.post(f"{_ORDER}/refund-again", self.refund_again),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """One order."""
        return await self._show(request, visit, "")

    async def resend(self, request: Request, visit: Visit, form: Form) -> Response:
        """Writes one of its letters again."""
        order_id = request.path_params["order_id"]
        try:
            line = form.get("line", "0")
            number = int(line) if line.isascii() and line.isdigit() and len(line) < _DIGITS else 0
            await self._office.resend(visit.person, order_id, number, form.get("email", ""))
        except BridgeError as error:
            return await self._refused(request, visit, error)
        return see_other(f"{PATH}/orders/{order_id}?done=resent")

    async def revoke(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # a button alone
        """Ends its links."""
        order_id = request.path_params["order_id"]
        await self._office.revoke(visit.person, order_id)
        return see_other(f"{PATH}/orders/{order_id}?done=revoked")

    async def refund(self, request: Request, visit: Visit, form: Form) -> Response:
        """Gives back what is unspent."""
        order_id = request.path_params["order_id"]
        try:
            await self._office.refund(visit.person, order_id, form.get("reason", ""))
        except BridgeError as error:
            return await self._refused(request, visit, error)
        return see_other(f"{PATH}/orders/{order_id}?done=refunded")

    async def refund_again(self, request: Request, visit: Visit, form: Form) -> Response:  # noqa: ARG002  # a button alone
        """Asks once more for what the payment service refused to give back."""
        order_id = request.path_params["order_id"]
        try:
            await self._office.refund_again(visit.person, order_id)
        except BridgeError as error:
            return await self._refused(request, visit, error)
        return see_other(f"{PATH}/orders/{order_id}?done=refunded")

    async def _refused(self, request: Request, visit: Visit, error: BridgeError) -> Response:
        if error.code not in {Code.SLOW_DOWN, Code.RECORD_CONFLICT, Code.FIELD_INVALID}:
            raise error
        t = self._site.words(request, visit.person).t
        key = f"shop.refused.{error.code}"
        if error.code is Code.FIELD_INVALID:
            key = "shop.wrong.email" if error.place == "email" else "shop.bad.reason"
        return await self._show(request, visit, t(key), error.entry.status)

    async def _show(self, request: Request, visit: Visit, wrong: str, status: int = HTTPStatus.OK) -> Response:
        person = visit.person
        seen = await self._office.order(person, request.path_params["order_id"])
        words = self._site.words(request, person, seen.system.time_zone)
        may_edit = person.may(Area.SHOP_ORDERS, Action.EDIT, seen.order.location_id)
        state, case = badges(words, seen.order)
        worth = {each.number: each.wish.unit_amount for each in seen.lines}
        left = any(not each.refunded and each.balance == worth[each.line] for each in seen.units)
        return await self._site.page(
            request,
            "shop/one_order.html",
            visit=visit,
            status=status,
            zone=seen.system.time_zone,
            seen=seen,
            state=state,
            case=case,
            lines=_lines(words, seen),
            total=words.amount(seen.order.money),
            placed=day_and_clock(words, seen.order.created_at),
            paid=_paid(words, seen),
            units=[
                (each, masked(each.number), words.amount(Money(each.balance, seen.order.unit))) for each in seen.units
            ],
            sendable=_sendable(words, seen),
            letters=[_letter(words, each) for each in seen.letters],
            history=[
                (day_and_clock(words, one.at), words.t(f"shop.event.{one.kind}"), one.actor.partition(" <")[0])
                for one in seen.history
            ],
            may_send=may_edit and seen.order.state.done,
            may_retry=may_edit and seen.refund_refused,
            may_refund=may_edit and (left or (seen.order.open_case is Case.MISMATCH and not seen.units)),
            wrong=wrong,
            notice=done(request, words.t, "shop"),
        )


def _letter(words: Words, one: Dispatch) -> tuple[Dispatch, str, Badge]:
    """A letter with its time, and how it stands."""
    match one.state, one.post:
        case DispatchState.WRITTEN, LetterState.FAILED:
            # The kind of fault, as the mail server has named it.
            badge = Badge("alert", words.t("shop.post.failed", fault=one.fault))
        case DispatchState.WRITTEN, LetterState.SENT:
            badge = Badge("good", words.t("shop.post.sent"))
        case DispatchState.WRITTEN, _:
            badge = Badge("running", words.t("shop.post.retried" if one.fault else "shop.post.waiting"))
        case DispatchState.DROPPED, _:
            badge = Badge("calm", words.t("shop.post.dropped"))
        case _:
            badge = Badge("running", words.t("shop.post.planned"))
    return one, day_and_clock(words, one.due_at), badge


def _sendable(words: Words, seen: SeenOrder) -> list[tuple[str, str]]:
    """Which letters can be written again."""
    t = words.t
    mine = [(str(each.number), t("shop.letter.line", line=each.number)) for each in seen.lines if each.wish.send_to]
    return [("0", t("shop.letter.all")), *mine]


def _lines(words: Words, seen: SeenOrder) -> list[tuple[Line, str, str]]:
    """Each line with the name of its design, and what one of its vouchers is worth."""
    language, unit = words.t.language, seen.order.unit
    return [
        (
            each,
            said(seen.layouts[each.wish.design_id, each.wish.version].names, language),
            words.amount(Money(each.wish.unit_amount, unit)),
        )
        for each in seen.lines
    ]


def _paid(words: Words, seen: SeenOrder) -> str:
    payment = seen.payment
    if payment is None or payment.paid_amount is None or payment.paid_currency is None:
        return ""
    return words.amount(Money(payment.paid_amount, currency(payment.paid_currency)))
