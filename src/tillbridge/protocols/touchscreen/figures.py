"""Figures in answers: amounts and currencies, however a terminal writes them. None for what is no such figure.

Facts and choices: protocols/touchscreen/README.md, section 3.
"""

import re
from decimal import Decimal
from typing import Final

from tillbridge.domain.money import BY_CODE, BY_NUMERIC, MAX_MINOR, Currency, Money
from tillbridge.protocols.touchscreen.profile import AmountStyle, Profile

_WHOLE: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_MAJOR: Final = re.compile(r"[0-9]{1,13}(?:[.,][0-9]{1,6})?", re.ASCII)
_NUMERIC: Final = re.compile(r"[0-9]{1,3}", re.ASCII)


def read_minor(value: object) -> int | None:
    """Minor units: a whole number, also as a text or written 1250.0."""
    match value:
        case bool():
            return None
        case int():
            read = value
        case str() if _WHOLE.fullmatch(value):
            read = int(value)
        case Decimal() if abs(value) <= MAX_MINOR and value == value.to_integral_value():
            read = int(value)
        case _:
            return None
    return read if 0 <= read <= MAX_MINOR else None


def read_major(value: object) -> Decimal | None:
    """Major units: a number, or a text with a point or a comma."""
    match value:
        case bool():
            return None
        case int():
            read = Decimal(value)
        case Decimal():
            read = value
        case str() if _MAJOR.fullmatch(value):
            read = Decimal(value.replace(",", "."))
        case _:
            return None
    return read if 0 <= read <= MAX_MINOR else None


def read_unit(value: object) -> Currency | None:
    """A currency by its number, as a number or a text, or by its letters."""
    match value:
        case bool():
            return None
        case int() if 0 <= value <= 999:  # noqa: PLR2004 - ISO 4217 numbers have three digits
            return BY_NUMERIC.get(f"{value:03d}")
        case str() if _NUMERIC.fullmatch(value):
            return BY_NUMERIC.get(value.zfill(3))
        case str():
            return BY_CODE.get(value.upper())
        case _:
            return None


def amount_of(read: int | Decimal, unit: Currency, profile: Profile) -> Money | None:
    """The amount of a result in this currency; None where it has more decimals than the currency."""
    if profile.amount.style is AmountStyle.DECIMAL_TEXT:
        scaled = Decimal(read).scaleb(unit.exponent)
        if scaled != scaled.to_integral_value() or scaled > MAX_MINOR:
            return None
        return Money(int(scaled), unit)
    return Money(int(read), unit)
