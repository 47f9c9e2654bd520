"""A merchant whose shops take vouchers, and a partner that asks about them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tests.portal.browser import Browser, Reply
from tests.portal.people import Standing, owner
from tests.portal.vouchers.floor import PIN, Floor, open_floor
from tillbridge.link.scopes import Scope, Service
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.partners import api
from tillbridge.portal.partners.feature import registry
from tillbridge.portal.partners.model import SCOPES, KeyDraft, Partner
from tillbridge.portal.partners.service import Partners
from tillbridge.portal.rights import Person
from tillbridge.portal.services import store as services
from tillbridge.web.asgi import App


def chief(house: House, tenant_id: str) -> Person:
    """Somebody with every right, who has just proven who it is."""
    return owner(tenant_id, stepped_up_at=house.runtime.clock.now())


@dataclass(slots=True)
class Place:
    """`key` is the partner's at the first shop, with every scope."""

    house: House
    floor: Floor
    app: App
    partners: Partners
    partner: Partner
    key: str = field(default="", repr=False)

    @property
    def person(self) -> Person:
        return chief(self.house, self.floor.here.tenant_id)

    async def make_key(
        self,
        *scopes: Scope,
        location_id: str | None = None,
        days: int | None = None,
        in_address: bool = False,
    ) -> str:
        draft = KeyDraft(location_id or self.floor.here.location_id, scopes or SCOPES, days, in_address)
        return (await self.partners.make_key(self.person, self.partner.id, draft)).text

    async def post(self, path: str, body: object = None, **more: Any) -> Reply:
        return await self.ask("POST", path, b"" if body is None else json.dumps(body).encode(), **more)

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        key: str = "",
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        source: str = "192.0.2.7",
    ) -> Reply:
        """`key` is the action's, `api_key` the partner's ("" for none)."""
        given = {"x-api-key": self.key if api_key is None else api_key, "idempotency-key": key}
        sent = {"content-type": "application/json", **given, **(headers or {})}
        return await Browser(self.app, source).ask(method, f"/v1/partner{path}", body, sent)

    async def switch(self, *, on: bool) -> None:
        async with self.house.database.writing() as connection:
            at, place = self.house.runtime.clock.now(), self.floor.here.location_id
            await services.switch(connection, place, Service.WEB_VOUCHERS, on=on, at=at, by="test")

    async def licence(self) -> None:
        house = self.house
        async with house.database.writing() as connection:
            one = await locations.find(connection, self.floor.here.location_id)
            assert one is not None
            span = Span(house.runtime.clock.now() - timedelta(days=1), None)
            await Licences(house).allot_in(connection, one, (Product.WEB_VOUCHERS,), span, PORTAL)


@asynccontextmanager
async def open_place(house: House) -> AsyncIterator[Place]:
    async with open_floor(house) as floor:
        services_alone = registry(Links(house), Maintenance(house))
        features = [Feature("partners", api=api.routes(house, floor.desk, services_alone))]
        partners = Partners(house)
        partner = await partners.add(chief(house, floor.here.tenant_id), "Onlineshop Linde")
        place = Place(house, floor, portal_app(house, Standing(None), features), partners, partner)
        await place.licence()
        await place.switch(on=True)
        place.key = await place.make_key()
        yield place


def said(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.body)
    return found


def number_of(reply: Reply) -> tuple[int, str]:
    return reply.status, said(reply)["number"]


def paying(number: str, **other: object) -> dict[str, Any]:
    return {"number": number, "pin": PIN, "currency": "EUR", "transaction_ref": "r-1", "up_to": 700} | other


async def events(house: House, beginning: str) -> list[tuple[str, str]]:
    """What the audit log says of this kind, the oldest first: the event and its subject."""
    wanted = select(audit_entry.c.event, audit_entry.c.subject).where(audit_entry.c.event.startswith(beginning))
    async with house.database.reading() as connection:
        return [(row.event, row.subject) for row in await connection.execute(wanted.order_by(audit_entry.c.id))]
