"""Books on vouchers outside the tills' desk: what the office, a timer or another interface does.

It keeps the desk's rules: vouchers are locked in the order of their ids, the ledger is written by `book` alone, and a
second lock refuses what has moved. One clerk works in one transaction of its caller, who also notes in the audit log.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.model import Account, EntryKind, Lot, Original, Posting
from tillbridge.portal.vouchers import operations as store
from tillbridge.portal.vouchers.model import Voucher

_ACTIVITY: Final = frozenset({EntryKind.LOAD, EntryKind.REDEEM})
_CHANGES_ACTIVITY: Final = frozenset({EntryKind.LOAD_REVERSAL, EntryKind.PUT_BACK, EntryKind.REISSUE_IN})
"""What changes when a voucher was last used, and not to this moment: it is worked out anew."""


class Clerk:
    """Some vouchers, locked, with their accounts as they become while things are booked. `write` ends it."""

    def __init__(
        self, connection: AsyncConnection, vouchers: Mapping[str, Voucher], lots: Mapping[str, tuple[Lot, ...]]
    ) -> None:
        self._connection = connection
        self._before = dict(vouchers)
        self._vouchers = dict(vouchers)
        self._lots_before = tuple(one for of_one in lots.values() for one in of_one)
        self._accounts = {
            one.id: Account(one.id, one.balance, one.seq, lots.get(one.id, ())) for one in vouchers.values()
        }
        self._postings: list[Posting] = []

    @classmethod
    async def open(
        cls, connection: AsyncConnection, voucher_ids: Collection[str], originals: Collection[Original] = ()
    ) -> "Clerk":
        """Locks these vouchers; `originals` are entries that are to be taken back, with the lots that they came from.

        A voucher that is not there is left out.
        """
        await store.set_out(connection)
        found = await store.vouchers(connection, (), voucher_ids, locked=True)
        touched = {lot_id for one in originals for lot_id in one.net}
        lots = await ledger.open_lots(connection, {one.id for one in found}, touched)
        return cls(connection, {one.id: one for one in found}, lots)

    async def originals(self, entry_ids: Collection[str]) -> Mapping[str, Original]:
        """Entries of these vouchers with what is left of each, to be taken back; read before anything is posted."""
        found = await ledger.originals_of(self._connection, entry_ids)
        touched = {lot_id for one in found.values() for lot_id in one.net}
        lots = await ledger.open_lots(self._connection, self._vouchers.keys(), touched)
        self._lots_before = tuple(one for of_one in lots.values() for one in of_one)
        self._accounts = {
            one.id: Account(one.id, one.balance, one.seq, lots.get(one.id, ())) for one in self._vouchers.values()
        }
        return found

    @property
    def vouchers(self) -> Mapping[str, Voucher]:
        """The vouchers as they are now, by id."""
        return self._vouchers

    def account(self, voucher_id: str) -> Account:
        """A voucher's balance and lots as they are now. `KeyError` if it was not opened."""
        return self._accounts[voucher_id]

    def post(self, posting: Posting) -> None:
        """Books what `book` has made of the account as it is now."""
        entry = posting.entry
        voucher = self._vouchers[entry.voucher_id]
        self._postings.append(posting)
        self._accounts[voucher.id] = posting.account
        self._vouchers[voucher.id] = replace(
            voucher,
            balance=posting.account.balance,
            seq=posting.account.seq,
            written_off=entry.kind is EntryKind.WRITE_OFF,
            loaded_once=voucher.loaded_once or entry.amount > 0,
            last_activity=entry.at.booked_at if entry.kind in _ACTIVITY else voucher.last_activity,
        )

    def keep(self, voucher: Voucher) -> None:
        """Sets what a booking does not: its life, the moment of the last activity, the counters of wrong PINs."""
        self._vouchers[voucher.id] = voucher

    async def write(self) -> None:
        """Writes all of it. `LedgerMoved`: nothing of it may be committed."""
        await ledger.write_postings(self._connection, self._postings, self._lots_before)
        moved = {one.entry.voucher_id for one in self._postings if one.entry.kind in _CHANGES_ACTIVITY}
        for voucher_id, at in (await ledger.last_activities(self._connection, moved)).items():
            self.keep(replace(self._vouchers[voucher_id], last_activity=at))
        rows = [
            store.voucher_row(before, after)
            for voucher_id, before in sorted(self._before.items())
            if (after := self._vouchers[voucher_id]) != before
        ]
        await store.change_vouchers(self._connection, rows)
