"""A merchant whose shops take vouchers, and a till of another maker at the first of them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.portal.browser import Browser, Reply
from tests.portal.people import Standing, owner
from tests.portal.vouchers.floor import PIN, Floor, open_floor
from tillbridge.link.scopes import Scope, Service
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.partners.model import SCOPES, KeyDraft, Partner
from tillbridge.portal.partners.service import Partners
from tillbridge.portal.rights import Person
from tillbridge.portal.services import store as services
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.thirdparty import api
from tillbridge.web.asgi import App

BASE = "/v1/third-party"


def chief(house: House, tenant_id: str) -> Person:
    """Somebody with every right, who has just proven who it is."""
    return owner(tenant_id, stepped_up_at=house.runtime.clock.now())


@dataclass(slots=True)
class Till:
    """`key` opens the form at the first shop."""

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
        in_address: bool = False,
        partner: Partner | None = None,
    ) -> str:
        draft = KeyDraft(location_id or self.floor.here.location_id, scopes or SCOPES, None, in_address)
        return (await self.partners.make_key(self.person, (partner or self.partner).id, draft)).text

    async def balance(self, code: str, **more: Any) -> Reply:
        return await self.ask("GET", f"/vouchers/{code}/balance", **more)

    async def redeem(self, code: str, amount: object, *, key: str | None = None, **body: object) -> Reply:
        return await self.ask("POST", f"/vouchers/{code}/redeem", {"amount_in_cents": amount, **body}, key=key)

    async def cancel(self, code: str, token: str, *, key: str | None = None, **body: object) -> Reply:
        return await self.ask("POST", f"/vouchers/{code}/cancel", {"redeem_token": token, **body}, key=key)

    async def token(self, number: str, amount: int, **body: Any) -> str:
        """The token of a redemption that succeeds."""
        reply = await self.redeem(f"{number}{PIN}", amount, **body)
        assert reply.status == 200, reply.text
        return str(said(reply)["redeem_token"])

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        source: str = "192.0.2.7",
    ) -> Reply:
        """`key` "" for none."""
        sent = {"content-type": "application/json", "x-api-key": self.key if key is None else key, **(headers or {})}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await Browser(self.app, source).ask(method, f"{BASE}{path}", raw, sent)

    async def switch(self, *, on: bool, location_id: str | None = None) -> None:
        async with self.house.database.writing() as connection:
            at, place = self.house.runtime.clock.now(), location_id or self.floor.here.location_id
            await services.switch(connection, place, Service.THIRD_PARTY_VOUCHERS, on=on, at=at, by="test")

    async def licence(self, location_id: str | None = None) -> None:
        house = self.house
        async with house.database.writing() as connection:
            one = await locations.find(connection, location_id or self.floor.here.location_id)
            assert one is not None
            span = Span(house.runtime.clock.now() - timedelta(days=1), None)
            await Licences(house).allot_in(connection, one, (Product.THIRD_PARTY_VOUCHERS,), span, PORTAL)

    async def open_there(self) -> str:
        """Lets the second shop take part, too; returns a key of it."""
        there = self.floor.there.location_id
        await self.licence(there)
        await self.switch(on=True, location_id=there)
        return await self.make_key(location_id=there)


@asynccontextmanager
async def open_till(house: House) -> AsyncIterator[Till]:
    async with open_floor(house) as floor:
        registry = Registry(Links(house), Maintenance(house))
        features = [Feature("thirdparty", api=api.routes(house, floor.desk, registry))]
        partners = Partners(house)
        partner = await partners.add(chief(house, floor.here.tenant_id), "Kasse Linde")
        till = Till(house, floor, portal_app(house, Standing(None), features), partners, partner)
        await till.licence()
        await till.switch(on=True)
        till.key = await till.make_key()
        yield till


def said(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.body)
    return found


def refused(reply: Reply) -> tuple[int, str]:
    """The status and our number of a refusal, which has a sentence for the cashier in any case."""
    body = said(reply)
    assert body["message"]
    assert reply.headers["content-type"] == "application/json"
    return reply.status, body["error_number"]
