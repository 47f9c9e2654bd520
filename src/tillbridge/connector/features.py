"""What the native interface has besides payments: webhooks and receipts, over one engine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from tillbridge.connector.api.receipts import add_receipts
from tillbridge.connector.api.routes import AddRoutes
from tillbridge.connector.api.webhooks import add_webhooks, written_payment
from tillbridge.connector.receipts.desk import ReceiptDesk
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.engine.engine import Engine
from tillbridge.runtime.effects import Runtime
from tillbridge.upstream.addresses import WebhookSettings
from tillbridge.upstream.courier import CourierOnDemand
from tillbridge.upstream.outbox import Outbox, open_outbox, run_webhooks

AGAIN_SECONDS: Final = 10.0
"""A pause before webhooks begin anew after a fault: whoever is told of payments must never stop one."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Features:
    """`tell` tells the receivers of webhooks, until cancelled; `receipts` are also the console's."""

    engine: Engine
    outbox: Outbox
    receipts: ReceiptDesk

    @property
    def routes(self) -> Sequence[AddRoutes]:
        """What they add to the native interface."""
        return (lambda app: add_webhooks(app, self.outbox), lambda app: add_receipts(app, self.receipts))

    async def tell(self) -> None:
        """Tells the receivers of what happens. A fault of it is logged, and it begins anew."""
        while True:
            try:
                await run_webhooks(self.outbox, self.engine.watch)
            except Exception:
                log.exception("webhooks_fault")
            await asyncio.sleep(AGAIN_SECONDS)


@asynccontextmanager
async def open_features(
    webhooks: WebhookSettings, receipts: ReceiptSettings, engine: Engine, folder: Path, runtime: Runtime, version: str
) -> AsyncIterator[Features]:
    """Webhooks and receipts of an open engine; `folder` is the data folder. Leaving the block closes what they hold."""
    journal = engine.outbox_access()
    desk = ReceiptDesk(engine, journal.committer, receipts, runtime.clock)
    async with (
        CourierOnDemand(webhooks, version) as courier,
        open_outbox(
            folder,
            journal.path,
            journal.committer,
            settings=webhooks,
            runtime=runtime,
            resource=written_payment,
            courier=courier,
        ) as outbox,
    ):
        yield Features(engine, outbox, desk)
