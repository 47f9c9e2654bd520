"""Who is told of payments, as methods. docs/how-to/receive-webhooks.md says what each of them means."""

from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import quote

from tillbridge.client.asking import Asking
from tillbridge.connector.api.webhook_resources import (
    DeliveriesResource,
    DeliveryResource,
    RemovedResource,
    SecretResource,
    TriedResource,
    WebhookBody,
    WebhookResource,
    WebhooksResource,
)
from tillbridge.upstream.messages import MessageType

PAGE: Final = 100
_EVERY: Final = "v1/webhooks"


class Webhooks:
    """The receivers of one connector. Every write has a `key`, under which it happens once."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def add(
        self, url: str, *, key: str, description: str | None = None, types: Sequence[MessageType] | None = None
    ) -> SecretResource:
        """A new receiver, told of `types` or of everything. Its secret is in the first answer and in no other."""
        body = WebhookBody(url=url, description=description, types=None if types is None else tuple(types))
        return await self._asking.post(_EVERY, SecretResource, key, body)

    async def all(self) -> tuple[WebhookResource, ...]:
        """Every receiver, oldest first."""
        return (await self._asking.get(_EVERY, WebhooksResource)).webhooks

    async def one(self, webhook_id: str) -> WebhookResource:
        """One receiver."""
        return await self._asking.get(_one(webhook_id), WebhookResource)

    async def remove(self, webhook_id: str, *, key: str) -> None:
        """Takes a receiver away, with its log."""
        await self._asking.delete(_one(webhook_id), RemovedResource, key)

    async def rotate(self, webhook_id: str, *, key: str) -> SecretResource:
        """A new secret; for a day the one before signs as well."""
        return await self._asking.post(f"{_one(webhook_id)}/rotate", SecretResource, key)

    async def test(self, webhook_id: str, *, key: str) -> DeliveryResource:
        """Sends the receiver a message that means nothing."""
        return await self._asking.post(f"{_one(webhook_id)}/test", DeliveryResource, key)

    async def deliveries(self, webhook_id: str) -> AsyncIterator[DeliveryResource]:
        """The receiver's log, newest first, page by page for as long as somebody reads."""
        path, query = f"{_one(webhook_id)}/deliveries", {"limit": str(PAGE)}
        page = await self._asking.get(path, DeliveriesResource, query)
        while True:
            for delivery in page.deliveries:
                yield delivery
            if page.next is None:
                return
            before = {"before": str(page.deliveries[-1].id)}
            page = await self._asking.get(path, DeliveriesResource, query | before)

    async def delivery(self, delivery_id: int) -> TriedResource:
        """One message to one receiver, with everything that was tried for it."""
        return await self._asking.get(f"{_EVERY}/deliveries/{delivery_id}", TriedResource)

    async def replay(self, delivery_id: int, *, key: str) -> DeliveryResource:
        """Sends a message again, whatever became of it."""
        return await self._asking.post(f"{_EVERY}/deliveries/{delivery_id}/replay", DeliveryResource, key)


def _one(webhook_id: str) -> str:
    return f"{_EVERY}/{quote(webhook_id, safe='')}"
