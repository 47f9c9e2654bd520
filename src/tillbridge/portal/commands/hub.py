"""The connectors that are connected to this process, and what passes between them and the database.

A process holds connections and nothing else: commands are rows, so that they may be made at any replica. Two shared
jobs serve all connections, however many there are: one hands out commands and notices links that may be used no more,
one writes down what was reported.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.message_words import CommandKind
from tillbridge.link.messages import Bye, Command, FromPortal
from tillbridge.portal.commands import model, store
from tillbridge.portal.commands.model import Holder, Report
from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState

POLL_SECONDS: Final = 1.0
"""Between two looks into the database when nobody announces anything: so soon a revocation reaches a connector."""

GATHER_SECONDS: Final = 0.05

FLUSH_SECONDS: Final = 5.0
"""Reports wait so long for company: 5,000 connectors then cost one transaction instead of four hundred."""

SEND_SECONDS: Final = 5.0
"""For a connector to take a message; one that does not is let go, and comes back."""

LOOK_BACK: Final = timedelta(seconds=30)
"""A transaction that began before the last look may commit after it, and clocks of replicas differ a little."""

UNANSWERED_AFTER: Final = timedelta(seconds=15)
"""A connector says at once that it has taken a command: after so long without a word it is asked."""

REPLACED: Final = Bye(code="replaced", text="A newer connection of this location has come.")

ENTERING: Final = 4
"""Connections that use the database at once while they enter: after a restart thousands come, and pages go on."""

TURNS: Final = 64
"""Locks that locations share while their connections enter: enough that hardly two that come at once meet at one."""

AGAIN_SECONDS: Final = 60
"""When a connector may come back whose link is paused."""

USABLE: Final = frozenset(
    {LinkState.ACTIVE, LinkState.WAITING_FIRST_CONTACT, LinkState.CONVERTING, LinkState.CONVERSION_FAILED}
)
"""States in which a connector may stay connected. A paused one comes back each minute and learns that it may go on."""

log = structlog.get_logger(__name__)


class Line(Protocol):
    """One open connection to a connector."""

    @property
    def id(self) -> str:
        """Its own name, among all connections of all processes."""
        ...

    @property
    def holder(self) -> Holder:
        """Whose it is."""
        ...

    async def send(self, message: FromPortal) -> None:
        """Sends one message; raises when the connection is gone."""
        ...

    async def close(self, why: Bye) -> None:
        """Says why and ends it; never raises."""
        ...


class Hub:
    """Every connection of this process, by location: the newest of a location is the one that counts."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lines: dict[str, Line] = {}
        self._ready: set[str] = set()
        self._reports: dict[str, Report] = {}
        self._wake = asyncio.Event()
        self._entering = asyncio.Semaphore(ENTERING)
        self._turns = tuple(asyncio.Lock() for _ in range(TURNS))
        self._looked = self._asked_at = house.runtime.clock.now()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def lines(self) -> Sequence[Line]:
        """The connections that are open now."""
        return tuple(self._lines.values())

    def wake(self) -> None:
        """Something may be waiting to be handed out."""
        self._wake.set()

    async def enter(self, line: Line) -> None:
        """Takes a connection in. One of the same location that is still open, here or elsewhere, is told to go.

        It gets commands from `ask_again` on: a connector must first say what it has of the older ones.
        """
        location_id = line.holder.location_id
        # One of a location after the other: else the last one here and the last one in the database could be two, and
        # each would send the other away.
        async with self._turns[hash(location_id) % TURNS]:
            async with self._entering, self._house.database.writing() as connection:
                await store.enter_line(connection, location_id, line.id, self._house.runtime.clock.now())
            older = self._lines.get(location_id)
            self._lines[location_id] = line
            self._ready.discard(location_id)
        if older is not None:
            await older.close(REPLACED)

    def leave(self, line: Line) -> None:
        """Forgets a connection."""
        if self._lines.get(line.holder.location_id) is line:
            del self._lines[line.holder.location_id]
            self._ready.discard(line.holder.location_id)

    def report(self, one: Report) -> None:
        """Notes a heartbeat; it is written down with the next ones."""
        self._reports[one.location_id] = one

    # ------------------------------------------------------------ the shared jobs

    async def hand_out(self) -> None:
        """Hands out commands and ends connections that may not go on, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            # What comes in one rush, such as a thousand connectors after a restart, is looked at once.
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            await self.look()

    async def look(self) -> None:
        """One look into the database; it writes only where there is something to write."""
        now = self._house.runtime.clock.now()
        since = self._looked - LOOK_BACK
        # Those that were here before the look: of one that comes meanwhile, what is read may not know yet.
        lines = self.lines
        async with self._house.database.reading() as connection:
            waiting = await store.waiting(connection)
            changed = await store.changed_links(connection, since, USABLE) if self._lines else {}
            newest = await store.newest_lines(connection, since) if self._lines else {}
        self._looked = now
        await self._part_with(lines, changed, newest)
        await self._hand_out(waiting, now)
        if now - self._asked_at >= UNANSWERED_AFTER:
            self._asked_at = now
            await self._ask_unanswered(now)

    async def keep_reports(self) -> None:
        """Writes down what was reported, until cancelled; the last of it as well."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            with suppress(BridgeError):
                await self.flush()

    async def flush(self) -> None:
        """Writes down what was reported since the last time. What could not be written waits for the next."""
        reports, self._reports = self._reports, {}
        if not reports:
            return
        try:
            async with self._house.database.writing() as connection:
                await store.write_reports(connection, list(reports.values()))
        except BaseException:
            self._reports = reports | self._reports
            raise

    async def hear_announcements(self) -> None:
        """Wakes up when another replica makes a command, on PostgreSQL; elsewhere the poll has to do."""
        async with aclosing(self._house.database.notices(store.CHANNEL)) as notices:
            async for location_id in notices:
                # The first one is empty: what was announced before this replica listened may have been missed.
                if not location_id or location_id in self._lines:
                    self.wake()
        await asyncio.Event().wait()

    # ------------------------------------------------------------ to connectors

    async def ask_again(self, line: Line, resumed: Sequence[str] = ()) -> None:
        """Asks a connector that came back what became of the commands that it may have, and of those that it names."""
        async with self._entering, self._house.database.reading() as connection:
            waiting = await store.out(connection, line.holder.location_id)
        for command_id in sorted({*resumed, *(one.id for one in waiting)}):
            await line.send(_question(command_id))
        if self._lines.get(line.holder.location_id) is line:
            self._ready.add(line.holder.location_id)
            self.wake()

    async def _hand_out(self, waiting: Sequence[tuple[str, datetime]], now: datetime) -> None:
        mine = self._ready & {location_id for location_id, _ in waiting}
        if not mine and all(until > now for _, until in waiting):
            return
        async with self._house.database.writing() as connection:
            await store.expire(connection, now)
            given = await store.take(connection, mine, now) if mine else ()
        async with asyncio.TaskGroup() as group:
            for location_id in sorted({one.location_id for one in given}):
                theirs = [_order(one, now) for one in given if one.location_id == location_id]
                group.create_task(self._send(location_id, theirs))

    async def _ask_unanswered(self, now: datetime) -> None:
        """A command may have gone to a connection that was dead already: the one that lives now is asked."""
        async with self._house.database.reading() as connection:
            found = await store.unanswered(connection, now - UNANSWERED_AFTER)
        async with asyncio.TaskGroup() as group:
            for location_id in sorted(self._ready & {location_id for location_id, _ in found}):
                questions = [_question(command_id) for owner, command_id in found if owner == location_id]
                group.create_task(self._send(location_id, questions))

    async def _send(self, location_id: str, messages: Sequence[FromPortal]) -> None:
        line = self._lines.get(location_id)
        if line is None:
            return  # it left between the claim and now; when it comes back it is asked what it has
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for message in messages:
                    await line.send(message)
        except Exception as error:  # noqa: BLE001  # whatever broke the connection: it is over, and comes back
            log.info("line_lost", location=location_id, type=type(error).__name__)
            self.leave(line)
            await line.close(Bye(code="slow", text="A message could not be delivered.", retry_after=1))

    async def _part_with(
        self, lines: Sequence[Line], changed: Mapping[str, LinkState], newest: Mapping[str, str]
    ) -> None:
        async with asyncio.TaskGroup() as group:
            for line in lines:
                state = changed.get(line.holder.link_id)
                if state is not None:
                    self.leave(line)
                    group.create_task(line.close(bye_for(refusal_for(state))))
                elif newest.get(line.holder.location_id, line.id) != line.id:
                    self.leave(line)
                    group.create_task(line.close(REPLACED))


def _order(one: model.Command, now: datetime) -> Command:
    left = max(0, int((one.expires_at - now).total_seconds()))
    return Command(id=one.id, kind=one.kind, body=one.body, expires_in=left, sent_at=now)


def _question(command_id: str) -> Command:
    return Command(id=command_id, kind=CommandKind.ASK, body={}, expires_in=0)


def refusal_for(state: LinkState) -> BridgeError:
    """Why a connector whose link is in this state may not stay connected."""
    code = Code.LINK_SUSPENDED if state is LinkState.SUSPENDED else Code.LINK_REVOKED
    return BridgeError(code, retry_after=AGAIN_SECONDS)


def bye_for(error: BridgeError) -> Bye:
    """A refusal, as a good-bye."""
    return Bye(code=error.entry.number or error.code.value, text=error.entry.title, retry_after=error.retry_after)
