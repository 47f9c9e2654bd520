"""Webhooks: receivers of the shop that are told of every payment's end. What a person may do with them, and the task.

The journal's events are the only truth (ARCHITECTURE.md): a receiver is a cursor over them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.feed import Watcher
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import Committer
from tillbridge.upstream.messages import MessageType, Resource
from tillbridge.upstream.reading import OutboxReading
from tillbridge.upstream.receiver import Means, Receiver
from tillbridge.upstream.records import Attempt, Delivery, Webhook
from tillbridge.upstream.secret_file import SecretFile
from tillbridge.upstream.store import OutboxStore, unknown
from tillbridge.upstream.write_keys import WriteKey
from tillbridge.web.webhooks.addresses import AddressRefused, WebhookSettings, check_reachable, check_url
from tillbridge.web.webhooks.courier import Courier
from tillbridge.web.webhooks.signing import new_secret

log = structlog.get_logger(__name__)

Watch = Callable[[], AbstractContextManager[Watcher]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A receiver, and its secret this once: None where the request had been answered before.

    `previous_until` is the moment until which the secret before it signs too.
    """

    webhook: Webhook
    secret: str | None
    replayed: bool
    previous_until: datetime | None = None

    def __repr__(self) -> str:
        return f"Shown({self.webhook!r}, <redacted>)"


