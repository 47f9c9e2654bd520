"""Checks a cart. Whatever is wrong with it, the payment goes on.

A cart that does not add up is left out of what receivers get, and the answer says why (README, section 6).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from stdnum import ean

from tillbridge.domain.money import Money

MAX_LINES: Final = 500
"""More lines than a shop sells at once; each is checked while the customer waits."""

MAX_PROBLEMS: Final = 20
"""An answer names so many problems; whoever mends the first ones sees the rest."""

_TEXTS: Final = ("product_reference", "name")
_TYPES: Final = frozenset({"good", "discount", "fee"})
_WRITTEN: Final = re.compile(r"-?[0-9]{1,12}(?:[.,][0-9]{1,6})?", re.ASCII)
_DECIMAL_DIGITS: Final = 12
_DECIMAL_PLACES: Final = 3
_HALF: Final = Decimal("0.5")
_FULL_RATE: Final = Decimal(100)


class CartStatus(StrEnum):
    """`complete` goes to receivers, `left_out` does not; both leave the payment alone."""

    ABSENT = "absent"
    COMPLETE = "complete"
    LEFT_OUT = "left_out"


class Fault(StrEnum):
    """What can be wrong with a cart; stable words. Those in `HARMLESS` do not make it unfit for receivers."""

    NOT_AN_OBJECT = "not_an_object"
    TOO_MANY_LINES = "too_many_lines"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    LINE_TOTAL = "line_total"
    TOTAL = "total"
    DISCOUNT_LINE = "discount_line"
    DISCOUNT_SIGN = "discount_sign"
    ARTICLE_NUMBER = "article_number"


HARMLESS: Final = frozenset({Fault.DISCOUNT_SIGN, Fault.ARTICLE_NUMBER})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not add up: `line` counts from 1 and is None for the whole cart."""

    fault: Fault
    line: int | None
    field: str | None
    text: str


@dataclass(frozen=True, slots=True)
class CheckedCart:
    """`lines` is what receivers get: discounts with their sign set right, everything else as the caller wrote it."""

    status: CartStatus
    lines: tuple[Mapping[str, object], ...] = ()
    problems: tuple[Problem, ...] = ()


def check(cart: object, amount: Money) -> CheckedCart:
    """Checks a cart (one line as an object, or a list of lines) against the amount of its order."""
    lines = cart if isinstance(cart, list) else [cart] if cart != {} else []
    if not lines:
        return CheckedCart(CartStatus.ABSENT)
    if len(lines) > MAX_LINES:
        text = f"{len(lines)} lines are more than the {MAX_LINES} that are checked"
        return CheckedCart(CartStatus.LEFT_OUT, problems=(Problem(Fault.TOO_MANY_LINES, None, None, text),))
    half_a_minor_unit = _HALF.scaleb(-amount.currency.exponent)
    checks = [_Line(number, line, half_a_minor_unit) for number, line in enumerate(lines, start=1)]
    problems = [problem for line in checks for problem in line.problems]
    problems += _sum_problems(checks, amount, half_a_minor_unit)
    if any(problem.fault not in HARMLESS for problem in problems):
        return CheckedCart(CartStatus.LEFT_OUT, problems=tuple(problems[:MAX_PROBLEMS]))
    return CheckedCart(CartStatus.COMPLETE, tuple(line.sent for line in checks), tuple(problems[:MAX_PROBLEMS]))


def _sum_problems(checks: list["_Line"], amount: Money, tolerance: Decimal) -> list[Problem]:
    totals = [line.total for line in checks if line.total is not None]
    if len(totals) != len(checks):
        return []
    total = sum(totals, Decimal(0))
    if abs(total - Decimal(amount.major())) < tolerance:
        return []
    text = f"the lines come to {total:f}, the order to {amount.major()}"
    return [Problem(Fault.TOTAL, None, "total_amount", text)]


