"""Who is told of payments, and what became of telling them. docs/how-to/receive-webhooks.md is the manual."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response

from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.payments import LONGEST_ID, PREFIX
from tillbridge.connector.api.resources import PaymentResource
from tillbridge.connector.api.scopes import Scope, granted
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
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.contract import Payment
from tillbridge.upstream.messages import SUBSCRIBABLE
from tillbridge.upstream.outbox import Outbox
from tillbridge.upstream.reading import PAGE_LIMIT
from tillbridge.upstream.records import Delivery, DeliveryState
from tillbridge.upstream.write_keys import WriteKey

TAG: Final = "webhooks"
USUAL_PAGE: Final = 50
LARGEST_DELIVERY: Final = 2**63 - 1
"""The largest number that a row of the journal can have."""

_LOOK: Final = (Scope.READ, Scope.ADMIN)
_CHANGE: Final = (Scope.ADMIN,)
_ONE: Final = (Code.WEBHOOK_UNKNOWN,)
_WRITING: Final = (Code.FIELD_INVALID, Code.KEY_REQUIRED, Code.KEY_CONFLICT, Code.JOURNAL_UNAVAILABLE)
_MADE: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.CREATED: {"model": SecretResource, "description": "It is made; its secret is shown this once."}
}
_PENDING: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.ACCEPTED: {"model": DeliveryResource, "description": "It will be sent; ask again at the Location."}
}

_Before = Annotated[int | None, Query(ge=1, le=LARGEST_DELIVERY, description="The last id of a page.")]
_Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT)]


class _Webhooks:
    """The routes' functions, over one outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def add(self, request: Request, body: WebhookBody, idempotency_key: IdempotencyKey) -> Response:
        """Adds a receiver. It is told of what happens from now on; its secret is shown this once.

        A repeat with the same key answers without the secret: rotate it where it was lost.
        """
        key = WriteKey(granted(request).caller, idempotency_key, body.fingerprint())
        types = body.types or SUBSCRIBABLE
        shown = await self._outbox.add(body.url, body.description or "", types, key)
        status = HTTPStatus.OK if shown.replayed else HTTPStatus.CREATED
        answer = json_answer(SecretResource.of(shown), status)
        answer.headers["Location"] = f"{PREFIX}/webhooks/{shown.webhook.id}"
        return answer

    async def every(self) -> Response:
        """Every receiver, oldest first."""
        return json_answer(WebhooksResource(webhooks=tuple(map(WebhookResource.of, self._outbox.webhooks()))))

    async def one(self, webhook_id: str) -> Response:
        """The receiver, without its secret."""
        return json_answer(WebhookResource.of(self._outbox.webhook(webhook_id[:LONGEST_ID])))

    async def remove(self, request: Request, webhook_id: str, idempotency_key: IdempotencyKey) -> Response:
        """Takes a receiver away: it is told nothing any more, and its delivery log goes with it."""
        wanted = webhook_id[:LONGEST_ID]
        await self._outbox.remove(wanted, _key(request, idempotency_key, "remove_webhook", wanted))
        return json_answer(RemovedResource(id=wanted))

    async def rotate(self, request: Request, webhook_id: str, idempotency_key: IdempotencyKey) -> Response:
        """Gives the receiver a new secret, shown this once. For a day messages are signed with the old one as well."""
        wanted = webhook_id[:LONGEST_ID]
        shown = await self._outbox.rotate(wanted, _key(request, idempotency_key, "rotate_secret", wanted))
        return json_answer(SecretResource.of(shown))

    async def test(self, request: Request, webhook_id: str, idempotency_key: IdempotencyKey) -> Response:
        """Sends the receiver a `webhook.test`, once."""
        wanted = webhook_id[:LONGEST_ID]
        delivery = await self._outbox.test(wanted, _key(request, idempotency_key, "test_webhook", wanted))
        return _delivery(delivery)

    async def deliveries(self, webhook_id: str, before: _Before = None, limit: _Limit = USUAL_PAGE) -> Response:
        """The receiver's delivery log, newest first. What is done stays in it for 30 days."""
        wanted = webhook_id[:LONGEST_ID]
        found = self._outbox.deliveries(wanted, before, limit)
        path = f"{PREFIX}/webhooks/{wanted}/deliveries"
        older = f"{path}?before={found[-1].id}&limit={limit}" if len(found) == limit else None
        return json_answer(DeliveriesResource(deliveries=tuple(map(DeliveryResource.of, found)), next=older))

    async def delivery(self, delivery_id: str) -> Response:
        """One delivery with everything that was tried for it."""
        found = self._outbox.delivery(_number(delivery_id))
        return json_answer(TriedResource.of(found, self._outbox.attempts(found.id)))

    async def replay(self, request: Request, delivery_id: str, idempotency_key: IdempotencyKey) -> Response:
        """Sends a message again, whatever became of it, under the same `webhook-id`."""
        key = _key(request, idempotency_key, "replay_delivery", delivery_id[:LONGEST_ID])
        return _delivery(await self._outbox.replay(_number(delivery_id), key))


