"""Whether the keys beside the program are those that this database was written with.

A database that is restored without its keys would be served with new ones: nothing sealed in it could be read, and
what is written meanwhile could not be read with the right keys later. So the first process that opens a database leaves
a proof of its keys in it, which tells nothing about them, and every later one is held against it.
"""

import hmac
from pathlib import Path
from typing import Final

from sqlalchemy import Column, String, Table, insert, select
from sqlalchemy.exc import IntegrityError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.storage.columns import metadata
from tillbridge.portal.storage.database import Database
from tillbridge.portal.vault import FILE, Vault

LABEL: Final = "keys of this database"

keys_proof: Final = Table(
    "keys_proof",
    metadata,
    # There is one row, whose name is this one.
    Column("name", String(10), primary_key=True),
    Column("proof", String(64), nullable=False),
)

_NAME: Final = "keys"


async def check_keys(database: Database, vault: Vault, folder: Path) -> None:
    """Nothing if the keys belong to the database; `BridgeError(FOLDER_UNUSABLE)` if it was written with others."""
    proof = vault.mac(LABEL, b"").hex()
    found = await _found(database)
    if found is None:
        try:
            async with database.writing() as connection:
                await connection.execute(insert(keys_proof).values(name=_NAME, proof=proof))
        except IntegrityError:
            pass  # another process was faster, perhaps with other keys
        found = await _found(database)
    if found is None or not hmac.compare_digest(found, proof):
        said = "this database was written with other keys: restore the file that belongs to it"
        raise BridgeError(Code.FOLDER_UNUSABLE, said, place=str(folder / FILE))


async def _found(database: Database) -> str | None:
    async with database.reading() as connection:
        return (await connection.execute(select(keys_proof.c.proof))).scalar_one_or_none()
