"""Whether the ledger holds together: for `tillbridge portal ledger verify` (docs/reference/vouchers.md, section 4).

It reads the whole database in one snapshot, some hundred vouchers at a time; the sums are the database's own, so that a
voucher with a long history costs no memory here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.voucher_code import masked
from tillbridge.portal.house import House
from tillbridge.portal.storage.database import Dialect

PAGE: Final = 500
"""Vouchers whose rows are looked at with one statement."""

MOST_FAULTS: Final = 1000
"""Faults that are named; all are counted."""


class FaultKind(StrEnum):
    """What does not hold."""

    BALANCE = "balance"
    LOTS = "lots"
    GAP = "gap"
    RUNNING = "running_balance"
    ENTRY = "entry_allocations"
    LOT = "lot_remaining"
    FOREIGN = "foreign_lot"
    REVERSAL = "over_reversal"
    KEY = "key"
    ACTION = "action"
    REISSUE = "reissue"
    LOST = "lost_voucher"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `number` is the voucher's, masked; `place` the row of it that is meant, if one is."""

    kind: FaultKind
    voucher_id: str
    number: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `count` is how many faults there are, `faults` names the first of them."""

    vouchers: int
    entries: int
    count: int
    faults: Sequence[Fault]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.count


async def verify(house: House) -> Verdict:
    """Holds every voucher against its entries, lots, allocations and actions."""
    vouchers = entries = count = 0
    faults: list[Fault] = []
    async with house.database.reading() as connection:
        if house.database.dialect is Dialect.POSTGRESQL:
            # What is booked meanwhile must not be seen by one statement and missed by the next.
            _ = await connection.execution_options(isolation_level="REPEATABLE READ")
        last = ""
        while page := await _page(connection, last):
            span = {"first": page[0][0], "last": page[-1][0]}
            numbers = dict(page)
            vouchers += len(page)
            entries += (await connection.execute(_ENTRIES, span)).scalar_one()
            for kind, statement in _CHECKS:
                for voucher_id, place in await connection.execute(statement, span):
                    count += 1
                    if len(faults) < MOST_FAULTS:
                        faults.append(Fault(kind, voucher_id, masked(numbers[voucher_id]), place or ""))
            last = page[-1][0]
        if (await connection.execute(_ALL_ENTRIES)).scalar_one() != entries:
            count += 1
            faults.append(Fault(FaultKind.LOST, "", "", "there are entries of vouchers that are gone"))
    return Verdict(vouchers, entries, count, faults)


async def _page(connection: AsyncConnection, after: str) -> list[tuple[str, str]]:
    rows = await connection.execute(_VOUCHERS, {"after": after, "most": PAGE})
    return [(row.id, row.number) for row in rows]


_VOUCHERS: Final = text("select id, number from voucher where id > :after order by id limit :most")
_ENTRIES: Final = text("select count(*) from ledger_entry where voucher_id between :first and :last")
_ALL_ENTRIES: Final = text("select count(*) from ledger_entry")

_BALANCES: Final = """
    select voucher.id, '' from voucher
    left join (
        select voucher_id, sum(amount) as amount from ledger_entry
        where voucher_id between :first and :last group by voucher_id
    ) as booked on booked.voucher_id = voucher.id
    where voucher.id between :first and :last and voucher.balance <> coalesce(booked.amount, 0)
"""

_LOTS_SUM: Final = """
    select voucher.id, '' from voucher
    left join (
        select voucher_id, sum(remaining) as amount from ledger_lot
        where voucher_id between :first and :last group by voucher_id
    ) as kept on kept.voucher_id = voucher.id
    where voucher.id between :first and :last and voucher.balance <> coalesce(kept.amount, 0)
"""

_GAPS: Final = """
    select voucher.id, '' from voucher
    left join (
        select voucher_id, count(*) as entries, min(seq) as lowest, max(seq) as highest from ledger_entry
        where voucher_id between :first and :last group by voucher_id
    ) as booked on booked.voucher_id = voucher.id
    where voucher.id between :first and :last
      and (voucher.seq <> coalesce(booked.entries, 0) or voucher.seq <> coalesce(booked.highest, 0)
           or coalesce(booked.lowest, 1) <> 1)
"""

_RUNNING: Final = """
    select voucher_id, id from (
        select voucher_id, id, balance_after, sum(amount) over (partition by voucher_id order by seq) as running
        from ledger_entry where voucher_id between :first and :last
    ) as counted
    where balance_after <> running or balance_after < 0
"""

# What makes a lot is the lot; what takes or gives back is spread over lots; no entry is both.
_SPREAD: Final = """
    select entry.voucher_id, entry.id from ledger_entry as entry
    left join (
        select ledger_allocation.entry_id, sum(ledger_allocation.amount) as amount from ledger_allocation
        join ledger_entry on ledger_entry.id = ledger_allocation.entry_id
        where ledger_entry.voucher_id between :first and :last group by ledger_allocation.entry_id
    ) as spread on spread.entry_id = entry.id
    left join (
        select entry_id, sum(amount) as amount from ledger_lot
        where voucher_id between :first and :last group by entry_id
    ) as made on made.entry_id = entry.id
    where entry.voucher_id between :first and :last
      and (entry.amount <> coalesce(made.amount, 0) - coalesce(spread.amount, 0)
           or (made.amount is not null and spread.amount is not null))
