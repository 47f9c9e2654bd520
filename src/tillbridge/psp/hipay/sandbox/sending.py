"""Sends notifications until the receiver has them, with everything that can be wrong about one on purpose."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from tillbridge.domain.errors import BridgeError
from tillbridge.psp.hipay.sandbox.faults import Fault, Faults
from tillbridge.psp.hipay.sandbox.model import Delivery, Notice
from tillbridge.psp.hipay.sandbox.notices import OTHER, SIGNATURE, body_of, media_type, sign
from tillbridge.psp.hipay.sandbox.settings import Target
from tillbridge.psp.hipay.sandbox.store import Store
from tillbridge.runtime.effects import Runtime
from tillbridge.web.webhooks.courier import Courier, Reply

ANSWER_SECONDS: Final = 3.0
"""In which a receiver has to answer."""

TAKEN: Final = 200
"""The only status that says that the receiver has it."""

STEPS: Final = (timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=5))
THEN: Final = timedelta(minutes=15)
PATIENCE: Final = timedelta(days=3)
"""When a failed notification is sent again: after these steps, then in this rhythm, for so long."""

AT_ONCE: Final = 8
"""Notifications on their way at the same time, each of another transaction."""

LONGEST_REST: Final = 3600.0
"""Seconds after which the sender looks for due ones even if nobody has woken it: the wall clock may have been set."""

DISK_REST: Final = 5.0
"""Seconds before the next look where the disk has taken nothing."""

log = structlog.get_logger(__name__)


class Sender:
    """The notifications of one sandbox. `target` may be changed while it runs."""

    def __init__(
        self, store: Store, carrier: Courier, target: Target, passphrase: str, faults: Faults, runtime: Runtime
    ) -> None:
        self.target = target
        self._store = store
        self._carrier = carrier
        self._passphrase = passphrase
        self._faults = faults
        self._runtime = runtime
        self._woken = asyncio.Event()
        self._going: set[int] = set()

    def wake(self) -> None:
        """Something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Sends what is due, until cancelled."""
        while True:
            self._woken.clear()
            try:
                rest = await self._round()
            except BridgeError as error:
                log.warning("sandbox_notices_stand_still", reason=error.detail)
                await asyncio.sleep(DISK_REST)
                continue
            if rest > 0:
                await self._rest(rest)

    async def send_now(self, reference: str) -> None:
        """Sends the newest notification of a transaction before this returns, unless it was sent already."""
        for notice in self._store.notices(None, 1, reference):
            if notice.due is not None:
                await self._send(notice)

    async def _round(self) -> float:
        """Sends those that are due; returns for how many seconds there is nothing to do."""
        named = self.target.url is None
        due = self._store.due_notices(self._runtime.clock.now(), AT_ONCE, named=named)
        if due:
            async with asyncio.TaskGroup() as group:
                for notice in due:
                    group.create_task(self._send(notice))
            return 0.0
        coming = self._store.next_notice(named=named)
        if coming is None:
            return LONGEST_REST
        return min(LONGEST_REST, max(0.001, (coming - self._runtime.clock.now()).total_seconds()))

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _send(self, notice: Notice) -> None:
        if notice.seq in self._going:
            return
        self._going.add(notice.seq)
        try:
            reply = await self._attempt(notice)
            for _ in range(_repeats(self._faults)):
                reply = await self._attempt(notice)
            await self._note(notice, reply)
        finally:
            self._going.discard(notice.seq)

    async def _attempt(self, notice: Notice) -> Reply:
        target = self.target
        url = notice.url or target.url
        if url is None:
            return Reply(failure="nobody is told")
        headers, body = self._letter(notice, target)
        return await self._carrier.carry(url, headers, body)

    def _letter(self, notice: Notice, target: Target) -> tuple[dict[str, str], bytes]:
        """Headers and body of an attempt."""
        now = self._runtime.clock.now()
        fields = _changed(notice) if self._faults.strikes(Fault.NOTICE_AMOUNT) else notice.fields
        body = body_of(fields, target.style, now)
        headers = {"Content-Type": media_type(target.style)}
        fault = self._faults.take(
            *(Fault.NOTICE_UNSIGNED, Fault.NOTICE_PASSPHRASE, Fault.NOTICE_DIGEST, Fault.NOTICE_CHANGED)
        )
        match None if fault is None else fault.fault:
            case Fault.NOTICE_UNSIGNED:
                pass
            case Fault.NOTICE_PASSPHRASE:
                headers[SIGNATURE] = sign(body, f"{self._passphrase}x", target.digest)
            case Fault.NOTICE_DIGEST:
                headers[SIGNATURE] = sign(body, self._passphrase, OTHER[target.digest])
            case Fault.NOTICE_CHANGED:
                headers[SIGNATURE] = sign(body, self._passphrase, target.digest)
                body = body_of(_changed(notice), target.style, now)
            case _:
                headers[SIGNATURE] = sign(body, self._passphrase, target.digest)
        return headers, body

    async def _note(self, notice: Notice, reply: Reply) -> None:
        now = self._runtime.clock.now()
        if reply.status == TAKEN:
            await self._store.note_attempt(notice.seq, Delivery.DELIVERED, None, str(TAKEN))
            return
        said = reply.failure or f"it answered {reply.status}, and only {TAKEN} says that it was taken"
        due = next_attempt(notice.attempts + 1, notice.made, now)
        delivery = Delivery.GIVEN_UP if due is None else Delivery.WAITING
        await self._store.note_attempt(notice.seq, delivery, due, said)


def next_attempt(attempts: int, made: datetime, now: datetime) -> datetime | None:
    """When to try again after the failed attempt number `attempts`, from 1; None when it is given up."""
    if now - made >= PATIENCE:
        return None
    return now + (STEPS[attempts - 1] if attempts <= len(STEPS) else THEN)


def _repeats(faults: Faults) -> int:
    """How many times more than once it is sent."""
    if faults.strikes(Fault.NOTICE_FIVE):
        return 4
    return 1 if faults.strikes(Fault.NOTICE_TWICE) else 0


def _changed(notice: Notice) -> tuple[tuple[str, str], ...]:
    """The same fields with an amount that nobody has signed."""
    return tuple((name, f"1{value}" if name == "captured_amount" else value) for name, value in notice.fields)
