"""A ledger with something in it, and somebody who has every right in the database."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from tests.portal.clock import HandClock
from tests.portal.vouchers.floor import Floor
from tillbridge.portal.house import House
from tillbridge.portal.sealing.sealer import LedgerSealer
from tillbridge.portal.storage.database import FILE, Dialect


async def booked(floor: Floor, redemptions: int = 4) -> str:
    """A voucher that was loaded, and paid with so many times; its number."""
    number = await floor.voucher(loaded=100_000)
    for _ in range(redemptions):
        assert (await floor.redeem(number, 100)).status == 200
    return number


async def sealed(floor: Floor, redemptions: int = 4) -> str:
    """The same, sealed."""
    number = await booked(floor, redemptions)
    assert await LedgerSealer(floor.house).catch_up() == redemptions + 1
    return number


async def day_signed(floor: Floor, clock: HandClock) -> None:
    """The day is over, and its head is signed."""
    clock.forward(days=1, hours=2)
    await LedgerSealer(floor.house).catch_up()


async def tamper(house: House, *statements: str) -> None:
    """Does this as somebody who owns the database and takes its triggers away first. AT(3): the entry at position 3."""
    wanted = [
        re.sub(r"AT\((\d+)\)", r"(select entry_id from ledger_seal where position = \1)", one) for one in statements
    ]
    if house.database.dialect is Dialect.SQLITE:
        _tamper_with_file(house.settings.data / FILE, wanted)
        return
    async with house.database.writing() as connection:
        await connection.execute(text("set local session_replication_role = replica"))
        for statement in wanted:
            await connection.execute(text(statement))


def _tamper_with_file(path: Path, statements: Sequence[str]) -> None:
    # Another program, which knows of no foreign keys.
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f"drop trigger {name}")
        for statement in statements:
            connection.execute(statement)
