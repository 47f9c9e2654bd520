"""What the shop's own pages have in common: designs as cards, what is wrong with a form, the cart's cookie."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.shop.front import Front
from tillbridge.portal.shop.model import CART_LASTS, MOST_IN_CART, MOST_PERSONS, MOST_UNITS, MOST_VOUCHERS, Design, said
from tillbridge.web.words import Words

PATH: Final = "/shop"

COOKIE: Final = "tillbridge_cart"
"""The only cookie of the shop's own: it names the cart, and is set when the first voucher is put into it."""

_WRONG: Final = {
    "persons": "shop.wrong.persons",
    "quantity": "shop.wrong.quantity",
    "location": "shop.wrong.location",
    "recipient": "shop.wrong.long",
    "message": "shop.wrong.long",
    "sender": "shop.wrong.long",
    "email": "shop.wrong.email",
    "send_to": "shop.wrong.send_to",
    "send_on": "shop.wrong.send_on",
    "cart": "shop.wrong.cart",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A design as a card shows it. `price` is a sentence; `picture` the address of its picture, "" for our drawing."""

    design: Design
    name: str
    text: str
    price: str
    picture: str


def cart_of(request: Request) -> str:
    """The secret of the cart that this browser has, "" for none."""
    return request.cookies.get(COOKIE, "")


def keep_cart(answer: Response, settings: PortalSettings, slug: str, secret: str) -> None:
    """Has the browser keep the cart's secret for this shop alone; an empty one is forgotten."""
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(CART_LASTS.total_seconds()) if secret else 0,
        path=f"{PATH}/{slug}",
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )


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
            most = {"persons": MOST_PERSONS, "units": MOST_UNITS, "lines": MOST_IN_CART, "most": MOST_VOUCHERS}
            # What is wrong with the cart is said above the form.
            return {"" if place == "cart" else place: t(_WRONG[place], **most)}
        case _:
            raise error


def plain(text: str, *, lines: bool = False) -> str:
    """What somebody typed, without signs that print nothing; of line ends only those of a message stay."""
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign if sign.isprintable() or (lines and sign == "\n") else " " for sign in kept).strip()


def paragraphs(text: str) -> list[str]:
    """A text as it was typed, paragraph by paragraph."""
    return [part.strip() for part in text.replace("\r\n", "\n").split("\n\n") if part.strip()]
