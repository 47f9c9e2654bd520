"""Whether the database is an older one than this portal has seen: by the anchor of the ledger beside its keys.

The anchor is signed with a key that the database does not have. It names a position and its hash; a database that has
not that position, or another hash there, was restored from a backup, or was cut. docs/reference/voucher-sealing.md.
"""

import asyncio
from typing import Final

from tillbridge.portal.chains import anchor as anchors
from tillbridge.portal.chains.chain import Head
from tillbridge.portal.house import House
from tillbridge.portal.sealing.chain import LEDGER
from tillbridge.portal.sealing.store import CHAIN

ANCHOR_FILE: Final = "ledger-anchor.json"
"""The newest link that was sealed here: beside the keys, where nobody reaches it with the database alone."""

ASIDE: Final = "ledger-anchor-{day}-{position}.json"
"""What an anchor is called once it has shown that something was lost."""


def kept_anchor(house: House) -> Head | None:
    """The anchor beside the keys. `ValueError` if it is not as we have written it; None if there is none yet."""
    return anchors.kept_anchor(house, LEDGER, ANCHOR_FILE)


async def lost_anchor(house: House) -> Head | None:
    """The anchor, where the chain is not the one that it was signed for. Without a readable one nothing is proved."""
    try:
        anchor = await asyncio.to_thread(kept_anchor, house)
    except ValueError:
        return None
    if anchor is None or not anchor.link.position:
        return None
    async with house.database.reading() as connection:
        found = await CHAIN.hash_at(connection, anchor.link.position)
    return None if found == anchor.link.hash else anchor


def put_aside(house: House) -> None:
    """Keeps the anchor under another name, as evidence, so that the chain can go on from where the backup ends."""
    anchor = kept_anchor(house)
    if anchor is not None:
        name = ASIDE.format(day=anchor.day.isoformat(), position=anchor.link.position)
        (house.settings.data / ANCHOR_FILE).replace(house.settings.data / name)
