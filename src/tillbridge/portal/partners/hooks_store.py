"""The statements about webhooks and the messages to them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import RowMapping, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.partners.hooks_model import Delivery, DeliveryState, Topic, Webhook, read_topics
from tillbridge.portal.partners.tables import webhook, webhook_delivery

PER_PAGE: Final = 50

_WAITING: Final = webhook_delivery.c.state == DeliveryState.WAITING.value
_earlier = webhook_delivery.alias("earlier")

# ------------------------------------------------------------ webhooks


async def add(connection: AsyncConnection, one: Webhook) -> None:
    """Writes a webhook down."""
    values = {
        "id": one.id,
        "tenant_id": one.tenant_id,
        "url": one.url,
        "description": one.description,
        "events": [topic.value for topic in one.topics],
        "secret_sealed": one.secret_sealed,
        "created_at": one.created_at,
        "created_by": one.created_by,
    }
    await connection.execute(insert(webhook).values(values))


async def find(connection: AsyncConnection, webhook_id: str, *, locked: bool = False) -> Webhook | None:
    """The webhook with this id, of whichever merchant."""
    statement = select(webhook).where(webhook.c.id == webhook_id)
    row = (await connection.execute(statement.with_for_update() if locked else statement)).mappings().one_or_none()
    return None if row is None else _webhook(row)


async def of_tenants(connection: AsyncConnection, tenant_ids: Collection[str]) -> tuple[Webhook, ...]:
    """The webhooks of these merchants, the oldest first."""
    statement = select(webhook).where(webhook.c.tenant_id.in_(sorted(tenant_ids))).order_by(webhook.c.id)
    return tuple(_webhook(row) for row in (await connection.execute(statement)).mappings())


async def first_made(connection: AsyncConnection) -> datetime | None:
    """When the oldest webhook of all merchants was made; None if there is none."""
    found: datetime | None = await connection.scalar(select(func.min(webhook.c.created_at)))
    return found


async def rotate(connection: AsyncConnection, one: Webhook, sealed: bytes, until: datetime) -> None:
    """Gives a webhook a new secret; the one before signs too until then."""
    values = {"secret_sealed": sealed, "previous_sealed": one.secret_sealed, "previous_until": until}
    await connection.execute(update(webhook).where(webhook.c.id == one.id).values(values))


async def remove(connection: AsyncConnection, webhook_id: str) -> None:
    """Takes a webhook away, with its messages."""
    await connection.execute(delete(webhook_delivery).where(webhook_delivery.c.webhook_id == webhook_id))
    await connection.execute(delete(webhook).where(webhook.c.id == webhook_id))


async def leave_alone(connection: AsyncConnection, webhook_id: str, failures: int, until: datetime | None) -> None:
    """Notes how often a receiver has failed in a row, and until when it is left alone."""
    values = {"failures": failures, "paused_until": until}
    await connection.execute(update(webhook).where(webhook.c.id == webhook_id).values(values))


# ------------------------------------------------------------ messages


async def take(connection: AsyncConnection, made: Sequence[Delivery]) -> None:
    """Writes messages down, to be sent."""
    rows = [
        {
            "id": one.id,
            "webhook_id": one.webhook_id,
            "voucher_id": one.voucher_id,
            "place": one.place,
            "event": one.topic.value,
            "happened_at": one.happened_at,
            "body": dict(one.body),
            "state": one.state.value,
            "since": one.since,
            "next_at": one.next_at,
        }
        for one in made
    ]
    if rows:
        await connection.execute(insert(webhook_delivery), rows)


async def due(connection: AsyncConnection, now: datetime) -> Sequence[str]:
    """The ids of the webhooks that have something to be told now and are not left alone."""
    ready = or_(webhook.c.paused_until.is_(None), webhook.c.paused_until <= now)
    waiting = exists().where(webhook_delivery.c.webhook_id == webhook.c.id, _WAITING, webhook_delivery.c.next_at <= now)
    return list(await connection.scalars(select(webhook.c.id).where(ready, waiting).order_by(webhook.c.id)))


async def claim(
    connection: AsyncConnection, webhook_id: str, now: datetime, lease: timedelta, most: int
) -> Sequence[Delivery]:
    """Takes what has waited longest, so that nobody else sends it before the lease has run out.

    Of the messages about one voucher only the first that waits: so they arrive in their order.
    """
    before = exists().where(
        _earlier.c.webhook_id == webhook_id,
        _earlier.c.voucher_id == webhook_delivery.c.voucher_id,
        _earlier.c.state == DeliveryState.WAITING.value,
        _earlier.c.place < webhook_delivery.c.place,
    )
    ready = (webhook_delivery.c.webhook_id == webhook_id) & _WAITING & (webhook_delivery.c.next_at <= now)
    first = (
        select(webhook_delivery.c.id)
        .where(ready, ~before)
        .order_by(webhook_delivery.c.next_at, webhook_delivery.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    chosen = list(await connection.scalars(first))
    statement = (
        update(webhook_delivery)
        .where(webhook_delivery.c.id.in_(chosen), ready)
        .values(next_at=now + lease, attempts=webhook_delivery.c.attempts + 1)
        .returning(webhook_delivery)
    )
    return [_delivery(row) for row in (await connection.execute(statement)).mappings()]


async def settle(connection: AsyncConnection, one: Delivery) -> None:
    """Writes down what became of an attempt, unless another took the message over meanwhile."""
    own = (webhook_delivery.c.id == one.id) & _WAITING & (webhook_delivery.c.attempts == one.attempts)
    values = {
        "state": one.state.value,
        "next_at": one.next_at,
        "ended_at": one.ended_at,
        "status": one.status,
        "fault": one.fault,
    }
    await connection.execute(update(webhook_delivery).where(own).values(values))


async def replay(connection: AsyncConnection, webhook_id: str, delivery_id: str, now: datetime) -> bool:
    """Lets a message that has ended be sent again; False if there is none."""
    ended = (webhook_delivery.c.id == delivery_id) & (webhook_delivery.c.webhook_id == webhook_id) & ~_WAITING
    values = {"state": DeliveryState.WAITING.value, "since": now, "next_at": now, "ended_at": None, "attempts": 0}
    statement = update(webhook_delivery).where(ended).values(values).returning(webhook_delivery.c.id)
    return (await connection.execute(statement)).first() is not None


async def log(
    connection: AsyncConnection, webhook_id: str, state: DeliveryState | None, before: str | None
) -> Sequence[Delivery]:
    """A page of a webhook's messages, the newest first, before that id; one more than a page if there are more."""
    wanted = webhook_delivery.c.webhook_id == webhook_id
    if state is not None:
        wanted &= webhook_delivery.c.state == state.value
    if before is not None:
        wanted &= webhook_delivery.c.id < before
    statement = select(webhook_delivery).where(wanted).order_by(webhook_delivery.c.id.desc()).limit(PER_PAGE + 1)
    return [_delivery(row) for row in (await connection.execute(statement)).mappings()]


