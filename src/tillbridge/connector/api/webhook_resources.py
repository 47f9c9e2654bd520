"""What the native interface takes in and gives out about webhooks. Fields are added, never renamed or removed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from tillbridge.connector.api.bodies import Body, PersonText, digest
from tillbridge.connector.api.resources import Resource
from tillbridge.upstream.messages import SUBSCRIBABLE, MessageType
from tillbridge.upstream.outbox import Shown
from tillbridge.upstream.records import Attempt, Delivery, DeliveryState, Webhook
from tillbridge.web.webhooks.addresses import LONGEST_URL


def _subscribable(types: tuple[MessageType, ...] | None) -> tuple[MessageType, ...] | None:
    if types is not None and (MessageType.TEST in types or len(set(types)) != len(types)):
        raise ValueError("each type once, and webhook.test is sent only when it is asked for")
    return types


class WebhookBody(Body):
    """A new receiver. `types` null means every type."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL, examples=["https://shop.example/tillbridge"])]
    description: PersonText | None = None
    types: Annotated[
        # A strict model wants tuples and members where JSON has only lists and texts.
        tuple[Annotated[MessageType, Field(strict=False)], ...] | None,
        Field(strict=False, min_length=1, max_length=len(SUBSCRIBABLE)),
        AfterValidator(_subscribable),
    ] = None

    def fingerprint(self) -> str:
        """A digest of what the request means; see `digest`."""
        return digest(self, "add_webhook")


class WebhookResource(Resource):
    """A receiver, without its secret."""

    id: str
    url: str
    description: str
    types: tuple[MessageType, ...]
    created_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookResource":
        """This webhook."""
        return cls(
            id=webhook.id,
            url=webhook.url,
            description=webhook.description,
            types=webhook.types,
            created_at=webhook.created_at,
        )


class RemovedResource(Resource):
    """The receiver that is not told any more."""

    id: str


class WebhooksResource(Resource):
    """Every receiver."""

    webhooks: tuple[WebhookResource, ...]


class SecretResource(Resource):
    """A receiver with its new secret, shown this once; null where the request had been answered before (`replayed`).

    Until `previous_until` the secret before it signs too.
    """

    webhook: WebhookResource
    secret: str | None
    previous_until: datetime | None
    replayed: bool

    @classmethod
    def of(cls, shown: Shown) -> "SecretResource":
        """What is shown."""
        return cls(
            webhook=WebhookResource.of(shown.webhook),
            secret=shown.secret,
            previous_until=shown.previous_until,
            replayed=shown.replayed,
        )


class AttemptResource(Resource):
    """One try. `status` is the answer's HTTP status; `failure` null means that the receiver took the message."""

    at: datetime
    took_ms: float
    status: int | None
    failure: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptResource":
        """This attempt."""
        return cls(at=attempt.at, took_ms=attempt.took / 1000, status=attempt.status, failure=attempt.failure)


class DeliveryResource(Resource):
    """One message to one receiver. `message_id` is its `webhook-id`, the same in every try and in a replay."""

    id: int
    webhook_id: str
    message_id: str
    type: MessageType
    payment_id: str | None
    state: DeliveryState
    attempts: int
    since: datetime
    next_at: datetime | None
    done_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryResource":
        """This delivery."""
        return cls(
            id=delivery.id,
            webhook_id=delivery.webhook_id,
            message_id=delivery.message_id,
            type=delivery.type,
            payment_id=delivery.payment_id,
            state=delivery.state,
            attempts=delivery.attempts,
            since=delivery.since,
            next_at=delivery.next_at,
            done_at=delivery.done_at,
        )


class TriedResource(Resource):
    """A delivery with what was tried, newest first."""

    delivery: DeliveryResource
    tried: tuple[AttemptResource, ...]

    @classmethod
    def of(cls, delivery: Delivery, attempts: Sequence[Attempt]) -> "TriedResource":
        """This delivery and these attempts."""
        return cls(delivery=DeliveryResource.of(delivery), tried=tuple(map(AttemptResource.of, attempts)))


class DeliveriesResource(Resource):
    """A page of a delivery log, newest first; `next` is the path of the page with the older ones."""

    deliveries: tuple[DeliveryResource, ...]
    next: str | None
