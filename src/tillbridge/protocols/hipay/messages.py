"""What a till may ask for: the fields of `POST /order`, their spellings, defaults and refusals.

protocols/hipay/README.md, section 2, lists the fields with their sources. Sans-IO: bytes in, an `Order` out.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Currency, Money, currency, parse_major
from tillbridge.domain.operation import Kind
from tillbridge.protocols.hipay import strict_json
from tillbridge.protocols.strict_json import JsonObject, canonical

MAX_ORDER_ID: Final = 64
"""Longer than any order number seen; it bounds what the journal indexes."""

GATEWAY_ORDER_ID: Final = 32
"""HiPay's gateway takes no longer order number (README, section 2): a longer one works here, with a warning."""

MAX_KEY: Final = 255
"""An Idempotency-Key is kept for ever, so it is bounded; a UUID has 36 characters."""

MAX_NAMED_FIELDS: Final = 10
"""So many unknown fields are named in warnings; the rest are noise."""

_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "amount": ("amount",),
    "currency": ("currency",),
    "transaction_type": ("transaction_type", "transation_type", "transactionType", "transationType"),
    "order_id": ("order_id", "orderId"),
    "force_authorization": ("force_authorization", "forceAuthorization"),
    "cart": ("cart", "basket"),
    "customer": ("customer",),
    "custom_data": ("custom_data", "customData"),
}
_KNOWN: Final = frozenset(name for names in _SPELLINGS.values() for name in names)

_CUSTOMER_NAMES: Final[tuple[tuple[str, ...], ...]] = (
    ("firstname", "firstName", "first_name"),
    ("lastname", "lastName", "last_name"),
)

_KINDS: Final = {"Debit": Kind.SALE, "Credit": Kind.REFUND}


class AmountStyle(StrEnum):
    """How a caller writes an amount, and therefore how it wants to read one."""

    NUMBER = "number"
    POINT = "point"
    COMMA = "comma"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that does not add up and stops no payment: a stable `code`, the `field`, one sentence."""

    code: str
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Echo:
    """What an answer gives back as the caller wrote it, JSON types included.

    `amount` is the caller's own value (10.23, "10.23" or "10,23"); `style` is how it was written.
    """

    amount: object
    style: AmountStyle
    force_authorization: bool
    cart: object
    customer: JsonObject
    custom_data: JsonObject


@dataclass(frozen=True, slots=True)
class Order:
    """A request that was read and found sound. `order_id` None means that the till leaves the number to us."""

    kind: Kind
    amount: Money
    order_id: str | None
    echo: Echo
    warnings: tuple[Warned, ...]

    def fingerprint(self) -> str:
        """SHA-256 over everything that makes the request what it is; the way its amount is written does not.

        The settings have no part in it: a repeat is the same payment also after the door was given another terminal.
        """
        meaning = {
            "kind": self.kind,
            "minor": self.amount.minor,
            "currency": self.amount.currency.code,
            "order_id": self.order_id,
            "force_authorization": self.echo.force_authorization,
            "cart": self.echo.cart,
            "customer": self.echo.customer,
            "custom_data": self.echo.custom_data,
        }
        return hashlib.sha256(canonical(meaning).encode()).hexdigest()


def read_order(body: bytes) -> Order:
    """Reads the body of `POST /order`. Raises `BridgeError` with the field's name as its `place`."""
    return order_of(strict_json.read_object(body))


def order_of(fields: JsonObject) -> Order:
    """The order in these fields; `amount` counts major units. Raises as `read_order`."""
    unit = _currency(fields)
    amount, style = _amount(fields, unit)
    kind = _kind(fields)
    order_id = _order_id(fields)
    warnings: list[Warned] = []
    warnings += _unknown_fields(fields)
    warnings += _order_id_warnings(order_id)
    customer = _object(fields, "customer")
    warnings += _check_customer(customer)
    custom_data, dropped = _custom_data(fields)
    echo = Echo(fields["amount"], style, _forced(fields), _cart(fields), customer, custom_data)
    return Order(kind, amount, order_id, echo, (*warnings, *dropped))


def read_key(values: list[bytes]) -> str | None:
    """The `Idempotency-Key` from its header lines: printable ASCII, at most `MAX_KEY` characters, one value."""
    if not values:
        return None
    if len(set(values)) > 1:
        raise _wrong("Idempotency-Key", "the header is there twice with different values")
    key = values[0].decode("latin-1").strip()
    if not 0 < len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise _wrong("Idempotency-Key", f"the header takes 1 to {MAX_KEY} printable ASCII characters")
    return key


def _wrong(place: str, detail: str) -> BridgeError:
    return BridgeError(Code.FIELD_INVALID, detail, place=place)


def _pick(fields: Mapping[str, object], spellings: tuple[str, ...], within: str = "") -> tuple[str, object]:
    """The value under any of its spellings, with the one used; a null counts as absent.

    Two spellings with different values are refused: guessing which one the till means could move the wrong money.
    """
    given = [(name, fields[name]) for name in spellings if fields.get(name) is not None]
    if not given:
        return spellings[0], None
    name, value = given[0]
    if len(given) > 1 and any(canonical(other) != canonical(value) for _, other in given[1:]):
        names = " and ".join(within + spelling for spelling, _ in given)
        raise _wrong(within + name, f"{names} say different things")
    return name, value


