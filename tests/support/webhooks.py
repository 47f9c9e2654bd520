"""A shop whose payments are told to receivers, under manual time, and receivers that do what a test wants."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.connector.api.webhooks import written_payment
from tillbridge.domain.outcome import Outcome
from tillbridge.engine.engine import Engine
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.manual import ManualClock, manual_runtime
from tillbridge.runtime.sqlite import Connect, InlineCommitter
from tillbridge.upstream.messages import SUBSCRIBABLE, MessageType
from tillbridge.upstream.outbox import Outbox, Shown, open_outbox, run_webhooks
from tillbridge.upstream.write_keys import WriteKey
from tillbridge.web.webhooks.addresses import WebhookSettings
from tillbridge.web.webhooks.courier import Courier, Reply

DAY = 24 * 3600.0
URL = "http://127.0.0.1:9/told"
TOOK_IT = Reply(200)
DOWN = Reply(failure="it could not be reached: Connection refused")


@dataclass(frozen=True)
class Said:
    """One attempt as a receiver sees it; `at` is the loop's time."""

    at: float
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Town:
    """Every receiver there is: a courier that hands each attempt to what `answers` has for its address."""

    answers: dict[str, Callable[[Said], Reply]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    heard: list[Said] = field(default_factory=list)

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        said = Said(asyncio.get_running_loop().time(), url, dict(headers), body)
        self.heard.append(said)
        await asyncio.sleep(self.seconds.get(url, 0.0))
        answer = self.answers.get(url)
        return TOOK_IT if answer is None else answer(said)

    def at(self, url: str = URL) -> list[Said]:
        return [said for said in self.heard if said.url == url]


@dataclass
class Shop:
    engine: Engine
    puppet: Puppet
    outbox: Outbox
    committer: InlineCommitter
    clock: ManualClock
    keys: int = 0

    async def pay(self, outcome: Outcome = PAID, **different: Any) -> Payment:
        """A payment from its request to its end."""
        self.puppet.answers.put_nowait(outcome)
        payment = await self.engine.start(ask(**different))
        return await self.engine.wait(payment.id, 60)

    async def add(self, url: str = URL, types: tuple[MessageType, ...] = SUBSCRIBABLE) -> Shown:
        return await self.outbox.add(url, "", types, self.key("add" + url))

    def key(self, meaning: str = "") -> WriteKey:
        """A key that was never used before."""
        self.keys += 1
        return WriteKey("native:main", f"key {self.keys}", meaning)

    async def on_disk(self) -> None:
        """Everything that rides along is committed."""
        await self.committer.submit(lambda connection: connection.execute("SELECT 1"), durable=True)


@asynccontextmanager
async def shop(
    folder: Path, courier: Courier, settings: WebhookSettings | None = None, *, telling: bool = True, seed: int = 0
) -> AsyncIterator[Shop]:
    """A shop with one terminal; its receivers are told while the block lasts, unless it is not `telling`."""
    made: list[InlineCommitter] = []

    def make(connect: Connect) -> InlineCommitter:
        made.append(InlineCommitter(connect))
        return made[-1]

    puppet, runtime = Puppet(), manual_runtime(seed + 1)
    assert isinstance(runtime.clock, ManualClock)
    chosen = settings or WebhookSettings(allow_http_to_loopback=True)
    async with (
        house(folder, puppet, make_committer=make) as engine,
        open_outbox(
            folder,
            folder / JOURNAL_FILE,
            made[0],
            settings=chosen,
            runtime=runtime,
            resource=written_payment,
            courier=courier,
        ) as outbox,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(run_webhooks(outbox, engine.watch)) if telling else None
        await asyncio.sleep(0)
        yield Shop(engine, puppet, outbox, made[0], runtime.clock)
        if task is not None:
            task.cancel()


def signature(secret: str, said: Said) -> str:
    """What a receiver computes for itself, from the specification alone."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{said.id}.{said.headers['webhook-timestamp']}.".encode() + said.body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
