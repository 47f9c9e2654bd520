"""Entries to seal, and somebody who has every right in the database."""

import re
from enum import StrEnum

from sqlalchemy import text

from tillbridge.portal.audit.log import PORTAL, Actor, ActorKind, Entry
from tillbridge.portal.audit.sealing import Sealer
from tillbridge.portal.house import House
from tillbridge.portal.storage.database import Dialect

OLGA = Actor(ActorKind.PERSON, "0" * 32, "Olga Owner <olga@shop.example>", "192.0.2.7")


class Happened(StrEnum):
    MADE = "pin.made"
    USED = "pin.used"


async def note(house: House, count: int = 1, tenant_id: str | None = None, actor: Actor = PORTAL) -> None:
    entries = [
        Entry(Happened.MADE, tenant_id, subject=f"PIN {number}", after={"digits": 4, "Größe": [1, None]})
        for number in range(count)
    ]
    async with house.database.writing() as connection:
        await house.audit.note(connection, actor, *entries)


async def sealed(house: House, count: int) -> None:
    """So many entries, sealed."""
    await note(house, count)
    await Sealer(house).catch_up()


async def tamper(house: House, *statements: str) -> None:
    """Does this as somebody who owns the database and takes its triggers away first. AT(3): the entry at position 3."""
    async with house.database.writing() as connection:
        if house.database.dialect is Dialect.POSTGRESQL:
            await connection.execute(text("set local session_replication_role = replica"))
        else:
            names = (await connection.execute(text("select name from sqlite_master where type = 'trigger'"))).scalars()
            for name in names.all():
                await connection.execute(text(f"drop trigger {name}"))
        for statement in statements:
            wanted = re.sub(r"AT\((\d+)\)", r"(select entry_id from audit_seal where position = \1)", statement)
            await connection.execute(text(wanted))