async def counts(connection: AsyncConnection, webhook_ids: Collection[str]) -> dict[tuple[str, DeliveryState], int]:
    """How many messages wait, and how many were given up, by webhook."""
    statement = (
        select(webhook_delivery.c.webhook_id, webhook_delivery.c.state, func.count().label("messages"))
        .where(
            webhook_delivery.c.webhook_id.in_(sorted(webhook_ids)),
            webhook_delivery.c.state != DeliveryState.DELIVERED.value,
        )
        .group_by(webhook_delivery.c.webhook_id, webhook_delivery.c.state)
    )
    rows = await connection.execute(statement)
    return {(row.webhook_id, DeliveryState(row.state)): row.messages for row in rows}


async def forget(connection: AsyncConnection, before: datetime) -> None:
    """Drops messages that ended before that moment."""
    await connection.execute(delete(webhook_delivery).where(webhook_delivery.c.ended_at < before))


# ------------------------------------------------------------ rows


def _webhook(row: RowMapping) -> Webhook:
    return Webhook(
        id=row["id"],
        tenant_id=row["tenant_id"],
        url=row["url"],
        description=row["description"],
        topics=read_topics(row["events"]),
        secret_sealed=row["secret_sealed"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        previous_sealed=row["previous_sealed"],
        previous_until=row["previous_until"],
        failures=row["failures"],
        paused_until=row["paused_until"],
    )


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        webhook_id=row["webhook_id"],
        voucher_id=row["voucher_id"],
        place=row["place"],
        topic=Topic(row["event"]),
        happened_at=row["happened_at"],
        body=row["body"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        since=row["since"],
        next_at=row["next_at"],
        ended_at=row["ended_at"],
        status=row["status"],
        fault=row["fault"],
    )
