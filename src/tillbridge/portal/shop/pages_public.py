"""The shop's own pages, for whoever comes: without a login, a cookie or a script."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, parse_major
from tillbridge.portal.pages.site import TOKEN, Form, Site
from tillbridge.portal.shop import store
from tillbridge.portal.shop.buying import Buying, Filled, Front
from tillbridge.portal.shop.links import form_key, new_form_token
from tillbridge.portal.shop.model import MOST_PERSONS, MOST_UNITS, Design, Layout, Range, Texts, Wish, said
from tillbridge.portal.source import source_of
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

PATH: Final = "/shop"

_WRONG: Final = {
    "persons": "shop.wrong.persons",
    "quantity": "shop.wrong.quantity",
    "location": "shop.wrong.location",
    "recipient": "shop.wrong.long",
    "message": "shop.wrong.long",
    "sender": "shop.wrong.long",
    "email": "shop.wrong.email",
}
_MONTH: Final = 30 * 24 * 3600
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Card:
    """A design as a card shows it. `price` is a sentence; `picture` the address of its picture, "" for our drawing."""

    design: Design
    name: str
    text: str
    price: str
    picture: str


class PublicPages:
    """The shop window, the form of one design, the terms and the pictures."""

    def __init__(self, site: Site, buying: Buying) -> None:
        self._site = site
        self._buying = buying

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        one = f"{PATH}/{{slug}}"
        return [
            Route(one, self.window, methods=["GET"]),
            Route(f"{one}/terms", self.terms, methods=["GET"]),
            Route(f"{one}/pictures/{{picture_id}}", self.picture, methods=["GET"]),
            Route(f"{one}/buy/{{design_id}}", self.show, methods=["GET"]),
            Route(f"{one}/buy/{{design_id}}", self.fill, methods=["POST"]),
        ]

    async def window(self, request: Request) -> Response:
        """Every design that is offered; a sentence where the shop is closed."""
        front = await self._buying.front(request.path_params["slug"])
        words = self._site.words(request)
        cards = [card(words, front, one) for one in front.designs if one.is_offered]
        return await self._site.page(
            request,
            "shop/window.html",
            visit=None,
            front=front,
            cards=cards if front.selling else [],
            welcome=said(front.shop.welcome, words.t.language),
        )

    async def terms(self, request: Request) -> Response:
        """Terms, the notice of withdrawal, and who the merchant is."""
        front = await self._buying.front(request.path_params["slug"])
        language = self._site.language(request)
        parts: tuple[tuple[str, Texts], ...] = (
            ("terms", front.shop.terms),
            ("withdrawal", front.shop.withdrawal),
            ("imprint", front.shop.imprint),
        )
        texts = [(name, paragraphs(said(text, language))) for name, text in parts]
        return await self._site.page(request, "shop/terms.html", visit=None, front=front, texts=texts)

    async def picture(self, request: Request) -> Response:
        """A design's picture; it never changes under its address."""
        front = await self._buying.front(request.path_params["slug"])
        async with self._site.house.database.reading() as connection:
            found = await store.find_picture(connection, front.shop.id, request.path_params["picture_id"])
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        headers = {"Cache-Control": f"public, max-age={_MONTH}, immutable"}
        return Response(found[1], media_type=found[0], headers=headers)

    async def show(self, request: Request) -> Response:
        """The form of a design."""
        return await self._form(request, {})

    async def fill(self, request: Request) -> Response:
        """Keeps what was filled in as a cart, and shows it."""
        house, slug = self._site.house, request.path_params["slug"]
        form = await read_form(request)
        key = form_key(house.vault, form.get(TOKEN, ""), self._page(request))
        front = await self._buying.front(slug)
        try:
            design = front.design(request.path_params["design_id"])
            filled = self._read(request, front, design, form)
            secret = await self._buying.fill(slug, key, filled, source_of(request, house.settings))
        except BridgeError as error:
            return await self._form(request, form, error)
        return see_other(f"{PATH}/{slug}/order/{secret}")

    def _read(self, request: Request, front: Front, design: Design, form: Form) -> Filled:
        wish = Wish(
            design_id=design.id,
            version=design.layout.version,
            value=_value(front, design.layout, form),
            persons=_count(form.get("persons") or "1", "persons"),
            quantity=_count(form.get("quantity") or "1", "quantity"),
            recipient=plain(form.get("recipient", "")),
            message=plain(form.get("message", ""), lines=True),
            sender=plain(form.get("sender", "")),
        )
        location = form.get("location", "") or next(iter(front.sellers))
        return Filled(wish, location, form.get("email", ""), self._site.language(request))

    async def _form(self, request: Request, form: Form, error: BridgeError | None = None) -> Response:
        house, words = self._site.house, self._site.words(request)
        front = await self._buying.front(request.path_params["slug"])
        try:
            design = front.design(request.path_params["design_id"])
        except BridgeError as gone:
            if gone.code is not Code.SHOP_PRODUCT_GONE:
                raise
            status = gone.entry.status
            return await self._site.page(request, "shop/gone.html", visit=None, status=status, front=front)
        token = form.get(TOKEN) or new_form_token(house.vault, house.runtime.chance, self._page(request))
        one = design.layout.free or front.range
        return await self._site.page(
            request,
            "shop/buy.html",
            visit=None,
            status=HTTPStatus.OK if error is None else error.entry.status,
            front=front,
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
        )

    @staticmethod
    def _page(request: Request) -> str:
        return f"{request.path_params['slug']}/{request.path_params['design_id']}"


