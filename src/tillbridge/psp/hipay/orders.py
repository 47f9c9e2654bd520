"""A payment as HiPay's passive order: the form that reports what another acquirer has taken (UPSTREAM.md, section 2).

Sans-IO: a payment in, form fields out.
"""

import hashlib
import json
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import Payment

LONGEST_ORDER_ID: Final = 32
LONGEST_DESCRIPTION: Final = 128
"""The shorter of the two lengths that HiPay's texts give."""

LONGEST_FIELD: Final = 128
"""Characters of a name or an address: no text of HiPay gives a bound, and nobody's name is longer."""

LONGEST_JSON: Final = 32_768
"""Characters of a basket or of custom data that are passed on."""

_TAIL: Final = 12
"""Characters of an order id that make it this payment's: 60 bits, made from the payment's own id."""

_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Product:
    """What HiPay calls one kind of payment: `operation` of the order, and the `code` of what was done."""

    operation: str
    code: str


PRODUCTS: Final[Mapping[Kind, Product]] = {
    Kind.SALE: Product("Sale", "200100"),
    Kind.AUTHORIZATION: Product("Authorization", "200000"),
    Kind.REFUND: Product("Credit", "200350"),
}
"""The payments that are reported. What follows on one (capture, void) has no passive order."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The merchant contract that a payment ran on: `mid` and the acquirer's number of the shop."""

    mid: str
    acquirer_registration: str


@dataclass(frozen=True, slots=True)
class PassiveOrder:
    """What is sent: the form's fields, and what an answer is compared with."""

    order_id: str
    amount: Money
    fields: Mapping[str, str] = field(repr=False)


def is_reported(payment: Payment) -> bool:
    """Whether HiPay is told of this payment: approved sales, authorizations and credits."""
    return payment.kind in PRODUCTS and isinstance(payment.outcome, Approved)


def hipay_order_id(payment_id: str, order_id: str | None) -> str:
    """The order id at HiPay: unique for ever, always the same for the same payment, and beginning with the shop's own.

    A shop's order numbers begin again, HiPay's may not: the tail is a digest of the payment's id.
    """
    tail = b32encode(hashlib.sha256(payment_id.encode()).digest())[:_TAIL].decode().lower()
    shown = _UNFIT.sub("-", order_id or "")[: LONGEST_ORDER_ID - _TAIL - 1].strip("-")
    return f"{shown or 'tillbridge'}-{tail}"


def product_hash(order_id: str, amount: str, currency: str, hashkey: str) -> str:
    """The hash of a passive order over the very strings that are sent."""
    # SHA-1 is what HiPay asks for here; it proves who reports, and hides nothing.
    return hashlib.sha1(f"{order_id}{amount}{currency}{hashkey}".encode()).hexdigest()  # noqa: S324


def passive_order(payment: Payment, contract: Contract, hashkey: str) -> PassiveOrder:
    """The order that reports this payment; only for one of which `is_reported` is true."""
    product, outcome = PRODUCTS[payment.kind], payment.outcome
    if not isinstance(outcome, Approved):
        raise TypeError("only what was approved is reported")
    order_id = hipay_order_id(payment.id, payment.order_id)
    amount, currency = outcome.amount.major(), outcome.amount.currency.code
    parameters = {
        "hash": product_hash(order_id, amount, currency, hashkey),
        "code": product.code,
        "mid": contract.mid,
        "acquirer_registrationid": contract.acquirer_registration,
    }
    if outcome.authorization_code:
        parameters["authorization_code"] = outcome.authorization_code
    fields = {
        "orderid": order_id,
        "operation": product.operation,
        "eci": "10",
        "description": _description(payment),
        "currency": currency,
        "amount": amount,
        "payment_product": "tpe",
        "initialize_payment_terminal": "0",
        "payment_product_parameters": json.dumps(parameters, separators=(",", ":")),
    }
    return PassiveOrder(order_id, outcome.amount, fields | _from_the_till(payment.notes, outcome.amount))


def _description(payment: Payment) -> str:
    named = f"order {payment.order_id}" if payment.order_id else f"payment {payment.id}"
    return _line(f"Store {payment.kind.value}, {named}", LONGEST_DESCRIPTION)


def _from_the_till(notes: Mapping[str, object], amount: Money) -> dict[str, str]:
    """What the till said about the order: the customer, its own data, and the basket if that agrees with the amount."""
    found: dict[str, str] = {}
    customer = _json(notes, "customer")
    if isinstance(customer, dict):
        for name, spellings in _CUSTOMER.items():
            value = next((customer[one] for one in spellings if customer.get(one) not in (None, "")), None)
            if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
                found[name] = _line(str(value), LONGEST_FIELD)
    custom = _json(notes, "custom_data")
    if isinstance(custom, dict) and custom:
        found["custom_data"] = _text(notes["custom_data"])
    basket = _json(notes, "cart")
    if notes.get("cart_status") == "complete" and isinstance(basket, list) and _comes_to(basket, amount):
        found["basket"] = _text(notes["cart"])
    return {name: value for name, value in found.items() if value}


_CUSTOMER: Final[Mapping[str, tuple[str, ...]]] = {
    "firstname": ("firstname", "firstName", "first_name"),
    "lastname": ("lastname", "lastName", "last_name"),
    "email": ("email",),
    "cid": ("id", "customer_id"),
}


def _json(notes: Mapping[str, object], name: str) -> object:
    """What a door has kept under this name: a JSON text, in which no digit was lost."""
    text = notes.get(name)
    if not isinstance(text, str) or len(text) > LONGEST_JSON:
        return None
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _comes_to(basket: list[object], amount: Money) -> bool:
    """Whether the lines come to what was paid: after a partial approval those that were asked for do not."""
    total = Decimal(0)
    for line in basket:
        value = line.get("total_amount") if isinstance(line, dict) else None
        try:
            total += Decimal(str(value).replace(",", "."))
        except ArithmeticError:
            return False
    return abs(total - Decimal(amount.major())) < Decimal("0.5").scaleb(-amount.currency.exponent)


def _line(text: str, longest: int) -> str:
    return _CONTROLS.sub(" ", text)[:longest].strip()
