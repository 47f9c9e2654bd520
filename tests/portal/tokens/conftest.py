"""A portal with links, tokens and a service to call, and a connector that is paired."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.links.opening import pair
from tests.portal.links.standing import Standing
from tests.portal.shops import merchant, shop
from tests.portal.tokens.till import Till
from tillbridge.link.scopes import Scope, Service
from tillbridge.portal.app import portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.links import feature as links_feature
from tillbridge.portal.links.service import Links
from tillbridge.portal.maintenance.model import Component, Mode
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens import feature as tokens_feature
from tillbridge.portal.tokens.answers import proven_route
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.model import Caller
from tillbridge.portal.tokens.service import Tokens
from tillbridge.web.asgi import App


class Quiet:
    """A portal without maintenance."""

    async def now(
        self,
        connection: AsyncConnection,  # noqa: ARG002  # as the registry's promise has it
        tenant_id: str,  # noqa: ARG002
        component: Component,  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Mode | None:
        return None


@dataclass(slots=True)
class Shelf:
    """A service for tests. It writes down what it carried out."""

    done: list[tuple[str, Caller]] = field(default_factory=list)

    def names(self) -> Sequence[str]:
        return [name for name, _ in self.done]

    def feature(self, tokens: Tokens, callers: Callers) -> Feature:
        router = APIRouter(route_class=proven_route(tokens.proving))
        redeems = Annotated[Caller, Depends(callers.bearer(Service.WEB_VOUCHERS, Scope.VOUCHERS_REDEEM))]
        undoes = Annotated[Caller, Depends(callers.bearer(Service.WEB_VOUCHERS, Scope.VOUCHERS_CANCEL))]
        reads = Annotated[Caller, Depends(callers.bearer(Service.CUSTOMER_BASE, Scope.CUSTOMERS_READ))]
        hot = Annotated[Caller, Depends(callers.signed(Service.WEB_VOUCHERS, Scope.VOUCHERS_REDEEM))]

        @router.post("/shelf/redeem")
        async def redeem(caller: redeems) -> None:
            self.done.append(("redeem", caller))

        @router.post("/shelf/undo")
        async def undo(caller: undoes) -> None:
            self.done.append(("undo", caller))

        @router.post("/shelf/hot")
        async def signed(caller: hot) -> None:
            self.done.append(("hot", caller))

        @router.get("/shelf/{location_id}/customers")
        async def customers(caller: reads, location_id: str) -> None:
            caller.at(location_id)
            self.done.append(("customers", caller))

        return Feature("shelf", api=router)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def links(house: House) -> Links:
    return Links(house)


@pytest.fixture
def tokens(house: House, links: Links) -> Tokens:
    return Tokens(house, links)


@pytest.fixture
def app(house: House, links: Links, tokens: Tokens, shelf: Shelf) -> App:
    callers = Callers(tokens)
    features = [
        links_feature.feature(links),
        tokens_feature.feature(tokens, callers, Registry(links, Quiet())),
        shelf.feature(tokens, callers),
    ]
    return portal_app(house, Standing(None), features)


@pytest.fixture
async def location_id(house: House) -> str:
    return await shop(house, await merchant(house), 1_004_711)


@pytest.fixture
async def till(app: App, house: House, links: Links, location_id: str) -> Till:
    paired = await pair(house, links, location_id)
    return Till(app, house, paired.key, paired.token)
