"""Keeps track of whether vouchers can be taken: follows the link, and asks the portal how its service stands."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog

from tillbridge.connector.portal.board import Board
from tillbridge.connector.portal.faults import OVERDUE_SECONDS, UnderMaintenance
from tillbridge.connector.portal.states import LinkState
from tillbridge.connector.vouchers.service import VoucherService, service_of
from tillbridge.connector.vouchers.way import Way
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.offline_messages import OfflineTerms
from tillbridge.runtime.effects import Clock

ASK_SECONDS: Final = 300.0
"""Between two questions how the service stands; what a till is refused meanwhile is known at once."""

ASK_AGAIN_SECONDS: Final = 60.0
"""The same while it is switched off or under maintenance: as often as the link gives a sign of life, and no more."""

_ABOUT_THE_SERVICE: Final = frozenset(
    {
        Code.SWITCHED_OFF,
        Code.LICENCE_MISSING,
        Code.SERVICE_UNAVAILABLE,
        Code.CONVERSION_REQUIRED,
        Code.MAINTENANCE,
    }
)
"""Refusals of the service itself: the link is well, and somebody in the office can let vouchers be taken again."""

log = structlog.get_logger(__name__)


class ServiceWatch:
    """Keeps track of the service, and calls `changed` when it stands otherwise. Its methods run on the event loop."""

    def __init__(
        self,
        board: Board,
        way: Way,
        clock: Clock,
        changed: Callable[[VoucherService], None],
        keep: Callable[[OfflineTerms | None], Awaitable[None]],
        recover: Callable[[], Awaitable[bool]],
    ) -> None:
        self._board = board
        self._recover = recover
        self._keep = keep
        self._way = way
        self._clock = clock
        self._changed = changed
        self._said: BridgeError | None = None
        self._ask = asyncio.Event()
        self._last = service_of(board.standing(), None, clock.now())
        way.noted = self.note

    def now(self) -> VoucherService:
        """As it stands at this moment, with since when."""
        over = isinstance(self._said, UnderMaintenance) and _over(self._said, self._clock.now())
        found = service_of(self._board.standing(), None if over else self._said, self._clock.now())
        if (found.state, found.cause, found.until) != (self._last.state, self._last.cause, self._last.until):
            self._last = found
            log.info("voucher_service", state=found.state, cause=found.cause)
        # Since when is that of the first look; the refusal is that of the last.
        return VoucherService(found.state, self._last.since, found.trouble, found.cause, found.until)

    def note(self, refusal: BridgeError | None) -> None:
        """What a request about vouchers came to: None where it was carried out."""
        if refusal is not None and refusal.code not in _ABOUT_THE_SERVICE:
            return
        begun = refusal is not None and refusal.code is Code.MAINTENANCE and self._said is None
        self._said = refusal
        self._look()
        if begun:
            # It may be a portal that was restored, and waits for what this connector can tell.
            self._ask.set()

    async def run(self) -> None:
        """Asks how the service stands, and tells what changes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            while True:
                self._ask.clear()
                await self._ask_portal()
                with suppress(TimeoutError):
                    async with asyncio.timeout(ASK_SECONDS if self._said is None else ASK_AGAIN_SECONDS):
                        await self._ask.wait()

    async def _ask_portal(self) -> None:
        try:
            recovering = await self._recovering()
            refusal = await self._way.service()
            if recovering and refusal is None:
                refusal = UnderMaintenance(None, OVERDUE_SECONDS)
            self.note(refusal)
            if refusal is None:
                await self._keep(await self._terms())
        except BridgeError as error:
            log.debug("voucher_service_not_asked", code=error.code)
        except Exception:
            # Whatever it is: what a till is refused says the same later, and no payment waits for this.
            log.exception("voucher_service_fault")

    async def _recovering(self) -> bool:
        try:
            return await self._recover()
        except BridgeError as error:
            # The rest is told the next time; a portal of before there was recovery does not ask for it.
            log.debug("voucher_recovery_not_asked", code=error.code)
            return False

    async def _terms(self) -> OfflineTerms | None:
        try:
            return await self._way.terms()
        except BridgeError as error:
            if error.code is not Code.VOUCHER_NOT_PARTICIPATING:
                raise
            return None

    async def _follow(self) -> None:
        was = self._board.state
        while True:
            await self._board.change()
            self._look()
            if self._board.state is LinkState.ACTIVE and was is not LinkState.ACTIVE:
                self._ask.set()
            was = self._board.state

    def _look(self) -> None:
        before = self._last
        self.now()
        if self._last is not before:
            self._changed(self._last)


def _over(maintenance: UnderMaintenance, now: datetime) -> bool:
    return maintenance.until is not None and maintenance.until <= now
