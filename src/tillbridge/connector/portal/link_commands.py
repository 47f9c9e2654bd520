"""What this connector does with the portal's commands, one after another (docs/explanation/link.md)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol, assert_never

import structlog
from pydantic import JsonValue

from tillbridge.connector.portal.link_book import CommandBook, Mark
from tillbridge.connector.portal.link_payments import Payments, answer_of, command_of, refused
from tillbridge.connector.portal.link_settings import KeptSettings, keep_pushed, kept_settings, read_pushed
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.feed import Watcher
from tillbridge.link.message_words import CommandKind, CommandState
from tillbridge.link.messages import Command, CommandAnswer
from tillbridge.protocols.contract import Payment, PaymentDesk
from tillbridge.runtime.effects import Clock

NOT_KNOWN_HERE: Final = "command_unknown"
"""The code of a command of a kind that only a newer connector can carry out."""

CONFIGURATION_NOT_ACCEPTED: Final = "configuration_not_accepted"
"""The code of settings that were sent where the shop's own settings lack the merchant's consent."""

MOST_WAITING: Final = 100
"""Commands in line. A portal asks for one payment at a time and terminal; more than this is a fault."""

LATE_BY: Final = timedelta(seconds=5)
"""By so much a message may seem older than it is, because the two clocks were compared over a slow line."""

Say = Callable[[CommandAnswer], Awaitable[None]]
"""Sends an answer over the connection that there is; where there is none, the portal asks when there is one."""

log = structlog.get_logger(__name__)


class Desk(PaymentDesk, Protocol):
    """The engine, as far as commands need it."""

    def watch(self) -> AbstractContextManager[Watcher]:
        """See `Engine.watch`."""
        ...


class Commander:
    """Carries commands out, one after another. It outlives connections: an answer goes over whichever is open then.

    A command is never broken off because a connection is: whatever was begun is in the journal when the portal asks.
    """

    def __init__(
        self, desk: Desk, settings: PortalSettings | None, folder: Path, clock: Clock, revision: str | None = None
    ) -> None:
        consent = settings is not None and settings.accept_payments
        self._desk = desk
        self._folder = folder
        self._clock = clock
        self._configurable = settings is not None and settings.accept_configuration
        self.book = CommandBook(folder, clock)
        self._payments = Payments(desk, self.book, accepted=consent)
        self._waiting: asyncio.Queue[_Received] = asyncio.Queue(MOST_WAITING)
        self._one_at_a_time = asyncio.Lock()
        self.revision = revision
        """Which settings of the portal's are in force here; None for none."""
        self.rotate: Callable[[], None] = lambda: None
        """Called when the portal asks for a new credential."""

    def take(self, command: Command, skew: timedelta | None) -> None:
        """Puts a command in line; one too many is left out, and the portal asks what became of it.

        `skew` is this computer's clock less the portal's, None where it is not known.
        """
        age = timedelta()
        if command.sent_at is not None and skew is not None:
            # A computer that slept finds the message in its buffer, and no other clock of it has gone on meanwhile.
            age = max(age, self._clock.now() - skew - command.sent_at - LATE_BY)
        until = self._clock.monotonic() + command.expires_in - age.total_seconds()
        try:
            self._waiting.put_nowait(_Received(command, until))
        except asyncio.QueueFull:
            log.warning("portal_commands_crowded", command=command.id)

    async def work(self, say: Say) -> None:
        """Carries out what is in line, until cancelled."""
        while True:
            received = await self._waiting.get()
            command = received.command
            try:
                async with self._one_at_a_time:
                    answer = await self._answered(received)
            except BridgeError as error:
                log.warning("portal_command_refused", command=command.id, code=error.code, place=error.place)
                if command.known_kind is CommandKind.ASK:
                    continue  # what became of it is not known here and now: it is asked again
                answer = refused(command.id, error.code)
            await say(answer)

    async def _answered(self, received: "_Received") -> CommandAnswer:
        command = received.command
        if command.known_kind is CommandKind.ASK:
            return await self._standing(command.id)
        if command.known_kind is CommandKind.PAYMENT:
            # A message that comes twice, or late, is the same payment still.
            earlier = await self._payments.find(command.id)
            if earlier is not None:
                return answer_of(command.id, earlier)
        called_off = self.book.mark(command.id) is Mark.CALLED_OFF
        if called_off or self._clock.monotonic() >= received.until:
            return refused(command.id, Code.COMMAND_EXPIRED)
        return await self._carry_out(command)

    async def noted(self, command_id: str) -> None:
        """The portal has written down how this command ended.

        Only then is it forgotten here. What was merely sent may be lost with the connection, and where another
        computer with the same key has called the command off meanwhile, the portal would never ask again.
        """
        try:
            if self.book.may_be_open(command_id):
                await self.book.drop(command_id)
        except BridgeError as error:
            # The portal asks about it once more, and hears the same.
            log.warning("portal_command_still_marked", command=command_id, code=error.code)

    async def follow(self, say: Say) -> None:
        """Says of every payment of the portal how it goes on, until cancelled."""
        while True:
            with self._desk.watch() as watcher:
                async for payment in watcher:
                    await self._followed(payment, say)
            log.warning("portal_payments_missed")
            for command_id in self.book.unfinished:
                found = await self._payments.find(command_id)
                if found is not None:
                    await self._followed(found, say)

    async def _followed(self, payment: Payment, say: Say) -> None:
        command_id = command_of(payment)
        if command_id is not None and not payment.running and self.book.may_be_open(command_id):
            await say(answer_of(command_id, payment))

    async def _carry_out(self, command: Command) -> CommandAnswer:
        match command.known_kind:
            case CommandKind.PAYMENT:
                return await self._payments.start(command)
            case CommandKind.CONFIGURATION:
                return await self._configure(command)
            case CommandKind.ROTATE:
                self.rotate()
                return CommandAnswer(id=command.id, state=CommandState.DONE)
            case CommandKind.ASK | None:
                return refused(command.id, NOT_KNOWN_HERE)
            case kind:
                assert_never(kind)

    async def _configure(self, command: Command) -> CommandAnswer:
        if not self._configurable:
            return refused(command.id, CONFIGURATION_NOT_ACCEPTED)
        kept = KeptSettings(command=command.id, settings=read_pushed(command.body.get("settings")))
        before = await asyncio.to_thread(kept_settings, self._folder)
        if before is not None:
            # Its command is about to be overwritten, and the portal may not know yet that it was kept.
            await self.book.put(before.command, Mark.KEPT)
        await asyncio.to_thread(keep_pushed, self._folder, kept)
        return _configured(command.id, kept.settings.revision)

    async def _standing(self, command_id: str) -> CommandAnswer:
        """What became of a command that the portal gave and heard nothing of."""
        payment = await self._payments.find(command_id)
        if payment is not None:
            return answer_of(command_id, payment)
        kept = await asyncio.to_thread(kept_settings, self._folder)
        if kept is not None and kept.command == command_id:
            return _configured(command_id, kept.settings.revision)
        mark = self.book.mark(command_id)
        if mark is Mark.KEPT:
            return _configured(command_id)
        if mark is not Mark.CALLED_OFF:
            await self.book.put(command_id, Mark.CALLED_OFF)
        return CommandAnswer(id=command_id, state=CommandState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Received:
    """A command, and until when it may be begun by this computer's own unadjusted clock."""

    command: Command
    until: float


def _configured(command_id: str, revision: str | None = None) -> CommandAnswer:
    """They were kept; without a revision, and replaced by others since."""
    answer: dict[str, JsonValue] = {} if revision is None else {"revision": revision}
    return CommandAnswer(id=command_id, state=CommandState.DONE, answer=answer)
