"""What the native interface has besides payments: webhooks, receipts, the portal and its vouchers, over one engine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from tillbridge.connector.api.day_reports import add_day_reports
from tillbridge.connector.api.portal import add_portal
from tillbridge.connector.api.receipts import add_receipts
from tillbridge.connector.api.routes import AddRoutes
from tillbridge.connector.api.upstream import add_upstream
from tillbridge.connector.api.voucher_claims import add_voucher_claims
from tillbridge.connector.api.voucher_events import tell_of_vouchers
from tillbridge.connector.api.voucher_slips import add_voucher_slips
from tillbridge.connector.api.vouchers import add_vouchers
from tillbridge.connector.api.webhooks import add_webhooks, written_payment
from tillbridge.connector.keeping.day_desk import DayDesk, receivers_of
from tillbridge.connector.portal.desk import PortalDesk, Runner, open_portal
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.receipts.desk import ReceiptDesk
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.connector.vouchers.opening import Vouchers
from tillbridge.connector.vouchers.providers.profile import Provider
from tillbridge.connector.vouchers.providers.report import ClaimDesk
from tillbridge.engine.engine import Engine
from tillbridge.runtime.effects import Runtime
from tillbridge.upstream.outbox import Outbox, open_outbox, run_webhooks
from tillbridge.upstream.reports.desk import ReportMeans, Reports, open_reports
from tillbridge.upstream.settings import UpstreamSettings
from tillbridge.web.webhooks.addresses import WebhookSettings
from tillbridge.web.webhooks.courier import CourierOnDemand

if TYPE_CHECKING:
    from tillbridge.connector.portal.connection import Connection
    from tillbridge.connector.portal.link_running import Keeper

AGAIN_SECONDS: Final = 10.0
"""A pause before telling begins anew after a fault: whoever is told of payments must never stop one."""

NOBODY: Final = UpstreamSettings()
"""No receiver is set up."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Features:
    """`tell` tells whoever is told of payments, until cancelled; the others are also the console's."""

    engine: Engine
    outbox: Outbox
    receipts: ReceiptDesk
    portal: PortalDesk
    vouchers: Vouchers
    reports: Reports
    day_reports: DayDesk

    @property
    def claims(self) -> ClaimDesk:
        """What is claimed from other makers' voucher providers."""
        return ClaimDesk(self.vouchers, self.engine.settings)

    @property
    def routes(self) -> Sequence[AddRoutes]:
        """What they add to the native interface."""
        return (
            lambda app: add_webhooks(app, self.outbox),
            lambda app: add_receipts(app, self.receipts),
            lambda app: add_portal(app, self.portal),
            lambda app: add_voucher_claims(app, self.claims),
            lambda app: add_vouchers(app, self.vouchers),
            lambda app: add_voucher_slips(app, self.vouchers, self.receipts),
            lambda app: add_upstream(app, self.reports),
            lambda app: add_day_reports(app, self.day_reports),
            lambda app: tell_of_vouchers(app, self.vouchers),
        )

    async def tell(self) -> None:
        """Tells webhooks and the receivers of the settings of what happens. After a fault it begins anew."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_again("webhooks_fault", lambda: run_webhooks(self.outbox, self.engine.watch)))
            group.create_task(_again("reports_fault", lambda: self.reports.run(self.engine.watch)))


async def _again(fault: str, tell: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await tell()
        except Exception:
            log.exception(fault)
        await asyncio.sleep(AGAIN_SECONDS)


@asynccontextmanager
async def open_features(  # noqa: PLR0913  # each is a section of the settings, or a part of the house
    webhooks: WebhookSettings,
    receipts: ReceiptSettings,
    engine: Engine,
    folder: Path,
    runtime: Runtime,
    version: str,
    *,
    portal: PortalSettings | None = None,
    upstream: UpstreamSettings = NOBODY,
    providers: Sequence[Provider] = (),
) -> AsyncIterator[Features]:
    """What belongs to an open engine; `folder` is the data folder. Leaving the block closes what they hold."""
    journal = engine.outbox_access()
    vouchers = Vouchers(folder, runtime, providers, version)
    runners = [_lasting_link(engine, portal, folder), vouchers.run]
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
        open_reports(
            upstream, folder, journal, ReportMeans(runtime, written_payment, courier, lambda: engine.busy, version)
        ) as reports,
        open_portal(portal, folder, runtime, version, runners) as portal_desk,
    ):
        if providers:
            await portal_desk.connection()  # their desk runs beside it, with or without a link
        days = DayDesk(journal.path, engine.settings, receivers_of(upstream), runtime.clock)
        yield Features(engine, outbox, desk, portal_desk, vouchers, reports, days)


def _lasting_link(engine: Engine, settings: PortalSettings | None, folder: Path) -> Runner:
    keeper: Keeper | None = None

    async def keep(connection: "Connection") -> None:
        nonlocal keeper
        module = await asyncio.to_thread(import_module, "tillbridge.connector.portal.link_running")
        keeper = keeper or module.Keeper(engine, settings, folder)
        await keeper.keep(connection)

    return keep
