"""Checks an order, passive or active, as far as the published pages say what it must hold (README.md, section 2)."""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from pydantic_core import from_json

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import BY_CODE, Money, parse_major
from tillbridge.psp.hipay.sandbox.model import Mode, Operation, Sums, Wanted
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.statuses import Status

LONGEST_ORDER_ID: Final = 32
LONGEST_DESCRIPTION: Final = 255
"""One source says 255 and another 128: the sandbox takes what the milder one allows, a client sends at most 128."""

LONGEST_ACQUIRER_REFERENCE: Final = 11
MOST_MINOR: Final = 10**8
"""A million with two decimals: the limit of a real account is its contract's."""

SHORTEST_LIFETIME: Final = 30
LONGEST_LIFETIME: Final = 24 * 3600
USUAL_LIFETIME: Final = 60
"""Seconds for which an order waits for its terminal: the least is documented, and sixty advised."""

PASSIVE, ACTIVE = "0", "1"
CODES: Final[Mapping[str, Status]] = {
    "200000": Status.AUTHORIZED,
    "200100": Status.CAPTURED,
    "200350": Status.CREDITED_CARD,
}
"""What the merchant says that the other acquirer did."""

_NEEDED: Final = ("orderid", "eci", "description", "currency", "amount", "initialize_payment_terminal")
_PRODUCT_NEEDED: Final = ("hash", "code", "mid", "acquirer_registrationid")
_OLD_CUSTOM: Final = frozenset(f"cdata{number}" for number in range(1, 11))
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
REPEATED: Final = frozenset(
    {
        *("description", "email", "language", "cid", "firstname", "lastname", "custom_data", "basket", "source"),
        *("payment_product", "payment_terminal_id", "store_id", "order_point", "sales_channel", "operation_id"),
    }
)
"""What is kept of an order besides the sums: nothing of it is secret."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an order is checked against."""

    hashkey: str
    credit_status: Status = Status.CREDITED_CARD
    most_minor: int = MOST_MINOR


def check_order(given: Mapping[str, str], rules: Rules, now: datetime) -> Wanted:
    """The order, if everything about it is right; else `GatewayRefusal` for the first thing that is not."""
    for name in _NEEDED:
        need(given, name)
    check_lengths(given)
    amount = amount_of(given, rules)
    if given["eci"] != "10":
        raise GatewayRefusal(GatewayCode.ECI, "eci must be 10 for a payment in a shop")
    operation = _operation(given)
    check_customer(given)
    check_basket(given.get("basket"), amount)
    match given["initialize_payment_terminal"]:
        case "0":
            return _passive(given, rules, operation, amount)
        case "1":
            return _active(given, operation, amount, now)
        case _:
            raise malformed("initialize_payment_terminal must be 0 or 1")


def order_hash(order_id: str, amount: str, currency: str, hashkey: str) -> str:
    """The hash of a passive order: over the amount exactly as it is sent."""
    return hashlib.sha1(f"{order_id}{amount}{currency}{hashkey}".encode()).hexdigest()  # noqa: S324  # as published


def _passive(given: Mapping[str, str], rules: Rules, operation: Operation, amount: Money) -> Wanted:
    product = need(given, "payment_product")
    if product != "tpe":
        raise GatewayRefusal(GatewayCode.PRODUCT, "payment_product must be tpe for a payment that was taken elsewhere")
    more = _object(need(given, "payment_product_parameters"), "payment_product_parameters")
    texts = {name: value for name, value in more.items() if isinstance(value, str) and value}
    for name in _PRODUCT_NEEDED:
        need(texts, name, "payment_product_parameters.")
    expected = order_hash(given["orderid"], given["amount"], given["currency"], rules.hashkey)
    if not hmac.compare_digest(expected.encode(), texts["hash"].lower().encode()):
        raise malformed("payment_product_parameters.hash does not fit the order")
    status = CODES.get(texts["code"])
    if status is None:
        raise malformed(f"payment_product_parameters.code must be one of {', '.join(CODES)}")
    reference = texts.get("acquirer_reference", "")
    if len(reference) > LONGEST_ACQUIRER_REFERENCE:
        raise malformed(f"acquirer_reference has more than {LONGEST_ACQUIRER_REFERENCE} digits")
    asked = {name: value for name, value in given.items() if name in REPEATED}
    asked |= {name: texts[name] for name in ("acquirer_registrationid", "authorization_code") if name in texts}
    credit = status is Status.CREDITED_CARD
    if credit is not (operation is Operation.CREDIT) and "operation" in given:
        raise malformed("operation and payment_product_parameters.code contradict each other")
    return Wanted(
        given["orderid"],
        Mode.PASSIVE,
        Operation.CREDIT if credit else operation,
        amount,
        rules.credit_status if credit else status,
        _sums(status, amount.minor),
        texts["mid"],
        reference,
        asked,
    )


def _sums(status: Status, minor: int) -> Sums:
    match status:
        case Status.AUTHORIZED:
            return Sums(authorized=minor)
        case Status.CAPTURED:
            return Sums(authorized=minor, captured=minor)
        case _:
            return Sums(credited=minor)


