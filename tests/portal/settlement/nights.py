"""A month of settled nights behind a voucher system, for tests that look at pages and not at how days are closed."""

import asyncio
from datetime import timedelta

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.house import House
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.settlement import store
from tillbridge.portal.settlement.closing import number_of, written
from tillbridge.portal.settlement.making import Made, claimed_and_owed
from tillbridge.portal.settlement.model import Day, Line, Span, Statement, Sum, Waiting
from tillbridge.portal.settlement.sheets import Heading
from tillbridge.portal.vouchers import systems_store

NIGHTS = 30


async def settle_nights(house: House, system_id: str, location_id: str, other_id: str) -> str:
    """Closes the days before this one, as if two shops had been at work; the id of a statement of the first shop."""
    now = house.runtime.clock.now()
    async with house.database.writing() as connection:
        system = await systems_store.find(connection, system_id)
        assert system is not None
        closing, day = 150_000, ""
        sums: tuple[Sum, ...] = ()
        for back in range(NIGHTS, 0, -1):
            day = business_day(now - timedelta(days=back), system.time_zone)
            loaded, redeemed = 9_000 + 700 * (back % 7), 6_000 + 900 * (back % 5)
            closing += loaded - redeemed
            one = Day(day, 12, loaded, -redeemed, 0, closing, 40 + NIGHTS - back, 4_500 if back < 12 else 0)
            sums = (
                Sum(day, location_id, location_id, EntryKind.LOAD, loaded, 4),
                Sum(day, location_id, other_id, EntryKind.REDEEM, -redeemed + 2_000, 5),
                Sum(day, other_id, location_id, EntryKind.REDEEM, -2_000, 3),
            )
            assert await store.close_day(connection, system.id, one, sums, now)
        places = await store.places(connection, {location_id, other_id})
        number = number_of(Span.DAY, day, places[location_id].number)
        waiting = Waiting(house.runtime.ids.new(), system.id, location_id, Span.DAY, day, number, Language.DE, now)
        await store.add_statements(connection, [waiting])
    line = Line(now, "27600000000008", EntryKind.REDEEM, location_id, "K1", "Eva", location_id, other_id, -4_000)
    statement = Statement(system.id, location_id, Span.DAY, day, number, sums, (line,))
    papers = await asyncio.to_thread(written, Made(statement, Heading(system, places, Language.DE, now), agrees=True))
    ours, theirs = claimed_and_owed(statement)
    async with house.database.writing() as connection:
        assert await store.freeze(connection, waiting.id, now, claimed=ours, owed=theirs, papers=papers)
    return waiting.id
