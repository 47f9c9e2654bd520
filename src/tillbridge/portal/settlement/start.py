"""Vouchers on the start page: the last days of a merchant's systems, as their rows of closed days have them.

Nothing is added up for it, however long the ledger is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.rights import Area, Person
from tillbridge.portal.settlement import access
from tillbridge.portal.settlement.model import Day
from tillbridge.portal.settlement.service import CHART_DAYS
from tillbridge.portal.settlement.tables import settlement_day
from tillbridge.portal.settlement.views import Chart, chart_list
from tillbridge.portal.vouchers.tables import voucher_system
from tillbridge.web.words import Words

MOST_SYSTEMS: Final = 3
"""Voucher systems of which the start page shows charts."""


@dataclass(frozen=True, slots=True)
class Card:
    """A voucher system with its last closed days, the oldest first."""

    system_id: str
    name: str
    currency: str
    days: tuple[Day, ...]


async def cards(connection: AsyncConnection, person: Person, now: datetime) -> tuple[Card, ...]:
    """What this person may see of all locations together; nothing for anybody else."""
    if not (access.whole(person) and person.may_somewhere(Area.REPORTS)):
        return ()
    since = (now - timedelta(days=CHART_DAYS + 1)).date().isoformat()
    rows = await connection.execute(
        select(voucher_system.c.id, voucher_system.c.name, voucher_system.c.currency, settlement_day)
        .join(settlement_day, settlement_day.c.system_id == voucher_system.c.id)
        .where(voucher_system.c.tenant_id == person.home, settlement_day.c.day >= since)
        .order_by(voucher_system.c.name, voucher_system.c.id, settlement_day.c.day)
    )
    found: dict[str, Card] = {}
    for row in rows.mappings():
        one = Day(**{name: row[name] for name in Day.__slots__})
        known = found.get(row["id"])
        days = (one,) if known is None else (*known.days, one)
        found[row["id"]] = Card(row["id"], row["name"], row["currency"], days[-CHART_DAYS:])
    return tuple(found.values())[:MOST_SYSTEMS]


def drawn(words: Words, card: Card) -> Mapping[str, object]:
    """A card as the page draws it. A chart's name stands once on a page: that of the system is part of it."""
    charts: list[Chart] = chart_list(words, card.days, card.currency, prefix=f"{card.system_id}-")
    return {"id": card.system_id, "name": card.name, "charts": charts}
