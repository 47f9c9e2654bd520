"""Reads what a till of another maker sends."""

import re
from typing import Final, TypeVar

from pydantic import BaseModel

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR
from tillbridge.domain.voucher_code import NUMBER_DIGITS, PIN_DIGITS, VoucherCode, with_pin
from tillbridge.portal.thirdparty.model import RedeemAsked
from tillbridge.portal.vouchers.requests import read_body

AMOUNT: Final = "amount_in_cents"

CODE_PATTERN: Final = rf"^[0-9]{{{NUMBER_DIGITS}}}([0-9]{{{PIN_DIGITS}}})?$"

# ASCII digits only, and `fullmatch`: a `$` would let a line end through.
_CODE: Final = re.compile(CODE_PATTERN, re.ASCII)

T = TypeVar("T", bound=BaseModel)


def is_code(text: str) -> bool:
    """Whether it has the form of a code."""
    return _CODE.fullmatch(text) is not None


def read_voucher(text: str) -> VoucherCode:
    """The number, with its PIN where 18 digits are given. `BridgeError(VOUCHER_UNREADABLE)`.

    The check digit is not looked at: a number that was imported has none, and an unknown one is told from a typing
    mistake where it is looked up.
    """
    if not is_code(text):
        said = f"a code has {NUMBER_DIGITS} digits, or {NUMBER_DIGITS + PIN_DIGITS} with its PIN"
        raise BridgeError(Code.VOUCHER_UNREADABLE, said, place="code")
    return VoucherCode(text[:NUMBER_DIGITS], text[NUMBER_DIGITS:] or None)


def read_asked(kind: type[T], body: bytes) -> T:
    """A request's body. `BridgeError`: BODY_TOO_LARGE, BODY_INVALID, FIELD_INVALID, VOUCHER_AMOUNT."""
    try:
        return read_body(kind, body)
    except BridgeError as error:
        if error.place != AMOUNT:
            raise
        limits = {"min": 1, "max": MAX_MINOR}
        raise BridgeError(Code.VOUCHER_AMOUNT, error.detail, place=AMOUNT, members=limits) from None


def paying(code: VoucherCode, asked: RedeemAsked) -> VoucherCode:
    """The voucher with the one PIN that came in its code or beside it.

    `BridgeError`: VOUCHER_PIN_NEEDED without any; VOUCHER_TWO_PINS; VOUCHER_UNREADABLE for what is no PIN. None of them
    costs a try.
    """
    known = with_pin(code, asked.pin or None)
    if known.pin is None:
        raise BridgeError(Code.VOUCHER_PIN_NEEDED, place="pin")
    return known
