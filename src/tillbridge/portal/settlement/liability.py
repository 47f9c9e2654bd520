"""What is owed on vouchers, proven against the ledger; and how old that credit is.

Both are read from the ledger itself in one snapshot, not from what was settled: a row that somebody forged makes the
proof fail, and then nothing is shown (docs/reference/voucher-settlement.md, section 5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import lot
from tillbridge.portal.settlement import movements
from tillbridge.portal.settlement.model import NOWHERE
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.portal.vouchers.tables import voucher

AGES: Final = (3, 12, 24, 36)
"""Months of age at which a column of the ageing ends; the last one has no end."""

_BEFORE: Final = "before"
_AFTER: Final = "after"


class NotProven(Exception):
    """The ledger does not hold together: what is owed cannot be said."""


@dataclass(frozen=True, slots=True)
class Owed:
    """The credit that one location loaded. `moved` are the changes by kind, with their signs; `remaining` is now."""

    owner_id: str
    opening: int = 0
    moved: Mapping[EntryKind, int] = field(default_factory=dict)
    after: int = 0
    remaining: int = 0
    blocked: int = 0

    @property
    def closing(self) -> int:
        """At the end of the last day."""
        return self.opening + sum(self.moved.values())

    @property
    def active(self) -> int:
        """What of the credit of this moment is not blocked."""
        return self.remaining - self.blocked

    @property
    def proven(self) -> bool:
        """Whether what was booked adds up to what the lots have left."""
        return self.closing + self.after == self.remaining

    def plus(self, other: "Owed") -> "Owed":
        """Both together, under the name of the first."""
        moved = {kind: self.moved.get(kind, 0) + other.moved.get(kind, 0) for kind in {*self.moved, *other.moved}}
        return Owed(
            self.owner_id,
            self.opening + other.opening,
            moved,
            self.after + other.after,
            self.remaining + other.remaining,
            self.blocked + other.blocked,
        )


async def owed(connection: AsyncConnection, system_id: str, first: str, last: str) -> Sequence[Owed]:
    """By location what is owed, from one day to another. `NotProven` if it does not add up.

    The caller's connection must see one snapshot.
    """
    found: dict[str, Owed] = {}
    for one in [*await _moved(connection, system_id, first, last), *await _remaining(connection, system_id)]:
        found[one.owner_id] = found[one.owner_id].plus(one) if one.owner_id in found else one
    _, entries = await movements.total(connection, voucher.c.system_id == system_id)
    balances = await _balances(connection, system_id)
    remaining = sum(one.remaining for one in found.values())
    if not all(one.proven for one in found.values()) or not entries == balances == remaining:
        raise NotProven(system_id)
    return [one for _, one in sorted(found.items())]


async def _moved(connection: AsyncConnection, system_id: str, first: str, last: str) -> list[Owed]:
    moved = movements.movements(voucher.c.system_id == system_id)
    when = case((moved.c.day < first, _BEFORE), (moved.c.day > last, _AFTER), else_=moved.c.kind).label("phase")
    rows = await connection.execute(
        select(moved.c.owner_id, when, func.sum(moved.c.amount).label("amount")).group_by(moved.c.owner_id, when)
    )
    found = []
    for row in rows:
        amount = int(row.amount)
        match row.phase:
            case "before":
                found.append(Owed(row.owner_id, opening=amount))
            case "after":
                found.append(Owed(row.owner_id, after=amount))
            case kind:
                found.append(Owed(row.owner_id, moved={EntryKind(kind): amount}))
    return found


async def _remaining(connection: AsyncConnection, system_id: str) -> list[Owed]:
    owner = func.coalesce(lot.c.location_id, NOWHERE).label("owner_id")
    blocked = case((voucher.c.blocked, lot.c.remaining), else_=0)
    rows = await connection.execute(
        select(owner, func.sum(lot.c.remaining).label("remaining"), func.sum(blocked).label("blocked"))
        .join(voucher, voucher.c.id == lot.c.voucher_id)
        .where(voucher.c.system_id == system_id, lot.c.remaining > 0)
        .group_by(owner)
    )
    return [Owed(row.owner_id, remaining=int(row.remaining), blocked=int(row.blocked)) for row in rows]


async def _balances(connection: AsyncConnection, system_id: str) -> int:
    statement = select(func.coalesce(func.sum(voucher.c.balance), 0)).where(voucher.c.system_id == system_id)
    return int(await connection.scalar(statement) or 0)


async def ageing(connection: AsyncConnection, system: VoucherSystem, now: datetime) -> Mapping[str, tuple[int, ...]]:
    """By location how much of its credit is how old: a column for each of `AGES`, and one for what is older."""
    today = now.astimezone(ZoneInfo(system.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    cuts = [today - relativedelta(months=months) for months in AGES]
    bounds = [now + timedelta(days=1), *cuts, None]
    owner = func.coalesce(lot.c.location_id, NOWHERE).label("owner_id")
    columns = []
    for number, (younger, older) in enumerate(pairwise(bounds)):
        within = lot.c.loaded_at < younger if older is None else lot.c.loaded_at.between(older, younger)
        # The moment of the cut itself belongs to the younger column alone.
        if number:
            within &= lot.c.loaded_at != younger
        columns.append(func.coalesce(func.sum(case((within, lot.c.remaining), else_=0)), 0).label(f"age_{number}"))
    rows = await connection.execute(
        select(owner, *columns)
        .join(voucher, voucher.c.id == lot.c.voucher_id)
        .where(voucher.c.system_id == system.id, lot.c.remaining > 0)
        .group_by(owner)
        .order_by(owner)
    )
    return {row.owner_id: tuple(int(amount) for amount in row[1:]) for row in rows}
