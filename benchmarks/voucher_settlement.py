"""Seconds in which a day with a million redemptions is closed on PostgreSQL.

The rows are made in SQL by PostgreSQL itself: vouchers that one shop loaded on the day before, each redeemed ten times
at ten other shops. What is measured is the portal's own: the sums of that day by place and owner of the credit, their
check against the entries, the count of vouchers with credit, and what is written of it. The contender is one plain
aggregate over the day's entries, which is the least that anything has to read. Both meet the same seconds.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Final

from pydantic import SecretStr
from sqlalchemy import text

from benchmarks.figures import Bench, Figure
from benchmarks.rounds import Spread
from tests.portal.postgres import Cluster, cluster
from tests.portal.shops import merchant, shop
from tillbridge.portal.app import open_house
from tillbridge.portal.house import House
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.settlement import movements, store
from tillbridge.portal.settlement.claims import balances_of, claims_of
from tillbridge.portal.settlement.closing import settled
from tillbridge.portal.settlement.model import Day
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime

REDEMPTIONS: Final = 1_000_000
EACH: Final = 10
"""Redemptions of one voucher."""

SHOPS: Final = 100
ROUNDS: Final = 3
GOAL: Final = 60.0
DATABASE: Final = "portal"
LOADED, REDEEMED = "2026-03-13", "2026-03-14"

# What follows an entry is checked as it is written; here PostgreSQL itself writes nothing else than what follows.
_MAKE: Final = """
set local session_replication_role = replica;
create temporary table place on commit drop as
    select id, row_number() over (order by client_number) - 1 as at from location;
insert into voucher_system
    (id, tenant_id, name, currency, time_zone, cross_country, load_min, load_max, balance_max, codes_a_month,
     created_at)
    values (:system, :tenant, 'Measured', 'EUR', 'Europe/Berlin', false, 1, 100000, 100000, 6000, now());
insert into voucher (id, system_id, number, country, scheme, life, balance, seq, loaded_once, made_at)
    select 'v' || number, :system, lpad(number::text, 14, '0'), '276', 'imported', 'active', 0, 1 + :each, true, now()
    from generate_series(1, :vouchers) as number;
insert into ledger_entry (id, voucher_id, seq, kind, amount, balance_after, location_id, business_day, booked_at)
    select 'l' || number, 'v' || number, 1, 'load', 100 * :each, 100 * :each, place.id, :loaded, now()
    from generate_series(1, :vouchers) as number join place on place.at = mod(number, :shops);
insert into ledger_lot (id, voucher_id, entry_id, location_id, loaded_at, seq, amount, remaining)
    select 'c' || substr(id, 2), voucher_id, id, location_id, booked_at, 1, amount, 0 from ledger_entry;
insert into ledger_entry
    (id, voucher_id, seq, kind, amount, balance_after, location_id, station, operator, business_day, booked_at)
    select 'r' || number || '-' || turn, 'v' || number, 1 + turn, 'redeem', -100, 100 * (:each - turn), place.id,
        'K1', 'Eva', :redeemed, now()
    from generate_series(1, :vouchers) as number cross join generate_series(1, :each) as turn
    join place on place.at = mod(number + turn, :shops);
insert into ledger_allocation (entry_id, lot_id, amount)
    select id, 'c' || substr(voucher_id, 2), 100 from ledger_entry where kind = 'redeem'
"""


def _settings(running: Cluster, folder: Path) -> PortalSettings:
    return PortalSettings(data=folder, database=DatabaseSettings(url=SecretStr(running.url(DATABASE)), connections=6))


async def _fill(house: House, redemptions: int) -> str:
    tenant_id, system_id = await merchant(house), house.runtime.ids.new()
    for number in range(SHOPS):
        await shop(house, tenant_id, number + 1, client_number=number + 1, kind="branch", name=f"Shop {number}")
    given: dict[str, object] = {"system": f"'{system_id}'", "tenant": f"'{tenant_id}'", "shops": SHOPS, "each": EACH}
    given |= {"vouchers": redemptions // EACH, "loaded": f"'{LOADED}'", "redeemed": f"'{REDEEMED}'"}
    async with house.database.writing() as connection:
        # Making the rows takes longer than any statement of a request may.
        await connection.execute(text("set local statement_timeout = 0"))
        for statement in _MAKE.split(";"):
            for name, value in given.items():
                # Ids and numbers of this file's own; a parameter would have to be told its type in each place.
                statement = re.sub(rf"(?<!:):{name}\b", str(value), statement)  # noqa: PLW2901  # filled in bit by bit
            await connection.exec_driver_sql(statement)
    for table in ("voucher", "ledger_entry", "ledger_lot", "ledger_allocation"):
        async with house.database.writing() as connection:
            await connection.execute(text(f"analyze {table}"))
    return system_id


async def _round(house: House, system_id: str, before: Day, redemptions: int) -> tuple[float, float]:
    """Closes the day once, and takes it back; the seconds of that and of the plain aggregate."""
    begin = perf_counter()
    async with house.database.reading() as connection:
        one, sums = await settled(connection, system_id, REDEEMED, before, yesterday=True)
    async with house.database.writing() as connection:
        await store.close_day(connection, system_id, one, sums, house.runtime.clock.now())
        seconds = perf_counter() - begin
        await connection.rollback()
    claims = claims_of(sums)
    if one.entries != redemptions or one.closing or sum(balances_of(claims).values()) or len(claims) != SHOPS * EACH:
        raise RuntimeError("a settled day of the benchmark is not as it was made")
    begin = perf_counter()
    async with house.database.reading() as connection:
        await movements.total(connection, movements.within(system_id, REDEEMED, REDEEMED))
    return seconds, perf_counter() - begin


async def _rounds(running: Cluster, folder: Path, rounds: int, redemptions: int) -> list[tuple[float, float]]:
    async with open_house(_settings(running, folder), Runtime()) as house:
        system_id = await _fill(house, redemptions)
        async with house.database.reading() as connection:
            before, _ = await settled(connection, system_id, LOADED, None, yesterday=False)
        return [await _round(house, system_id, before, redemptions) for _ in range(rounds)]


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    redemptions, rounds = bench.choose(REDEMPTIONS, 5_000), bench.choose(ROUNDS, 1)
    with cluster(durable=True) as running:
        running.run(f"create database {DATABASE}")
        migrate(_settings(running, bench.folder))
        results = asyncio.run(_rounds(running, bench.folder, rounds, redemptions))
    took = Spread.of([seconds for seconds, _ in results])
    ratio = Spread.of([seconds / plain for seconds, plain in results])
    yield Figure(
        "voucher_settlement",
        f"seconds to close a day of {redemptions:,} redemptions on PostgreSQL",
        took.median,
        "s",
        GOAL,
        str(took),
    )
    yield Figure(
        "voucher_settlement",
        "the same, over one plain sum of the same entries",
        ratio.median,
        "x",
        None,
        str(ratio),
    )
