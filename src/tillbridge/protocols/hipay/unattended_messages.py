"""What a kiosk may ask for in the unattended profile: the same order, with its amount in cents (README, section 10)."""

import re
from decimal import Decimal
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR
from tillbridge.protocols.hipay import strict_json
from tillbridge.protocols.hipay.messages import Order, order_of

_WHOLE: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


def read_order_in_cents(body: bytes) -> Order:
    """Reads the body of `POST /order`. Raises `BridgeError` with the field's name as its `place`.

    An amount with a point is refused whatever it is: 10.00 may be ten euros to one text of HiPay's and ten cents to
    another, and no value says which.
    """
    fields = strict_json.read_object(body)
    currency = fields.get("currency")
    if currency not in (None, EUR.code):
        raise BridgeError(Code.CURRENCY_UNKNOWN, "this profile knows EUR alone", place="currency")
    return order_of({**fields, "amount": _major(fields.get("amount"))})


def _major(amount: object) -> Decimal:
    match amount:
        case None:
            raise BridgeError(Code.AMOUNT_INVALID, "the amount is missing", place="amount")
        case int() if not isinstance(amount, bool):
            cents = amount
        case str() if _WHOLE.fullmatch(amount):
            cents = int(amount)
        case _:
            raise BridgeError(Code.AMOUNT_INVALID, "whole cents are expected, such as 100 for 1 EUR", place="amount")
    return Decimal(cents).scaleb(-EUR.exponent)