"""

_REMAINING: Final = """
    select lot.voucher_id, lot.id from ledger_lot as lot
    left join (
        select lot_id, sum(amount) as amount from ledger_allocation
        where lot_id in (select id from ledger_lot where voucher_id between :first and :last) group by lot_id
    ) as taken on taken.lot_id = lot.id
    where lot.voucher_id between :first and :last and lot.remaining <> lot.amount - coalesce(taken.amount, 0)
"""

_FOREIGN: Final = """
    select entry.voucher_id, entry.id from ledger_entry as entry
    join ledger_allocation as allocation on allocation.entry_id = entry.id
    join ledger_lot as lot on lot.id = allocation.lot_id
    where entry.voucher_id between :first and :last and lot.voucher_id <> entry.voucher_id
    union all
    select lot.voucher_id, lot.id from ledger_lot as lot join ledger_entry as entry on entry.id = lot.entry_id
    where lot.voucher_id between :first and :last and lot.voucher_id <> entry.voucher_id
"""

# An entry is taken back at most whole, on its own voucher, and from each lot at most what it took there.
_REVERSALS: Final = """
    select original.voucher_id, original.id from ledger_entry as original
    join ledger_entry as back on back.reverses = original.id
    where original.voucher_id between :first and :last
    group by original.voucher_id, original.id, original.amount
    having abs(sum(back.amount)) > abs(original.amount)
        or max(case when back.amount * original.amount > 0 or back.voucher_id <> original.voucher_id
                    then 1 else 0 end) = 1
    union all
    select original.voucher_id, original.id from ledger_entry as original
    join ledger_entry as entry on entry.id = original.id or entry.reverses = original.id
    join ledger_allocation as allocation on allocation.entry_id = entry.id
    where original.voucher_id between :first and :last and original.amount < 0 and original.reverses is null
    group by original.voucher_id, original.id, allocation.lot_id
    having sum(allocation.amount) < 0
"""

_KEYS: Final = """
    select voucher_id, min(id) from ledger_entry
    where voucher_id between :first and :last and operation_id is not null
    group by voucher_id, operation_id having count(*) > 1
"""

# An action that says that money moved has one entry of that amount; one that was taken back is taken back there, too.
_ACTIONS: Final = """
    select action.voucher_id, action.id from voucher_operation as action
    left join ledger_entry as entry on entry.operation_id = action.id
    left join (
        select reverses, sum(amount) as amount from ledger_entry
        where voucher_id between :first and :last and reverses is not null group by reverses
    ) as back on back.reverses = entry.id
    where action.voucher_id between :first and :last
      and (entry.id is null or entry.voucher_id <> action.voucher_id or abs(entry.amount) <> action.taken
           or (action.state in ('put_back', 'reversed') and entry.amount + coalesce(back.amount, 0) <> 0)
           or action.state in ('refused', 'voided'))
"""

# What one voucher gives to another is taken over whole there, in the same system.
_MOVED: Final = """
    select entry.voucher_id, entry.id from ledger_entry as entry
    join voucher on voucher.id = entry.voucher_id
    left join ledger_reissue as moved on moved.out_entry_id = entry.id
    left join ledger_entry as other on other.id = moved.in_entry_id
    left join voucher as taker on taker.id = other.voucher_id
    where entry.voucher_id between :first and :last and entry.kind = 'reissue_out'
      and (other.id is null or other.kind <> 'reissue_in' or other.amount <> -entry.amount
           or moved.from_voucher_id <> entry.voucher_id or moved.to_voucher_id <> other.voucher_id
           or taker.system_id <> voucher.system_id)
    union all
    select entry.voucher_id, entry.id from ledger_entry as entry
    left join ledger_reissue as moved on moved.in_entry_id = entry.id
    left join ledger_entry as other on other.id = moved.out_entry_id
    where entry.voucher_id between :first and :last and entry.kind = 'reissue_in'
      and (other.id is null or other.kind <> 'reissue_out')
    union all
    select from_voucher_id, out_entry_id from (
        select moved.from_voucher_id, moved.out_entry_id, lot.location_id, lot.loaded_at, allocation.amount
        from ledger_reissue as moved
        join ledger_allocation as allocation on allocation.entry_id = moved.out_entry_id
        join ledger_lot as lot on lot.id = allocation.lot_id
        where moved.from_voucher_id between :first and :last
        union all
        select moved.from_voucher_id, moved.out_entry_id, lot.location_id, lot.loaded_at, -lot.amount
        from ledger_reissue as moved
        join ledger_lot as lot on lot.entry_id = moved.in_entry_id
        where moved.from_voucher_id between :first and :last
    ) as kept
    group by from_voucher_id, out_entry_id, location_id, loaded_at having sum(amount) <> 0
"""

_CHECKS: Final[Sequence[tuple[FaultKind, TextClause]]] = tuple(
    (kind, text(statement))
    for kind, statement in (
        (FaultKind.BALANCE, _BALANCES),
        (FaultKind.LOTS, _LOTS_SUM),
        (FaultKind.GAP, _GAPS),
        (FaultKind.RUNNING, _RUNNING),
        (FaultKind.ENTRY, _SPREAD),
        (FaultKind.LOT, _REMAINING),
        (FaultKind.FOREIGN, _FOREIGN),
        (FaultKind.REVERSAL, _REVERSALS),
        (FaultKind.KEY, _KEYS),
        (FaultKind.ACTION, _ACTIONS),
        (FaultKind.REISSUE, _MOVED),
    )
)
