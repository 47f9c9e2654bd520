"""The sandbox of a voucher provider on a real port, and what a connector is told to ask it by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tillbridge.connector.vouchers.model import Kind, Wanted
from tillbridge.connector.vouchers.providers.profile import Provider, read_profile
from tillbridge.virtual.voucher_provider.app import Sandbox, serve
from tillbridge.virtual.voucher_provider.books import Books, Card
from tillbridge.web.listening import BoundAddress

KEY = "branch-key-of-the-sandbox"
CARD = "5512345678901234"
OTHER = "5599999999999999"
PIN = "0420"


def sandbox(**promises: bool) -> Sandbox:
    """Two cards, of which one has a PIN."""
    return Sandbox(Books([Card(CARD, 5000), Card(OTHER, 3000, PIN)], **promises), KEY)


@asynccontextmanager
async def serving(one: Sandbox) -> AsyncIterator[str]:
    """Its address while it listens."""
    listening: asyncio.Future[BoundAddress] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(serve(one, "localhost", 0, listening.set_result))
        address = await listening
        try:
            yield f"http://localhost:{address.port}"
        finally:
            running.cancel()


def provider(address: str, key: str = KEY, **more: Any) -> Provider:
    """A provider at this address: no way back and no memory, unless told otherwise."""
    profile = read_profile("no-way-back", Path(), base_url=address)
    short = profile.timeout.model_copy(update={"answer": more.pop("answer", 8.0)})
    return Provider(profile.model_copy(update={"timeout": short, **more}), SecretStr(key))


def wanted(amount: int = 2000, **more: Any) -> Wanted:
    """A redemption at the sandbox's provider."""
    usual: dict[str, Any] = {
        "kind": Kind.REDEEM,
        "number": CARD,
        "pin": None,
        "amount": amount,
        "currency": "EUR",
        "receipt": "A-17",
        "provider": "55",
    }
    return Wanted(**(usual | more))
