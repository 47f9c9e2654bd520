"""A shop whose payments are reported to the receivers of its settings, under manual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.webhooks import URL
from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.connector.api.webhooks import written_payment
from tillbridge.domain.outcome import Outcome
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.manual import manual_runtime
from tillbridge.runtime.sqlite import Connect, InlineCommitter
from tillbridge.upstream.reports.desk import ReportMeans, Reports, open_reports
from tillbridge.upstream.reports.records import Message, MessageState
from tillbridge.upstream.settings import UpstreamSettings
from tillbridge.upstream.write_keys import WriteKey
from tillbridge.web.webhooks.courier import Courier

SECRET: Final = "whsec_" + "A" * 43 + "="


def webhook(name: str = "webhook", url: str = URL, **more: Any) -> dict[str, Any]:
    """The settings of a receiver that is an address."""
    return {"kind": "webhook", "name": name, "url": url, "secret": SECRET, **more}


def settings(*receivers: dict[str, Any], wait: float = 1.0) -> UpstreamSettings:
    """The settings of a shop with these receivers."""
    return UpstreamSettings.model_validate({"wait": wait, "receivers": receivers})


@dataclass
class ReportingShop:
    """`busy` is what a running payment would say; a test may say it itself."""

    engine: Engine
    puppet: Puppet
    reports: Reports
    committer: InlineCommitter
    keys: int = 0

    async def pay(self, outcome: Outcome = PAID, **different: Any) -> Payment:
        """A payment from its request to its end."""
        self.puppet.answers.put_nowait(outcome)
        payment = await self.engine.start(ask(**different))
        return await self.engine.wait(payment.id, 60)

    async def on_disk(self) -> None:
        """Everything that rides along is committed."""
        await self.committer.submit(lambda connection: connection.execute("SELECT 1"), durable=True)

    async def messages(self, state: MessageState, receiver: str = "webhook") -> Sequence[Message]:
        """The newest messages in this state."""
        await self.on_disk()
        return self.reports.messages(receiver, state, None, 200)

    def key(self) -> WriteKey:
        """A key that was never used before."""
        self.keys += 1
        return WriteKey("native:main", f"key {self.keys}", "")


@asynccontextmanager
async def reporting(  # noqa: PLR0913  # each is something that another test wants to be different
    folder: Path,
    courier: Courier,
    chosen: UpstreamSettings,
    *,
    telling: bool = True,
    seed: int = 0,
    busy: Callable[[], bool] | None = None,
    make: Callable[[Connect], Any] = InlineCommitter,
    runtime: Runtime | None = None,
) -> AsyncIterator[ReportingShop]:
    """A shop with one terminal; its receivers are told while the block lasts, unless it is not `telling`."""
    made: list[Any] = []

    def kept(connect: Connect) -> Any:
        made.append(make(connect))
        return made[-1]

    puppet = Puppet()
    async with house(folder, puppet, make_committer=kept, seed=seed) as engine:
        means = ReportMeans(
            runtime or manual_runtime(seed + 1), written_payment, courier, busy or (lambda: engine.busy), "0"
        )
        async with open_reports(chosen, folder, engine.outbox_access(), means) as reports, asyncio.TaskGroup() as group:
            task = group.create_task(reports.run(engine.watch)) if telling else None
            await asyncio.sleep(0)
            yield ReportingShop(engine, puppet, reports, made[0])
            if task is not None:
                task.cancel()
