"""Who asks with a session key, and how vouchers stand at that location: one way to the database for all who ask.

The four statements go out together, and what gathers meanwhile shares the next four. Nothing is remembered: a key that
was revoked, a licence that has ended and a switch that was turned count from the next request on.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.scopes import Service
from tillbridge.link.signatures import SessionKey
from tillbridge.portal.ledger import sets
from tillbridge.portal.licences.model import Product
from tillbridge.portal.licences.store import counts_at
from tillbridge.portal.licences.tables import licence, service_switch
from tillbridge.portal.links.tables import session_key
from tillbridge.portal.locations.model import CustomerBase
from tillbridge.portal.locations.tables import location
from tillbridge.portal.maintenance.service import lasting_longest
from tillbridge.portal.maintenance.store import read_mode
from tillbridge.portal.maintenance.tables import maintenance_mode
from tillbridge.portal.services.model import Facts, ServiceStanding
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.storage.line import Line, Row
from tillbridge.portal.storage.together import Together
from tillbridge.portal.tokens import store as tokens_store
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.tokens.store import Session

_KEYS: Final = "keys"
_NOW: Final = "now"


@dataclass(frozen=True, slots=True)
class Admission:
    """A session key that lives, with what it proves, and how the service stands where it is used."""

    session: Session
    key: SessionKey = field(repr=False)
    tenant_id: str
    standing: ServiceStanding


class Admissions:
    """Reads them for one service."""

    def __init__(self, tokens: Tokens, registry: Registry, service: Service) -> None:
        self._tokens = tokens
        self._registry = registry
        self._service = service
        self._together = Together(tokens.house.database, self._read)

    async def ask(self, key_id: str) -> Admission | None:
        """What is true of a session key now; None for one that never was, or has run out."""
        return await self._together.ask(key_id)

    async def _read(self, connection: AsyncConnection, key_ids: Collection[str]) -> Mapping[str, Admission]:
        now, line = self._tokens.house.runtime.clock.now(), Line(connection)
        values: dict[str, Any] = {_KEYS: sorted(key_ids), _NOW: now}
        sessions = tokens_store.ask_sessions(line, key_ids, now)
        places = line.ask(_places(postgresql=line.postgresql), {_KEYS: values[_KEYS]})
        licences = line.ask(_licences(postgresql=line.postgresql), values)
        switches = line.ask(_switches(postgresql=line.postgresql), {_KEYS: values[_KEYS]})
        modes = line.ask(_modes(postgresql=line.postgresql), {_KEYS: values[_KEYS]})
        await line.run()
        found = _Found(places.rows, licences.rows, switches.rows, modes.rows)
        return {
            kept.id: Admission(
                kept,
                self._tokens.session_key(kept),
                found.tenants[kept.location_id],
                self._registry.judge(self._service, found.facts(kept, now)),
            )
            for kept in tokens_store.sessions_in(sessions)
            if kept.location_id in found.tenants
        }


class _Found:
    """What was read, by location."""

    def __init__(
        self,
        places: Collection[Row],
        licences: Collection[Row],
        switches: Collection[Row],
        modes: Collection[Row],
    ) -> None:
        self.tenants = {row["id"]: row["tenant_id"] for row in places}
        self._bases = {row["id"]: CustomerBase(row["customer_base"]) for row in places}
        self._licences = _gathered(licences, "product")
        self._switches = _gathered(switches, "service")
        self._modes = [read_mode(row) for row in modes]

    def facts(self, kept: Session, now: datetime) -> Facts:
        """The state of the link is that of the one that asks: it is in use, or its condition refuses it first."""
        where = kept.location_id
        on = [one for one in self._modes if one.in_force(now) and one.tenant_id in {None, self.tenants[where]}]
        return Facts(
            link=kept.condition.state,
            licences=frozenset(one for one in Product if one in self._licences[where]),
            customer_base=self._bases[where],
            switched_on=frozenset(one for one in Service if one in self._switches[where]),
            modes=lasting_longest(on, now),
        )


def _gathered(rows: Collection[Row], name: str) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["location_id"]].add(row[name])
    return found


def _of_keys(*, postgresql: bool) -> Select[Any]:
    """The locations of the session keys."""
    return select(session_key.c.location_id).where(sets.one_of(session_key.c.id, _KEYS, postgresql=postgresql))


@cache
def _places(*, postgresql: bool) -> Select[Any]:
    asked = location.c.id.in_(_of_keys(postgresql=postgresql))
    return select(location.c.id, location.c.tenant_id, location.c.customer_base).where(asked)


@cache
def _licences(*, postgresql: bool) -> Select[Any]:
    asked = licence.c.location_id.in_(_of_keys(postgresql=postgresql))
    now = bindparam(_NOW, type_=licence.c.starts_at.type)
    return select(licence.c.location_id, licence.c.product).where(asked, counts_at(now))


@cache
def _switches(*, postgresql: bool) -> Select[Any]:
    asked = service_switch.c.location_id.in_(_of_keys(postgresql=postgresql))
    return select(service_switch.c.location_id, service_switch.c.service).where(asked, service_switch.c.is_on)


@cache
def _modes(*, postgresql: bool) -> Select[Any]:
    tenants = select(location.c.tenant_id).where(location.c.id.in_(_of_keys(postgresql=postgresql)))
    concerned = or_(maintenance_mode.c.tenant_id.is_(None), maintenance_mode.c.tenant_id.in_(tenants))
    return select(maintenance_mode).where(maintenance_mode.c.ended_at.is_(None), concerned)
