"""Partners and their keys (docs/reference/voucher-partner-api.md)."""

import base64
import random
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope
from tillbridge.portal.pairing.model import Limit
from tillbridge.portal.vault import Vault

LONGEST_NAME: Final = 64
"""Characters: the name stands in the ledger as a station, which has no room for more."""

KEY_BYTES: Final = 20
"""160 bits: nobody guesses one, so that a quick digest of it is safe."""

PREFIX: Final = "tbk_"
"""Tells people, and programs that look for lost keys, what this is."""

_KEY: Final = re.compile(rf"{PREFIX}[a-z2-7]{{32}}", re.ASCII)

ENDING: Final = 4

SCOPES: Final = (Scope.VOUCHERS_READ, Scope.VOUCHERS_LOAD, Scope.VOUCHERS_REDEEM, Scope.VOUCHERS_CANCEL)
"""What a key may allow, in the order of the pages."""

AT_ONCE: Final = 2
"""Keys of one partner that are good at one location at the same time: one, and its successor while it is replaced."""

MOST_DAYS: Final = 3650

CALLS_A_MINUTE: Final = 1200
"""Requests of one key, in all processes together: twenty a second are more than a busy shop's cashiers make."""

MISSES: Final = Limit("partner-miss", 30, timedelta(minutes=10))
"""Wrong keys from one source, before each further one is answered with a pause."""

_LABEL: Final = "partner key"


class PartnerEvent(StrEnum):
    """What the audit log says of partners."""

    ADDED = "partner.added"
    REMOVED = "partner.removed"
    KEY_MADE = "partner.key_made"
    KEY_REVOKED = "partner.key_revoked"


@dataclass(frozen=True, slots=True)
class Partner:
    """Another company's program that asks about vouchers."""

    id: str
    tenant_id: str
    name: str
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class PartnerKey:
    """A key as it is stored: for one location. `in_address` lets it stand in the query of an address, too."""

    id: str
    partner_id: str
    location_id: str
    digest: bytes = field(repr=False)
    ending: str
    scopes: tuple[Scope, ...]
    in_address: bool
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    used_from: str = ""

    def good(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """What a key is to be; `days` None: until it is revoked."""

    location_id: str
    scopes: tuple[Scope, ...]
    days: int | None
    in_address: bool = False

    def check(self) -> None:
        """`BridgeError(FIELD_INVALID)` names what is wrong."""
        if not self.scopes:
            raise BridgeError(Code.FIELD_INVALID, "a key allows something", place="scopes")
        if self.days is not None and not 1 <= self.days <= MOST_DAYS:
            raise BridgeError(Code.FIELD_INVALID, f"1 to {MOST_DAYS} days", place="days")


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key; its text is shown this once."""

    key: PartnerKey
    text: str = field(repr=False)


def draw_key(chance: random.Random) -> str:
    """A new key, as its owner is given it."""
    return PREFIX + base64.b32encode(chance.randbytes(KEY_BYTES)).decode().lower()


def digest_of(vault: Vault, text: str) -> bytes | None:
    """What a key is found by; None for what cannot be one."""
    return vault.mac(_LABEL, text.encode()) if _KEY.fullmatch(text) else None


def read_scopes(names: Collection[str]) -> tuple[Scope, ...]:
    """The scopes of these names, in their order; others are left out."""
    return tuple(scope for scope in SCOPES if scope in names)


def check_name(text: str) -> str:
    """A partner's name; `BridgeError(FIELD_INVALID)` for what is none."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"a name has 1 to {LONGEST_NAME} characters", place="name")
    return name
