"""The form of a design, and the cart that it fills: without a login or a script."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, parse_major
from tillbridge.portal.customers.forms import major
from tillbridge.portal.pages.site import TOKEN, Form, Site
from tillbridge.portal.shop.buying import Buying
from tillbridge.portal.shop.carts import Carts
from tillbridge.portal.shop.front import Front
from tillbridge.portal.shop.links import form_key, new_form_token, signed
from tillbridge.portal.shop.model import (
    MOST_PERSONS,
    MOST_UNITS,
    SEND_AHEAD,
    Design,
    Layout,
    Line,
    OrderState,
    Range,
    Wish,
)
from tillbridge.portal.shop.public_views import PATH, card, cart_of, keep_cart, plain, wrong
from tillbridge.portal.source import source_of
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

_DIGITS: Final = 3


class CartPages:
    """Filling a cart, and looking into it."""

    def __init__(self, site: Site, buying: Buying, carts: Carts) -> None:
        self._site = site
        self._buying = buying
        self._carts = carts

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        one = f"{PATH}/{{slug}}"
        return [
            Route(f"{one}/buy/{{design_id}}", self.show, methods=["GET"]),
            Route(f"{one}/buy/{{design_id}}", self.fill, methods=["POST"]),
            Route(f"{one}/cart", self.cart, methods=["GET"]),
            Route(f"{one}/order/{{secret}}/line/{{number}}", self.edit, methods=["GET"]),
            Route(f"{one}/order/{{secret}}/line/{{number}}", self.remove, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form of a design."""
        return await self._form(request, request.path_params["design_id"], {})

    async def fill(self, request: Request) -> Response:
        """Puts what was filled in into the cart, and shows that."""
        house, slug, design_id = self._site.house, request.path_params["slug"], request.path_params["design_id"]
        form = await read_form(request)
        key = form_key(house.vault, form.get(TOKEN, ""), f"{slug}/{design_id}")
        front = await self._buying.front(slug)
        try:
            wish = _read(front, front.design(design_id), form)
            language, source = self._site.language(request), source_of(request, house.settings)
            secret = await self._carts.put(slug, cart_of(request), key, wish, language, source)
        except BridgeError as error:
            return await self._form(request, design_id, form, error)
        answer = see_other(f"{PATH}/{slug}/order/{secret}")
        keep_cart(answer, house.settings, slug, secret)
        return answer

    async def cart(self, request: Request) -> Response:
        """The cart that this browser has; a page that says so if there is none."""
        slug = request.path_params["slug"]
        front = await self._buying.front(slug)
        if await self._carts.count(front, cart_of(request)):
            return see_other(f"{PATH}/{slug}/order/{cart_of(request)}")
        return await self._site.page(request, "shop/empty_cart.html", visit=None, front=front)

    async def edit(self, request: Request) -> Response:
        """The form of a line as it was filled in; sent, it changes that line."""
        slug, secret = request.path_params["slug"], request.path_params["secret"]
        front, one, lines = await self._buying.opened(slug, secret)
        line = next((each for each in lines if str(each.number) == request.path_params["number"]), None)
        if line is None or one.state is not OrderState.CART:
            return see_other(f"{PATH}/{slug}/order/{secret}")
        design_id = line.wish.design_id
        token = signed(self._site.house.vault, line.key, f"{slug}/{design_id}")
        answer = await self._form(request, design_id, {TOKEN: token, **_typed(front, line)})
        # Whoever comes here by the link alone goes on with this very cart.
        keep_cart(answer, self._site.house.settings, slug, secret)
        return answer

    async def remove(self, request: Request) -> Response:
        """Takes a line out of the cart."""
        slug, secret, number = (request.path_params[name] for name in ("slug", "secret", "number"))
        form = await read_form(request)
        form_key(self._site.house.vault, form.get(TOKEN, ""), secret)
        front, one, _ = await self._buying.opened(slug, secret)
        if one.state is not OrderState.CART:
            return see_other(f"{PATH}/{slug}/order/{secret}")
        if await self._carts.remove(front, secret, _count(number, "line")):
            return see_other(f"{PATH}/{slug}/order/{secret}")
        answer = see_other(f"{PATH}/{slug}/cart")
        keep_cart(answer, self._site.house.settings, slug, "")
        return answer

    async def _form(self, request: Request, design_id: str, form: Form, error: BridgeError | None = None) -> Response:
        house, words = self._site.house, self._site.words(request)
        front = await self._buying.front(request.path_params["slug"])
        in_cart = await self._carts.count(front, cart_of(request))
        try:
            design = front.design(design_id)
        except BridgeError as gone:
            if gone.code is not Code.SHOP_PRODUCT_GONE:
                raise
            return await self._site.page(
                request, "shop/gone.html", visit=None, status=gone.entry.status, front=front, in_cart=in_cart
            )
        token = form.get(TOKEN) or new_form_token(house.vault, house.runtime.chance, f"{front.shop.slug}/{design_id}")
        one = design.layout.free or front.range
        today = house.runtime.clock.now().astimezone(ZoneInfo(front.system.time_zone)).date()
        return await self._site.page(
            request,
            "shop/buy.html",
            visit=None,
            status=HTTPStatus.OK if error is None else error.entry.status,
            front=front,
            in_cart=in_cart,
            card=card(words, front, design),
            form=form,
            token=token,
            wrong={} if error is None else wrong(words, front, error),
            values=[(value, words.amount(Money(value, front.system.unit))) for value in design.layout.fixed],
            free=design.layout.free is not None,
            least=words.amount(Money(one.least, front.system.unit)),
            most=words.amount(Money(one.most, front.system.unit)),
            most_persons=MOST_PERSONS,
            most_units=MOST_UNITS if design.stock is None else min(MOST_UNITS, design.stock),
            stock=design.stock,
            first_day=today.isoformat(),
            last_day=(today + SEND_AHEAD).isoformat(),
        )


def _read(front: Front, design: Design, form: Form) -> Wish:
    return Wish(
        design_id=design.id,
        version=design.layout.version,
        value=_value(front, design.layout, form),
        persons=_count(form.get("persons") or "1", "persons"),
        quantity=_count(form.get("quantity") or "1", "quantity"),
        recipient=plain(form.get("recipient", "")),
        message=plain(form.get("message", ""), lines=True),
        sender=plain(form.get("sender", "")),
        send_to=form.get("send_to", ""),
        send_on=_day(form.get("send_on", "")),
    )


def _typed(front: Front, one: Line) -> Mapping[str, str]:
    """A line as its form shows it."""
    wish = one.wish
    return {
        "fixed": str(wish.value),
        "value": major(wish.value, front.system.currency, "."),
        "persons": str(wish.persons),
        "quantity": str(wish.quantity),
        "recipient": wish.recipient,
        "message": wish.message,
        "sender": wish.sender,
        "send_to": wish.send_to,
        "send_on": "" if wish.send_on is None else wish.send_on.isoformat(),
    }


def _value(front: Front, layout: Layout, form: Form) -> int:
    if layout.free is None:
        text = form.get("fixed", "")
        if not text.isascii() or not text.isdigit() or int(text[:13]) not in layout.fixed:
            most: Range = front.range
            raise BridgeError(Code.SHOP_RANGE, place="value", members={"min": most.least, "max": most.most})
        return int(text)
    return parse_major(form.get("value", ""), front.system.unit).minor


def _count(text: str, place: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise BridgeError(Code.FIELD_INVALID, "a whole number", place=place)
    return int(text)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BridgeError(Code.FIELD_INVALID, "a day as YYYY-MM-DD", place="send_on") from error
