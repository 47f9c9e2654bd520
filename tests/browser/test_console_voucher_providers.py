"""The page of vouchers with another maker's provider: its balance, the unknown case and the claims look right."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from tests.integration.vouchers_counter import opened, paired_counter
from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.counter import KEY
from tests.support.console.looks import by, check
from tests.support.voucher_provider import CARD, OTHER, PIN, provider, sandbox, serving, wanted
from tests.unit.connector.vouchers.wire import key, until
from tillbridge.virtual.voucher_provider.faults import Asked, Fault, Switch
from tillbridge.web.serving import BoundAddress, serve_asgi


@asynccontextmanager
async def shown(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """The addresses of a console with a payment that is done and one that nobody knows of, and of its provider."""
    one = sandbox()
    listening: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()
    async with (
        serving(one) as address,
        paired_counter(folder, None, [provider(address)]) as here,
        asyncio.TaskGroup() as group,
    ):
        await opened(here)
        desk = await here.features.vouchers.desk()
        await desk.ask(key(1), wanted(1250))
        one.faults.set(Switch(Fault.CUT_AFTER, Asked.REDEEM, 1))
        await desk.ask(key(2), wanted(800, receipt="A-18", number=OTHER, pin=PIN))
        await until(lambda: (claim := desk.find(key(2)).claim) is not None and claim.looked_at is not None)
        serving_console = group.create_task(serve_asgi(here.app, "localhost", 0, listening.set_result))
        yield f"http://localhost:{(await listening).port}", address
        serving_console.cancel()


async def test_every_state_of_another_makers_voucher_looks_right(tmp_path: Path, browser: Browser) -> None:
    async with shown(tmp_path) as (url, sandbox_url):

        def run() -> None:
            browser.open(f"{url}/vouchers?key={KEY}")
            for light, width in ((Light.LIGHT, Width.WIDE), (Light.DARK, Width.NARROW)):
                browser.set(light, width)
                for name, path in (
                    ("list", ""),
                    ("final", f"/{key(1)}"),
                    ("unknown", f"/{key(2)}"),
                    ("claims", "/claims"),
                ):
                    browser.open(f"{url}/vouchers{path}")
                    check(browser, f"provider-{name}-{light}-{width}", rules=by(light))
                browser.open(f"{url}/vouchers")
                browser.find("#code").send_keys(f"{CARD}{Keys.ENTER}")
                browser.find("#redeem-amount")
                check(browser, f"provider-found-{light}-{width}", rules=by(light))
                browser.open(sandbox_url)
                check(browser, f"provider-sandbox-{light}-{width}", rules=by(light))
            browser.open(f"{url}/vouchers/{key(2)}")
            browser.find("#by").send_keys("Ada")
            browser.find("#reason").send_keys("both balances")
            browser.click_on("button[value=booked]")
            browser.until_shown("The decision is recorded.")

        await asyncio.to_thread(run)