def _active(given: Mapping[str, str], operation: Operation, amount: Money, now: datetime) -> Wanted:
    if "payment_product" in given:
        raise GatewayRefusal(GatewayCode.PRODUCT, "an order for a terminal names no payment_product")
    if operation is Operation.CREDIT:
        raise GatewayRefusal(GatewayCode.OPERATION, "a terminal takes Authorization or Sale")
    need(given, "payment_terminal_id")
    need(given, "store_id")
    if given.get("order_point", "store") not in ("store", "web"):
        raise malformed("order_point must be store or web")
    seconds = given.get("pos_transaction_lifetime", str(USUAL_LIFETIME))
    if not (seconds.isascii() and seconds.isdigit() and SHORTEST_LIFETIME <= int(seconds[:9]) <= LONGEST_LIFETIME):
        raise malformed(f"pos_transaction_lifetime goes from {SHORTEST_LIFETIME} to {LONGEST_LIFETIME} seconds")
    asked = {name: value for name, value in given.items() if name in REPEATED}
    due = now + timedelta(seconds=int(seconds))
    waiting = Status.AWAITING_TERMINAL
    return Wanted(given["orderid"], Mode.ACTIVE, operation, amount, waiting, Sums(), "", "", asked, due)


def check_lengths(given: Mapping[str, str]) -> None:
    """What is too long is refused; an order number must be readable."""
    for name, most in (("orderid", LONGEST_ORDER_ID), ("description", LONGEST_DESCRIPTION)):
        if len(given[name]) > most:
            raise malformed(f"{name} has more than {most} characters")
    if not given["orderid"].isprintable():
        raise malformed("orderid holds characters that nobody can read")


def amount_of(given: Mapping[str, str], rules: Rules) -> Money:
    """The amount with its currency, within the account's limit."""
    unit = BY_CODE.get(given["currency"])
    if unit is None:
        raise GatewayRefusal(GatewayCode.CURRENCY, "currency is no ISO 4217 code")
    if "," in given["amount"]:
        raise GatewayRefusal(GatewayCode.DECIMAL, "amount must be a decimal number such as 8.99")
    try:
        money = parse_major(given["amount"], unit)
    except BridgeError:
        raise GatewayRefusal(GatewayCode.DECIMAL, "amount must be a decimal number such as 8.99") from None
    if not 0 < money.minor <= rules.most_minor:
        raise GatewayRefusal(GatewayCode.AMOUNT_LIMIT, "amount is nothing, or above the account's limit")
    return money


def _operation(given: Mapping[str, str]) -> Operation:
    try:
        return Operation(given.get("operation", Operation.AUTHORIZATION))
    except ValueError:
        raise GatewayRefusal(GatewayCode.OPERATION, f"operation must be one of {', '.join(Operation)}") from None


def check_customer(given: Mapping[str, str]) -> None:
    """E-mail address and custom data."""
    email = given.get("email")
    if email is not None and _EMAIL.fullmatch(email) is None:
        raise GatewayRefusal(GatewayCode.EMAIL, "email is no e-mail address")
    custom = given.get("custom_data")
    if custom is not None:
        _object(custom, "custom_data")
        if not _OLD_CUSTOM.isdisjoint(given):
            raise malformed("custom_data and cdata1 to cdata10 exclude each other")


def check_basket(text: str | None, amount: Money) -> None:
    """A basket agrees with the amount: the lines' total amounts add up to it."""
    if text is None:
        return
    lines = _json(text, "basket")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise malformed("basket must be a list of lines")
    try:
        total = sum((Decimal(str(line["total_amount"])) for line in lines), Decimal())
    except (KeyError, ArithmeticError):
        raise malformed("basket has a line without a total_amount") from None
    if total != Decimal(amount.major()):
        raise malformed("basket does not add up to the amount")


def _object(text: str, name: str) -> dict[str, object]:
    value = _json(text, name)
    if not isinstance(value, dict):
        raise malformed(f"{name} must be a JSON object")
    return value


def _json(text: str, name: str) -> object:
    """The value of a JSON text.

    What two readers may understand differently is refused: half characters, numbers that are too large for some, a
    name that stands twice.
    """
    try:
        from_json(text, allow_inf_nan=False)
        value: object = json.loads(text, parse_float=_finite, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise malformed(f"{name} is no JSON that everybody reads alike") from None
    return value


def _finite(text: str) -> Decimal:
    if not math.isfinite(float(text)):
        raise ValueError("too large for many readers")
    return Decimal(text)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def need(given: Mapping[str, str], name: str, before: str = "") -> str:
    """The parameter of this name; a refusal where it is missing."""
    value = given.get(name)
    if value is None:
        raise GatewayRefusal(GatewayCode.MISSING, f"{before}{name} is missing")
    return value


def malformed(description: str) -> GatewayRefusal:
    """The refusal of a parameter that makes no sense."""
    return GatewayRefusal(GatewayCode.MALFORMED, description)
