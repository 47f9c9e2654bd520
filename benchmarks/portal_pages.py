"""What the portal's pages take on the server: signing in, and the start page of a merchant with 1,000 locations.

Besides, what the check of a connector's access token takes.
Everything is asked in this process, without a network, and takes turns with a bare page of Starlette, which is the
least that any page of this stack can take. The start page is that of somebody who is signed in, with every right; it is
asked on SQLite and on PostgreSQL.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

from pydantic import SecretStr
from sqlalchemy import insert
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from benchmarks.figures import Bench, Figure
from benchmarks.rounds import Spread, in_turns, ratios
from tests.portal.browser import Browser
from tests.portal.postgres import cluster
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.access_tokens import AccessToken, Checker, Issuer
from tillbridge.link.keys import KeyPair
from tillbridge.link.scopes import Scope, Service
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.sessions import NAME, Sessions
from tillbridge.portal.app import open_house, portal_app
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.demo_plan import DEMO_NUMBER, OWNER
from tillbridge.portal.features import assemble
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.tables import location
from tillbridge.portal.settings import DatabaseSettings, PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime
from tillbridge.web.asgi import App

LOCATIONS: Final = 1000
ROUNDS: Final = 15
REQUESTS: Final = 20
CHECKS: Final = 500

BARE_OVER: Final = 25
"""How many more times the bare page is asked: it takes microseconds, of which a few hundred are needed to compare."""

GOAL_MS: Final = 50.0

FIRST_SERIAL: Final = 2_000_000

Ask = Callable[[], Awaitable[object]]


async def _bare(_: Request) -> Response:
    return HTMLResponse("<!doctype html><title>nothing</title>")


async def _more_locations(house: House, count: int) -> None:
    """So many more branches for the demonstration's bakery."""
    async with house.database.writing() as connection:
        head = await locations.find_by_number(connection, DEMO_NUMBER)
        if head is None:
            raise RuntimeError("the demonstration is not there")
        same = {"tenant_id": head.tenant_id, "parent_id": head.id, "kind": "branch", "customer_base": "none"}
        rows = [
            same
            | {
                "id": house.runtime.ids.new(),
                "number": LocationNumber.of(FIRST_SERIAL + position).digits,
                "client_number": 100 + position,
                "name": f"Filiale {position}",
                "country": "DE",
                "currency": "EUR",
                "time_zone": "Europe/Berlin",
                "restricted": [],
                "created_at": house.runtime.clock.now(),
            }
            for position in range(count)
        ]
        await connection.execute(insert(location), rows)


async def _signed_in(house: House, app: App) -> Browser:
    """The owner's browser."""
    async with house.database.writing() as connection:
        account = await store.by_email(connection, OWNER)
        if account is None:
            raise RuntimeError("the demonstration has no owner")
        came = Request({"type": "http", "headers": [], "client": ("127.0.0.1", 50000)})
        secret = await Sessions(house).open(connection, came, account, awaits_factor=False, proven=True)
    return Browser(app, cookies={NAME: secret})


async def _page(browser: Browser, path: str) -> None:
    reply = await browser.get(path)
    if reply.status != 200:
        raise RuntimeError(f"{path} answered {reply.status}")


def _milliseconds(loop: asyncio.AbstractEventLoop, ask: Ask, requests: int) -> float:
    async def several() -> None:
        for _ in range(requests):
            await ask()

    begin = perf_counter()
    loop.run_until_complete(several())
    return 1000 * (perf_counter() - begin) / requests


def _check(house: House) -> Callable[[], float]:
    """Milliseconds of CPU for the check of one access token."""
    pair, now = KeyPair(house.vault.signing_key[1]), house.runtime.clock.now()
    issuer, checker = Issuer(house.settings.address, pair), Checker(house.settings.address, (pair.public,))
    ids = house.runtime.ids
    scopes = frozenset({Scope.STATUS})
    token = AccessToken(Service.REPORTS, scopes, ids.new(), ids.new(), pair.public.thumbprint, ids.new())
    text = issuer.issue(token, now)

    def check() -> float:
        begin = process_time()
        for _ in range(CHECKS):
            checker.check(text, Service.REPORTS, now)
        return 1000 * (process_time() - begin) / CHECKS

    return check


def _figures(what: str, taken: Sequence[float], bare: Sequence[float], goal: float | None) -> Iterator[Figure]:
    absolute, ratio = Spread.of(taken), Spread.of(ratios(taken, bare))
    yield Figure("portal_pages", f"{what}: time on the server", absolute.median, "ms", goal, str(absolute))
    yield Figure("portal_pages", f"{what}, over a bare page of Starlette", ratio.median, "x", None, str(ratio))


def _measured(settings: PortalSettings, bench: Bench, name: str, *, everything: bool) -> Iterator[Figure]:
    """The figures on one database; those that no database matters for only where `everything` is asked."""
    migrate(settings)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        stack = AsyncExitStack()
        house = runner.run(stack.enter_async_context(open_house(settings, Runtime())))
        try:
            doorkeeper, features = assemble(house)
            app = portal_app(house, doorkeeper, features)
            runner.run(_filled(house, bench.choose(LOCATIONS, 20)))
            owner, nobody = runner.run(_signed_in(house, app)), Browser(app)
            bare = Browser(Starlette(routes=[Route("/", _bare)]))
            requests = bench.choose(REQUESTS, 2)
            contenders: list[Callable[[], float]] = [
                partial(_milliseconds, loop, partial(_page, bare, "/"), requests * BARE_OVER),
                partial(_milliseconds, loop, partial(_page, owner, "/"), requests),
                partial(_milliseconds, loop, partial(_page, nobody, "/sign-in"), requests),
                _check(house),
            ]
            for contender in contenders:
                contender()
            rounds = list(zip(*in_turns(bench.choose(ROUNDS, 2), contenders), strict=True))
        finally:
            runner.run(stack.aclose())
    least = rounds[0]
    yield from _figures(f"start page of a merchant with {LOCATIONS:,} locations, {name}", rounds[1], least, GOAL_MS)
    if everything:
        yield from _figures("sign-in page", rounds[2], least, GOAL_MS)
        yield from _figures("check of an access token (CPU)", rounds[3], least, None)


async def _filled(house: House, count: int) -> None:
    await demo_data(house)
    await _more_locations(house, count)


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    yield from _measured(PortalSettings(data=bench.folder / "sqlite"), bench, "SQLite", everything=True)
    with cluster(durable=True) as running:
        running.run("create database pages")
        settings = _on_postgres(bench.folder / "postgres", running.url("pages"))
        yield from _measured(settings, bench, "PostgreSQL", everything=False)


def _on_postgres(folder: Path, url: str) -> PortalSettings:
    return PortalSettings(data=folder, database=DatabaseSettings(url=SecretStr(url), connections=6))
