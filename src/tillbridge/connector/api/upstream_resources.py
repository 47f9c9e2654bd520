"""What the native interface gives out about reports. Fields are added, never renamed or removed."""

from collections.abc import Mapping
from datetime import datetime

from tillbridge.connector.api.resources import Resource
from tillbridge.upstream.messages import MessageType
from tillbridge.upstream.reports.desk import ReceiverView
from tillbridge.upstream.reports.records import Message, MessageState, Notice
from tillbridge.upstream.reports.runner import ReceiverState


class ReceiverResource(Resource):
    """A receiver of the settings and how it stands.

    `why` says in words what is wrong, or why it is off. `oldest_age_seconds` is for how long the oldest message waits.
    """

    name: str
    kind: str
    state: ReceiverState
    why: str | None
    waiting: int
    dead: int
    oldest_at: datetime | None
    oldest_age_seconds: float | None
    last_sent_at: datetime | None

    @classmethod
    def of(cls, view: ReceiverView) -> "ReceiverResource":
        """This receiver."""
        return cls(
            name=view.name,
            kind=view.kind,
            state=view.state,
            why=view.why,
            waiting=view.counts.waiting,
            dead=view.counts.dead,
            oldest_at=view.counts.oldest_at,
            oldest_age_seconds=view.oldest_age,
            last_sent_at=view.last_sent_at,
        )


class UpstreamResource(Resource):
    """Every receiver; `wait_seconds` is for how long at most a till's answer waits for the report to HiPay."""

    wait_seconds: float
    receivers: tuple[ReceiverResource, ...]


class ReportResource(Resource):
    """One message to one receiver.

    `name` is the same in every try and in a replay; `contract` is there where there is one message for each. `said` is
    why the last try did not count, `reference` the receiver's own name for what it took.
    """

    id: int
    name: str
    receiver: str
    type: MessageType
    payment_id: str
    contract: str | None
    order_id: str | None
    state: MessageState
    attempts: int
    made_at: datetime
    next_at: datetime | None
    done_at: datetime | None
    status: int | None
    said: str | None
    reference: str | None

    @classmethod
    def of(cls, message: Message) -> "ReportResource":
        """This message."""
        return cls(
            id=message.id,
            name=message.name,
            receiver=message.receiver,
            type=message.type,
            payment_id=message.payment_id,
            contract=message.contract,
            order_id=message.order_id,
            state=message.state,
            attempts=message.attempts,
            made_at=message.made_at,
            next_at=message.next_at,
            done_at=message.done_at,
            status=message.status,
            said=message.said,
            reference=message.reference,
        )


class ReportsResource(Resource):
    """A page of messages, newest first; `next` is the path of the page with the older ones."""

    messages: tuple[ReportResource, ...]
    next: str | None


class NoticeResource(Resource):
    """What HiPay said by itself, its signature checked. `fields` are HiPay's own, and written as it wrote them."""

    id: int
    at: datetime
    order_id: str | None
    signed_with: str
    fields: Mapping[str, str]

    @classmethod
    def of(cls, notice: Notice) -> "NoticeResource":
        """This notice."""
        return cls(
            id=notice.id,
            at=notice.at,
            order_id=notice.order_id,
            signed_with=notice.signed_with,
            fields=dict(notice.fields),
        )


class PaymentReportsResource(Resource):
    """What receivers were told of a payment, oldest first, and what HiPay said of it by itself."""

    messages: tuple[ReportResource, ...]
    notices: tuple[NoticeResource, ...]
