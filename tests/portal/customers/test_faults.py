"""A conversion that is killed anywhere: 1.0 is as it was and can be written, or 2.0 is complete. There is no third."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import event, func, select
from structlog.testing import capture_logs

from tests.portal.clock import HandClock
from tests.portal.customers import bases
from tests.portal.postgres import Cluster, cluster
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.app import open_house
from tillbridge.portal.customers.conversions import Conversions
from tillbridge.portal.customers.converting import LEASE, Converter
from tillbridge.portal.customers.model import JobState
from tillbridge.portal.customers.tables import customer, customer_key, customer_movement, customer_token
from tillbridge.portal.house import House
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime

ROWS = 24
AT_ONCE = 10
SAMPLE = 6


class Killed(BaseException):
    """The end of a process: nothing in it gets to clear up."""


class Broken(Exception):
    """A fault in the middle of a process that goes on."""


@contextmanager
def at_statement(house: House, wanted: int, act: Callable[[], None]) -> Iterator[list[str]]:
    """Does something before the statement of this number (from 1); gives every statement that was begun."""
    begun: list[str] = []
    engines = {engine.sync_engine for engine in (house.database._reader, house.database._writer)}

    def count(*parts: object) -> None:
        begun.append(str(parts[2]))
        if len(begun) == wanted:
            act()

    for engine in engines:
        event.listen(engine, "before_cursor_execute", count)
    try:
        yield begun
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", count)


def raising(fault: type[BaseException]) -> Callable[[], None]:
    def act() -> None:
        raise fault

    return act


async def work(house: House) -> None:
    converter = Converter(house, rows_at_once=AT_ONCE)
    while await converter.step():
        pass


class Walk:
    """Converts one location after the other, each with a fault at another statement."""

    def __init__(self, house: House, clock: HandClock, tenant: str) -> None:
        self._house = house
        self._clock = clock
        self._tenant = tenant
        self._made = 0

    async def statements(self) -> int:
        """How many statements an untroubled conversion takes."""
        await self._prepare()
        with at_statement(self._house, 0, raising(Killed)) as begun:
            await work(self._house)
        return len(begun)

    async def fail_at(self, point: int, fault: type[BaseException]) -> CustomerBase:
        """One conversion with a fault, and what is left of it once its worker counts as dead."""
        place, before = await self._prepare()
        # The log's own rendering of a fault takes longer than the conversion.
        with capture_logs(), at_statement(self._house, point, raising(fault)), suppress(Killed, Broken):
            await work(self._house)
        self._clock.forward(seconds=LEASE.total_seconds() + 1)
        await work(self._house)
        assert await bases.v1_hash(self._house, place) == before
        state = await bases.state(self._house, place)
        if state is CustomerBase.V1_ONLINE:
            assert await bases.writable(self._house, place), point
            assert await self._customers(place) == 0, point
            again = await bases.converted(self._house, bases.chief(self._house, self._tenant), place)
            assert again.state is JobState.DONE
        assert await self._customers(place) == ROWS, point
        await self._nothing_is_left_over()
        return state

    async def _prepare(self) -> tuple[str, str]:
        self._made += 1
        serial = self._made
        place = await shop(
            self._house, self._tenant, serial, client_number=serial, kind="branch", customer_base="v1_online"
        )
        rows = [bases.row(position, number=f"{serial}-{position}") for position in range(2, ROWS + 2)]
        await bases.v1(self._house, place, rows)
        await bases.asked_to_convert(self._house, bases.chief(self._house, self._tenant), place, at_once=AT_ONCE)
        return place, await bases.v1_hash(self._house, place)

    async def _customers(self, place: str) -> int:
        async with self._house.database.reading() as connection:
            counted = select(func.count()).select_from(customer).where(customer.c.location_id == place)
            return int((await connection.execute(counted)).scalar_one())

    async def _nothing_is_left_over(self) -> None:
        """No key, token or movement without its customer."""
        async with self._house.database.reading() as connection:
            for table in (customer_key, customer_token, customer_movement):
                lost = select(func.count()).where(table.c.customer_id.not_in(select(customer.c.id)))
                assert (await connection.execute(lost)).scalar_one() == 0, table.name


async def test_a_conversion_that_fails_at_some_statements_is_whole_or_not_at_all(
    house: House, clock: HandClock
) -> None:
    walk = Walk(house, clock, await merchant(house))
    count = await walk.statements()
    for point in random.Random(26).sample(range(1, count + 1), SAMPLE):
        await walk.fail_at(point, Killed if point % 2 else Broken)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", [Killed, Broken])
async def test_a_conversion_that_fails_at_any_statement_is_whole_or_not_at_all(
    house: House, clock: HandClock, fault: type[BaseException]
) -> None:
    walk = Walk(house, clock, await merchant(house))
    count = await walk.statements()
    ends = [await walk.fail_at(point, fault) for point in range(1, count + 1)]
    assert CustomerBase.V1_ONLINE in ends


async def test_of_two_that_start_at_once_one_converts(house: House) -> None:
    tenant = await merchant(house)
    place = await shop(house, tenant, 1, customer_base="v1_online")
    await bases.v1(house, place, [bases.row(2)])
    person, conversions = bases.chief(house, tenant), Conversions(house, bases.licensed)
    report = await bases.reported(house, person, place)
    async with house.database.writing() as connection:
        await conversions.accept_functions(connection, place, person)

    async def start() -> Code | None:
        try:
            await conversions.convert(person, place, report.id)
        except BridgeError as error:
            return error.code
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(start()) for _ in range(4)]
    ends = [task.result() for task in tasks]
    assert ends.count(None) == 1
    assert set(ends) == {None, Code.CONVERSION_RUNNING}
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(work(house))
    assert await bases.state(house, place) is CustomerBase.V2
    assert len(await bases.everybody(house, tenant)) == 1


@pytest.fixture
def killable() -> Iterator[Cluster]:
    with cluster(durable=True) as running:
        running.run("create database portal")
        yield running


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_postgresql_killed_in_the_middle_of_a_conversion(killable: Cluster, tmp_path: Path) -> None:
    settings = PortalSettings(
        data=tmp_path, database=DatabaseSettings(url=SecretStr(killable.url("portal")), connections=6)
    )
    migrate(settings)
    clock = HandClock()
    async with open_house(settings, Runtime(clock=clock)) as house:
        tenant, count = await merchant(house), 0
        for serial in range(8):
            place = await shop(
                house, tenant, serial, client_number=serial + 1, kind="branch", customer_base="v1_online"
            )
            await bases.v1(house, place, [bases.row(line, number=f"{serial}-{line}") for line in range(2, 500)])
            before = await bases.v1_hash(house, place)
            await bases.asked_to_convert(house, bases.chief(house, tenant), place)
            # The first one is left alone, to learn how many statements there are.
            point = count * serial // 8
            with at_statement(house, point, killable.kill) as begun:
                if point:
                    with pytest.raises(BridgeError):
                        await work(house)
                    killable.start()
                else:
                    await work(house)
                    count = len(begun)
            clock.forward(seconds=LEASE.total_seconds() + 1)
            await work(house)
            assert await bases.v1_hash(house, place) == before
            if await bases.state(house, place) is CustomerBase.V1_ONLINE:
                assert await bases.writable(house, place)
                assert (await bases.converted(house, bases.chief(house, tenant), place)).state is JobState.DONE
            assert await bases.state(house, place) is CustomerBase.V2
        assert len(await bases.everybody(house, tenant)) == 8 * 498
