"""What a receiver is told, and when: the types of messages, and which journal events they come from.

The envelope (`type`, `timestamp`, `data`) and the headers are those of https://www.standardwebhooks.com; how a receiver
reads them stands in docs/how-to/receive-webhooks.md.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from tillbridge.domain.operation import Stage
from tillbridge.engine.journal.records import Event, EventType
from tillbridge.protocols.contract import Payment


class MessageType(StrEnum):
    """What a message is about. `webhook.test` is sent only when somebody asks for it."""

    APPROVED = "payment.approved"
    DECLINED = "payment.declined"
    ABORTED = "payment.aborted"
    NOT_STARTED = "payment.not_started"
    IN_DOUBT = "payment.in_doubt"
    UNDELIVERED = "payment.undelivered"
    CONTRADICTION = "payment.contradiction"
    TEST = "webhook.test"


SUBSCRIBABLE: Final = tuple(kind for kind in MessageType if kind is not MessageType.TEST)

TOLD: Final = frozenset({EventType.OUTCOME, EventType.RESOLVED, EventType.UNDELIVERED, EventType.CONTRADICTION})
"""The events of the journal that a message can come from."""

_OF_STAGE: Final[Mapping[str, MessageType]] = {
    Stage.APPROVED: MessageType.APPROVED,
    Stage.DECLINED: MessageType.DECLINED,
    Stage.ABORTED: MessageType.ABORTED,
    Stage.NOT_STARTED: MessageType.NOT_STARTED,
    Stage.IN_DOUBT: MessageType.IN_DOUBT,
}

Resource = Callable[[Payment], Mapping[str, object]]
"""How a payment is written in the native interface."""


def message_type(event: Event) -> MessageType | None:
    """What an event of the journal is told as; None for what is nobody's business outside."""
    if event.payment_id is None:
        return None
    match event.type:
        case EventType.OUTCOME | EventType.RESOLVED:
            return _OF_STAGE.get(str(event.detail.get("stage")))
        case EventType.UNDELIVERED:
            return MessageType.UNDELIVERED
        case EventType.CONTRADICTION:
            return MessageType.CONTRADICTION
        case _:
            return None


def message_id(event: Event) -> str:
    """The message's name for ever. Random through the payment's id, so that no restored journal makes it again."""
    return f"msg_{event.payment_id}_{event.seq}"
