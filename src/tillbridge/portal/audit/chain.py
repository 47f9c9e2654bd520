"""The chain over the audit log, as bytes: what is hashed, and what is signed (docs/reference/portal-audit.md). Pure."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from tillbridge.portal.vault import Vault

GENESIS: Final = bytes(32)
"""What stands before the first entry."""

_SIGNED: Final = b"tillbridge audit head 1\n"
"""Before what is signed, so that a signature of this key over anything else never passes for a head."""

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


def following(before: Link, row: Row) -> Link:
    """The chain with one entry more."""
    return Link(before.position + 1, hashlib.sha256(before.hash + canonical(row)).digest())


def canonical(row: Row) -> bytes:
    """An entry as the one text that is hashed: JSON with sorted names and no spaces, in UTF-8."""
    members = {name: _plain(row[name]) for name in _MEMBERS}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def sign(vault: Vault, day: date, link: Link) -> Head:
    """A head, signed with the newest key."""
    name, key = vault.signing_key
    return Head(day, link, name, key.sign(_statement(day, link)))


def is_ours(vault: Vault, head: Head) -> bool:
    """Whether a key of this portal has signed that."""
    key = vault.signing_keys.get(head.key_name)
    if key is None:
        return False
    try:
        key.public_key().verify(head.signature, _statement(head.day, head.link))
    except InvalidSignature:
        return False
    return True


def to_text(head: Head) -> str:
    """A head as a file that is kept elsewhere: an anchor."""
    return json.dumps(
        {
            "version": 1,
            "day": head.day.isoformat(),
            "position": head.link.position,
            "hash": head.link.hash.hex(),
            "key": head.key_name,
            "signature": base64.b64encode(head.signature).decode(),
        },
        indent=1,
    )


def from_text(text: str) -> Head:
    """The head in an anchor's text. `ValueError` if it is none."""
    try:
        match json.loads(text):
            case {
                "version": 1,
                "day": str(day),
                "position": int(position),
                "hash": str(hashed),
                "key": str(key),
                "signature": str(signature),
            }:
                link = Link(position, bytes.fromhex(hashed))
                return Head(date.fromisoformat(day), link, key, base64.b64decode(signature, validate=True))
    except (ValueError, binascii.Error):
        pass
    raise ValueError("this is no anchor of an audit log")


def _statement(day: date, link: Link) -> bytes:
    return _SIGNED + f"{day.isoformat()}\n{link.position}\n{link.hash.hex()}\n".encode()


def _plain(value: object) -> object:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value


_MEMBERS: Final = (
    "id",
    "at",
    "event",
    "tenant_id",
    "location_id",
    "subject",
    "actor_kind",
    "actor_id",
    "actor_name",
    "on_behalf_of",
    "source",
    "before",
    "after",
    "reason",
)
"""Every column of an entry. One more is a new version of the chain, or the old hashes would no longer be right."""
