"""Redemptions over HTTP on PostgreSQL, against `pgbench` with the same reads and writes, one transaction each.

The portal is the program as it is served, asked over kept connections by tills that sign each request with their
session key. The contender runs the statements of one redemption on the same server and the same rows, without HTTP,
without signatures, and without anybody who decides. They take turns: random vouchers, and one that everybody wants.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import yaml
from pydantic import SecretStr
from sqlalchemy import text

from benchmarks.bridge import free_port
from benchmarks.figures import Bench, Figure
from benchmarks.programs import Program, own, program
from benchmarks.rounds import Spread
from tests.portal.links.opening import pair
from tests.portal.people import Standing
from tests.portal.postgres import Cluster, cluster
from tests.portal.tokens.till import Till
from tests.portal.vouchers.floor import PIN, open_floor
from tillbridge.link.scopes import Service
from tillbridge.link.signatures import SessionKey
from tillbridge.portal.app import open_house, portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.links import feature as links_feature
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.services import store as services
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.portal.tokens import feature as tokens_feature
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.service import Tokens
from tillbridge.runtime.effects import Runtime

NAME: Final = "voucher_redeem"
VOUCHERS: Final = 1000
CLIENTS: Final = 16
SECONDS: Final = 5
ROUNDS: Final = 5
EXPECTED: Final = 4000
"""Requests a second that are signed ahead for."""

DATABASE: Final = "portal"
RANDOM_GOAL: Final = 1 / 1.5
HOT_GOAL: Final = 1 / 4
"""The time of a redemption over that of pgbench: 1.5 and 4 times as many a second."""

HOT_P99_MS: Final = 15.0
SCRIPT: Final = Path(__file__).with_name("voucher_transaction.sql")


@dataclass(frozen=True, slots=True)
class Place:
    """A paired shop with vouchers that are full."""

    location_id: str
    system_id: str
    session: SessionKey
    numbers: list[str]


@dataclass(frozen=True, slots=True)
class Pace:
    """Redemptions a second, and times in milliseconds."""

    rate: float
    p50: float
    p99: float


def _settings(running: Cluster, folder: Path, port: int) -> PortalSettings:
    (folder / "database-url").write_text(running.url(DATABASE))
    (folder / "database-url").chmod(0o600)
    document = {
        "data": str(folder),
        "listen": {"port": port},
        "database": {"url": {"file": str(folder / "database-url")}, "connections": 6},
    }
    (folder / f"portal-{port}.yml").write_text(yaml.safe_dump(document))
    return PortalSettings(data=folder, database=DatabaseSettings(url=SecretStr(running.url(DATABASE)), connections=6))


async def _fill(settings: PortalSettings, vouchers: int) -> Place:
    async with open_house(settings, Runtime()) as house, open_floor(house) as floor:
        numbers = await floor.vouchers(vouchers)
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(floor.load(number, 300_000))
        async with house.database.writing() as connection:
            await connection.execute(text("create table bench_number (id integer primary key, number text not null)"))
            rows = [{"id": one + 1, "number": number} for one, number in enumerate(numbers)]
            await connection.execute(text("insert into bench_number values (:id, :number)"), rows)
        session = await _session(house, floor.here.location_id)
        return Place(floor.here.location_id, floor.system_id, session, numbers)


async def _session(house: House, location_id: str) -> SessionKey:
    """A session key, asked for as a connector does."""
    links = Links(house)
    tokens = Tokens(house, links)
    callers, registry = Callers(tokens), Registry(links, Maintenance(house))
    features = [links_feature.feature(links), tokens_feature.feature(tokens, callers, registry)]
    paired = await pair(house, links, location_id)
    now = house.runtime.clock.now()
    async with house.database.writing() as connection:
        await services.switch(connection, location_id, Service.WEB_VOUCHERS, on=True, at=now, by="benchmark")
        one = await locations.find(connection, location_id)
        if one is None:
            raise RuntimeError("the location of the benchmark is gone")
        span = Span(now - timedelta(days=1), None)
        await Licences(house).allot_in(connection, one, (Product.WEB_VOUCHERS,), span, PORTAL)
    till = Till(portal_app(house, Standing(None), features), house, paired.key, paired.token)
    return await till.session(await till.token(Service.WEB_VOUCHERS))


class _Contest:
    """The portal's processes, the tills and pgbench, ready to take turns."""

    def __init__(self, running: Cluster, place: Place, ports: list[int], tills: Program) -> None:
        self._running = running
        self._place = place
        self._ports = ports
        self._tills = tills
        self._seed = 0

    def portal(self, clients: int, seconds: float, *, hot: bool) -> Pace:
        """The tills at the portal."""
        self._seed += 1
        plan: dict[str, Any] = {
            "seed": self._seed,
            "seconds": seconds,
            "clients": clients,
            "expected": EXPECTED,
            "ports": self._ports,
            "host": f"127.0.0.1:{self._ports[0]}",
            "numbers": self._place.numbers[:1] if hot else self._place.numbers,
            "pin": PIN,
            "key_id": self._place.session.id,
            "secret": self._place.session.secret.hex(),
        }
        found = json.loads(self._tills.ask(json.dumps(plan)))
        if found["refused"] or found["short"]:
            raise RuntimeError(f"the portal of the benchmark refused, or too little was signed: {found}")
        return Pace(found["rate"], 1000 * found["p50"], 1000 * found["p99"])

    def bare(self, clients: int, seconds: float, *, hot: bool) -> Pace:
        """The same statements, by pgbench."""
        place = self._place
        variables = {
            "vouchers": 1 if hot else len(place.numbers),
            "location": place.location_id,
            "system": place.system_id,
            "session": place.session.id,
        }
        command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(round(seconds))]
        command += [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
        command += ["-f", str(SCRIPT), self._running.url(DATABASE)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        rate = re.search(r"tps = ([0-9.]+)", done.stdout)
        if rate is None or "number of failed transactions: 0" not in done.stdout:
            raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
        latency = re.search(r"latency average = ([0-9.]+)", done.stdout)
        return Pace(float(rate[1]), float(latency[1]) if latency else 0.0, 0.0)


def _figures(contest: _Contest, rounds: int, seconds: float) -> Iterator[Figure]:
    contest.portal(CLIENTS, 1.0, hot=False)
    for hot, goal in ((False, RANDOM_GOAL), (True, HOT_GOAL)):
        ours, bare = [], []
        for _ in range(rounds):
            ours.append(contest.portal(CLIENTS, seconds, hot=hot))
            bare.append(contest.bare(CLIENTS, seconds, hot=hot))
        ratio = Spread.of([other.rate / one.rate for one, other in zip(ours, bare, strict=True)])
        rate, plain = Spread.of([one.rate for one in ours]), Spread.of([one.rate for one in bare])
        p99 = Spread.of([one.p99 for one in ours])
        what = "one hot voucher" if hot else "random vouchers"
        yield Figure(
            NAME,
            f"time of a redemption over HTTP, {CLIENTS} clients, {what}, over pgbench",
            ratio.median,
            "x",
            goal,
            f"{ratio}; {rate.median:,.0f} a second over {plain.median:,.0f}; p99 {p99.median:.1f} ms",
        )
        if hot:
            yield Figure(NAME, f"the same, p99 with {what}", p99.median, "ms", HOT_P99_MS, str(p99))
    alone = [contest.portal(1, seconds, hot=False) for _ in range(rounds)]
    yield Figure(
        NAME,
        "a redemption over HTTP, one client, p50",
        Spread.of([one.p50 for one in alone]).median,
        "ms",
        None,
        f"p99 {Spread.of([one.p99 for one in alone]).median:.1f} ms",
    )


def measure(bench: Bench, processes: int = 1) -> Iterator[Figure]:
    """See the module."""
    vouchers, seconds, rounds = bench.choose(VOUCHERS, 50), bench.choose(SECONDS, 1), bench.choose(ROUNDS, 1)
    ports = [free_port() for _ in range(processes)]
    with cluster(durable=True) as running, ExitStack() as stack:
        running.run(f"create database {DATABASE}")
        for port in ports:
            settings = _settings(running, bench.folder, port)
        migrate(settings)
        place = asyncio.run(_fill(settings, vouchers))
        with psycopg.connect(running.url(DATABASE), autocommit=True) as connection:
            connection.execute("analyze")
        for port in ports:
            config = bench.folder / f"portal-{port}.yml"
            command = [sys.executable, "-m", "tillbridge", "portal", "serve", "--config", config]
            serving = stack.enter_context(program(command))
            serving.hear_until("ready")
        tills = stack.enter_context(program(own("voucher_tills")))
        yield from _figures(_Contest(running, place, ports, tills), rounds, seconds)
