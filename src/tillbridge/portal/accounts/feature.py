"""Accounts as a feature of the portal: signing in, second factors, password, profile."""

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute

from tillbridge.portal.accounts import factor_store, limits, store
from tillbridge.portal.accounts.doorkeeper import doorkeeper
from tillbridge.portal.accounts.factor_routes import FactorPages
from tillbridge.portal.accounts.front import Front
from tillbridge.portal.accounts.profile_routes import ProfilePages
from tillbridge.portal.accounts.reset_routes import ResetPages
from tillbridge.portal.accounts.sign_in_routes import SignInPages
from tillbridge.portal.accounts.totp import PENDING
from tillbridge.portal.feature import Feature, Job
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import Site

__all__ = ["doorkeeper", "feature"]

TIDY_EVERY: Final = 3600.0
"""Seconds between two clearings of what has run out; none of it counts meanwhile."""


def feature(house: House) -> Feature:
    """The pages of accounts, and the job that clears what has run out."""

    def pages(site: Site) -> Sequence[BaseRoute]:
        front = Front(house, site)
        groups = (SignInPages(front), ResetPages(front), FactorPages(front), ProfilePages(front))
        return [route for group in groups for route in group.routes()]

    return Feature(name="accounts", pages=pages, jobs=(_tidying(house),))


async def tidy(house: House) -> None:
    """Removes sessions, links, challenges and counts that have run out."""
    now = house.runtime.clock.now()
    async with house.database.writing() as connection:
        await store.tidy(connection, now)
        await factor_store.tidy(connection, now, now - PENDING)
        await limits.tidy(connection, now)


def _tidying(house: House) -> Job:
    async def tidy_accounts() -> None:
        while True:
            await tidy(house)
            await asyncio.sleep(TIDY_EVERY)

    return tidy_accounts
