"""Webhooks: who is told of vouchers, and what (docs/reference/voucher-partner-api.md, section 6)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never
from urllib.parse import urlsplit

from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.vault import Vault

LONGEST_DESCRIPTION: Final = 100
MOST: Final = 10
"""Webhooks of one merchant: each multiplies the messages."""

OVERLAP: Final = timedelta(hours=24)
"""For so long after a rotation the replaced secret signs too: a working day to bring the new one to the receiver."""

KEPT: Final = timedelta(days=30)
"""For so long what became of a message can be looked up, and it can be sent again."""

LONGEST_FAULT: Final = 200


class WebhookEvent(StrEnum):
    """What the audit log says of webhooks."""

    ADDED = "webhook.added"
    REMOVED = "webhook.removed"
    ROTATED = "webhook.rotated"
    REPLAYED = "webhook.replayed"


class Topic(StrEnum):
    """What a message is about. `TEST` is sent only when somebody asks for it."""

    LOADED = "voucher.loaded"
    LOAD_REVERSED = "voucher.load_reversed"
    REDEEMED = "voucher.redeemed"
    PUT_BACK = "voucher.put_back"
    WRITTEN_OFF = "voucher.written_off"
    WRITE_OFF_REVERSED = "voucher.write_off_reversed"
    ADJUSTED = "voucher.adjusted"
    REPLACED = "voucher.replaced"
    REPLACES = "voucher.replaces"
    BLOCKED = "voucher.blocked"
    UNBLOCKED = "voucher.unblocked"
    TEST = "webhook.test"


CHOOSABLE: Final = tuple(one for one in Topic if one is not Topic.TEST)


class DeliveryState(StrEnum):
    """Where a message to one receiver stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of a merchant's. The secrets are sealed; the previous one signs until `previous_until`."""

    id: str
    tenant_id: str
    url: str
    description: str
    topics: tuple[Topic, ...]
    secret_sealed: bytes = field(repr=False)
    created_at: datetime
    created_by: str
    previous_sealed: bytes | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    failures: int = 0
    paused_until: datetime | None = None

    @property
    def host(self) -> str:
        """Where it is: what follows in its address may be a secret of the receiver's."""
        return urlsplit(self.url).netloc

    def secrets(self, vault: Vault, now: datetime) -> list[str]:
        """What signs at this moment, the current one first. `ValueError` if another portal's key sealed them."""
        sealed = [self.secret_sealed]
        if self.previous_sealed is not None and self.previous_until is not None and now < self.previous_until:
            sealed.append(self.previous_sealed)
        return [vault.unseal(one, context(self.id)).decode() for one in sealed]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one receiver. `place` is its turn among those about its voucher; `attempts` counts this one."""

    id: str
    webhook_id: str
    voucher_id: str
    place: int
    topic: Topic
    happened_at: datetime
    body: Mapping[str, object]
    state: DeliveryState
    attempts: int
    since: datetime
    next_at: datetime
    ended_at: datetime | None = None
    status: int | None = None
    fault: str = ""

    @property
    def message_id(self) -> str:
        """The message's name for ever: the same in every attempt and in a replay."""
        return f"msg_{self.id}"


def context(webhook_id: str) -> str:
    """What a secret is sealed for."""
    return f"webhook/{webhook_id}"


def topic_of(kind: EntryKind) -> Topic:
    """What an entry of the ledger is told as."""
    match kind:
        case EntryKind.LOAD:
            return Topic.LOADED
        case EntryKind.LOAD_REVERSAL:
            return Topic.LOAD_REVERSED
        case EntryKind.REDEEM:
            return Topic.REDEEMED
        case EntryKind.PUT_BACK:
            return Topic.PUT_BACK
        case EntryKind.WRITE_OFF:
            return Topic.WRITTEN_OFF
        case EntryKind.WRITE_OFF_REVERSAL:
            return Topic.WRITE_OFF_REVERSED
        case EntryKind.REISSUE_OUT:
            return Topic.REPLACED
        case EntryKind.REISSUE_IN:
            return Topic.REPLACES
        case EntryKind.ADJUST:
            return Topic.ADJUSTED
        case _:
            assert_never(kind)


def read_topics(names: Collection[str]) -> tuple[Topic, ...]:
    """The topics of these names that can be chosen, in their order; others are left out."""
    return tuple(one for one in CHOOSABLE if one in names)
