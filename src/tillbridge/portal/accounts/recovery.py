"""Recovery codes: ten that each open the account once when the second factor is lost."""

import random
from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.accounts import factor_store
from tillbridge.portal.house import House
from tillbridge.portal.vault import Vault

CODES: Final = 10
LENGTH: Final = 12
"""Letters and digits of a code: 60 bits, which nobody guesses in ten tries an hour."""

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: nothing in it is taken for something else when it is read from paper."""

_MISREAD: Final = str.maketrans("OIL", "011")
_GROUP: Final = 4


def new_code(chance: random.Random) -> str:
    """A new code, in groups of four."""
    text = "".join(chance.choice(_ALPHABET) for _ in range(LENGTH))
    return "-".join(text[at : at + _GROUP] for at in range(0, LENGTH, _GROUP))


def code_hash(vault: Vault, person_id: str, code: str) -> str:
    """What is kept of a code, however it was typed: keyed outside the database, so that a copy of it helps nobody."""
    plain = "".join(letter for letter in code.upper() if letter.isalnum()).translate(_MISREAD)
    return vault.mac("recovery code", f"{person_id}/{plain[: 2 * LENGTH]}".encode()).hex()


async def make_codes(house: House, connection: AsyncConnection, person_id: str) -> Sequence[str]:
    """Ten new codes instead of all earlier ones. They are shown once and cannot be read back."""
    codes = [new_code(house.runtime.chance) for _ in range(CODES)]
    rows = [(house.runtime.ids.new(), code_hash(house.vault, person_id, code)) for code in codes]
    await factor_store.replace_codes(connection, person_id, rows)
    return codes
