"""What was sold and redeemed where, at which station, by whom, and on which day."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.settlement.model import NOWHERE
from tillbridge.portal.settlement.movements import within
from tillbridge.portal.vouchers.tables import voucher

MOST_ROWS: Final = 500
"""Lines that a page shows of each table."""

_SOLD: Final = (EntryKind.LOAD, EntryKind.LOAD_REVERSAL)
_REDEEMED: Final = (EntryKind.REDEEM, EntryKind.PUT_BACK)


@dataclass(frozen=True, slots=True)
class Turnover:
    """What was loaded, less what was reversed, and what was redeemed, less what was put back; in minor units.

    `loads` and `redemptions` count the bookings of them, without those that took something back.
    """

    day: str
    location_id: str
    station: str
    operator: str
    loads: int
    sold: int
    redemptions: int
    redeemed: int


async def by_day(connection: AsyncConnection, system_id: str, first: str, last: str) -> tuple[Turnover, ...]:
    """Day by day and location by location."""
    return await _turnover(connection, system_id, (first, last), (entry.c.business_day, _PLACE, _EMPTY, _EMPTY))


async def by_station(connection: AsyncConnection, system_id: str, first: str, last: str) -> tuple[Turnover, ...]:
    """Over the whole time by location, station and operator."""
    return await _turnover(connection, system_id, (first, last), (_EMPTY, _PLACE, entry.c.station, entry.c.operator))


_PLACE: Final[ColumnElement[str]] = func.coalesce(entry.c.location_id, NOWHERE)
_EMPTY: Final[ColumnElement[str]] = literal("")

_Keys = tuple[ColumnElement[str], ColumnElement[str], ColumnElement[str], ColumnElement[str]]


async def _turnover(
    connection: AsyncConnection, system_id: str, span: tuple[str, str], keys: _Keys
) -> tuple[Turnover, ...]:
    names = ("day", "place", "station", "operator")
    grouped = [key for key in keys if key is not _EMPTY]
    statement = (
        select(
            *(key.label(name) for key, name in zip(keys, names, strict=True)),
            _sum_of(_SOLD, entry.c.amount).label("sold"),
            _sum_of(_REDEEMED, -entry.c.amount).label("redeemed"),
            _sum_of((EntryKind.LOAD,), literal(1)).label("loads"),
            _sum_of((EntryKind.REDEEM,), literal(1)).label("redemptions"),
        )
        .join(voucher, voucher.c.id == entry.c.voucher_id)
        .where(within(system_id, *span), entry.c.kind.in_([kind.value for kind in (*_SOLD, *_REDEEMED)]))
        .group_by(*grouped)
        .order_by(*grouped)
    )
    return tuple(
        Turnover(
            row.day,
            row.place,
            row.station,
            row.operator,
            int(row.loads),
            int(row.sold),
            int(row.redemptions),
            int(row.redeemed),
        )
        for row in await connection.execute(statement)
    )


def _sum_of(kinds: tuple[EntryKind, ...], amount: ColumnElement[int]) -> ColumnElement[int]:
    return func.sum(case((entry.c.kind.in_([kind.value for kind in kinds]), amount), else_=0))
