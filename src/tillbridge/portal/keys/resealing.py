"""Seals values anew after a rotation, in small batches beside everything else (docs/reference/voucher-sealing.md).

Whatever is sealed under the key of now is never looked at again, so it may be stopped at any moment and begun anew.
"""

import asyncio
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.keys import places
from tillbridge.portal.keys.places import PLACES, SealedPlace
from tillbridge.portal.storage.database import Database
from tillbridge.portal.vault import FILE, HEAD_BYTES, MARK, Vault

MOST_AT_ONCE: Final = 200
"""Values in one transaction: short enough that nobody waits long for SQLite's one writer."""

PAUSE_SECONDS: Final = 60.0
"""Between two looks at the file: so long a process may still seal with the key of before."""

log = structlog.get_logger(__name__)


class Resealer:
    """Of one portal; any number of processes may do it."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def run(self) -> None:
        """Takes in what was rotated, and seals anew, until cancelled."""
        while True:
            await asyncio.to_thread(self._house.vault.refresh)
            await self.catch_up()
            await asyncio.sleep(PAUSE_SECONDS)

    async def catch_up(self) -> int:
        """Seals everything anew that another key has sealed; how many values."""
        head = self._house.vault.active_head
        if not head:
            return 0
        count = 0
        for place in PLACES:
            count += await self._place(place, head)
        if count:
            log.info("keys_resealed", values=count)
        return count

    async def _place(self, place: SealedPlace, head: bytes) -> int:
        count, after = 0, ""
        while True:
            async with self._house.database.writing() as connection:
                found = await places.left(connection, place, head, after, MOST_AT_ONCE)
                for row_id, stored in found:
                    count += await self._one(connection, place, row_id, stored)
            if len(found) < MOST_AT_ONCE:
                return count
            after = found[-1][0]
            await asyncio.sleep(0)

    async def _one(self, connection: AsyncConnection, place: SealedPlace, row_id: str, stored: object) -> int:
        try:
            anew = place.sealed_anew(self._house.vault, row_id, place.bytes_of(stored))
        except ValueError:
            # It was never readable here; somebody who asks for it is told so.
            log.warning("keys_value_unreadable", place=place.name, row=row_id)
            return 0
        await places.replace(connection, place, row_id, stored, place.stored(anew))
        return 1


async def counted(house: House) -> dict[str, dict[str, int]]:
    """How many values each key has sealed, by where they stand; "" for those of before the first rotation."""
    async with house.database.reading() as connection:
        return {one.name: await places.counted(connection, one, house.vault.heads) for one in PLACES}


async def check_sealed(database: Database, vault: Vault, folder: Path) -> None:
    """Nothing if the file has the keys of the oldest and the newest sealed values; else `BridgeError`."""
    async with database.reading() as connection:
        for place in PLACES:
            for stored in await places.ends(connection, place):
                head = _head(place, stored)
                if head.startswith(MARK) and head not in vault.heads.values():
                    said = f"{place.name} was sealed with a key that is not in the file: restore the one that has it"
                    raise BridgeError(Code.FOLDER_UNUSABLE, said, place=str(folder / FILE))


def _head(place: SealedPlace, stored: object) -> bytes:
    try:
        return place.bytes_of(stored)[:HEAD_BYTES]
    except ValueError:
        return b""  # whoever asks for this one value is told that it cannot be read
