"""Recovery of a portal that was restored from a backup (docs/reference/voucher-sealing.md, section 4).

Nothing is taken in a voucher system until its connectors have told again what they had been answered, or a named
person ends it with a reason. What a connector tells is believed as it was believed when it asked, without PINs: so
recovery begins by itself only where the portal's own signature proves that something was lost, and never because a
connector says so.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.recovery_messages import (
    RecoveryAsk,
    RecoveryFacts,
    Resubmission,
    ToldAction,
    ToldState,
)
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.audit.log import LONGEST_REASON, PORTAL, Actor, ActorKind, Entry
from tillbridge.portal.house import House
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.recovery import store
from tillbridge.portal.recovery.booking import Booker
from tillbridge.portal.recovery.model import Cause, Line, Recovery, RecoveryEvent, Standing
from tillbridge.portal.sealing.restored import lost_anchor, put_aside
from tillbridge.portal.vouchers import operations as actions
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.model import Counter

LOOK_BACK: Final = timedelta(days=1)
"""So much earlier than the newest entry connectors begin to tell: their clocks may be wrong, and twice does no harm."""

PAUSE_SECONDS: Final = 5.0
"""Between two looks whether a recovery is to begin or is over."""

ATTEMPTS: Final = 3
"""How often something is tried where another process used one of its keys in the same moment."""

COMMAND_LINE: Final = Actor(ActorKind.PROGRAM, "", "command line")

_EVERYTHING: Final = datetime(2000, 1, 1, tzinfo=UTC)

log = structlog.get_logger(__name__)


class Recoveries:
    """Recoveries of one portal; any number of processes may do this."""

    def __init__(self, house: House, desk: VoucherDesk) -> None:
        self._house = house
        self._desk = desk

    @classmethod
    def of(cls, house: House) -> "Recoveries":
        """For whoever neither serves nor takes what connectors tell."""
        return cls(house, VoucherDesk(house))

    # ------------------------------------------------------------ beginning

    async def notice(self) -> bool:
        """Begins one if the anchor beside the keys proves that the database is an older one; whether it does."""
        house = self._house
        anchor = await lost_anchor(house)
        if anchor is None:
            return False
        async with house.database.reading() as connection:
            last = await store.last_begun(connection)
        # On a computer that was switched off meanwhile the anchor may be of before a recovery that is long over.
        old = last is not None and last.date() > anchor.day
        if not old:
            log.error("ledger_restored", signed=anchor.link.position, day=anchor.day.isoformat())
            await self.begin(Cause.ANCHOR, PORTAL)
        await asyncio.to_thread(put_aside, house)
        return not old

    async def begin(self, cause: Cause, actor: Actor, since: datetime | None = None) -> Sequence[str]:
        """Begins one for each voucher system that has none open; the systems' ids. `since` None: by the ledger."""
        async with self._house.database.writing() as connection:
            await store.begin_alone(connection)
            now = self._house.runtime.clock.now()
            newest = await store.newest_booking(connection)
            from_then = since or (_EVERYTHING if newest is None else min(newest, now) - LOOK_BACK)
            begun = []
            for system_id in await store.system_ids(connection):
                if await store.open_of(connection, system_id) is None:
                    made = Recovery(self._house.runtime.ids.new(), system_id, cause, actor.name, now, from_then)
                    await self._begin(connection, made, actor)
                    begun.append(system_id)
            await store.forget_doubts(connection, [one for one, _, _ in await store.doubts(connection)])
        return begun

    async def _begin(self, connection: AsyncConnection, made: Recovery, actor: Actor) -> None:
        await store.add(connection, made)
        await store.hold(connection, made.system_id, made.begun_at)
        name, tenant_id = await store.names(connection, made.system_id)
        after = {"cause": made.cause.value, "since": made.since.isoformat()}
        await self._house.audit.note(
            connection, actor, Entry(RecoveryEvent.BEGUN, tenant_id, subject=name, after=after)
        )

    # ------------------------------------------------------------ what connectors tell

    async def asked(self, at: Counter, said: RecoveryAsk) -> RecoveryFacts:
        """Whether the portal wants to hear something of this location."""
        async with self._house.database.reading() as connection:
            found = await store.waiting_place(connection, at.location_id)
            late = None if found is not None else await self._unasked(connection, at)
            held = await self._held(connection, at)
            lost = said.newest is not None and found is None and late is None
            lost = lost and not await store.is_known(connection, at.location_id, said.newest or "")
        if found is not None:
            return RecoveryFacts(id=found[0].id, since=found[0].since, after=found[1], recovering=held)
        if late is not None:
            async with self._house.database.writing() as connection:
                if await store.place_of(connection, late.id, at.location_id) is None:
                    await store.add_place(connection, late.id, at.location_id)
            return RecoveryFacts(id=late.id, since=late.since, recovering=True)
        if lost:
            await self._doubt(at, said.newest or "")
        return RecoveryFacts(recovering=held)

    async def _held(self, connection: AsyncConnection, at: Counter) -> bool:
        system_id = await store.system_of(connection, at.location_id)
        return system_id is not None and await store.open_of(connection, system_id) is not None

    async def _unasked(self, connection: AsyncConnection, at: Counter) -> Recovery | None:
        """The open recovery of a location that was paired anew since it began."""
        system_id = await store.system_of(connection, at.location_id)
        found = None if system_id is None else await store.open_of(connection, system_id)
        if found is None:
            return None
        asked = {one.location_id for one in await store.places(connection, found.id)}
        return None if at.location_id in asked else found

    async def _doubt(self, at: Counter, key: str) -> None:
        async with self._house.database.writing() as connection:
            if not await store.add_doubt(connection, at.location_id, key, self._house.runtime.clock.now()):
                return
            entry = Entry(RecoveryEvent.DOUBTED, at.tenant_id, at.location_id, subject=key)
            await self._house.audit.note(connection, _link(at), entry)
        log.error("ledger_lacks_a_key", location=at.location_id, key=key)

    async def told(self, at: Counter, recovery_id: str, said: Resubmission) -> RecoveryFacts:
        """Takes what a connector tells. Any number of times; what it has told before counts once.

        `BridgeError(RECORD_UNKNOWN)` for a recovery that does not ask this location.
        """
        await self._follow(at, said.actions)
        for _ in range(ATTEMPTS):
            try:
                return await self._told(at, recovery_id, said)
            except (actions.KeysTaken, LedgerMoved):
                continue
            except actions.KeysBusy:
                break
        raise BridgeError(Code.OVERLOADED, retry_after=1)

    async def _follow(self, at: Counter, told: Sequence[ToldAction]) -> None:
        """What the backup has is brought to where the connector knows it: confirmed, or taken back."""
        scopes = {(at.location_id, one.key) for one in told}
        async with self._house.database.reading() as connection:
            kept = await actions.find(connection, scopes)
        for one in told:
            known = kept.get((at.location_id, one.key))
            if known is None:
                continue
            try:
                match one.state, known.state:
                    case ToldState.CONFIRMED, OperationState.INTERIM:
                        await self._desk.confirm(at, one.key)
                    case ToldState.TAKEN_BACK, OperationState.INTERIM | OperationState.CONFIRMED:
                        await self._desk.put_back(at, one.key)
                    case ToldState.TAKEN_BACK, OperationState.LOADED:
                        await self._desk.reverse(at, one.key)
                    case _:
                        pass
            except BridgeError as error:
                if error.entry.passing:
                    raise
                log.warning("recovery_differs", key=one.key, code=error.code.value)

    async def _told(self, at: Counter, recovery_id: str, said: Resubmission) -> RecoveryFacts:
        async with self._house.database.writing() as connection:
            # One after the other: what one till tells may be what another's redemption waits for.
            recovery = await store.find(connection, recovery_id, locked=True)
            place = None if recovery is None else await store.place_of(connection, recovery_id, at.location_id)
            if recovery is None or place is None:
                raise BridgeError(Code.RECORD_UNKNOWN, "no recovery asks this location for that")
            reached, over = place
            now = self._house.runtime.clock.now()
            if not over:
                numbers = await self._keep(connection, recovery, at, said.actions, now)
                late = recovery.ended_at is not None
                await self._booker(connection, recovery, await self._zone(connection, recovery)).book(
                    numbers, final=late
                )
                reached = max([reached, *(one.place for one in said.actions)])
                over = said.last
                await store.reach(connection, recovery_id, at.location_id, reached, now if over else None)
                if over:
                    await self._note(connection, recovery, _link(at), RecoveryEvent.TOLD, at.location_id)
        held = recovery.ended_at is None
        return RecoveryFacts(id=recovery_id, since=recovery.since, after=reached, told=over, recovering=held)

    async def _keep(
        self, connection: AsyncConnection, recovery: Recovery, at: Counter, told: Sequence[ToldAction], now: datetime
    ) -> set[str]:
        """Writes down what is new of it; the numbers that it is about."""
        known = await store.known_lines(connection, {(at.location_id, one.key) for one in told})
        fresh = {one.key: one for one in told if (at.location_id, one.key) not in known}
        lines = [
            Line(
                id=self._house.runtime.ids.new(),
                recovery_id=recovery.id,
                location_id=at.location_id,
                key=one.key,
                kind=one.kind,
                state=one.state,
                number=one.number,
                currency=one.currency,
                taken=one.taken,
                balance=one.balance,
                transaction_ref=one.transaction_ref,
                station=one.station,
                operator=one.operator,
                answered_at=one.at,
                told_at=now,
            )
            for one in fresh.values()
        ]
        await store.add_lines(connection, lines)
        return {one.number for one in lines}

    # ------------------------------------------------------------ ending

    async def run(self) -> None:
        """Looks whether one is to begin, and ends those to which everything was told; until cancelled."""
        while True:
            await self.notice()
            await self.finish()
            await asyncio.sleep(PAUSE_SECONDS)

    async def finish(self) -> int:
        """Ends each recovery to which everything was told; how many."""
        async with self._house.database.reading() as connection:
            found = await store.all_open(connection)
            ready = [one for one in found if not await store.anybody_waiting(connection, one.id)]
        for one in ready:
            await self.end(one.id, PORTAL, "")
        return len(ready)

    async def end(self, recovery_id: str, actor: Actor, reason: str) -> None:
        """Takes what is there for what still waits, and lets vouchers be taken again. Again: nothing.

        `BridgeError(RECORD_UNKNOWN)` for one that there is not.
        """
        while not await self._end(recovery_id, actor, reason):
            pass

    async def _end(self, recovery_id: str, actor: Actor, reason: str) -> bool:
        async with self._house.database.writing() as connection:
            recovery = await store.find(connection, recovery_id, locked=True)
            if recovery is None:
                raise BridgeError(Code.RECORD_UNKNOWN, "there is no such recovery")
            if recovery.ended_at is not None:
                return True
            booker = self._booker(connection, recovery, await self._zone(connection, recovery))
            if await booker.book(None, final=True):
                return False
            now = self._house.runtime.clock.now()
            await store.end(connection, recovery_id, now, actor.name, reason[:LONGEST_REASON])
            await store.hold(connection, recovery.system_id, None)
            await self._note(connection, recovery, actor, RecoveryEvent.ENDED, None, reason)
        log.warning("ledger_recovered", system=recovery.system_id)
        return True

    async def settle(self, recovery_id: str, line_id: str, actor: Actor, reason: str) -> None:
        """A named person has looked after a case. `BridgeError`: FIELD_INVALID without `reason`, RECORD_UNKNOWN."""
        if not reason.strip():
            raise BridgeError(Code.FIELD_INVALID, "a reason is needed", place="reason")
        async with self._house.database.writing() as connection:
            recovery = await store.find(connection, recovery_id)
            now = self._house.runtime.clock.now()
            if recovery is None or not await store.settle(
                connection, line_id, now, actor.name, reason[:LONGEST_REASON]
            ):
                raise BridgeError(Code.RECORD_UNKNOWN, "there is no such open case")
            await self._note(connection, recovery, actor, RecoveryEvent.SETTLED, None, reason)

    # ------------------------------------------------------------ how it stands

    async def standing(self, system_id: str) -> Standing | None:
        """The newest recovery of a voucher system; None if there never was one."""
        async with self._house.database.reading() as connection:
            found = await store.newest_of(connection, system_id)
            return None if found is None else await self._standing(connection, found)

    async def standings(self) -> Sequence[Standing]:
        """Every recovery that is not over."""
        async with self._house.database.reading() as connection:
            return [await self._standing(connection, one) for one in await store.all_open(connection)]

    async def doubts(self) -> Sequence[tuple[str, str, datetime]]:
        """Locations whose connector was answered under a key that the portal does not know: id, name, since when."""
        async with self._house.database.reading() as connection:
            return await store.doubts(connection)

    async def _standing(self, connection: AsyncConnection, found: Recovery) -> Standing:
        name, tenant_id = await store.names(connection, found.system_id)
        return Standing(
            found,
            name,
            tenant_id,
            tuple(await store.places(connection, found.id)),
            await store.counts(connection, found.id),
            tuple(await store.cases(connection, found.id)),
        )

    # ------------------------------------------------------------ in common

    def _booker(self, connection: AsyncConnection, recovery: Recovery, zone: str) -> Booker:
        return Booker(self._house, connection, recovery, zone)

    async def _zone(self, connection: AsyncConnection, recovery: Recovery) -> str:
        return (await actions.zones(connection, {recovery.system_id}))[recovery.system_id]

    async def _note(  # the parts of an entry
        self,
        connection: AsyncConnection,
        recovery: Recovery,
        actor: Actor,
        event: RecoveryEvent,
        location_id: str | None,
        reason: str = "",
    ) -> None:
        name, tenant_id = await store.names(connection, recovery.system_id)
        counted = {one.value: count for one, count in (await store.counts(connection, recovery.id)).items()}
        entry = Entry(event, tenant_id, location_id, subject=name, after=counted, reason=reason)
        await self._house.audit.note(connection, actor, entry)


def _link(at: Counter) -> Actor:
    return Actor(ActorKind.LINK, at.link_id, "connector")