def written_payment(payment: Payment) -> Mapping[str, object]:
    """A payment as receivers are told it: as this interface gives it out."""
    return PaymentResource.of(payment).model_dump(mode="json")


def add_webhooks(app: FastAPI, outbox: Outbox) -> None:
    """Adds the routes under `/webhooks`."""
    of = _Webhooks(outbox)
    for route in (*_of_receivers(of), *_of_deliveries(of)):
        route.add_to(app)


def _of_receivers(of: _Webhooks) -> tuple[Route, ...]:
    every, one = "/webhooks", "/webhooks/{webhook_id}"
    adding, changing = (Code.BODY_INVALID, *_WRITING, Code.WEBHOOK_REFUSED), (*_WRITING, *_ONE)
    return (
        Route("POST", every, of.add, "add_webhook", "Add a receiver", TAG, SecretResource, adding, _CHANGE, _MADE),
        Route("GET", every, of.every, "list_webhooks", "List receivers", TAG, WebhooksResource, (), _LOOK),
        Route("GET", one, of.one, "get_webhook", "See a receiver", TAG, WebhookResource, _ONE, _LOOK),
        Route("DELETE", one, of.remove, "remove_webhook", "Take it away", TAG, RemovedResource, changing, _CHANGE),
        Route(
            "POST", f"{one}/rotate", of.rotate, "rotate_secret", "New secret", TAG, SecretResource, changing, _CHANGE
        ),
    )


def _of_deliveries(of: _Webhooks) -> tuple[Route, ...]:
    test, log = "/webhooks/{webhook_id}/test", "/webhooks/{webhook_id}/deliveries"
    one = "/webhooks/deliveries/{delivery_id}"
    sending, paging = (*_WRITING, *_ONE), (*_ONE, Code.FIELD_INVALID)
    sent = (TAG, DeliveryResource, sending, _CHANGE, _PENDING)
    return (
        Route("POST", test, of.test, "test_webhook", "Try it out", *sent),
        Route("GET", log, of.deliveries, "list_deliveries", "See its log", TAG, DeliveriesResource, paging, _LOOK),
        Route("GET", one, of.delivery, "get_delivery", "See a delivery", TAG, TriedResource, _ONE, _LOOK),
        Route("POST", f"{one}/replay", of.replay, "replay_delivery", "Send it again", *sent),
    )


def _key(request: Request, key: str, *meaning: str) -> WriteKey:
    """The key of a write without a body: what it means stands in its path."""
    fingerprint = hashlib.sha256("\0".join(meaning).encode()).hexdigest()
    return WriteKey(granted(request).caller, key, fingerprint)


def _delivery(delivery: Delivery) -> Response:
    pending = delivery.state is DeliveryState.PENDING
    answer = json_answer(DeliveryResource.of(delivery), HTTPStatus.ACCEPTED if pending else HTTPStatus.OK)
    answer.headers["Location"] = f"{PREFIX}/webhooks/deliveries/{delivery.id}"
    return answer


def _number(delivery_id: str) -> int:
    """The number that a delivery goes by; whatever is none names no delivery."""
    if not (delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) < len(str(LARGEST_DELIVERY))):
        raise BridgeError(Code.WEBHOOK_UNKNOWN, "there is no such delivery")
    return int(delivery_id)
