"""What a shop has sold, and how often it was looked at (docs/reference/voucher-shop.md, section 7)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location
from tillbridge.portal.rights import Reach
from tillbridge.portal.shop import store
from tillbridge.portal.shop.front import Front
from tillbridge.portal.shop.model import Shop, Texts
from tillbridge.portal.shop.tables import line, order, view
from tillbridge.portal.vouchers.systems_model import VoucherSystem

DAYS: Final = 30
"""Days that are shown if nobody asks for others."""

MOST_DAYS: Final = 92
"""A quarter: every order of it is read."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day: views of the window, orders whose vouchers were issued, and their value."""

    day: date
    views: int
    orders: int
    amount: int


@dataclass(frozen=True, slots=True)
class Sold:
    """What was sold of a design, or at a location."""

    names: Texts
    vouchers: int
    amount: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A shop's figures, day by day; what was sold by design and by location, the most first.

    `whole` says that they are of all locations: views are counted for the shop, and are told with those alone.
    """

    whole: bool
    days: tuple[Day, ...]
    designs: tuple[Sold, ...]
    locations: tuple[Sold, ...]

    @property
    def views(self) -> int:
        """Of all days."""
        return sum(one.views for one in self.days)

    @property
    def orders(self) -> int:
        """Of all days."""
        return sum(one.orders for one in self.days)

    @property
    def amount(self) -> int:
        """Of all days."""
        return sum(one.amount for one in self.days)


class Views:
    """Counts views in memory and writes them down every few seconds: nobody waits for it.

    Nothing is kept of whoever looks. A process that is killed loses the views of those seconds.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._seen: Counter[tuple[str, str]] = Counter()

    def count(self, front: Front) -> None:
        """The window of this shop was looked at."""
        now = self._house.runtime.clock.now()
        self._seen[front.shop.id, now.astimezone(ZoneInfo(front.system.time_zone)).date().isoformat()] += 1

    async def keep(self) -> None:
        """Writes down what was counted since the last time."""
        counted, self._seen = self._seen, Counter()
        if not counted:
            return
        try:
            async with self._house.database.writing() as connection:
                await _add(connection, counted)
        except BridgeError:
            # The database is away: they are written down with the next ones.
            self._seen.update(counted)
            raise


async def _add(connection: AsyncConnection, counted: Mapping[tuple[str, str], int]) -> None:
    dialect = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = dialect(view)
    statement = statement.on_conflict_do_update(
        index_elements=["shop_id", "day"], set_={"views": view.c.views + statement.excluded["views"]}
    )
    rows = [{"shop_id": key[0], "day": key[1], "views": views} for key, views in sorted(counted.items())]
    await connection.execute(statement, rows)


async def figures(
    connection: AsyncConnection, shop: Shop, system: VoucherSystem, reach: Reach, first: date, last: date
) -> Figures:
    """From the first to the last of these days, in the system's time zone; of sales, those in reach."""
    zone = ZoneInfo(system.time_zone)
    since, until = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    mine = (order.c.shop_id == shop.id) & (order.c.issued_at >= since) & (order.c.issued_at < until)
    if not reach.everywhere:
        mine &= order.c.location_id.in_(sorted(reach.locations))
    orders: Counter[date] = Counter()
    amounts: Counter[date] = Counter()
    for row in await connection.execute(select(order.c.issued_at, order.c.amount).where(mine)):
        day = row.issued_at.astimezone(zone).date()
        orders[day] += 1
        amounts[day] += row.amount
    views = await _views(connection, shop.id, first, last) if reach.everywhere else {}
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    sums = (func.sum(line.c.quantity).label("vouchers"), func.sum(line.c.quantity * line.c.unit_amount).label("amount"))
    joined = line.join(order, order.c.id == line.c.order_id)
    by_design = select(line.c.design_id, *sums).select_from(joined).where(mine).group_by(line.c.design_id)
    by_place = (
        select(location.c.name, *sums)
        .select_from(joined.join(location, location.c.id == order.c.location_id))
        .where(mine)
        .group_by(location.c.id, location.c.name)
    )
    names: Mapping[str, Texts] = {one.id: one.layout.names for one in await store.designs(connection, shop.id)}
    designs = [
        Sold(names[row.design_id], int(row.vouchers), int(row.amount)) for row in await connection.execute(by_design)
    ]
    places = [Sold({"de": row.name}, int(row.vouchers), int(row.amount)) for row in await connection.execute(by_place)]
    return Figures(
        reach.everywhere,
        tuple(Day(day, int(views.get(day.isoformat(), 0)), orders[day], amounts[day]) for day in every),
        _most_first(designs),
        _most_first(places),
    )


async def _views(connection: AsyncConnection, shop_id: str, first: date, last: date) -> Mapping[str, int]:
    mine = (view.c.shop_id == shop_id) & view.c.day.between(first.isoformat(), last.isoformat())
    return {row.day: row.views for row in await connection.execute(select(view.c.day, view.c.views).where(mine))}


def _most_first(found: Sequence[Sold]) -> tuple[Sold, ...]:
    return tuple(sorted(found, key=lambda one: (-one.amount, sorted(one.names.items()))))
