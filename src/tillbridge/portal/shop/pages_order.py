"""The page of one order, found by its link: the cart, the way to the payment, the vouchers; and the test payment."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.portal.audit.log import Actor, ActorKind
from tillbridge.portal.locations.views import day
from tillbridge.portal.pages.site import TOKEN, Form, Site
from tillbridge.portal.shop import orders_store, store
from tillbridge.portal.shop.buying import Buyer, Buying
from tillbridge.portal.shop.checkout import Checkout
from tillbridge.portal.shop.delivering import Delivering
from tillbridge.portal.shop.front import Front
from tillbridge.portal.shop.links import form_key, signed
from tillbridge.portal.shop.model import LINK_LASTS, Layout, Line, Order, OrderState, said
from tillbridge.portal.shop.payments import test_service
from tillbridge.portal.shop.payments.contract import PaymentState
from tillbridge.portal.shop.payments.test_service import TestPayments
from tillbridge.portal.shop.public_views import PATH, keep_cart, wrong
from tillbridge.portal.source import source_of
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

_LONGEST_SEEN: Final = 12
"""Digits of an amount on a page."""

_DECISIONS: Final = {
    "pay": PaymentState.PAID,
    "decline": PaymentState.FAILED,
    "cancel": PaymentState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A line of an order: `value` for a person, `each` of one voucher, `all` of them together."""

    line: Line
    name: str
    picture: str
    value: str
    each: str
    all: str
    day: str


