"""The windows that a new portal begins with."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House
from tillbridge.portal.maintenance import store
from tillbridge.portal.maintenance.model import (
    Component,
    MaintenanceEvent,
    Plan,
    Recurrence,
    Window,
    WindowEffect,
)

ZONE: Final = "Europe/Berlin"

_SERVERS: Final = Recurrence(datetime(2026, 1, 7, 3), timedelta(hours=2), "FREQ=MONTHLY;BYDAY=1WE", ZONE)  # noqa: DTZ001  # a local time has no offset
_SHOPS: Final = Recurrence(datetime(2026, 1, 21, 4), timedelta(hours=3), "FREQ=MONTHLY;BYDAY=3WE", ZONE)  # noqa: DTZ001  # a local time has no offset

DEFAULTS: Final = (
    Plan(Component.PORTAL, WindowEffect.UNAVAILABLE, auto_switch=False, recurrence=_SERVERS),
    Plan(Component.VOUCHERS, WindowEffect.UNAVAILABLE, auto_switch=False, recurrence=_SERVERS),
    Plan(Component.SHOP, WindowEffect.RESTRICTED, auto_switch=False, recurrence=_SHOPS),
)
"""The servers each first Wednesday 03:00-05:00, the shops each third Wednesday 04:00-07:00."""


async def found_defaults(house: House, connection: AsyncConnection) -> int:
    """Plans the usual windows for the whole portal; returns how many were new.

    May be called again at any time: each has an id of its own for ever, so that none is there twice, and one that
    somebody has changed or removed stays as it is.
    """
    made = 0
    for number, plan in enumerate(DEFAULTS, start=1):
        window = Window(f"{number:032x}", None, plan, 0, house.runtime.clock.now())
        if await store.found_window(connection, window):
            made += 1
            entry = Entry(MaintenanceEvent.WINDOW_MADE, None, subject=window.id, after=store.plan_columns(plan))
            await house.audit.note(connection, PORTAL, entry)
    return made
