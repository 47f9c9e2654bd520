"""Maintenance, as the portal takes it in."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.feature import Feature, Job
from tillbridge.portal.house import House
from tillbridge.portal.maintenance import api, feeds, pages, wording
from tillbridge.portal.maintenance.model import Occurrence
from tillbridge.portal.maintenance.service import ANNOUNCED, Maintenance, Standing
from tillbridge.portal.maintenance.windows import occurrences
from tillbridge.portal.pages.site import Banner, Banners, MenuEntry
from tillbridge.portal.rights import Area, Person
from tillbridge.web.words import Words

LOOK_SECONDS: Final = 5.0
"""How soon a window's beginning and end are seen: nobody notices a few seconds in the night."""

MOST_BANNERS: Final = 3


@dataclass(frozen=True, slots=True)
class _Entry(MenuEntry):
    def shown_to(self, person: Person) -> bool:
        """As any entry; the operator's staff besides, who have no rights of a merchant's while they help nobody."""
        return pages.may_look(person) or MenuEntry.shown_to(self, person)


def feature(house: House) -> Feature:
    """Pages, routes, the job that switches and the banners."""
    return Feature(
        "maintenance",
        pages=lambda site: [*pages.routes(site), *feeds.routes(site)],
        api=api.routes(house),
        jobs=[_follower(house)],
        menu=[_Entry("/maintenance", "maintenance.menu", (Area.MAINTENANCE,), seldom=True)],
        banners=[_banners(house)],
    )


def _follower(house: House) -> Job:
    async def follow_maintenance_windows() -> None:
        while True:
            await Maintenance(house).follow_windows()
            await asyncio.sleep(LOOK_SECONDS)

    return follow_maintenance_windows


def _banners(house: House) -> Banners:
    async def told(words: Words, person: Person | None) -> Sequence[Banner]:
        tenant_id = None if person is None else person.tenant_id
        try:
            async with house.database.reading() as connection:
                standing = await Maintenance(house).standing(connection, tenant_id, words.now)
        except BridgeError:
            return ()  # The page says by itself that the database is away.
        return _sentences(words, standing)[:MOST_BANNERS]

    return told


def _sentences(words: Words, standing: Standing) -> list[Banner]:
    now, t = words.now, words.t
    found = [Banner("alert", "maintenance.banner.on", {"what": wording.on(t, mode, now)}) for mode in standing.modes]
    out = {(mode.tenant_id, mode.component) for mode in standing.modes}
    seen: set[tuple[str | None, str]] = set()
    nearest: dict[datetime, list[Occurrence]] = {}
    for one in occurrences(standing.windows, now, now + ANNOUNCED):
        key = (one.window.tenant_id, one.window.plan.component)
        # The next one of each is enough, and what is on already is not announced as well.
        if key not in seen and not (one.span.holds(now) and key in out):
            nearest.setdefault(one.span.start, []).append(one)
        seen.add(key)
    for together in nearest.values():
        zone = ZoneInfo(together[0].window.plan.recurrence.zone)
        for line in wording.told(t, together, zone, now):
            fields = {"when": line.when, "zone": zone.key, "components": line.components, "effect": line.effect}
            found.append(Banner("calm", "maintenance.banner.ahead", fields))
    return found