def _currency(fields: Mapping[str, object]) -> Currency:
    name, value = _pick(fields, _SPELLINGS["currency"])
    if value is None:
        return EUR
    if not isinstance(value, str):
        raise _wrong(name, "a text such as EUR is expected")
    if value == "string":
        detail = "'string' is the placeholder of a sample and no currency; send an ISO 4217 code such as EUR"
        raise BridgeError(Code.CURRENCY_UNKNOWN, detail, place=name)
    return currency(value[:40])


def _amount(fields: Mapping[str, object], unit: Currency) -> tuple[Money, AmountStyle]:
    match fields.get("amount"):
        case None:
            raise BridgeError(Code.AMOUNT_INVALID, "the amount is missing", place="amount")
        case bool():
            raise BridgeError(Code.AMOUNT_INVALID, "true and false are no amounts", place="amount")
        case int() | Decimal() as number:
            # 1E+1 is how some libraries write the number 10: "f" gives the same digits without an exponent.
            text, style = f"{Decimal(number):f}", AmountStyle.NUMBER
        case str() as text:
            style = AmountStyle.COMMA if "," in text else AmountStyle.POINT
        case _:
            detail = "a number or a text such as 9.99 or 9,99 is expected"
            raise BridgeError(Code.AMOUNT_INVALID, detail, place="amount")
    money = parse_major(text, unit)
    if money.minor == 0:
        raise BridgeError(Code.AMOUNT_INVALID, "the amount must be above zero", place="amount")
    return money, style


def _kind(fields: Mapping[str, object]) -> Kind:
    name, value = _pick(fields, _SPELLINGS["transaction_type"])
    if value is None:
        return Kind.SALE
    kind = _KINDS.get(value) if isinstance(value, str) else None
    if kind is None:
        raise _wrong(name, f"{' or '.join(_KINDS)} is expected")
    return kind


def _order_id(fields: Mapping[str, object]) -> str | None:
    """A blank order number counts as absent: tills send an empty field where they have none."""
    name, value = _pick(fields, _SPELLINGS["order_id"])
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _wrong(name, "a text is expected")
    if len(value) > MAX_ORDER_ID or not value.isprintable():
        raise _wrong(name, f"at most {MAX_ORDER_ID} printable characters are expected")
    return value


def _order_id_warnings(order_id: str | None) -> list[Warned]:
    if order_id is None or (len(order_id) <= GATEWAY_ORDER_ID and order_id.isascii()):
        return []
    text = f"HiPay's gateway takes order numbers of at most {GATEWAY_ORDER_ID} ASCII characters"
    return [Warned("order_id_not_for_gateway", "order_id", text)]


def _forced(fields: Mapping[str, object]) -> bool:
    name, value = _pick(fields, _SPELLINGS["force_authorization"])
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong(name, "true or false is expected")
    return value


def _object(fields: Mapping[str, object], field: str) -> JsonObject:
    name, value = _pick(fields, _SPELLINGS[field])
    # PHP writes an empty dictionary as an empty list, so that this list says nothing either.
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise _wrong(name, "an object is expected")
    return value


def _cart(fields: Mapping[str, object]) -> object:
    """The cart as the caller sent it: whatever is wrong with it, `cart.check` warns and the payment goes on."""
    _, value = _pick(fields, _SPELLINGS["cart"])
    return {} if value is None or value == "" else value


def _check_customer(customer: JsonObject) -> list[Warned]:
    identity = customer.get("id")
    if identity is not None and (isinstance(identity, bool) or not isinstance(identity, str | int)):
        raise _wrong("customer.id", "a text or a whole number is expected")
    for spellings in _CUSTOMER_NAMES:
        name, value = _pick(customer, spellings, "customer.")
        if value is not None and not isinstance(value, str):
            raise _wrong(f"customer.{name}", "a text is expected")
    email = customer.get("email")
    if email is None or email == "" or (isinstance(email, str) and _looks_like_email(email)):
        return []
    return [Warned("email_invalid", "customer.email", "this is not an e-mail address; the payment goes on")]


def _looks_like_email(text: str) -> bool:
    """Whether mail could be sent there at all. Only a warning hangs on it, so the rule is short, not complete."""
    name, at, host = text.rpartition("@")
    sound = bool(name and at) and text.isprintable() and not any(mark in text for mark in ' []()<>,;:"')
    labels = host.split(".")
    return sound and len(labels) > 1 and all(labels)


def _custom_data(fields: Mapping[str, object]) -> tuple[JsonObject, list[Warned]]:
    kept: JsonObject = {}
    dropped: list[str] = []
    for key, value in _object(fields, "custom_data").items():
        if isinstance(value, str | bool | int | Decimal):
            kept[key] = value
        else:
            dropped.append(key)
    text = "left out: only texts, numbers, true and false are taken"
    return kept, [Warned("custom_data_dropped", f"custom_data.{key[:40]}", text) for key in dropped[:MAX_NAMED_FIELDS]]


def _unknown_fields(fields: Mapping[str, object]) -> list[Warned]:
    unknown = [name for name in fields if name not in _KNOWN][:MAX_NAMED_FIELDS]
    return [Warned("field_unknown", name[:40], "this field is not known here and was ignored") for name in unknown]
