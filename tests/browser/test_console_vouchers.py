"""The page of vouchers in a browser: a scanner's Enter is enough, nothing needs JavaScript, and it looks right."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from tests.integration.vouchers_counter import counter, opened
from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.counter import KEY
from tests.support.console.looks import by, check
from tests.unit.connector.vouchers.wire import NUMBER, OTHER, PIN, Loss, Portal, key, serving, wanted
from tillbridge.connector.vouchers.model import Kind
from tillbridge.web.serving import BoundAddress, serve_asgi


@asynccontextmanager
async def shown(folder: Path, portal: Portal, fill: bool = False) -> AsyncIterator[str]:
    """The address of a paired counter's console."""
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_ready(address: BoundAddress) -> None:
        listening.set_result(address.port)

    async with serving(portal) as address, counter(folder, address) as here, asyncio.TaskGroup() as group:
        await opened(here)
        if fill:
            desk = await here.features.vouchers.desk()
            await desk.ask(key(1), wanted(1250, receipt="2026-1041"))
            await desk.ask(key(2), wanted(800, receipt="2026-1041", number=OTHER, pin="0007"))
            await desk.ask(key(3), wanted(2500, Kind.LOAD, receipt="2026-1042"))
            await desk.ask(key(4), wanted(500, receipt="2026-1043"))
            portal.always = Loss.BEFORE
            await desk.put_back(key(4), patience=0.05)
            await desk.ask(
                key(5), wanted(900, receipt="an-order-number-of-sixty-four-characters-as-some-web-shops-have-"), 0.05
            )
            portal.always = None
        serving_console = group.create_task(serve_asgi(here.app, "localhost", 0, on_ready))
        yield f"http://localhost:{await listening}"
        serving_console.cancel()


async def drive(run: Callable[[], None]) -> None:
    await asyncio.to_thread(run)


async def test_a_scanner_types_and_presses_enter_and_that_is_enough(tmp_path: Path, browser: Browser) -> None:
    portal = Portal()
    async with shown(tmp_path, portal) as url:

        def run() -> None:
            browser.set(Light.DARK, Width.NARROW)
            browser.open(f"{url}/vouchers?key={KEY}")
            browser.scripts(allowed=False)
            browser.driver.switch_to.active_element.send_keys(f"{NUMBER}     {Keys.ENTER}")
            browser.until_shown("50.00")
            browser.find("#redeem-amount").send_keys("20.00")
            browser.find("#redeem-pin").send_keys(PIN)
            browser.find("#redeem-receipt").send_keys(f"A-17{Keys.ENTER}")
            browser.until_shown("Redeemed")
            browser.click_on("a.button[href='/vouchers']")
            browser.until_shown("Receipt A-17")
            browser.click_on("button[value=close]")
            browser.until_shown("The receipt is closed.")
            browser.scripts(allowed=True)

        await drive(run)
        assert portal.operations[next(iter(portal.operations))][0] == "confirmed"


async def test_every_state_of_the_page_looks_right(tmp_path: Path, browser: Browser) -> None:
    portal = Portal()
    async with shown(tmp_path, portal, fill=True) as url:

        def run() -> None:
            browser.open(f"{url}/vouchers?key={KEY}")
            for light, width in ((Light.LIGHT, Width.WIDE), (Light.DARK, Width.NARROW)):
                browser.set(light, width)
                for name, path in (
                    ("list", ""),
                    ("done", f"/{key(1)}"),
                    ("load", f"/{key(3)}"),
                    ("back", f"/{key(4)}"),
                ):
                    browser.open(f"{url}/vouchers{path}")
                    check(browser, f"vouchers-{name}-{light}-{width}", rules=by(light))
                browser.open(f"{url}/vouchers")
                browser.find("#code").send_keys(f"{NUMBER}{Keys.ENTER}")
                browser.find("#redeem-amount")
                check(browser, f"vouchers-found-{light}-{width}", rules=by(light))

        await drive(run)
