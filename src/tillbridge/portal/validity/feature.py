"""Validity by inactivity and exceptions as a part of the portal."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.feature import Feature, Job
from tillbridge.portal.house import House
from tillbridge.portal.links.model import Owners
from tillbridge.portal.locations.views import day
from tillbridge.portal.pages.site import Banner, Banners, Site
from tillbridge.portal.rights import Action, Person
from tillbridge.portal.validity import access, store
from tillbridge.portal.validity.alarms import Alarms
from tillbridge.portal.validity.cases_pages import CasePages
from tillbridge.portal.validity.cases_service import Cases
from tillbridge.portal.validity.dates import LAST_NOTICE, dates
from tillbridge.portal.validity.pages import ValidityPages
from tillbridge.portal.validity.running import Runner
from tillbridge.portal.validity.service import Validity
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.access import may_at_one
from tillbridge.web.words import Words

LOOK_SECONDS: Final = 60.0
"""How soon after midnight a run begins: nobody waits for it."""

ALARM_SECONDS: Final = 10.0
"""How soon owners are written to when somebody guesses."""


def feature(house: House, owners: Owners) -> Feature:
    """Pages, the timer of write-offs, the letters of alarms, and the banner of the last week before a date."""
    return Feature(
        "validity", pages=pages(house), jobs=(_timer(house, owners), _alarms(house, owners)), banners=(_banners(house),)
    )


def pages(house: House) -> Callable[[Site], Sequence[BaseRoute]]:
    """The pages alone."""
    validity, cases = Validity(house), Cases(house)
    return lambda site: [*ValidityPages(site, validity).routes(), *CasePages(site, cases).routes()]


def _timer(house: House, owners: Owners) -> Job:
    async def write_off_vouchers() -> None:
        runner = Runner(house, owners)
        while True:
            while await runner.step():
                pass
            await asyncio.sleep(LOOK_SECONDS)

    return write_off_vouchers


def _alarms(house: House, owners: Owners) -> Job:
    async def tell_of_guessing() -> None:
        alarms = Alarms(house, owners)
        while True:
            await alarms.tell()
            await asyncio.sleep(ALARM_SECONDS)

    return tell_of_guessing


def _banners(house: House) -> Banners:
    async def told(words: Words, person: Person | None) -> Sequence[Banner]:
        if person is None or person.tenant_id is None:
            return ()
        if not any(person.may_somewhere(area) for area in access.SEES_VALIDITY):
            return ()
        try:
            async with house.database.reading() as connection:
                return await near(connection, words, person)
        except BridgeError:
            return ()  # The page says by itself that the database is away.

    return told


async def near(connection: AsyncConnection, words: Words, person: Person) -> Sequence[Banner]:
    """The dates of the next days on which credit is written off, as far as this person may know of them."""
    found: list[Banner] = []
    members = None
    for system, setting in await store.all_on(connection, person.home):
        _, due = dates(setting.rule, setting.since, words.now, system.time_zone)
        told = (await store.announced(connection, system.id, due.on)).get(LAST_NOTICE)
        if told is None or not told.vouchers:
            continue
        members = members or await systems_store.taking_part(connection, person.home)
        at = members.get(system.id, frozenset())
        if any(may_at_one(person, area, Action.VIEW, at) for area in access.SEES_VALIDITY):
            fields = {
                "system": system.name,
                "date": day(words, due.on),
                "vouchers": words.count(told.vouchers),
                "money": amount(words, told.money, system.currency),
            }
            found.append(Banner("alert", "validity.banner", fields))
    return found
