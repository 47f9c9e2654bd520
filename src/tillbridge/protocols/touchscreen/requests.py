"""What a till asks of a door, read strictly: a wrong type is refused by its place, and nothing is guessed.

Facts and choices: protocols/touchscreen/README.md, section 7.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NoReturn

from tillbridge.domain.card import hide_checked_numbers
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, BY_NUMERIC, MAX_MINOR, Currency, Money, parse_major
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen.profile import AmountStyle, Envelope, Op, Profile
from tillbridge.protocols.touchscreen.strict_json import canonical, read_object

MAX_INVOICE: Final = 64
"""Characters of an invoice number; the one that is known of is cut at 20."""

_ID: Final = re.compile(r"[!-~]+", re.ASCII)
_NUMERIC: Final = re.compile(r"[0-9]{3}", re.ASCII)
_LINKED: Final = frozenset({Op.VOID, Op.CAPTURE})
_MONEYLESS: Final = frozenset({Op.VOID, Op.RECONCILIATION})


@dataclass(frozen=True, slots=True)
class StartAsked:
    """A start: `id` is the till's own, `amount` None where the wire carries none, `parent_id` what it goes back to."""

    op: Op
    id: str
    amount: Money | None = None
    invoice: str | None = None
    parent_id: str | None = None
    sub_merchant: str | None = None

    def fingerprint(self) -> str:
        """A digest over everything that makes the request what it is (law 3)."""
        money = None if self.amount is None else [self.amount.minor, self.amount.currency.code]
        meant = [self.op.value, money, self.invoice, self.parent_id, self.sub_merchant]
        return sha256(canonical(meant)).hexdigest()


def read_body(body: bytes) -> JsonObject:
    """One JSON object; `BridgeError(BODY_INVALID)` for anything else."""
    try:
        return read_object(body)
    except ProtocolError as error:
        raise BridgeError(Code.BODY_INVALID, str(error), place="body") from None


def read_id(found: Mapping[str, object], profile: Profile, name: str = "", *, within: str = "") -> str:
    """The id of an operation; `BridgeError(FIELD_INVALID)` if it is none. `name` is its field, if another one."""
    name = name or profile.request.id
    value = found.get(name)
    if not isinstance(value, str) or len(value) > profile.id.max_length or _ID.fullmatch(value) is None:
        _refuse(f"a text of 1 to {profile.id.max_length} printable ASCII characters without spaces", within + name)
    return value


def read_flag(found: Mapping[str, object], name: str) -> bool:
    """A yes or no; `BridgeError(FIELD_INVALID)` if it is neither."""
    value = found.get(name)
    if not isinstance(value, bool):
        _refuse("true or false", name)
    return value


def read_start(found: JsonObject, op: Op, profile: Profile) -> StartAsked:
    """What this body starts; `BridgeError` naming the field that is wrong."""
    names = profile.request
    nested = profile.operations[op].envelope is Envelope.NESTED
    inner: object = found.get(names.nested) if nested else found
    if not isinstance(inner, dict):
        _refuse("an object with the fields of the request", names.nested)
    within = f"{names.nested}." if nested else ""
    # A void may name all of what it takes back; to a closing an amount means nothing, whatever a till fills in.
    money = op not in _MONEYLESS or (op is Op.VOID and inner.get(names.amount) is not None)
    return StartAsked(
        op,
        read_id(inner, profile, within=within),
        amount=_money(inner, profile, within) if money else None,
        invoice=_optional(inner, names.invoice, within),
        parent_id=read_id(inner, profile, names.parent_id, within=within) if op in _LINKED else None,
        sub_merchant=_optional(inner, names.sub_merchant, within),
    )


def _money(found: Mapping[str, object], profile: Profile, within: str) -> Money:
    unit = _currency(found.get(profile.request.currency), within + profile.request.currency)
    place = within + profile.request.amount
    value = found.get(profile.request.amount)
    if profile.amount.style is AmountStyle.DECIMAL_TEXT:
        if not isinstance(value, str):
            _refuse('a text such as "10.23"', place)
        try:
            money = parse_major(value, unit)
        except BridgeError as error:
            raise BridgeError(error.code, error.detail, place=place) from None
    elif isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_MINOR:
        _refuse(f"a whole number of minor units from 1 to {MAX_MINOR}", place, Code.AMOUNT_INVALID)
    else:
        money = Money(value, unit)
    if money.minor == 0:
        _refuse("more than nothing", place, Code.AMOUNT_INVALID)
    return money


def _currency(value: object, place: str) -> Currency:
    """The number of a currency, as a number or as a text: tills send both. The letters are taken too."""
    unit: Currency | None = None
    match value:
        case bool():
            pass
        case int() if 0 <= value <= 999:  # noqa: PLR2004 - ISO 4217 numbers have three digits
            unit = BY_NUMERIC.get(f"{value:03d}")
        case str() if _NUMERIC.fullmatch(value):
            unit = BY_NUMERIC.get(value)
        case str():
            unit = BY_CODE.get(value)
        case _:
            pass
    if unit is None:
        _refuse("the ISO 4217 number of a currency, such as 978", place, Code.CURRENCY_UNKNOWN)
    return unit


def _optional(found: Mapping[str, object], name: str, within: str) -> str | None:
    value = found.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_INVOICE or not value.isprintable():
        _refuse(f"a text of at most {MAX_INVOICE} printable characters", within + name)
    # A cashier's scanner or a careless till may put a card number here: it is masked before anything is kept (law 7).
    return hide_checked_numbers(value)


def _refuse(wanted: str, place: str, code: Code = Code.FIELD_INVALID) -> NoReturn:
    raise BridgeError(code, f"wanted is {wanted}", place=place)