def card(words: Words, front: Front, one: Design) -> Card:
    """A design in the reader's language."""
    layout, language, unit = one.layout, words.t.language, front.system.unit

    def amount(minor: int) -> str:
        return words.amount(Money(minor, unit))

    if layout.free is not None:
        price = words.t("shop.price.free", least=amount(layout.free.least), most=amount(layout.free.most))
    elif len(layout.fixed) == 1:
        price = amount(layout.fixed[0])
    else:
        price = words.t("shop.price.from", least=amount(min(layout.fixed)))
    picture = "" if layout.picture_id is None else f"{PATH}/{front.shop.slug}/pictures/{layout.picture_id}"
    return Card(one, said(layout.names, language), said(layout.texts, language), price, picture)


def wrong(words: Words, front: Front, error: BridgeError) -> Mapping[str, str]:
    """What is wrong with a buyer's form: sentences by field, "" for the form as a whole."""
    t, place = words.t, error.place or ""
    match error.code:
        case Code.SHOP_RANGE:
            ends = {
                name: words.amount(Money(int(str(error.members[name])), front.system.unit)) for name in ("min", "max")
            }
            return {place: t("shop.wrong.range", least=ends["min"], most=ends["max"])}
        case Code.AMOUNT_INVALID:
            return {"value": t("shop.wrong.amount")}
        case Code.SHOP_PRODUCT_GONE | Code.SLOW_DOWN | Code.RECORD_CONFLICT | Code.PAYMENT_SERVICE_AWAY:
            return {"": t(f"shop.wrong.{error.code}")}
        case Code.PAYMENT_SERVICE_REFUSED:
            return {"": t("shop.wrong.payment_service_refused")}
        case Code.FIELD_INVALID if place in _WRONG:
            return {place: t(_WRONG[place], persons=MOST_PERSONS, units=MOST_UNITS)}
        case _:
            raise error


def plain(text: str, *, lines: bool = False) -> str:
    """What somebody typed, without signs that print nothing; of line ends only those of a message stay."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign if sign.isprintable() or (lines and sign == "\n") else " " for sign in kept).strip()


def paragraphs(text: str) -> list[str]:
    """A text as it was typed, paragraph by paragraph."""
    return [part.strip() for part in text.replace("\r\n", "\n").split("\n\n") if part.strip()]


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
