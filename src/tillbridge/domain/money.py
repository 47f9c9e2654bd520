"""Money as an integer of minor units with a currency (law 6: no float ever touches it).

The currencies and their exponents are those of ISO 4217, from the `iso4217` package's copy of the list that the
standard's maintenance agency publishes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from iso4217 import Currency as IsoCurrency

from tillbridge.domain.errors import BridgeError, Code

MAX_MINOR: Final = 10**12
"""No amount of money is larger than this: it keeps every sum of a million payments inside 64 bits."""

SHORTEST_CARD_NUMBER: Final = 12
"""Digits of the shortest card number in use: a text shorter than that cannot give one away."""

_MAJOR: Final = re.compile(r"(?P<whole>[0-9]{1,16})(?:[.,](?P<fraction>[0-9]{1,6}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency: `code` ("EUR"), `numeric` ("978") and `exponent`, the number of its decimals."""

    code: str
    numeric: str
    exponent: int

    def __str__(self) -> str:
        return self.code


def _iso_list() -> Mapping[str, Currency]:
    """Every currency that has a minor unit; gold, test codes and the like have none and cannot be paid with."""
    listed = {
        iso.code: Currency(iso.code, f"{iso.number:03d}", iso.exponent)
        for iso in IsoCurrency
        if iso.exponent is not None
    }
    return MappingProxyType(listed)


BY_CODE: Final = _iso_list()
BY_NUMERIC: Final = MappingProxyType({currency.numeric: currency for currency in BY_CODE.values()})
EUR: Final = BY_CODE["EUR"]


def currency(code: str) -> Currency:
    """The currency with this alphabetic code; `BridgeError(CURRENCY_UNKNOWN)` if ISO 4217 has none."""
    found = BY_CODE.get(code)
    if found is None:
        raise BridgeError(
            Code.CURRENCY_UNKNOWN, f"{code!r} is not an ISO 4217 currency code such as EUR", place="currency"
        )
    return found


@dataclass(frozen=True, slots=True)
class Money:
    """An amount: `minor` units (cents for EUR, whole yen for JPY) of `currency`. Zero is allowed, below zero is not."""

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("Money takes an integer of minor units")
        if not 0 <= self.minor <= MAX_MINOR:
            raise BridgeError(
                Code.AMOUNT_INVALID, f"an amount lies between 0 and {MAX_MINOR} minor units", place="amount"
            )

    def major(self, separator: str = ".") -> str:
        """The amount as people write it, with every decimal of its currency: "12.50", "1000" for yen."""
        exponent = self.currency.exponent
        if exponent == 0:
            return str(self.minor)
        whole, fraction = divmod(self.minor, 10**exponent)
        return f"{whole}{separator}{fraction:0{exponent}d}"

    def __str__(self) -> str:
        return f"{self.major()} {self.currency.code}"


def _quoted(text: str) -> str:
    """The text for an error message; one that is long enough to hold a card number is not repeated (law 7)."""
    return repr(text) if len(text) < SHORTEST_CARD_NUMBER else "what was sent"


def parse_major(text: str, unit: Currency) -> Money:
    """Reads "10.23", "10,23" or "10" in major units.

    Refuses, with `BridgeError(AMOUNT_INVALID)`, a sign, an exponent, a thousands separator, and more decimals than
    the currency has: rounding somebody's money is not ours to do.
    """
    match = _MAJOR.fullmatch(text)
    if match is None:
        raise BridgeError(
            Code.AMOUNT_INVALID, f"{_quoted(text)} is not an amount such as 10.23 or 10,23", place="amount"
        )
    fraction = match["fraction"] or ""
    if len(fraction) > unit.exponent:
        raise BridgeError(
            Code.AMOUNT_INVALID,
            f"{_quoted(text)} has more decimals than the {unit.exponent} of {unit.code}",
            place="amount",
        )
    return Money(int(match["whole"] + fraction.ljust(unit.exponent, "0")), unit)
