"""When an old sealing key may go: nothing is sealed with it any more, and nobody can still be sealing with it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.keys import file
from tillbridge.portal.keys.resealing import Resealer, counted
from tillbridge.portal.vault import FILE, FIRST

SETTLED: Final = timedelta(minutes=10)
"""So long after the last change of the file every process has taken it in, each of which looks once a minute."""


async def retire(house: House, name: str) -> None:
    """Takes a key out of the file, after a last look for values that it has sealed.

    `BridgeError`: RECORD_UNKNOWN; RECORD_CONFLICT while the key is in use, the rotation is too young, or a value is
    left that is sealed with it.
    """
    await asyncio.to_thread(house.vault.refresh)
    if name not in house.vault.heads:
        raise BridgeError(Code.RECORD_UNKNOWN, "there is no such key", place=name)
    path = house.settings.data / FILE
    changed = datetime.fromtimestamp((await asyncio.to_thread(path.stat)).st_mtime, UTC)
    if house.runtime.clock.now() - changed < SETTLED:
        said = "the keys were changed minutes ago, and a process may still seal with this one: wait ten minutes"
        raise BridgeError(Code.RECORD_CONFLICT, said, place=name)
    await Resealer(house).catch_up()
    for place, by_key in (await counted(house)).items():
        left = by_key.get(name, 0) + (by_key[""] if name == FIRST else 0)
        if left:
            raise BridgeError(Code.RECORD_CONFLICT, f"{left} values of {place} are sealed with it", place=name)
    await asyncio.to_thread(file.retire, house.settings.data, name)
