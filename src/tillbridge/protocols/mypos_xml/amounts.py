"""An amount as the field `sum` has it: major units, a point, no grouping; protocols/mypos_xml/README.md, section 4."""

import re
from types import MappingProxyType
from typing import Final

from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Currency, Money, parse_major

WHOLE_ONLY: Final = MappingProxyType({"HUF": 0})
"""Currencies that are written with fewer decimals than ISO 4217 gives them: nobody pays with parts of a forint."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{0,40})?", re.ASCII)


class NotAnAmount(ValueError):
    """A number that cannot be paid: below zero, too large, or with more decimals than the currency is written with."""


def decimals_of(unit: Currency, wanted: int | None) -> int:
    """How many decimals amounts are written with: what the settings say, else what the currency has."""
    return wanted if wanted is not None else WHOLE_ONLY.get(unit.code, unit.exponent)


def write_sum(amount: Money, decimals: int) -> str:
    """The amount with so many decimals, at most those of its currency; `NotAnAmount` if it has a smaller part."""
    dropped = 10 ** (amount.currency.exponent - decimals)
    if amount.minor % dropped:
        raise NotAnAmount(f"{amount} has more than the {decimals} decimals that this terminal takes")
    whole, fraction = divmod(amount.minor // dropped, 10**decimals)
    return f"{whole}.{fraction:0{decimals}d}" if decimals else str(whole)


def read_sum(text: str, unit: Currency, decimals: int) -> Money | None:
    """The amount in a request; None for what is no number, `NotAnAmount` for a number that nobody can pay."""
    if _NUMBER.fullmatch(text) is None:
        return None
    whole, _, fraction = text.partition(".")
    if fraction[decimals:].strip("0"):
        raise NotAnAmount(f"it has more than the {decimals} decimals that are taken here")
    try:
        return parse_major(f"{whole}.{fraction[:decimals]}".rstrip("."), unit)
    except BridgeError as error:
        raise NotAnAmount(error.detail) from error
