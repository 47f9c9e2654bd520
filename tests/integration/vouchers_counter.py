"""A connector's counter that is paired with a portal on a real port: its native interface and its console."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.counter_callers import Callers
from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import CONSOLE, KEY, SETTINGS, direct
from tests.support.console.reading import hidden
from tests.unit.connector.vouchers.wire import till
from tillbridge import __version__
from tillbridge.connector.console.app import console_app
from tillbridge.connector.console.site import Premises
from tillbridge.connector.doors import Doors
from tillbridge.connector.features import Features, open_features
from tillbridge.connector.host import Host
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.connector.vouchers.providers.profile import Provider
from tillbridge.connector.wiretest.session import open_tester
from tillbridge.engine.engine import TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.runtime.effects import Runtime
from tillbridge.web.webhooks.addresses import WebhookSettings


@dataclass(frozen=True)
class Counter(Callers):
    features: Features


@asynccontextmanager
async def counter(folder: Path, address: str | None) -> AsyncIterator[Counter]:
    """A counter over this folder; with an address it is paired with the portal there."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    if address is not None:
        async with till(address, folder):
            pass  # the link is kept from now on
    settings = None if address is None else PortalSettings(address=address, location_number="10047110")
    async with paired_counter(folder, settings) as opened:
        yield opened


@asynccontextmanager
async def paired_counter(
    folder: Path, settings: PortalSettings | None, providers: Sequence[Provider] = ()
) -> AsyncIterator[Counter]:
    """A counter with whatever link the folder has, and with these other makers' providers."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    runtime = Runtime()
    setups = [TerminalSetup("front", "virtual", direct("front", runtime))]
    async with (
        open_engine(folder, setups, SETTINGS, runtime) as engine,
        open_tester(folder, (), engine, runtime) as tester,
        open_features(
            WebhookSettings(),
            ReceiptSettings(),
            engine,
            folder,
            runtime,
            __version__,
            portal=settings,
            providers=providers,
        ) as features,
        asyncio.TaskGroup() as group,
    ):
        premises = Premises(Doors(), tester, features)
        host = Host(engine, lambda _: None)
        app = console_app(engine, host, key=KEY, settings=CONSOLE, runtime=runtime, premises=premises)
        running = group.create_task(features.portal.run())
        try:
            yield Counter(app, features)
        finally:
            running.cancel()


async def opened(here: Counter) -> None:
    """Returns once the voucher desk is there."""
    async with asyncio.timeout(10):
        while here.features.vouchers.there is None:
            await asyncio.sleep(0.005)


async def submit(person: Client, path: str, **fields: str) -> Answer:
    token = hidden(await person.get("/vouchers"), "/sign-out")["token"]
    return await person.submit(path, token=token, **fields)
