"""The portal over a real PostgreSQL: two roles, a server that dies in the middle, and one that has no room."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr
from sqlalchemy import event, make_url, select

from tests.portal.browser import Browser, Reply
from tests.portal.customers import bases
from tests.portal.pairing.floor import Connector, Floor, open_floor
from tests.portal.postgres import Cluster, cluster
from tests.portal.storage.office import Office, Till, links, place, whole, within
from tests.portal.vouchers import floor as vouchers
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts.sessions import NAME
from tillbridge.portal.app import open_house
from tillbridge.portal.audit.sealing import Sealer
from tillbridge.portal.audit.verifying import verify
from tillbridge.portal.customers.converting import Converter
from tillbridge.portal.customers.model import JobState
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import location
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.columns import metadata
from tillbridge.portal.storage.migrating import APPEND_ONLY, CHANGING, migrate
from tillbridge.runtime.effects import Runtime

TEMPLATE: Final = "migrated"
SERVING: Final = "serving"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """A PostgreSQL that flushes as in earnest, since tests kill it, with a migrated database to copy from."""
    with cluster(durable=True) as running:
        running.run(f"create role {SERVING} login")
        running.run(f"create database {TEMPLATE}")
        migrate(two_roles(Path(), running, TEMPLATE))
        yield running


def two_roles(data: Path, running: Cluster, name: str, connections: int = 6) -> PortalSettings:
    """A database whose tables belong to one role, and that another one serves."""
    owner = running.url(name)
    serving = owner.replace("//tillbridge@", f"//{SERVING}@")
    database = DatabaseSettings(url=SecretStr(serving), migrating_url=SecretStr(owner), connections=connections)
    return PortalSettings(data=data, database=database)


def copied(running: Cluster, data: Path, *, connections: int = 6) -> PortalSettings:
    """The settings of a portal with a database of its own."""
    name = f"d{len(list(running.folder.glob('made-*')))}"
    (running.folder / f"made-{name}").touch()
    running.run(f"create database {name} template {TEMPLATE}")
    data.mkdir(exist_ok=True)
    return two_roles(data, running, name, connections)


@pytest.fixture
def settings(server: Cluster, tmp_path: Path) -> PortalSettings:
    return copied(server, tmp_path / "data")


# ---------------------------------------------------------------- two roles


def ask_as_serving(settings: PortalSettings, *words: str) -> None:
    assert settings.database.url is not None
    with psycopg.connect(settings.database.url.get_secret_value()) as connection:
        connection.execute(" ".join(words).encode())


def test_the_serving_role_only_reads_and_appends_to_the_log(settings: PortalSettings) -> None:
    for table in sorted(APPEND_ONLY):
        ask_as_serving(settings, "table", table)
        column = next(iter(metadata.tables[table].columns)).name
        for words in (("update", table, "set", column, "=", column), ("delete from", table), ("truncate", table)):
            with pytest.raises(InsufficientPrivilege):
                ask_as_serving(settings, *words)
    for change in (
        "alter table audit_entry disable trigger all",
        "drop table audit_entry",
        "create table mine (id int)",
        "delete from alembic_version",
        "create or replace function audit_keep() returns trigger language plpgsql as 'begin return old; end'",
    ):
        with pytest.raises(InsufficientPrivilege):
            ask_as_serving(settings, change)


def test_the_serving_role_may_do_everything_else_with_every_table(settings: PortalSettings) -> None:
    assert settings.database.url is not None
    with psycopg.connect(settings.database.url.get_secret_value()) as connection:
        for table in metadata.tables.keys() - APPEND_ONLY - CHANGING.keys():
            for right in ("select", "insert", "update", "delete"):
                asked = connection.execute("select has_table_privilege(%s, %s)", (table, right)).fetchone()
                assert asked == (True,), (table, right)


def test_the_serving_role_changes_of_the_ledger_what_must_change_and_nothing_else(settings: PortalSettings) -> None:
    assert settings.database.url is not None
    with psycopg.connect(settings.database.url.get_secret_value()) as connection:
        for table, changing in CHANGING.items():
            for column in metadata.tables[table].columns:
                asked = connection.execute(
                    "select has_column_privilege(%s, %s, 'update')", (table, column.name)
                ).fetchone()
                assert asked == (column.name in changing,), (table, column.name)
    for table in CHANGING:
        for words in (("delete from", table), ("truncate", table)):
            with pytest.raises(InsufficientPrivilege):
                ask_as_serving(settings, *words)


async def test_the_serving_role_can_keep_the_ledger(settings: PortalSettings) -> None:
    async with whole(settings) as (house, _), vouchers.open_floor(house) as floor:
        number, key = await floor.voucher(loaded=1_000), floor.key()
        await floor.redeem(number, 400, key=key)
        assert (await floor.desk.put_back(floor.here, key)).balance == 1_000
        await floor.sound()


async def test_the_serving_role_can_do_all_that_the_portal_does(settings: PortalSettings) -> None:
    async with whole(settings) as (house, app):
        await demo_data(house)
        office, till, here = Office(house, Browser(app)), Till(within(app)), await place(house)
        await office.sign_in()
        await till.begin(await office.pin(here))
        status, body = await till.finish()
        assert status == 200, body
        assert till.conclude(body).location.number == str(till.number)
        await plan_maintenance(office)
        await convert_customers(house)
        await Sealer(house).catch_up()
        verdict = await verify(house)
        assert (verdict.faults, verdict.waiting) == ([], 0)
        assert verdict.sealed > 50
        assert await links(house) == 1


async def plan_maintenance(office: Office) -> None:
    """The shop of this merchant closes for a while."""
    path = "/maintenance/mode"
    fields = {"component": "shop", "until_date": "", "until_clock": "", "reason": "new cash desks", "do": "on"}
    made = await office.browser.post(path, page=path, **fields)
    assert made.status == 303, made.text


async def convert_customers(house: House) -> None:
    """A customer base of 1.0 becomes one of 2.0, with everything that this writes in one go."""
    async with house.database.reading() as connection:
        asked = select(location.c.id, location.c.tenant_id).where(location.c.customer_base == "v1_online")
        location_id, tenant_id = (await connection.execute(asked)).one()
    await bases.v1(house, location_id, [bases.row(position) for position in range(2, 40)])
    job = await bases.asked_to_convert(house, bases.chief(house, tenant_id), location_id)
    while await Converter(house).step():
        pass
    assert (await bases.job(house, job.id)).state is JobState.DONE


# ---------------------------------------------------------------- a server that dies


class Breaker:
    """Counts what is asked of the database, and ends the server at one of these points."""

    def __init__(self, server: Cluster, at: int | None) -> None:
        self._server = server
        self._at = at
        self.count = 0
        self.armed = True
        self.fault = ""

    def reached(self, *_: object) -> None:
        """Before a statement, before a commit, and after one."""
        if not self.armed:
            return
        if self.count == self._at:
            self.armed = False
            try:
                self._server.kill()
            except BaseException as error:
                # SQLAlchemy keeps to itself what goes wrong while a connection comes back to its pool.
                self.fault = repr(error)
                raise
        self.count += 1


@contextmanager
def breaking(server: Cluster, floor: Floor, at: int | None) -> Iterator[Breaker]:
    """Ends the server at this point of what happens in the block; None: it only counts.

    Only this house's connections are watched: other portals may be at work in this process, in threads of their own.
    """
    breaker = Breaker(server, at)
    engine = floor.house.database._writer.sync_engine  # no other way leads to each of its statements
    points: tuple[tuple[Any, str], ...] = (
        (engine, "before_cursor_execute"),
        (engine, "commit"),
        (engine.pool, "checkin"),
    )

    # Of plain functions, since SQLAlchemy looks at how many arguments a listener takes.
    def statement(_c: object, _k: object, _s: object, _p: object, _x: object, _m: object) -> None:
        breaker.reached()

    def ending(_: object) -> None:
        breaker.reached()

    def back(_d: object, _r: object) -> None:
        breaker.reached()

    hooks: list[Any] = [statement, ending, back]
    for (where, name), hook in zip(points, hooks, strict=True):
        event.listen(where, name, hook)
    try:
        yield breaker
    finally:
        breaker.armed = False
        for (where, name), hook in zip(points, hooks, strict=True):
            event.remove(where, name, hook)


@asynccontextmanager
async def begun(settings: PortalSettings) -> AsyncIterator[tuple[Floor, Connector]]:
    """A pairing whose finish comes next."""
    async with open_house(settings, Runtime()) as house:
        floor = await open_floor(house)
        connector = Connector(floor)
        assert (await connector.begin(await floor.make_pin())).status == 201
        yield floor, connector


async def count_points(server: Cluster, settings: PortalSettings) -> int:
    """How many points a finish has that nobody disturbs."""
    async with begun(settings) as (floor, connector):
        with breaking(server, floor, None) as breaker:
            assert (await connector.finish()).status == 200
        return breaker.count


def assert_later(reply: Reply, code: Code) -> None:
    """The one answer while the database is away or busy: try again, and when."""
    told = json.loads(reply.body)
    assert (reply.status, told["code"]) == (503, code.value), reply.text
    assert int(reply.headers["retry-after"]) >= 1
    assert told["final"] is False


async def finish_cut_at(server: Cluster, settings: PortalSettings, point: int) -> None:
    async with begun(settings) as (floor, connector):
        with breaking(server, floor, point) as breaker:
            first = await connector.finish()
        try:
            assert breaker.count == point + 1 or first.status == 200, breaker.fault
            if first.status != 200:
                assert_later(first, Code.DATABASE_UNAVAILABLE)
        finally:
            server.start()
        second = await connector.finish()
        connector.conclude(second)
        assert (await connector.finish()).body == second.body
        if first.status == 200:
            assert first.body == second.body
        pin = await floor.pin()
        assert (await floor.links(), pin.state, pin.tries) == (1, "used", 0)
        events = await floor.events()
        assert [events.count(one) for one in ("pin.made", "pin.used", "link.opened")] == [1, 1, 1], events


@pytest.mark.timeout(60)
async def test_a_server_that_dies_in_a_finish_leaves_one_link_or_none(server: Cluster, tmp_path: Path) -> None:
    points = await count_points(server, copied(server, tmp_path / "counted"))
    assert points > 10
    # Among them the last one: everything is committed, and the answer is not out yet.
    for point in [*random.Random(20261121).sample(range(points - 1), 2), points - 1]:
        await finish_cut_at(server, copied(server, tmp_path / str(point)), point)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_server_that_dies_at_any_point_of_a_finish(server: Cluster, tmp_path: Path) -> None:
    for point in range(await count_points(server, copied(server, tmp_path / "counted"))):
        await finish_cut_at(server, copied(server, tmp_path / str(point)), point)


# ---------------------------------------------------------------- one without room, and one that hangs up


async def test_no_free_connection_is_said_at_once_and_nothing_is_half_done(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.portal.storage.database.BUSY_SECONDS", 1)
    async with begun(copied(server, tmp_path / "data", connections=2)) as (floor, connector):
        async with AsyncExitStack() as holding:
            for _ in range(2):
                held = await holding.enter_async_context(floor.house.database.writing())
                assert held.in_transaction()
            assert_later(await connector.finish(), Code.OVERLOADED)
            health = await Browser(floor.app).get("/healthz")
            assert (health.status, json.loads(health.body)) == (503, {"status": "overloaded"})
        assert (await floor.pin()).tries == 0
        connector.conclude(await connector.finish())
        assert await floor.links() == 1


async def test_a_connection_that_was_lost_while_nobody_used_it_is_not_noticed(
    server: Cluster, settings: PortalSettings
) -> None:
    async with begun(settings) as (floor, connector):
        lost = server_asked(server, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'serving'")
        assert lost
        connector.conclude(await connector.finish())
        assert (await Browser(floor.app).get("/healthz")).status == 200


def server_asked(server: Cluster, question: str) -> list[Any]:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        return connection.execute(question.encode()).fetchall()


async def test_a_server_that_is_away_is_told_to_people(server: Cluster, settings: PortalSettings) -> None:
    async with whole(settings) as (_, app):
        visitor = Browser(app, language="de", cookies={NAME: "x" * 43})
        server.kill()
        try:
            page = await visitor.get("/")
            assert (page.status, page.headers["retry-after"]) == (503, "5")
            assert "text/html" in page.headers["content-type"]
        finally:
            server.start()
        assert (await visitor.get("/")).location.startswith("/sign-in")


async def test_a_standby_is_no_place_to_write_and_no_fault_of_ours(server: Cluster, settings: PortalSettings) -> None:
    """After a failover a connection may still lead to the old primary, which only reads now."""
    assert settings.database.url is not None
    name = make_url(settings.database.url.get_secret_value()).database
    async with open_house(settings, Runtime()):
        pass  # its keys are known from here on
    server.run(f"alter database {name} set default_transaction_read_only = on")
    async with open_house(settings, Runtime()) as house:
        with pytest.raises(BridgeError) as refusal:
            await open_floor(house)
        assert refusal.value.code is Code.DATABASE_UNAVAILABLE
    server.run(f"alter database {name} reset default_transaction_read_only")
    async with begun(settings) as (_, connector):
        assert (await connector.finish()).status == 200


# ---------------------------------------------------------------- two processes


async def test_two_processes_share_one_database(settings: PortalSettings) -> None:
    """A PIN of the one is finished at both at once, and both say the same."""
    async with whole(settings) as (first, app), whole(settings) as (_, other):
        await demo_data(first)
        office, here = Office(first, Browser(app)), await place(first)
        await office.sign_in()
        till = Till(within(other))
        await till.begin(await office.pin(here))
        async with asyncio.TaskGroup() as group:
            ends = [
                group.create_task(till.finish()),
                group.create_task(Till(within(app), kept=till.kept).finish()),
            ]
        (status, body), (again, same) = (end.result() for end in ends)
        assert (status, again, body) == (200, 200, same)
        assert till.conclude(body).location.number == str(till.number)
        assert await links(first) == 1
