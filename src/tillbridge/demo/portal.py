"""The demo's portal: migrated, and filled the first time, before it is served."""

import asyncio
from pathlib import Path

from tillbridge.demo.plan import Plan
from tillbridge.portal.app import open_house
from tillbridge.portal.demo_data import demo_data, is_filled
from tillbridge.portal.settings import load_settings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.data_folder import make
from tillbridge.runtime.effects import Runtime


async def fill_portal(plan: Plan) -> None:
    """Brings the portal of this plan up to date; what is in it from an earlier demo stays."""
    settings = load_settings(Path(plan.portal_settings))
    make(settings.data)
    await asyncio.to_thread(migrate, settings)
    async with open_house(settings, Runtime()) as house:
        if not await is_filled(house):
            await demo_data(house)
