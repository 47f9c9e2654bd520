"""The provider's sandbox on a real port, and a buyer with a browser that runs no script."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from pydantic import SecretStr

from tests.support.provider_sandbox import ACCOUNT
from tillbridge.portal.shop.payments.contract import Begun
from tillbridge.portal.shop.payments.hipay_settings import HipayShopSettings
from tillbridge.psp.hipay.sandbox.app import Sandbox, sandbox, serve
from tillbridge.psp.hipay.sandbox.faults import Fault, switch
from tillbridge.psp.hipay.sandbox.notices import SIGNATURE, Style, body_of, media_type, sign
from tillbridge.psp.hipay.sandbox.settings import SandboxSettings
from tillbridge.runtime.effects import Runtime

SOON: Final = 20.0


@dataclass
class Provider:
    """A sandbox that listens."""

    sandbox: Sandbox
    url: str
    session: aiohttp.ClientSession

    @property
    def settings(self) -> HipayShopSettings:
        """Those of a shop whose account this is."""
        return HipayShopSettings(
            login=ACCOUNT.login,
            password=SecretStr(ACCOUNT.password),
            passphrase=SecretStr(ACCOUNT.passphrase),
            base_url=self.url,
            currencies=("EUR", "CHF", "JPY"),
        )

    def fault(self, fault: Fault, times: int | None = 1, seconds: float | None = None) -> None:
        """Puts a switch on."""
        self.sandbox.provider.faults.set(switch(fault, times, seconds))

    async def press(self, page: str, deed: str) -> tuple[int, str]:
        """Opens the page and presses a button; the status, and where the browser is sent."""
        async with self.session.get(page) as drawn:
            text = await drawn.text()
        if f'value="{deed}"' not in text:
            return drawn.status, ""
        parts = urlsplit(page)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc}"}
        async with self.session.post(page, data={"deed": deed}, headers=headers, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "")

    async def pay(self, begun: Begun) -> None:
        await self.press(begun.page, "pay")

    async def decline(self, begun: Begun) -> None:
        await self.press(begun.page, "decline")

    async def cancel(self, begun: Begun) -> None:
        await self.press(begun.page, "cancel")

    async def notice_about(self, begun: Begun) -> tuple[Mapping[str, str], bytes]:
        """The newest notification about a payment, as it would be sent."""
        (one, *_) = self.sandbox.provider.store.of_order(begun.reference)
        (notice, *_) = self.sandbox.provider.store.notices(None, 1, one.reference)
        target = self.sandbox.provider.sender.target
        body = body_of(notice.fields, Style.FORM, notice.made)
        return {"content-type": media_type(Style.FORM), SIGNATURE: sign(body, ACCOUNT.passphrase, target.digest)}, body


def carried(address: str) -> list[tuple[str, str]]:
    """The parameters of an address that a browser is sent to."""
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


@asynccontextmanager
async def hosted_provider(folder: Path, settings: SandboxSettings | None = None) -> AsyncIterator[Provider]:
    """A sandbox on a port of its own, until the block is left."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    patience = aiohttp.ClientTimeout(total=SOON)
    async with (
        sandbox(folder, settings or SandboxSettings(), Runtime(), credentials=ACCOUNT) as one,
        aiohttp.ClientSession(timeout=patience) as session,
        asyncio.TaskGroup() as group,
    ):
        serving = group.create_task(serve(one, "127.0.0.1", 0, lambda bound: ready.set_result(f"http://{bound}")))
        try:
            async with asyncio.timeout(SOON):
                url = await ready
            yield Provider(one, url, session)
        finally:
            serving.cancel()