class Outbox:
    """Made by `open_outbox`. The receivers are told while `run_webhooks` runs."""

    def __init__(self, means: Means, secrets: SecretFile, settings: WebhookSettings) -> None:
        self._means = means
        self._secrets = secrets
        self._settings = settings
        self._group: asyncio.TaskGroup | None = None
        self._receivers: dict[str, tuple[Receiver, asyncio.Task[None]]] = {}

    # ------------------------------------------------------------ receivers

    def webhooks(self) -> Sequence[Webhook]:
        """Every receiver."""
        return self._means.reading.webhooks()

    def webhook(self, webhook_id: str) -> Webhook:
        """The receiver of this id; `BridgeError(WEBHOOK_UNKNOWN)` if there is none."""
        found = self._means.reading.webhook(webhook_id)
        if found is None:
            raise unknown()
        return found

    async def add(self, url: str, description: str, types: Sequence[MessageType], key: WriteKey) -> Shown:
        """A new receiver with a new secret, told of what happens from now on.

        `BridgeError(WEBHOOK_REFUSED)` for an address that may not be used.
        """
        try:
            await check_reachable(check_url(url, self._settings), self._settings)
        except AddressRefused as refusal:
            raise BridgeError(Code.WEBHOOK_REFUSED, str(refusal), place="url") from None
        runtime = self._means.runtime
        webhook = Webhook(runtime.ids.new(), url, description, tuple(types), key.scope, runtime.clock.now())
        secret = new_secret(runtime.chance)
        # The secret first: a receiver without one could be told nothing. One without a receiver is swept at the start.
        await self._secrets.keep(webhook.id, secret)
        try:
            written = await self._means.store.add(webhook, key)
        except Exception:
            await self._secrets.forget(webhook.id)
            raise
        if written.replayed:
            await self._secrets.forget(webhook.id)
            return Shown(self.webhook(written.subject), None, replayed=True)
        self._attend(webhook)
        return Shown(webhook, secret, replayed=False)

    async def remove(self, webhook_id: str, key: WriteKey) -> None:
        """Takes a receiver away; what it has not been told it is not told any more."""
        await self._means.store.remove(webhook_id, key)
        _, task = self._receivers.pop(webhook_id, (None, None))
        if task is not None:
            task.cancel()
        await self._secrets.forget(webhook_id)

    async def rotate(self, webhook_id: str, key: WriteKey) -> Shown:
        """A new secret. The one before signs too for a day, so that the receiver can be changed in peace."""
        # The key first: a repeat after a lost answer must not push out the secret that the receiver still knows.
        written = await self._means.store.claim(webhook_id, key)
        webhook = self.webhook(written.subject)
        if written.replayed:
            return Shown(webhook, None, replayed=True)
        secret = new_secret(self._means.runtime.chance)
        until = await self._secrets.rotate(webhook_id, secret, self._means.runtime.clock.now())
        return Shown(webhook, secret, replayed=False, previous_until=until)

    # ------------------------------------------------------------ deliveries

    async def test(self, webhook_id: str, key: WriteKey) -> Delivery:
        """Sends a message that means nothing, once."""
        runtime = self._means.runtime
        message = f"test_{runtime.ids.new()}"
        written = await self._means.store.add_test(webhook_id, message, runtime.clock.now(), key)
        self._hurry(webhook_id)
        return self.delivery(int(written.subject))

    async def replay(self, delivery_id: int, key: WriteKey) -> Delivery:
        """Sends a message again, under the same id; `BridgeError(WEBHOOK_UNKNOWN)` if there is no such delivery."""
        written = await self._means.store.replay(delivery_id, self._means.runtime.clock.now(), key)
        delivery = self.delivery(int(written.subject))
        self._hurry(delivery.webhook_id)
        return delivery

    def delivery(self, delivery_id: int) -> Delivery:
        """The delivery of this id; `BridgeError(WEBHOOK_UNKNOWN)` if there is none."""
        found = self._means.reading.delivery(delivery_id)
        if found is None:
            raise BridgeError(Code.WEBHOOK_UNKNOWN, "there is no such delivery")
        return found

    def deliveries(self, webhook_id: str, before: int | None, limit: int) -> Sequence[Delivery]:
        """A page of a receiver's delivery log, newest first."""
        self.webhook(webhook_id)
        return self._means.reading.deliveries(webhook_id, before, limit)

    def attempts(self, delivery_id: int) -> Sequence[Attempt]:
        """What was tried for a delivery, newest first."""
        return self._means.reading.attempts(delivery_id)

    # ------------------------------------------------------------ the task

    async def run(self, watch: Watch) -> None:
        """Tells every receiver, until cancelled. `watch` gives a subscription to payments as they change."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for webhook in self.webhooks():
                    self._attend(webhook)
                while True:
                    await self._listen(watch)
        finally:
            self._group = None
            self._receivers.clear()

    async def _listen(self, watch: Watch) -> None:
        """Until the subscription ends: it does for whoever is too slow, and for everybody when the engine stops."""
        with watch() as watcher:
            async for payment in watcher:
                if not payment.running:
                    for receiver, _ in self._receivers.values():
                        receiver.wake()

    def _attend(self, webhook: Webhook) -> None:
        if self._group is not None:
            receiver = Receiver(webhook, self._means)
            self._receivers[webhook.id] = (receiver, self._group.create_task(receiver.run()))

    def _hurry(self, webhook_id: str) -> None:
        if webhook_id in self._receivers:
            self._receivers[webhook_id][0].hurry()


@asynccontextmanager
async def open_outbox(
    folder: Path,
    journal: Path,
    committer: Committer,
    *,
    settings: WebhookSettings,
    runtime: Runtime,
    resource: Resource,
    courier: Courier,
) -> AsyncIterator[Outbox]:
    """The webhooks of a journal, whose migrations are done; `folder` is the data folder, for the secrets.

    `resource` writes a payment as the native interface does. The caller closes the committer after this.
    """
    secrets = SecretFile(folder)
    reading = OutboxReading(journal)
    try:
        await secrets.keep_only({webhook.id for webhook in reading.webhooks()})
        means = Means(OutboxStore(committer), reading, courier, runtime, resource, secrets.valid)
        yield Outbox(means, secrets, settings)
    finally:
        reading.close()


async def run_webhooks(outbox: Outbox, watch: Watch) -> None:
    """Tells the receivers of everything that they were not told yet and of what happens, until cancelled."""
    await outbox.run(watch)
