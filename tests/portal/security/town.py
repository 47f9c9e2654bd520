"""A whole portal with two merchants in it, put together as it is served, and people who come to it over ASGI.

The bakery has one of everything that an address can name; the café is the neighbour who must never see any of it.
"""

import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, cast

from sqlalchemy import select
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from tests.portal.browser import Browser, Reply
from tests.portal.clock import HandClock
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.secrets import hashed
from tillbridge.portal.accounts.sessions import Sessions, form_token
from tillbridge.portal.app import open_house, portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.features import assemble
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Doorkeeper, Site
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.columns import metadata
from tillbridge.runtime.effects import Runtime, TimeOrderedIds
from tillbridge.web.asgi import App, Receive, Scope, Send

COOKIE: Final = "tillbridge_portal"
HOST: Final = "127.0.0.1:8480"
OWNER: Final = "owner@bakery.example"
TECHNICIAN: Final = "technician@bakery.example"
FRANCHISEE: Final = "franchise@bakery.example"
NEIGHBOUR: Final = "owner@cafe.example"
STAFF: Final = "operator@portal.example"
NEWCOMER: Final = "newcomer@bakery.example"
"""Somebody of the bakery who is in no group: no right at all."""

Rows = Mapping[str, Sequence[str]]
Ids = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Door:
    """A route of the pages: an address with names in braces, and a method."""

    method: str
    template: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def parts(self) -> list[str]:
        """The names in braces."""
        return [piece.partition("}")[0].partition(":")[0] for piece in self.template.split("{")[1:]]

    def path(self, ids: Ids) -> str:
        """The address of the bakery's own. `KeyError` for a name of which nobody has said yet what stands for it."""
        found = self.template.replace(":str}", "}")
        for part in self.parts:
            special = f"{self.template.split('/')[1]}/{part}"
            found = found.replace(f"{{{part}}}", ids[special] if special in ids else ids[part])
        return ids.get(str(self), found)


@dataclass(slots=True)
class Town:
    """One process of the portal. `ids` says what stands for each name in an address, for a first word or in all."""

    house: House
    app: App
    features: Sequence[Feature]
    clock: HandClock
    ids: dict[str, str] = field(default_factory=dict)

    async def browser(self, email: str | None, *, proven: bool = True, half: bool = False) -> Browser:
        """A browser in which this person has signed in a moment ago; None: nobody has."""
        if email is None:
            return Browser(self.app)
        async with self.house.database.writing() as connection:
            account = await store.by_email(connection, email)
            assert account is not None, email
            came = Request({"type": "http", "headers": [], "client": ("127.0.0.1", 50000)})
            secret = await Sessions(self.house).open(
                connection, came, account, awaits_factor=half, proven=proven and not half
            )
        return Browser(self.app, cookies={COOKIE: secret})

    def token_of(self, browser: Browser) -> str:
        """What stands in the forms of this browser's pages."""
        return form_token(self.house.vault, hashed(browser.cookies[COOKIE]))

    async def send(self, browser: Browser, path: str, **fields: str) -> Reply:
        """A form as a page of this browser's own session sends it."""
        return await browser.post(path, **{"token": self.token_of(browser), **fields})

    def doors(self, method: str) -> list[Door]:
        """Every route of the pages, also of features that are added later."""
        site = Site(self.house, _keeper(self.house), (), (), "0")
        return sorted(set(_doors(self.features, site, method)), key=str)

    async def rows(self, *but: str) -> Rows:
        """Every row of the database, table by table, but those of the tables that are named."""
        found: dict[str, Sequence[str]] = {}
        async with self.house.database.reading() as connection:
            for table in metadata.sorted_tables:
                if table.name not in but:
                    found[table.name] = sorted(repr(tuple(row)) for row in await connection.execute(select(table)))
        return found


def _keeper(house: House) -> Doorkeeper:
    return assemble(house)[0]


def _doors(features: Sequence[Feature], site: Site, method: str) -> Iterator[Door]:
    extra = [Door("GET", "/healthz"), Door("GET", "/language/{language}")]
    yield from (one for one in extra if one.method == method)
    for feature in features:
        for route in feature.pages(site):
            yield from _of(route, method)


def _of(route: BaseRoute, method: str) -> Iterator[Door]:
    assert isinstance(route, Route), f"{route} is of a kind that this walk does not know: teach it"
    if method in cast("set[str]", route.methods):
        yield Door(method, route.path)


def town_of(house: House, clock: HandClock) -> Town:
    """The portal over this house, as it is served."""
    doorkeeper, features = assemble(house)
    app = portal_app(house, doorkeeper, features)

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        # By this version of ASGI a download learns from sending, not from listening, that the browser has gone.
        await app({**scope, "asgi": {**scope["asgi"], "spec_version": "2.4"}}, receive, send)

    return Town(house, patient, features, clock)


@asynccontextmanager
async def opened(
    settings: PortalSettings, ids: Ids | None = None, *, seed: int = 7, clock: HandClock | None = None
) -> AsyncIterator[Town]:
    """One process of this portal."""
    clock, chance = clock or HandClock(), random.Random(seed)
    async with open_house(settings, Runtime(clock, TimeOrderedIds(clock, chance), chance)) as house:
        town = town_of(house, clock)
        town.ids.update(ids or {})
        yield town
