"""What comes back to a voucher that was retired: to the one in its place, or to itself, which then counts again.

Nothing stops money going back, and a retired voucher holds none (docs/reference/voucher-corrections.md). Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.model import Account, Occasion, Posting
from tillbridge.portal.vouchers.model import Voucher
from tillbridge.portal.vouchers.systems_model import Life


@dataclass(frozen=True, slots=True)
class Passed:
    """What is booked for it, and the retired voucher that is active again because none has taken its place."""

    postings: tuple[Posting, ...] = ()
    revived: str | None = None


def onward(  # what is known, one by one
    voucher_id: str,
    vouchers: Mapping[str, Voucher],
    accounts: Mapping[str, Account],
    successors: Mapping[str, str],
    at: Occasion,
    new_id: Callable[[], str],
) -> Passed:
    """Passes on what is on a retired voucher; nothing for one that is not, or that is empty."""
    account = accounts[voucher_id]
    postings: list[Posting] = []
    at = replace(at, location_id=None, operation_id=None, station="", operator="", transaction_ref="")
    while vouchers[voucher_id].life is Life.RETIRED and account.balance:
        if voucher_id not in successors:
            return Passed(tuple(postings), voucher_id)
        voucher_id = successors[voucher_id]
        given, taken_over = book.move(account, accounts[voucher_id], at, new_id)
        postings += [given, taken_over]
        account = taken_over.account
    return Passed(tuple(postings))
