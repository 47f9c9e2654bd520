"""Tells one receiver, message by message. Each receiver has a task of its own: what one does, no other one notices."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.upstream.messages import MessageType, Resource
from tillbridge.upstream.reading import OutboxReading
from tillbridge.upstream.records import Attempt, Delivery, Webhook
from tillbridge.upstream.store import OutboxStore, Turn
from tillbridge.web.webhooks import backoff
from tillbridge.web.webhooks.courier import Courier, Reply
from tillbridge.web.webhooks.envelope import write_body
from tillbridge.web.webhooks.signing import sign

POLL_SECONDS: Final = 30.0
"""How often to look for events without being told of any: those that ride along tell nobody."""

SOON_SECONDS: Final = 1.0
"""For what is written down to reach the disk; nothing is told before it has."""

TROUBLE_SECONDS: Final = 30.0
"""After a fault of our own, or of the disk."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What every receiver's task works with."""

    store: OutboxStore
    reading: OutboxReading
    courier: Courier
    runtime: Runtime
    resource: Resource
    secrets: Callable[[str, datetime], list[str]]


class Receiver:
    """The task of one webhook."""

    def __init__(self, webhook: Webhook, means: Means) -> None:
        self._webhook = webhook
        self._means = means
        self._news = asyncio.Event()
        self._asked = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """Something may have happened that this receiver is to be told."""
        self._news.set()

    def hurry(self) -> None:
        """A person waits for a message to be sent: also a receiver that is being left alone is asked now."""
        self._asked.set()
        self._news.set()

    async def run(self) -> None:
        """Tells the receiver whatever it is to be told, until cancelled."""
        while True:
            try:
                await self._take_turn()
            except StorageUnavailable as error:
                log.warning("webhook_not_noted", webhook=self._webhook.id, error=str(error))
                await asyncio.sleep(TROUBLE_SECONDS)
            except Exception:
                # A fault with one receiver must not end the others' tasks with its own.
                log.exception("webhook_fault", webhook=self._webhook.id)
                await asyncio.sleep(TROUBLE_SECONDS)

    async def _take_turn(self) -> None:
        self._news.clear()
        turn = await self._means.store.turn(self._webhook, self._now())
        if turn.due is None:
            await self._rest(turn)
            return
        body = self._body(turn.due)
        if body is None:
            await _until(self._news, SOON_SECONDS)
            return
        await self._send(turn.due, body)

    async def _rest(self, turn: Turn) -> None:
        if turn.more:
            return
        seconds = POLL_SECONDS
        if turn.next_at is not None:
            seconds = min(seconds, max(0.0, (turn.next_at - self._now()).total_seconds()))
        await _until(self._news, seconds)

    async def _send(self, delivery: Delivery, body: bytes) -> None:
        began, started = self._now(), self._means.runtime.clock.monotonic()
        reply = await self._carry(delivery, began, body)
        took = int((self._means.runtime.clock.monotonic() - started) * 1_000_000)
        attempt = Attempt(began, took, reply.status, reply.failure)
        next_at = None if reply.failure is None else self._next(delivery)
        await self._means.store.note(delivery, attempt, next_at)
        if reply.failure is None:
            self._failures = 0
            return
        self._failures += 1
        event = "webhook_failed" if next_at is not None else "webhook_gave_up"
        log.warning(event, webhook=self._webhook.id, message=delivery.message_id, failure=reply.failure)
        await self._leave_alone(reply)

    async def _carry(self, delivery: Delivery, now: datetime, body: bytes) -> Reply:
        secrets = self._means.secrets(self._webhook.id, now)
        if not secrets:
            return Reply(failure="not sent: its secret is lost, rotate it")
        headers = sign(secrets, delivery.message_id, now, body)
        return await self._means.courier.carry(self._webhook.url, headers, body)

    async def _leave_alone(self, reply: Reply) -> None:
        seconds = backoff.pause(self._failures, self._means.runtime.chance)
        if reply.retry_after is not None:
            seconds = max(seconds, min(reply.retry_after, backoff.LONGEST_ASKED).total_seconds())
        await _until(self._asked, seconds)
        self._asked.clear()

    def _next(self, delivery: Delivery) -> datetime | None:
        if delivery.type is MessageType.TEST:
            return None
        return backoff.next_attempt(delivery.attempts + 1, delivery.since, self._now(), self._means.runtime.chance)

    def _body(self, delivery: Delivery) -> bytes | None:
        """What to send; None while the event is not on disk."""
        if delivery.event_seq is None:
            return write_body(delivery.type, delivery.since, {"webhook_id": delivery.webhook_id})
        found = self._means.reading.event(delivery.event_seq)
        if found is None:
            return None
        event, payment = found
        return write_body(delivery.type, event.at, self._means.resource(payment))

    def _now(self) -> datetime:
        return self._means.runtime.clock.now()


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Returns when it is set, or after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
