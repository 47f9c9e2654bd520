"""Reads what somebody typed about voucher systems and batches, and says things in the words of pages."""

from collections.abc import Mapping
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Currency, Money, parse_major
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.locations.views import Badge
from tillbridge.portal.vouchers.batches_model import BatchDraft
from tillbridge.portal.vouchers.country_digits import LETTERS
from tillbridge.portal.vouchers.systems_model import (
    BALANCE_MAX_MAJOR,
    LOAD_MAX_MAJOR,
    LOAD_MIN_MAJOR,
    Limits,
    VoucherSystem,
)
from tillbridge.web.language import Catalogue

LIMITS: Final = ("load_min", "load_max", "balance_max")

USUAL: Final[Mapping[str, str]] = dict(
    zip(LIMITS, map(str, (LOAD_MIN_MAJOR, LOAD_MAX_MAJOR, BALANCE_MAX_MAJOR)), strict=True)
)
"""The limits of a new system as its form shows them: they can be read in every currency."""

WRONG_SYSTEM: Final = {
    "name": "vouchers.wrong.name",
    "currency": "vouchers.wrong.currency",
    "time_zone": "vouchers.wrong.time_zone",
    "limits": "vouchers.wrong.limits",
}
WRONG_BATCH: Final = {
    "name": "vouchers.wrong.name",
    "country": "vouchers.wrong.country",
    "amount_of_codes": "vouchers.wrong.codes",
    "group_name": "printing.group.wrong",
}
WRONG_RANGE: Final = {"first": "vouchers.wrong.position", "last": "vouchers.wrong.position"}

_LONGEST_COUNT: Final = 8
_TONES: Final[Mapping[VoucherState, str]] = {
    VoucherState.LOADED: "good",
    VoucherState.BLOCKED: "bad",
    VoucherState.EXPIRED: "alert",
}

Wrong = dict[str, str]


def state_badge(t: Catalogue, state: VoucherState) -> Badge:
    """A voucher's state in one word."""
    return Badge(_TONES.get(state, "calm"), t(f"vouchers.state.{state}"))


def country_name(t: Catalogue, digits: str) -> str:
    """A country by its three digits: its name where pages have one, else its two letters."""
    letters = LETTERS.get(digits, digits)
    return t(named) if t.has(named := f"country.{letters}") else letters


def month_name(t: Catalogue, month: str) -> str:
    """A month such as "2026-11" as people write it."""
    year, _, number = month.partition("-")
    return t(f"maintenance.month.{int(number)}", year=year)


def read_limits(form: Mapping[str, str], unit: Currency) -> tuple[Limits, Wrong]:
    """The limits as typed, in minor units, and for each that is no amount the key of a text that says so."""
    found, wrong = dict.fromkeys(LIMITS, 0), {}
    for name in LIMITS:
        try:
            found[name] = parse_major(form.get(name, "").strip(), unit).minor
        except BridgeError:
            wrong[name] = "vouchers.wrong.amount"
    return Limits(**found), wrong


def limits_as_form(one: VoucherSystem, separator: str) -> dict[str, str]:
    """A system's limits as its form shows them."""
    amounts = (one.load_min, one.load_max, one.balance_max)
    return {name: Money(minor, one.unit).major(separator) for name, minor in zip(LIMITS, amounts, strict=True)}


def read_batch(form: Mapping[str, str]) -> BatchDraft:
    """A batch as typed; a count that is none is 0, which no batch can have."""
    count = form.get("amount_of_codes", "").strip()
    number = int(count) if count.isascii() and count.isdigit() and len(count) <= _LONGEST_COUNT else 0
    return BatchDraft(
        name=form.get("name", ""),
        country=form.get("country", ""),
        amount_of_codes=number,
        activate=form.get("activate") == "on",
        group=form.get("group_name", ""),
    )


def wrong_of(error: BridgeError, keys: Mapping[str, str]) -> Wrong:
    """The key of the text for the field that an error is about; the error itself if the form has no such field."""
    place = error.place or ""
    if error.code is Code.VOUCHER_QUOTA:
        return {place: "vouchers.wrong.quota"}
    if place not in keys or error.code is Code.RECORD_CONFLICT:
        raise error
    return {place: keys[place]}
