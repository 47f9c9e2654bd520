"""A chain over rows that are only ever appended, as bytes: what is hashed, and what is signed. Pure.

The audit log (docs/reference/portal-audit.md) and the ledger of vouchers (docs/reference/voucher-sealing.md) each have
one of their own.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from tillbridge.portal.vault import Vault

GENESIS: Final = bytes(32)
"""What stands before the first entry."""

LARGEST_HEAD: Final = 4096
"""Bytes of a head as a text: it takes a few hundred."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """The chain up to a position: entries count from 1, 0 is before the first."""

    position: int
    hash: bytes


START: Final = Link(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Head:
    """A signed statement that the chain was this at the end of a day, or at the moment of an export."""

    day: date
    link: Link
    key_name: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Chain:
    """What is chained. `name` stands before what is signed, so that the head of one chain never passes for another's.

    `members` gives all of an entry that is hashed. One more of them is a new version of the chain, or the old hashes
    would no longer be right.
    """

    name: str
    what: str
    members: Callable[[Row], Mapping[str, object]]

    def following(self, before: Link, row: Row) -> Link:
        """The chain with one entry more."""
        return Link(before.position + 1, hashlib.sha256(before.hash + self.canonical(row)).digest())

    def canonical(self, row: Row) -> bytes:
        """An entry as the one text that is hashed: JSON with sorted names and no spaces, in UTF-8."""
        members = {name: plain(value) for name, value in self.members(row).items()}
        text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "surrogatepass")

    def sign(self, vault: Vault, day: date, link: Link) -> Head:
        """A head, signed with the newest key."""
        name, key = vault.signing_key
        return Head(day, link, name, key.sign(self._statement(day, link)))

    def is_ours(self, vault: Vault, head: Head) -> bool:
        """Whether a key of this portal has signed that."""
        key = vault.signing_keys.get(head.key_name)
        if key is None:
            return False
        try:
            key.public_key().verify(head.signature, self._statement(head.day, head.link))
        except InvalidSignature:
            return False
        return True

    def from_text(self, text: str) -> Head:
        """The head in a text that `to_text` made. `ValueError` if it is none."""
        try:
            return head_of(json.loads(text))
        except ValueError:
            raise ValueError(f"this is no anchor of {self.what}") from None

    def _statement(self, day: date, link: Link) -> bytes:
        return f"tillbridge {self.name} head 1\n{day.isoformat()}\n{link.position}\n{link.hash.hex()}\n".encode()


def to_text(head: Head) -> str:
    """A head as a file that is kept elsewhere: an anchor."""
    return json.dumps(members_of(head), indent=1)


def members_of(head: Head) -> Mapping[str, object]:
    """A head as the members of a JSON object."""
    return {
        "version": 1,
        "day": head.day.isoformat(),
        "position": head.link.position,
        "hash": head.link.hash.hex(),
        "key": head.key_name,
        "signature": base64.b64encode(head.signature).decode(),
    }


def head_of(read: object) -> Head:
    """The head that a JSON object tells. `ValueError` if it tells none."""
    match read:
        case {
            "version": 1,
            "day": str(day),
            "position": int(position),
            "hash": str(hashed),
            "key": str(key),
            "signature": str(signature),
        }:
            try:
                link = Link(position, bytes.fromhex(hashed))
                return Head(date.fromisoformat(day), link, key, base64.b64decode(signature, validate=True))
            except binascii.Error:
                pass
    raise ValueError("this is no head")


def plain(value: object) -> object:
    """A value as JSON has it; a moment in UTC, to the microsecond."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value
