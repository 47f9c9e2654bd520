"""Checks an order of the hosted payment page (README.md, section 10): what it must hold, and what the page then is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.money import Money
from tillbridge.psp.hipay.sandbox.model import Operation
from tillbridge.psp.hipay.sandbox.orders import (
    REPEATED,
    Rules,
    amount_of,
    check_basket,
    check_customer,
    check_lengths,
    malformed,
    need,
)
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.settings import REACHABLE
from tillbridge.web.webhooks.addresses import AddressRefused, check_url

RETURNS: Final = ("accept_url", "decline_url", "pending_url", "exception_url", "cancel_url")
PRODUCTS: Final = frozenset({"american-express", "bcmc", "cb", "maestro", "mastercard", "visa"})
"""Of the cards that are documented for the page; the sandbox pays all of them in the same way."""

TEMPLATES: Final = frozenset({"basic-js", "basic", "iframe-js", "iframe", "autodetection"})
ECIS: Final = frozenset({"7", "9"})
USUAL_SECONDS: Final = 7 * 24 * 3600
LONGEST_SECONDS: Final = 2_140_000
LONGEST_LANGUAGE: Final = 5
LONGEST_NAME: Final = 32
LONGEST_ADDRESS: Final = 2000

_NEEDED: Final = ("orderid", "description", "currency", "amount")
_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Page:
    """A page on which a buyer may pay. `returns` are the merchant's addresses by the name of their parameter."""

    token: str
    order_id: str
    operation: Operation
    amount: Money
    asked: Mapping[str, str]
    language: Language | None
    returns: Mapping[str, str]
    created: datetime
    expires: datetime
    cancelled: bool = False


def check_page(given: Mapping[str, str], rules: Rules, token: str, now: datetime) -> Page:
    """The page, if everything about its order is right; else `GatewayRefusal` for the first thing that is not."""
    for name in _NEEDED:
        need(given, name)
    check_lengths(given)
    amount = amount_of(given, rules)
    if given.get("eci", "7") not in ECIS:
        raise GatewayRefusal(GatewayCode.ECI, "eci must be 7 for a payment on the web")
    _check_products(given)
    check_customer(given)
    check_basket(given.get("basket"), amount)
    if given.get("template", "basic-js") not in TEMPLATES:
        raise malformed("template is none that there is")
    returns = {name: _address(given, name) for name in RETURNS if name in given}
    asked = {name: value for name, value in given.items() if name in REPEATED}
    if len(given.get("merchant_display_name", "")) > LONGEST_NAME:
        raise malformed(f"merchant_display_name has more than {LONGEST_NAME} characters")
    if "merchant_display_name" in given:
        asked["merchant_display_name"] = given["merchant_display_name"]
    if "notify_url" in given:
        asked["notify_url"] = _told_at(given["notify_url"])
    expires = now + timedelta(seconds=_seconds(given))
    return Page(token, given["orderid"], _operation(given), amount, asked, _language(given), returns, now, expires)


def _operation(given: Mapping[str, str]) -> Operation:
    match given.get("operation", Operation.AUTHORIZATION):
        case Operation.SALE:
            return Operation.SALE
        case Operation.AUTHORIZATION:
            return Operation.AUTHORIZATION
        case _:
            raise GatewayRefusal(GatewayCode.OPERATION, "operation must be Authorization or Sale")


def _check_products(given: Mapping[str, str]) -> None:
    if "payment_product" in given or "initialize_payment_terminal" in given:
        raise GatewayRefusal(GatewayCode.PRODUCT, "the page has payment_product_list, and no terminal")
    for product in given.get("payment_product_list", "visa").split(","):
        if product not in PRODUCTS:
            raise GatewayRefusal(GatewayCode.PRODUCT, f"payment_product_list goes by {', '.join(sorted(PRODUCTS))}")


def _address(given: Mapping[str, str], name: str) -> str:
    text = given[name]
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.username is None and not parts.fragment
    except ValueError:
        fine = False
    if not fine or not text.isascii() or not text.isprintable() or " " in text or len(text) > LONGEST_ADDRESS:
        raise malformed(f"{name} is no address such as https://shop.example/thanks")
    return text


def _told_at(text: str) -> str:
    try:
        check_url(text, REACHABLE)
    except AddressRefused as refusal:
        raise malformed(f"notify_url: {refusal}") from None
    return text


def _seconds(given: Mapping[str, str]) -> int:
    text = given.get("time_limit_to_pay", str(USUAL_SECONDS))
    if not (text.isascii() and text.isdigit() and 0 < int(text[:_DIGITS]) <= LONGEST_SECONDS and len(text) <= _DIGITS):
        raise malformed(f"time_limit_to_pay goes from 1 to {LONGEST_SECONDS} seconds")
    return int(text)


def _language(given: Mapping[str, str]) -> Language | None:
    """The page's own language; None for one that it does not speak."""
    text = given.get("language", "")
    if len(text) > LONGEST_LANGUAGE:
        raise malformed(f"language has more than {LONGEST_LANGUAGE} characters")
    code = text.partition("_")[0].lower()
    return Language(code) if code in frozenset(Language) else None
