"""Pairing as a part of the portal: its two requests, the Interfaces pages, and what runs out by itself."""

import asyncio
from collections.abc import Sequence
from typing import Final

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.pages.site import Banner, MenuEntry
from tillbridge.portal.pairing import sessions_store, windows
from tillbridge.portal.pairing.api import router
from tillbridge.portal.pairing.bench import Bench
from tillbridge.portal.pairing.consent import Consent
from tillbridge.portal.pairing.events import Streams
from tillbridge.portal.pairing.finishing import Finishing
from tillbridge.portal.pairing.granting import Granting
from tillbridge.portal.pairing.guard import Guarding
from tillbridge.portal.pairing.pages import PATH, InterfacesPages
from tillbridge.portal.pairing.pins import Pins
from tillbridge.portal.pairing.starting import Starting
from tillbridge.portal.pairing.wanted import (
    GrantedServices,
    NoPreconditions,
    Operators,
    Preconditions,
    no_operators,
    no_services,
)
from tillbridge.portal.rights import Area, Person
from tillbridge.web.words import Words

SWEEP_SECONDS: Final = 15.0
"""So long what has run out may still stand in the database; no decision waits for it."""


class Pairing:
    """The parts of the feature. Others need `pins.location_closed` and the pages; tests need all of it.

    `links` is made with `phases.Phases(house)`, so that it knows which locations are about to be paired.
    """

    def __init__(
        self,
        house: House,
        links: Links,
        preconditions: Preconditions | None = None,
        services: GrantedServices = no_services,
        operators: Operators = no_operators,
    ) -> None:
        self.house = house
        self.links = links
        self.preconditions = preconditions or NoPreconditions()
        self.pins = Pins(house, links, self.preconditions)
        self.guarding = Guarding(house, operators)
        granting = Granting(house, links, services)
        self.consent = Consent(house, granting, self.preconditions)
        self.starting = Starting(house, self.pins, Bench())
        self.finishing = Finishing(house, self.pins, granting, self.guarding, self.consent, self.preconditions)

    async def sweep(self) -> None:
        """Ends and erases what has run out. Any number of replicas may do it."""
        await self.pins.sweep()
        await self.consent.sweep()
        now = self.house.runtime.clock.now()
        async with self.house.database.writing() as connection:
            await sessions_store.tidy(connection, now)
            await windows.tidy(connection, now)

    async def keep_sweeping(self) -> None:
        """The job of the background."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def banners(self, words: Words, person: Person | None) -> Sequence[Banner]:  # noqa: ARG002  # as banners have it
        """Guarded mode is said to whoever it concerns, on every page."""
        if person is None or not (person.operator or person.may_somewhere(Area.POS_INTERFACE)):
            return ()
        async with self.house.database.reading() as connection:
            on = await self.guarding.on(connection)
        return (Banner("alert", "interfaces.guarded.banner", {}),) if on else ()


def feature(pairing: Pairing) -> Feature:
    """What it adds to the portal."""
    streams = Streams()
    return Feature(
        name="pairing",
        pages=lambda site: InterfacesPages(
            site, pairing.links, pairing.pins, pairing.consent, pairing.guarding, pairing.preconditions, streams
        ).routes(),
        api=router(pairing.house, pairing.starting, pairing.finishing),
        jobs=(pairing.keep_sweeping,),
        menu=(MenuEntry(PATH, "interfaces.menu", (Area.POS_INTERFACE,)),),
        banners=(pairing.banners,),
    )
