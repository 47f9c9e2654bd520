"""Customers converted from 1.0 to 2.0 each second on PostgreSQL, and how much longer that takes than a plain COPY.

The conversion is the portal's own, from the job that waits to the flag that is switched: it reads, plans, seals each
customer with a key of its own, writes, and reads everything back to compare it. The contender writes the very rows that
the conversion left behind into empty copies of the same tables, by COPY in one transaction. Both meet the same seconds.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Final

import psycopg
from pydantic import SecretStr
from sqlalchemy import text

from benchmarks.figures import Bench, Figure
from benchmarks.rounds import Spread
from tests.portal.customers import bases
from tests.portal.postgres import Cluster, cluster
from tests.portal.shops import merchant, shop
from tillbridge.portal.app import open_house
from tillbridge.portal.customers.converting import Converter
from tillbridge.portal.customers.model import JobState
from tillbridge.portal.house import House
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime

CUSTOMERS: Final = 100_000
ROUNDS: Final = 3
GOAL: Final = 5000
"""Customers a second."""

TABLES: Final = ("customer", "customer_key", "customer_alias", "customer_token", "customer_movement")
DATABASE: Final = "portal"


def _settings(running: Cluster, folder: Path) -> PortalSettings:
    return PortalSettings(data=folder, database=DatabaseSettings(url=SecretStr(running.url(DATABASE)), connections=6))


async def _convert(house: House, customers: int) -> float:
    """One conversion; its seconds from the waiting job to its end."""
    tenant = await merchant(house)
    place = await shop(house, tenant, house.runtime.chance.randrange(9_000_000), customer_base="v1_online")
    await bases.v1(house, place, [bases.row(position) for position in range(2, customers + 2)])
    person = bases.chief(house, tenant)
    asked = await bases.asked_to_convert(house, person, place)
    begin = perf_counter()
    await Converter(house).step()
    seconds = perf_counter() - begin
    ended = await bases.job(house, asked.id)
    if (
        ended.state is not JobState.DONE
        or ended.ended_at is None
        or ended.ended_at - ended.made_at > timedelta(hours=1)
    ):
        raise RuntimeError(f"a conversion of the benchmark ended as {ended.fault}")
    return seconds


async def _empty(house: House) -> None:
    async with house.database.writing() as connection:
        await connection.execute(text(f"truncate {', '.join(TABLES)}"))


def _copy(running: Cluster) -> float:
    """The rows that are there, by COPY into empty copies of their tables; its seconds."""
    with psycopg.connect(running.url(DATABASE)) as connection, connection.cursor() as cursor:
        rows = {table: cursor.execute(f"table {table}".encode()).fetchall() for table in TABLES}
        for table in TABLES:
            cursor.execute(f"alter table {table} rename to {table}_done".encode())
            cursor.execute(f"create table {table} (like {table}_done including all)".encode())
        connection.commit()
        begin = perf_counter()
        for table in TABLES:
            with cursor.copy(f"copy {table} from stdin".encode()) as copy:
                for row in rows[table]:
                    copy.write_row([psycopg.types.json.Json(one) if isinstance(one, list) else one for one in row])
        connection.commit()
        seconds = perf_counter() - begin
        for table in TABLES:
            cursor.execute(f"drop table {table}".encode())
            cursor.execute(f"alter table {table}_done rename to {table}".encode())
        connection.commit()
    return seconds


async def _rounds(running: Cluster, folder: Path, rounds: int, customers: int) -> list[tuple[float, float]]:
    """Per round the seconds of the conversion and of the COPY."""
    async with open_house(_settings(running, folder), Runtime()) as house:
        await _convert(house, 1000)
        results: list[tuple[float, float]] = []
        for _ in range(rounds):
            await _empty(house)
            seconds = await _convert(house, customers)
            results.append((seconds, await asyncio.to_thread(_copy, running)))
        return results


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    customers, rounds = bench.choose(CUSTOMERS, 2000), bench.choose(ROUNDS, 1)
    with cluster(durable=True) as running:
        running.run(f"create database {DATABASE}")
        migrate(_settings(running, bench.folder))
        results = asyncio.run(_rounds(running, bench.folder, rounds, customers))
    took = Spread.of([1000 * seconds / customers for seconds, _ in results])
    ratio = Spread.of([seconds / plain for seconds, plain in results])
    rate = 1000 / took.median
    yield Figure(
        "portal_conversion",
        f"milliseconds for a customer of {customers:,} converted to 2.0 on PostgreSQL (goal: {GOAL:,} a second)",
        took.median,
        "ms",
        1000 / GOAL,
        f"{took}; {rate:,.0f} customers a second",
    )
    yield Figure(
        "portal_conversion",
        "the same, over a plain COPY of the same rows into the same tables",
        ratio.median,
        "x",
        None,
        str(ratio),
    )
