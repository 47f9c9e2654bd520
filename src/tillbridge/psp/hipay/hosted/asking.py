"""A wish as the form of HiPay's hosted payment page (HOSTED.md, section 2). Sans-IO: a wish in, form fields out."""

import hashlib
import re
from base64 import b32encode
from collections.abc import Mapping
from typing import Final

from tillbridge.domain.money import Money
from tillbridge.psp.hipay.hosted.model import Wish

LONGEST_ORDER_ID: Final = 32
LONGEST_DESCRIPTION: Final = 128
"""The shorter of the two lengths that HiPay's texts give."""

LOCALES: Final[Mapping[str, str]] = {"de": "de_DE", "fr": "fr_FR", "en": "en_GB"}
"""Of our languages those that the page speaks; for every other one it is asked for English."""

USUAL_LOCALE: Final = "en_GB"

_TAIL: Final = 16
"""Characters that make an order id this wish's: 80 bits of a digest, so that no two keys ever share one."""

_OPERATION: Final = 24
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")


def order_id_of(key: str, shown: str) -> str:
    """HiPay's order id for a wish: what people know it by, and behind it what is made of its key alone."""
    head = _UNFIT.sub("-", shown).strip("-")[: LONGEST_ORDER_ID - _TAIL - 1]
    return f"{head}-{_digest(key, _TAIL)}" if head else _digest(key, _TAIL)


def operation_id_of(order_id: str, key: str) -> str:
    """HiPay's operation id for a refund, by which it is looked up before it is asked for again."""
    return _digest(f"{order_id}\n{key}", _OPERATION)


def fields_of(wish: Wish) -> Mapping[str, str]:
    """The form. `ValueError` for a wish that HiPay would take for another one, or not at all."""
    if not wish.amount.minor:
        raise ValueError("nothing is to be paid")
    described = _CONTROLS.sub(" ", wish.description).strip()[:LONGEST_DESCRIPTION] or wish.order_id
    fields = {
        "orderid": wish.order_id,
        "operation": "Sale",
        "eci": "7",
        "description": described,
        "amount": wish.amount.major(),
        "currency": wish.amount.currency.code,
        "accept_url": wish.return_url,
        "decline_url": wish.return_url,
        "pending_url": wish.return_url,
        "exception_url": wish.return_url,
        "cancel_url": wish.return_url,
        "notify_url": wish.notify_url,
        "email": wish.email,
        "language": LOCALES.get(wish.language, USUAL_LOCALE),
        "template": "basic-js",
        "display_cancel_button": "1",
        "time_limit_to_pay": str(wish.seconds),
    }
    return fields | ({"payment_product_list": ",".join(wish.products)} if wish.products else {})


def refund_fields(amount: Money, operation_id: str) -> Mapping[str, str]:
    """The form of a refund."""
    return {
        "operation": "refund",
        "amount": amount.major(),
        "currency": amount.currency.code,
        "operation_id": operation_id,
    }


def _digest(text: str, letters: int) -> str:
    return b32encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()).decode()[:letters]
