"""A sandbox of the payment provider under manual time, and a merchant who sends it orders."""

import base64
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.console.asgi_client import Answer, Client
from tillbridge.psp.hipay.sandbox.app import Sandbox, assemble
from tillbridge.psp.hipay.sandbox.credentials import Credentials, make
from tillbridge.psp.hipay.sandbox.faults import Faults
from tillbridge.psp.hipay.sandbox.orders import order_hash
from tillbridge.psp.hipay.sandbox.settings import SandboxSettings
from tillbridge.psp.hipay.sandbox.store import FILE, Store, prepare
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.manual import manual_runtime
from tillbridge.runtime.sqlite import InlineCommitter, connect_writing
from tillbridge.virtual.terminal import VirtualTerminal
from tillbridge.web.webhooks.courier import Reply

FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
ACCOUNT: Final = make(random.Random("account"))
TOOK_IT: Final = Reply(200)


def basic(login: str, password: str) -> dict[str, str]:
    """The header of a login."""
    return {"authorization": "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()}


def passive(order_id: str = "Order_1", amount: str = "8.99", **changed: str | None) -> dict[str, str]:
    """A passive order whose hash fits. `changed` replaces parameters, None leaves them out.

    Names that begin with `p_` are those of the product's parameters.
    """
    currency = changed.get("currency") or "EUR"
    product: dict[str, str | None] = {
        "hash": order_hash(order_id, amount, currency, ACCOUNT.hashkey),
        "code": "200100",
        "mid": "1234567",
        "acquirer_registrationid": "1234567",
    }
    product |= {name.removeprefix("p_"): value for name, value in changed.items() if name.startswith("p_")}
    order: dict[str, str | None] = {
        "orderid": order_id,
        "eci": "10",
        "description": "two coffees",
        "currency": currency,
        "amount": amount,
        "payment_product": "tpe",
        "initialize_payment_terminal": "0",
        "payment_product_parameters": json.dumps({name: text for name, text in product.items() if text is not None}),
    }
    order |= {name: value for name, value in changed.items() if not name.startswith("p_")}
    return {name: value for name, value in order.items() if value is not None}


def active(order_id: str = "Order_1", **changed: str | None) -> dict[str, str]:
    """An order for a terminal."""
    order: dict[str, str | None] = {
        "orderid": order_id,
        "eci": "10",
        "description": "two coffees",
        "currency": "EUR",
        "amount": "8.99",
        "initialize_payment_terminal": "1",
        "payment_terminal_id": "T1",
        "store_id": "S1",
        "operation": "Sale",
    }
    return {name: value for name, value in (order | changed).items() if value is not None}


@dataclass
class Receiver:
    """Takes notifications, and answers what a test wants."""

    answers: list[Reply] = field(default_factory=list)
    heard: list[tuple[float, Mapping[str, str], bytes]] = field(default_factory=list)
    runtime: Runtime | None = None

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        assert self.runtime is not None
        assert url
        self.heard.append((self.runtime.clock.monotonic(), headers, body))
        return self.answers.pop(0) if self.answers else TOOK_IT


@dataclass
class House:
    """A sandbox, asked without a socket."""

    sandbox: Sandbox
    client: Client
    receiver: Receiver
    runtime: Runtime
    account: Credentials = ACCOUNT

    @property
    def login(self) -> dict[str, str]:
        return basic(self.account.login, self.account.password)

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """A form of the merchant."""
        return await self.client.ask("POST", path, urlencode(fields).encode(), FORM | self.login | headers)

    async def order(self, fields: Mapping[str, str]) -> Any:
        """An order that is taken."""
        answer = await self.post("/rest/v1/order", fields)
        assert answer.status == 200, answer.text
        return answer.json

    async def maintain(self, reference: str, operation: str, **fields: str) -> Answer:
        path = f"/rest/v1/maintenance/transaction/{reference}"
        return await self.post(path, {"operation": operation, **fields})

    async def read(self, path: str) -> Answer:
        return await self.client.get(path, **self.login)

    async def look(self, path: str) -> Any:
        """What the sandbox itself shows."""
        answer = await self.client.get(f"/_sandbox{path}")
        assert answer.status == 200, answer.text
        return answer.json

    async def play(self, path: str, body: object = None) -> Answer:
        return await self.client.post(f"/_sandbox{path}", {} if body is None else body)

    async def switch(self, fault: str, times: int | None = None, seconds: float | None = None) -> None:
        answer = await self.play("/faults", {"fault": fault, "times": times, "seconds": seconds})
        assert answer.status == 200, answer.text


@asynccontextmanager
async def open_house(
    folder: Path, settings: SandboxSettings | None = None, receiver: Receiver | None = None, *, terminal: bool = False
) -> AsyncIterator[House]:
    """A sandbox in this folder; its notifications go to `receiver`."""
    runtime = manual_runtime()
    carrier = receiver or Receiver()
    carrier.runtime = runtime
    chosen = settings or SandboxSettings(desk=VirtualTerminal(runtime=runtime) if terminal else None)
    path = folder / FILE
    prepare(path)
    store = Store(path, InlineCommitter(partial(connect_writing, path)))
    try:
        one = assemble(chosen, ACCOUNT, store, carrier, faults=Faults(), runtime=runtime)
        yield House(one, Client(one.app), carrier, runtime)
    finally:
        await store.close()
