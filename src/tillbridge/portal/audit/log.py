"""What people and connectors did, appended for ever (docs/reference/portal-audit.md).

An entry is written in the transaction of what it tells about: there is never one without the other. Rows are appended
unchained, so that the log is no hot place; the sealer chains afterwards what is committed (`audit/sealing.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.tables import audit_entry
from tillbridge.runtime.effects import Runtime

LONGEST_REASON: Final = 500
LONGEST_NAME: Final = 200

Facts = Mapping[str, object]


class ActorKind(StrEnum):
    """Who can do something: a person, a connector over its link, the portal by itself, a program with a key."""

    PERSON = "person"
    LINK = "link"
    PORTAL = "portal"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, for the log. `name` is kept as it was then; `on_behalf_of` names the merchant whom support helped."""

    kind: ActorKind
    id: str
    name: str
    source: str = ""
    on_behalf_of: str = ""


PORTAL: Final = Actor(ActorKind.PORTAL, "", "portal")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done.

    `event` is a member of the feature's own enumeration ("pin.made"); `subject` names what it was done to. `before` and
    `after` hold what changed, without secrets. `tenant_id` None: it concerns the portal as a whole.
    """

    event: StrEnum
    tenant_id: str | None
    location_id: str | None = None
    subject: str = ""
    before: Facts = field(default_factory=dict)
    after: Facts = field(default_factory=dict)
    reason: str = ""


class AuditLog:
    """Appends entries."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def note(self, connection: AsyncConnection, actor: Actor, *entries: Entry) -> None:
        """Writes entries down in this transaction."""
        rows = [
            {
                "id": self._runtime.ids.new(),
                "at": self._runtime.clock.now(),
                "event": entry.event.value,
                "tenant_id": entry.tenant_id,
                "location_id": entry.location_id,
                "subject": entry.subject[:LONGEST_NAME],
                "actor_kind": actor.kind.value,
                "actor_id": actor.id,
                "actor_name": actor.name[:LONGEST_NAME],
                "on_behalf_of": actor.on_behalf_of[:LONGEST_NAME],
                "source": actor.source,
                "before": dict(entry.before),
                "after": dict(entry.after),
                "reason": entry.reason[:LONGEST_REASON],
            }
            for entry in entries
        ]
        if rows:
            await connection.execute(insert(audit_entry), rows)
