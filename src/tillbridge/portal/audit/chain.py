"""The chain over the audit log (docs/reference/portal-audit.md): which parts of an entry are hashed."""

from typing import Final

from tillbridge.portal.chains.chain import START, Chain, Head, Link, Row, to_text

__all__ = ["AUDIT", "START", "Head", "Link", "Row", "following", "from_text", "is_ours", "sign", "to_text"]

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
"""Every column of an entry."""

AUDIT: Final = Chain("audit", "an audit log", lambda row: {name: row[name] for name in _MEMBERS})

following = AUDIT.following
sign = AUDIT.sign
is_ours = AUDIT.is_ours
from_text = AUDIT.from_text
