"""A real portal on a real port of this computer, with one shop, for connectors of the tests to pair with."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, update

from tests.portal.people import Standing, owner
from tests.portal.shops import merchant, shop
from tests.support.shop import free_port
from tillbridge.domain.location_number import LocationNumber
from tillbridge.portal.app import open_house, portal_app, serve_portal
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.commands import feature as commands_feature
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.links import feature as links_feature
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.pairing import feature as pairing_feature
from tillbridge.portal.pairing.feature import Pairing
from tillbridge.portal.pairing.phases import Phases
from tillbridge.portal.pairing.tables import pairing_session
from tillbridge.portal.recovery import feature as recovery_feature
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.settings import ListenSettings, PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.portal.tokens import feature as tokens_feature
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.feature import FirstTokens
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.vouchers import feature as vouchers_feature
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.runtime.effects import Runtime
from tillbridge.web.asgi import App

NUMBER = LocationNumber.of(1_004_711)


@dataclass(slots=True)
class Portal:
    """`address` is where it is reached; it can be taken away and brought back."""

    house: House
    links: Links
    pairing: Pairing
    address: str
    tenant_id: str
    location_id: str
    app: App
    features: Sequence[Feature]
    group: asyncio.TaskGroup
    server: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where it really listens."""
        return self.house.settings.listen.port

    async def pin(self, *, replace: bool = False) -> str:
        person = owner(self.tenant_id, stepped_up_at=self.house.runtime.clock.now())
        made = await self.pairing.pins.make(person, self.location_id, replace=replace, accept=False)
        return made.digits

    async def ask_consent(self) -> None:
        async with self.house.database.writing() as connection:
            await connection.execute(update(tenant).values(confirm_pairing=True))

    async def consent(self) -> None:
        person = owner(self.tenant_id, stepped_up_at=self.house.runtime.clock.now())
        async with self.house.database.reading() as connection:
            waiting = select(pairing_session.c.id).where(pairing_session.c.location_id == self.location_id)
            session_id = (await connection.execute(waiting)).scalar_one()
        await self.pairing.consent.accept(person, self.location_id, session_id)

    async def count(self) -> int:
        async with self.house.database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(link))).scalar_one())

    async def state(self) -> LinkState:
        async with self.house.database.reading() as connection:
            return await self.links.state(connection, self.location_id)

    async def revoke(self) -> None:
        async with self.house.database.writing() as connection:
            found = await self.links.link_of(connection, self.location_id)
            assert found is not None
            await self.links.revoke(connection, found.id, PORTAL, "the test says so")

    async def suspend(self) -> None:
        async with self.house.database.writing() as connection:
            found = await self.links.link_of(connection, self.location_id)
            assert found is not None
            await self.links.suspend(connection, found.id, PORTAL, "the test says so")

    async def resume(self) -> None:
        async with self.house.database.writing() as connection:
            found = await self.links.link_of(connection, self.location_id)
            assert found is not None
            await self.links.resume(connection, found.id, PORTAL, "the test says so")

    async def come(self) -> None:
        """Listens from now on."""
        ready = asyncio.Event()

        async def serve() -> None:
            with suppress(asyncio.CancelledError):
                await serve_portal(self.app, self.house, self.features, lambda _: ready.set())

        self.server = self.group.create_task(serve())
        await ready.wait()

    async def go(self) -> None:
        """Is away from now on."""
        assert self.server is not None
        self.server.cancel()
        await asyncio.wait({self.server})


@asynccontextmanager
async def real_portal(
    folder: Path,
    certificate: tuple[Path, Path] | None = None,
    *,
    reached_at: int | None = None,
    again: Portal | None = None,
) -> AsyncIterator[Portal]:
    """A portal that listens for as long as the block lasts; with a certificate it speaks TLS.

    `reached_at` is a port of something in front of it, which then stands in its address. `again` is what the same
    portal was before: its merchant and its shop are there already.
    """
    port, scheme = free_port(), "http" if certificate is None else "https"
    pem, key = certificate or (None, None)
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    settings = PortalSettings(
        data=folder,
        address=f"{scheme}://localhost:{reached_at or port}",
        listen=ListenSettings(port=port, certificate=pem, key=key),
    )
    migrate(settings)
    async with open_house(settings, Runtime()) as house, asyncio.TaskGroup() as group:
        links, pairing, features = _assembled(house)
        tenant_id, location_id = await _shop(house, again)
        app = portal_app(house, Standing(None), features)
        portal = Portal(
            house,
            links,
            pairing,
            settings.address,
            tenant_id,
            location_id,
            app,
            features,
            group,
        )
        await portal.come()
        yield portal
        await portal.go()


async def _shop(house: House, again: Portal | None) -> tuple[str, str]:
    if again is not None:
        return again.tenant_id, again.location_id
    tenant_id = await merchant(house)
    return tenant_id, await shop(house, tenant_id, NUMBER.serial)


def _assembled(house: House) -> tuple[Links, Pairing, Sequence[Feature]]:
    """The features that a connector has to do with."""
    links = Links(house, pins=Phases(house))
    tokens = Tokens(house, links)
    callers = Callers(tokens)
    planned = Maintenance(house)
    registry = Registry(links, planned)
    pairing = Pairing(house, links, services=FirstTokens(tokens, registry))
    desk = VoucherDesk(house)
    features: Sequence[Feature] = [
        links_feature.feature(links),
        tokens_feature.feature(tokens, callers, registry),
        commands_feature.feature(house, links, callers, planned),
        pairing_feature.feature(pairing),
        vouchers_feature.feature(house, desk, callers, registry),
        recovery_feature.feature(house, desk, callers),
    ]
    return links, pairing, features