class OrderPages:
    """What a buyer sees of an order, and what payment services tell of it."""

    def __init__(self, site: Site, buying: Buying, checkout: Checkout, delivering: Delivering) -> None:
        self._site = site
        self._buying = buying
        self._checkout = checkout
        self._delivering = delivering

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        one = f"{PATH}/{{slug}}/order/{{secret}}"
        return [
            Route(one, self.show, methods=["GET"]),
            Route(f"{one}/place", self.place, methods=["POST"]),
            Route(f"{one}/back", self.back, methods=["GET"]),
            Route(f"{one}/vouchers.pdf", self.paper, methods=["GET"]),
            Route(f"{one}/resend", self.resend, methods=["POST"]),
            Route(f"{PATH}/{{slug}}/notify/{{service}}", self.notified, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The order as it is now."""
        return await self._show(request, {})

    async def back(self, request: Request) -> Response:
        """Where a payment service sends the buyer back to. It proves nothing: the service is asked."""
        slug, secret = request.path_params["slug"], request.path_params["secret"]
        _, one, _ = await self._buying.opened(slug, secret)
        if one.state in {OrderState.PLACED, OrderState.PAYMENT_PENDING, OrderState.EXPIRED, OrderState.PAID}:
            try:
                await self._checkout.look(one.id)
            except BridgeError as error:
                if error.code not in {Code.PAYMENT_SERVICE_AWAY, Code.OVERLOADED}:
                    raise
        return see_other(f"{PATH}/{slug}/order/{secret}")

    async def place(self, request: Request) -> Response:
        """Orders, and sends the buyer to the payment."""
        front, one, _ = await self._open(request)
        form = await self._form(request)
        agreed = form.get("terms") == "on" and form.get("withdrawal") == "on"
        if not agreed and one.state is OrderState.CART:
            said_so = {"agree": self._site.words(request).t("shop.wrong.agree")}
            return await self._show(request, said_so, HTTPStatus.BAD_REQUEST, form)
        location_id = form.get("location", "") or next(iter(front.sellers), "")
        shown = form.get("seen", "")
        seen = int(shown) if shown.isascii() and shown.isdigit() and len(shown) <= _LONGEST_SEEN else None
        buyer = Buyer(form.get("email", ""), location_id, self._site.language(request), seen)
        try:
            page = await self._buying.place(one.id, front, buyer, source_of(request, self._site.house.settings))
        except BridgeError as error:
            if error.code is Code.RECORD_CONFLICT and one.state is not OrderState.CART:
                return see_other(self._here(request))
            said_so = dict(wrong(self._site.words(request), front, error))
            return await self._show(request, said_so, error.entry.status, form)
        # The page may be another site's: a form's answer must not lead there, a link may.
        own = self._site.house.settings.address
        answer = see_other(page.removeprefix(own) if page.startswith(f"{own}/") else self._here(request))
        keep_cart(answer, self._site.house.settings, front.shop.slug, "")
        return answer

    async def paper(self, request: Request) -> Response:
        """The vouchers as PDF."""
        _, one, lines = await self._open(request)
        content = await self._delivering.paper(one, lines)
        headers = {"Content-Disposition": f'attachment; filename="voucher-{one.number}.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)

    async def resend(self, request: Request) -> Response:
        """Writes to the buyer again, at the same address."""
        front, one, _ = await self._open(request)
        await self._form(request)
        actor = Actor(ActorKind.PROGRAM, "", "buyer", source_of(request, self._site.house.settings))
        try:
            async with self._site.house.database.writing() as connection:
                locked = await orders_store.find(connection, one.id, locked=True)
                if locked is not None:
                    await self._delivering.resend(connection, locked, actor, front.shop.tenant_id)
        except BridgeError as error:
            if error.code is not Code.SLOW_DOWN:
                raise
            said_so = {"": self._site.words(request).t("shop.wrong.resend")}
            return await self._show(request, said_so, HTTPStatus.TOO_MANY_REQUESTS)
        return see_other(f"{self._here(request)}?done=resent")

    async def notified(self, request: Request) -> Response:
        """A payment service says that it is time to ask; nothing else of what it says counts."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        await self._checkout.notified(request.path_params["service"], headers, await request.body())
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _open(self, request: Request) -> tuple[Front, Order, tuple[Line, ...]]:
        return await self._buying.opened(request.path_params["slug"], request.path_params["secret"])

    async def _form(self, request: Request) -> dict[str, str]:
        form = dict(await read_form(request))
        form_key(self._site.house.vault, form.get(TOKEN, ""), request.path_params["secret"])
        return form

    @staticmethod
    def _here(request: Request) -> str:
        return f"{PATH}/{request.path_params['slug']}/order/{request.path_params['secret']}"

    async def _show(
        self, request: Request, wrong_with: Mapping[str, str], status: int = HTTPStatus.OK, form: Form | None = None
    ) -> Response:
        front, one, lines = await self._open(request)
        house, words = self._site.house, self._site.words(request, zone=None)
        async with house.database.reading() as connection:
            layouts = await store.layouts(connection, {(each.wish.design_id, each.wish.version) for each in lines})
            units = await orders_store.units(connection, one.id)
            payment = await orders_store.find_payment(connection, one.id)
        secret, own = request.path_params["secret"], house.settings.address
        page = "" if payment is None else payment.page
        return await self._site.page(
            request,
            "shop/order.html",
            visit=None,
            status=status,
            front=front,
            one=one,
            form=form or {},
            lines=[_row(words, front, each, layouts[each.wish.design_id, each.wish.version]) for each in lines],
            here_at=self._here(request),
            seller=front.sellers.get(one.location_id, ""),
            total=words.amount(one.money),
            token=signed(house.vault, one.form_key, secret),
            wrong=wrong_with,
            units=[each for each in units if not each.refunded],
            pay_at=page.removeprefix(own) if page.startswith(f"{own}/") else page,
            until=day(words, (one.issued_at or one.created_at) + LINK_LASTS),
            done=request.query_params.get("done") == "resent",
            minutes=max(0, int((one.expires_at - house.runtime.clock.now()).total_seconds() // 60)),
        )


def _row(words: Words, front: Front, one: Line, layout: Layout) -> OrderRow:
    """A line as the page of its order shows it."""
    picture, unit = layout.picture_id, front.system.unit
    return OrderRow(
        one,
        said(layout.names, words.t.language),
        "" if picture is None else f"{PATH}/{front.shop.slug}/pictures/{picture}",
        words.amount(Money(one.wish.value, unit)),
        words.amount(Money(one.wish.unit_amount, unit)),
        words.amount(Money(one.wish.amount, unit)),
        "" if one.wish.send_on is None else day(words, one.wish.send_on),
    )


class TestPaymentPages:
    """The page of the test payment service."""

    __test__ = False

    def __init__(self, site: Site, payments: TestPayments, checkout: Checkout) -> None:
        self._site = site
        self._payments = payments
        self._checkout = checkout

    def routes(self) -> list[BaseRoute]:
        """Its page and what its buttons do."""
        one = f"{test_service.PAGE}/{{reference}}"
        return [Route(one, self.show, methods=["GET"]), Route(one, self.decide, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Pay, decline or cancel."""
        shown = await self._payments.shown(request.path_params["reference"])
        words = self._site.words(request)
        return await self._site.page(
            request,
            "shop/test_payment.html",
            visit=None,
            shown=shown,
            money=words.amount(shown.money),
            token=signed(self._site.house.vault, "test", request.path_params["reference"]),
            pending=shown.state is PaymentState.PENDING,
            back=shown.return_url.removeprefix(self._site.house.settings.address),
        )

    async def decide(self, request: Request) -> Response:
        """What the buyer has pressed. The shop is notified as by any service, and the buyer is sent back."""
        reference = request.path_params["reference"]
        form = await read_form(request)
        form_key(self._site.house.vault, form.get(TOKEN, ""), reference)
        shown = await self._payments.shown(reference)
        decision = _DECISIONS.get(form.get("decision", ""))
        if decision is None:
            raise BridgeError(Code.FIELD_INVALID, "pay, decline or cancel", place="decision")
        await self._payments.decide(reference, decision)
        try:
            await self._checkout.notified(test_service.NAME, *self._payments.notice(reference))
        except BridgeError as error:
            if error.code not in {Code.PAYMENT_SERVICE_AWAY, Code.OVERLOADED}:
                raise
        return see_other(shown.return_url.removeprefix(self._site.house.settings.address))
