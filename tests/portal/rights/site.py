"""The people's part of a portal, asked in this process."""

from datetime import timedelta
from typing import Final

import pytest

from tests.portal.browser import Browser
from tests.portal.people import Standing
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.doorkeeper import doorkeeper
from tillbridge.portal.accounts.model import Session
from tillbridge.portal.accounts.people_feature import feature
from tillbridge.portal.accounts.secrets import hashed
from tillbridge.portal.accounts.sessions import NAME
from tillbridge.portal.app import portal_app
from tillbridge.portal.house import House
from tillbridge.portal.rights import Person
from tillbridge.portal.storage.database import Dialect
from tillbridge.web.asgi import App

ONE_DATABASE: Final = pytest.mark.parametrize("dialect", [Dialect.SQLITE], indirect=True)
"""For what happens above the database: its statements run on both in other tests."""


def portal(house: House, person: Person | None) -> App:
    """A portal in which everybody who asks is this person; None: nobody is signed in."""
    return portal_app(house, Standing(person), [feature(house)])


async def signed_in(house: House, person: Person) -> Browser:
    """A browser in which this person signed in a moment ago, at the portal's real door."""
    secret, now = f"secret_of_{person.id}", house.runtime.clock.now()
    async with house.database.writing() as connection:
        await store.add_session(
            connection,
            Session(
                id=hashed(secret),
                handle=house.runtime.ids.new(),
                person_id=person.id,
                created_at=now,
                last_seen_at=now,
                ends_at=now + timedelta(days=30),
                source="192.0.2.1",
                agent="Firefox",
                awaits_factor=False,
                stepped_up_at=now,
                recovered_at=None,
                helping_tenant_id=None,
            ),
        )
    browser = Browser(portal_app(house, doorkeeper(house), [feature(house)]))
    browser.cookies[NAME] = secret
    return browser