def _decimal(value: object) -> Decimal | None:
    """A number, or a text that is one: HiPay's own samples write tax rates both ways."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and _WRITTEN.fullmatch(value):
        return Decimal(value.replace(",", "."))
    return None


def _fits(number: Decimal) -> bool:
    """Whether a decimal(12,3) holds it."""
    if number == 0:
        return True
    exponent = number.normalize().as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else _DECIMAL_PLACES + 1
    return places <= _DECIMAL_PLACES and number.adjusted() < _DECIMAL_DIGITS - _DECIMAL_PLACES


class _Line:
    """One line while it is checked; `sent` is the line for receivers, `total` its total where it has one."""

    def __init__(self, number: int, line: object, tolerance: Decimal) -> None:
        self.problems: list[Problem] = []
        self.total: Decimal | None = None
        self.sent: Mapping[str, object] = {}
        self._number = number
        self._tolerance = tolerance
        if isinstance(line, dict):
            self._check(line)
        else:
            self._found(Fault.NOT_AN_OBJECT, None, "a line is an object")

    def _found(self, fault: Fault, field: str | None, text: str) -> None:
        self.problems.append(Problem(fault, self._number, field, text))

    def _check(self, line: Mapping[str, object]) -> None:
        self.sent = line
        for field in _TEXTS:
            self._text(line, field)
        kind = self._text(line, "type")
        if kind is not None and kind not in _TYPES:
            self._found(Fault.OUT_OF_RANGE, "type", "good, discount or fee is expected")
        quantity = self._quantity(line)
        price = self._number_in(line, "unit_price")
        self._tax(line)
        discount = self._discount(line)
        self.total = self._number_in(line, "total_amount")
        self._article(line)
        if quantity is None or price is None or discount is None or self.total is None:
            return
        self._line_total(quantity, price, discount, self.total)
        if kind == "discount" and (price != 0 or discount == 0):
            self._found(Fault.DISCOUNT_LINE, "unit_price", "a discount line has the unit price 0 and a discount")

    def _line_total(self, quantity: int, price: Decimal, discount: Decimal, total: Decimal) -> None:
        """The sign of a discount differs between HiPay's own samples, so it always lowers the total."""
        due = price * quantity - abs(discount)
        if abs(due - total) > self._tolerance:
            text = f"unit price x quantity - discount is {due:f}, the line says {total:f}"
            self._found(Fault.LINE_TOTAL, "total_amount", text)

    def _text(self, line: Mapping[str, object], field: str) -> str | None:
        value = line.get(field)
        if value is None or value == "":
            self._found(Fault.MISSING, field, "the field is missing")
        elif isinstance(value, str):
            return value
        else:
            self._found(Fault.WRONG_TYPE, field, "a text is expected")
        return None

    def _quantity(self, line: Mapping[str, object]) -> int | None:
        value = line.get("quantity")
        number = _decimal(value)
        if value is None:
            self._found(Fault.MISSING, "quantity", "the field is missing")
        elif number is None:
            self._found(Fault.WRONG_TYPE, "quantity", "a whole number is expected")
        elif number <= 0 or number != number.to_integral_value() or not _fits(number):
            self._found(Fault.OUT_OF_RANGE, "quantity", "a whole number above zero is expected")
        else:
            return int(number)
        return None

    def _number_in(self, line: Mapping[str, object], field: str) -> Decimal | None:
        value = line.get(field)
        number = _decimal(value)
        if value is None:
            self._found(Fault.MISSING, field, "the field is missing")
        elif number is None:
            self._found(Fault.WRONG_TYPE, field, "a number is expected")
        elif not _fits(number):
            self._found(Fault.OUT_OF_RANGE, field, "at most nine digits and three decimals are expected")
        else:
            return number
        return None

    def _tax(self, line: Mapping[str, object]) -> None:
        rate = self._number_in(line, "tax_rate")
        if rate is not None and not 0 <= rate <= _FULL_RATE:
            self._found(Fault.OUT_OF_RANGE, "tax_rate", "a percentage from 0 to 100 is expected")

    def _discount(self, line: Mapping[str, object]) -> Decimal | None:
        if line.get("discount") is None:
            return Decimal(0)
        discount = self._number_in(line, "discount")
        if discount is not None and discount > 0:
            self._found(Fault.DISCOUNT_SIGN, "discount", "a discount is written below zero; it was taken that way")
            self.sent = {**line, "discount": -discount}
        return discount

    def _article(self, line: Mapping[str, object]) -> None:
        """A number has lost its leading zeros, so it is filled up again to the 13 digits of an EAN."""
        value = line.get("european_article_numbering")
        if value is None or value == "":
            return
        digits = f"{value:013d}" if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(digits, str) or not ean.is_valid(digits):
            self._found(Fault.ARTICLE_NUMBER, "european_article_numbering", "the check digit of this number is wrong")
