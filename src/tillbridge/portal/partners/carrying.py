"""Brings messages to their receivers: at least once, those about one voucher in their order, for three days.

Any number of processes do it. A message is claimed before it is sent, so that two never send the same at the same
moment; when a process dies in between, the message is sent again after the lease, under the same id.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from tillbridge.portal.house import House
from tillbridge.portal.partners import hooks_store
from tillbridge.portal.partners.hooks_model import LONGEST_FAULT, Delivery, DeliveryState, Topic, Webhook
from tillbridge.web.webhooks import backoff
from tillbridge.web.webhooks.courier import Courier, Reply
from tillbridge.web.webhooks.envelope import write_body
from tillbridge.web.webhooks.signing import sign

TOGETHER: Final = 8
"""Messages that one receiver is sent at the same time."""

LEASE: Final = timedelta(minutes=2)
"""Several times what an attempt may take."""

log = structlog.get_logger(__name__)


class Carrier:
    """Sends what waits."""

    def __init__(self, house: House, courier: Courier) -> None:
        self._house = house
        self._courier = courier
        self._busy: set[str] = set()

    async def send_due(self, group: asyncio.TaskGroup) -> None:
        """Begins to serve each receiver that has something to be told; what one does, no other one notices."""
        async with self._house.database.reading() as connection:
            due = await hooks_store.due(connection, self._house.runtime.clock.now())
        for webhook_id in due:
            if webhook_id not in self._busy:
                self._busy.add(webhook_id)
                group.create_task(self._serve(webhook_id))

    async def _serve(self, webhook_id: str) -> None:
        try:
            while await self._some(webhook_id):
                pass
        except Exception:
            # A fault with one receiver must not end the others' tasks with its own; what it had claimed is due again.
            log.exception("webhook_fault", webhook=webhook_id)
        finally:
            self._busy.discard(webhook_id)

    async def _some(self, webhook_id: str) -> bool:
        """Sends a few messages; False if there are none now, or the receiver is to be left alone."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            hook = await hooks_store.find(connection, webhook_id)
            claimed = await hooks_store.claim(connection, webhook_id, now, LEASE, TOGETHER)
        if hook is None or not claimed:
            return False
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._carry(hook, one, now)) for one in claimed]
        replies = [task.result() for task in tasks]
        await self._note(hook, claimed, replies)
        return all(reply.failure is None for reply in replies)

    async def _carry(self, hook: Webhook, one: Delivery, now: datetime) -> Reply:
        try:
            secrets = hook.secrets(self._house.vault, now)
        except ValueError:
            return Reply(failure="not sent: its secret cannot be read, rotate it")
        body = write_body(one.topic, one.happened_at, one.body)
        return await self._courier.carry(hook.url, sign(secrets, one.message_id, now, body), body)

    async def _note(self, hook: Webhook, claimed: Sequence[Delivery], replies: Sequence[Reply]) -> None:
        now, failed = self._house.runtime.clock.now(), [one for one in replies if one.failure is not None]
        async with self._house.database.writing() as connection:
            for one, reply in zip(claimed, replies, strict=True):
                await hooks_store.settle(connection, self._after(one, reply, now))
            if failed:
                seconds = backoff.pause(hook.failures + 1, self._house.runtime.chance)
                asked = max((one.retry_after for one in failed if one.retry_after is not None), default=timedelta())
                until = now + max(timedelta(seconds=seconds), min(asked, backoff.LONGEST_ASKED))
                await hooks_store.leave_alone(connection, hook.id, hook.failures + 1, until)
            elif hook.failures:
                await hooks_store.leave_alone(connection, hook.id, 0, None)
        for reply in failed:
            log.warning("webhook_failed", webhook=hook.id, failure=reply.failure)

    def _after(self, one: Delivery, reply: Reply, now: datetime) -> Delivery:
        """The message after an attempt."""
        if reply.failure is None:
            return replace(one, state=DeliveryState.DELIVERED, status=reply.status, fault="", ended_at=now)
        told = replace(one, status=reply.status, fault=reply.failure[:LONGEST_FAULT])
        again = None
        if one.topic is not Topic.TEST:
            again = backoff.next_attempt(one.attempts, one.since, now, self._house.runtime.chance)
        if again is None:
            return replace(told, state=DeliveryState.GAVE_UP, ended_at=now)
        return replace(told, next_at=again)
