"""Sums as postings for the merchant's books: pure (docs/reference/voucher-settlement.md, section 7)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.settlement.model import Sum

LONGEST_ACCOUNT: Final = 8
SMALLEST_DIGITS: Final = 4
MONTHS: Final = 12

ACCOUNTS: Final = ("liability", "clearing", "inter_location", "write_off")


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where the merchant books vouchers, as texts of digits.

    `liability` is what is owed on vouchers, `clearing` where the tills' money stands until it is counted,
    `inter_location` what locations owe each other, `write_off` what vouchers lose or gain without a sale. `consultant`
    and `client` name the merchant at the tax adviser's; `first_month` is the one that the books of a year begin with.
    """

    liability: str
    clearing: str
    inter_location: str
    write_off: str
    consultant: str
    client: str
    digits: int
    first_month: int

    def check(self) -> None:
        """`BridgeError(FIELD_INVALID)` with the field that is wrong."""
        if not SMALLEST_DIGITS <= self.digits <= LONGEST_ACCOUNT:
            raise BridgeError(Code.FIELD_INVALID, "an account has 4 to 8 digits", place="digits")
        if not 1 <= self.first_month <= MONTHS:
            raise BridgeError(Code.FIELD_INVALID, "a month is 1 to 12", place="first_month")
        for name in ACCOUNTS:
            if not _is_number(getattr(self, name), self.digits, self.digits):
                raise BridgeError(Code.FIELD_INVALID, "an account of so many digits", place=name)
        for name, most in (("consultant", 7), ("client", 5)):
            if not _is_number(getattr(self, name), 1, most):
                raise BridgeError(Code.FIELD_INVALID, f"a number of at most {most} digits", place=name)


@dataclass(frozen=True, slots=True)
class Posting:
    """One line: an amount above zero from one account to another, in the books of a location.

    `other_id` is the location that it is settled with; "" where it is settled with none.
    """

    day: str
    location_id: str
    kind: EntryKind
    debit: str
    credit: str
    amount: int
    other_id: str = ""


def postings_of(sums: Iterable[Sum], accounts: Accounts) -> list[Posting]:
    """The postings of these sums, in the order of days and locations.

    Credit that moved from one voucher to another is in nobody's books: the same location owes it before and after.
    """
    found = [posting for one in sums for posting in _of(one, accounts)]
    return sorted(found, key=lambda each: (each.day, each.location_id, each.kind, each.other_id, each.debit))


def _of(one: Sum, accounts: Accounts) -> Iterator[Posting]:
    owed, gone = accounts.liability, -one.amount
    match one.kind:
        case EntryKind.LOAD | EntryKind.LOAD_REVERSAL:
            yield _posting(one, one.owner_id, (owed, accounts.clearing), gone)
        case EntryKind.REDEEM | EntryKind.PUT_BACK if one.claim:
            yield _posting(one, one.place_id, (accounts.inter_location, accounts.clearing), gone, one.owner_id)
            yield _posting(one, one.owner_id, (owed, accounts.inter_location), gone, one.place_id)
        case EntryKind.REDEEM | EntryKind.PUT_BACK:
            yield _posting(one, one.owner_id, (owed, accounts.clearing), gone)
        case EntryKind.WRITE_OFF | EntryKind.WRITE_OFF_REVERSAL | EntryKind.ADJUST:
            yield _posting(one, one.owner_id, (owed, accounts.write_off), gone)
        case EntryKind.REISSUE_OUT | EntryKind.REISSUE_IN:
            return


def _posting(one: Sum, location_id: str, pair: tuple[str, str], amount: int, other_id: str = "") -> Posting:
    """Below zero the accounts change sides: an amount in books is never negative."""
    debit, credit = pair if amount > 0 else (pair[1], pair[0])
    return Posting(one.day, location_id, one.kind, debit, credit, abs(amount), other_id)


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and least <= len(text) <= most
