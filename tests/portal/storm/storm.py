"""A storm: 64 tills of three shops at a portal whose processes, database and connections are ended all the time.

In the end nothing is overspent, lost or doubled, each key is answered as it first was, and the ledger is sound.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.portal.postgres import Cluster
from tests.portal.storm.book import Book
from tests.portal.storm.killer import kill_on
from tests.portal.storm.links import ShopLink, paired
from tests.portal.storm.plan import FIRST_LOAD, SHOPS, WORKERS, Action, Plan
from tests.portal.storm.reckoning import reckon
from tests.portal.storm.street import Portal, Street
from tests.portal.storm.tills import Worker
from tests.portal.storm.wire import relays
from tests.portal.vouchers.floor import open_floor
from tests.support.shop import Program
from tillbridge.portal.app import open_house
from tillbridge.portal.house import House
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import database_url
from tillbridge.runtime.effects import Runtime

VERIFY_SECONDS: Final = 900.0
"""For a ledger of more than a million entries, on a busy computer."""


async def storm(plan: Plan, settings: PortalSettings, server: Cluster | None) -> Counter[str]:
    """Plays it on a migrated, empty database; how often what happened. On PostgreSQL two processes serve it."""
    async with open_house(settings, Runtime()) as house, asyncio.TaskGroup() as group:
        document = _document(settings)
        portals = [Portal.of(document, settings.data, group) for _ in range(1 if server is None else 2)]
        street, links = await _filled(plan, house, portals)
        street.server, street.database = server, database_url(settings).database or ""
        book = Book(plan)
        try:
            async with asyncio.TaskGroup() as starting:
                for portal in portals:
                    starting.create_task(portal.start())
            async with relays([portal.port for portal in portals]) as made:
                street.relays = made
                await _rage(street, links, book)
        finally:
            for portal in portals:
                await portal.kill()
        book.hold()
        await reckon(house, book, street.numbers)
    await _verified(portals[0].config)
    faults = [line for portal in portals for line in portal.faults]
    assert not faults, "".join(faults)
    return book.seen + street.hits


async def _rage(street: Street, links: Sequence[ShopLink], book: Book) -> None:
    clock = Runtime().clock
    workers = [Worker(number, street, links, book, clock) for number in range(WORKERS)]
    async with asyncio.TaskGroup() as group:
        group.create_task(kill_on(street))
        async with asyncio.TaskGroup() as working:
            for worker in workers:
                working.create_task(worker.work())
        street.over = True
        street.refused.set()
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.ask_again(_tenth(street.plan, worker.number)))
    for worker in workers:
        worker.hang_up()


def _tenth(plan: Plan, worker: int) -> list[Action]:
    """Of a worker's actions every tenth or so."""
    chance = random.Random(f"{plan.seed} {worker} again")
    return [action for action in plan.actions(worker) if chance.random() < 1 / 10]


async def _filled(plan: Plan, house: House, portals: list[Portal]) -> tuple[Street, Sequence[ShopLink]]:
    """A merchant with three paired shops, and vouchers with money on them, some of which are blocked."""
    async with open_floor(house) as floor:
        numbers = await floor.vouchers(plan.vouchers)
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(floor.load(number, FIRST_LOAD))
        for place, number in enumerate(numbers):
            if plan.blocked(place):
                await floor.change(number, blocked=True)
        street = Street(plan, portals, numbers)
        street.server_up.set()
        shops = [one.location_id for one in (floor.here, floor.there, floor.third)][:SHOPS]
        return street, [await paired(street, house, one) for one in shops]


def _document(settings: PortalSettings) -> Mapping[str, Any]:
    """What each process is to read."""
    url = settings.database.url
    if url is None:
        return {}
    kept = settings.data / "database-url"
    kept.write_text(url.get_secret_value())
    kept.chmod(0o600)
    return {"database": {"url": {"file": str(kept)}, "connections": settings.database.connections}}


async def _verified(config: Path) -> None:
    """`tillbridge portal ledger verify` finds nothing."""
    words = ("portal", "ledger", "verify", "--config", str(config))
    done = await Program.start(*words, ready="The ledger holds together.", seconds=VERIFY_SECONDS)
    await done.gone()
    assert done.process.returncode == 0, done.said
