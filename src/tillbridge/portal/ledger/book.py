"""Posts to a voucher's ledger: pure, so that every database and every test decides alike.

A plus makes a lot. A minus is spread over the lots, the oldest first. What takes an entry back gives to the very lots
that it came from, so that claims between locations end as if it had been smaller or had never been
(docs/reference/vouchers.md, section 4).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR
from tillbridge.portal.ledger.model import (
    REVERSED_BY,
    Account,
    Allocation,
    Entry,
    EntryKind,
    Lot,
    Occasion,
    Original,
    Posting,
)


def put_on(account: Account, kind: EntryKind, amount: int, at: Occasion, ids: tuple[str, str]) -> Posting:
    """Books a plus of its own, such as a load: it makes a lot. `ids` are those of the entry and of the lot."""
    _in_range(amount)
    entry_id, lot_id = ids
    entry = _entry(account, entry_id, kind, amount, at)
    lot = Lot(lot_id, account.voucher_id, entry_id, at.location_id, at.booked_at, entry.seq, amount, amount)
    return Posting(entry, (), (lot,), _after(account, entry, (*account.lots, lot)))


def take(account: Account, kind: EntryKind, amount: int, at: Occasion, entry_id: str) -> Posting:
    """Books a minus, such as a redemption, from the oldest lots.

    `BridgeError`: VOUCHER_EMPTY, VOUCHER_FUNDS with the balance, if there is not so much.
    """
    _in_range(amount)
    if amount > account.balance:
        code = Code.VOUCHER_FUNDS if account.balance else Code.VOUCHER_EMPTY
        raise BridgeError(code, members={"balance": account.balance})
    taken: dict[str, int] = {}
    open_amount = amount
    for lot in sorted(account.lots, key=_age):
        part = min(lot.remaining, open_amount)
        if part:
            taken[lot.id] = part
            open_amount -= part
    return _post(account, _entry(account, entry_id, kind, -amount, at), taken)


def take_back(account: Account, original: Original, amount: int, at: Occasion, entry_id: str) -> Posting:
    """Takes an entry back, in whole or in part; of a part, the newest lot that it touched gets back first.

    `BridgeError`: VOUCHER_OVER_REVERSAL for more than is left of it; VOUCHER_LOAD_SPENT, with what is `spent` and
    `unspent`, for a load of which so much is not there any more.
    """
    _in_range(amount)
    if amount > original.left:
        raise BridgeError(Code.VOUCHER_OVER_REVERSAL, members={"left": original.left})
    kind = REVERSED_BY[original.entry.kind]
    if original.entry.kind is EntryKind.LOAD:
        return _unload(account, original, amount, at, entry_id)
    given: dict[str, int] = {}
    open_amount = amount
    held = [account.lot(lot_id) for lot_id, net in original.net.items() if net]
    for lot in sorted(held, key=_age, reverse=True):
        part = min(original.net[lot.id], open_amount)
        if part:
            given[lot.id] = -part
            open_amount -= part
    return _post(account, _entry(account, entry_id, kind, amount, at, original.entry.id), given)


def move(old: Account, new: Account, at: Occasion, new_id: Callable[[], str]) -> tuple[Posting, Posting]:
    """Moves all the credit of one voucher to another: what the old one gives, and what the new one takes over.

    Each lot keeps whose credit it is and since when, and their order among themselves. `BridgeError(VOUCHER_EMPTY)` if
    there is nothing to move.
    """
    if not old.balance:
        raise BridgeError(Code.VOUCHER_EMPTY, members={"balance": 0})
    given = take(old, EntryKind.REISSUE_OUT, old.balance, at, new_id())
    entry = _entry(new, new_id(), EntryKind.REISSUE_IN, old.balance, at)
    former = sorted((lot for lot in old.lots if lot.remaining), key=_age)
    # Where moments are equal the id decides, and so the old order is kept.
    lot_ids = sorted(new_id() for _ in former)
    made = tuple(
        Lot(
            id=lot_id,
            voucher_id=new.voucher_id,
            entry_id=entry.id,
            location_id=lot.location_id,
            loaded_at=lot.loaded_at,
            seq=entry.seq,
            amount=lot.remaining,
            remaining=lot.remaining,
        )
        for lot_id, lot in zip(lot_ids, former, strict=True)
    )
    return given, Posting(entry, (), made, _after(new, entry, (*new.lots, *made)), given.entry)


def original_of(posting: Posting) -> Original:
    """An entry that was just booked, as one that may be taken back."""
    if posting.made:
        return Original(posting.entry, {one.id: one.amount for one in posting.made})
    return Original(posting.entry, {one.lot_id: one.amount for one in posting.allocations})


def _unload(account: Account, original: Original, amount: int, at: Occasion, entry_id: str) -> Posting:
    """A load is taken back from its own lot, never from another's money."""
    ((lot_id, left),) = original.net.items()
    lot = account.lot(lot_id)
    if amount > lot.remaining:
        raise BridgeError(Code.VOUCHER_LOAD_SPENT, members={"spent": left - lot.remaining, "unspent": lot.remaining})
    entry = _entry(account, entry_id, EntryKind.LOAD_REVERSAL, -amount, at, original.entry.id)
    return _post(account, entry, {lot_id: amount})


def _post(account: Account, entry: Entry, taken: Mapping[str, int]) -> Posting:
    allocations = tuple(Allocation(entry.id, lot_id, amount) for lot_id, amount in taken.items())
    if sum(taken.values()) != -entry.amount:
        # The lots would no longer add up to the balance: a fault of the books, and nobody's request is to blame.
        raise ValueError(f"the lots of voucher {account.voucher_id} do not cover entry {entry.seq}")
    lots = tuple(replace(lot, remaining=lot.remaining - taken.get(lot.id, 0)) for lot in account.lots)
    if any(not 0 <= lot.remaining <= lot.amount for lot in lots):
        raise ValueError(f"a lot of voucher {account.voucher_id} would hold what it cannot")
    return Posting(entry, allocations, (), _after(account, entry, lots))


def _entry(  # the parts of a line
    account: Account, entry_id: str, kind: EntryKind, amount: int, at: Occasion, reverses: str | None = None
) -> Entry:
    balance = account.balance + amount
    return Entry(entry_id, account.voucher_id, account.seq + 1, kind, amount, balance, reverses, at)


def _after(account: Account, entry: Entry, lots: Iterable[Lot]) -> Account:
    return Account(account.voucher_id, entry.balance_after, entry.seq, tuple(lots))


def _age(lot: Lot) -> tuple[object, ...]:
    return lot.age


def _in_range(amount: int) -> None:
    if not 1 <= amount <= MAX_MINOR:
        raise BridgeError(Code.VOUCHER_AMOUNT, members={"min": 1, "max": MAX_MINOR})
