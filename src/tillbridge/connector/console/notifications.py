"""Whom payments are reported to: how each receiver stands, how far behind it is, and what needs a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.upstream import replay_key
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.views import Badge, Tone
from tillbridge.connector.console.words import Moment, Words
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.upstream.reports.desk import ReceiverView
from tillbridge.upstream.reports.reading import LARGEST_ID
from tillbridge.upstream.reports.records import Message, MessageState
from tillbridge.upstream.reports.runner import ReceiverState
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

DEAD_SHOWN: Final = 50
"""Of one receiver: whoever has more has one trouble, and mends that first."""

PEOPLE: Final = "console"
"""Who asks for a replay here, as a scope of keys."""

TONES: Final = {
    ReceiverState.READY: Tone.GOOD,
    ReceiverState.RETRYING: Tone.ALERT,
    ReceiverState.HELD: Tone.ALERT,
    ReceiverState.OFF: Tone.CALM,
    ReceiverState.GONE: Tone.ALERT,
}

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class DeadRow:
    """A report that a person has to look at."""

    id: int
    receiver: str
    payment_id: str
    name: str
    at: Moment | None
    said: str


@dataclass(frozen=True, slots=True)
class ReceiverCard:
    """One receiver as the page shows it. `why` is in English, for a technician."""

    name: str
    kind: str
    badge: Badge
    state: ReceiverState
    why: str | None
    waiting: int
    age: str | None
    last_sent: Moment | None
    dead: int
    rows: Sequence[DeadRow]


class NotificationPages:
    """The pages under `/notifications`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._reports = site.premises.features.reports

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [
            gate.page("/notifications", self.page),
            gate.form("/notifications/{receiver}/{message_id}/replay", self.replay),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """Every receiver, with what is dead."""
        words = self._site.words(request)
        return self._site.page(
            request,
            "notifications.html",
            session=session,
            cards=[self._card(view, words) for view in self._reports.receivers()],
            nobody=bool(self._reports.settings.receivers) and not self._reports.settings.telling,
            replayed="replayed" in request.query_params,
            key=self._site.runtime.ids.new(),
        )

    async def replay(self, request: Request, _: Session) -> Response:
        """Has a report sent again. Sent twice it is still asked for once."""
        form = await read_form(request)
        receiver, number = request.path_params["receiver"], request.path_params["message_id"]
        if not (number.isascii() and number.isdigit() and len(number) < len(str(LARGEST_ID))):
            raise BridgeError(Code.RECEIVER_UNKNOWN, "there is no such message")
        key = replay_key(PEOPLE, f"{form.get('key', '')} {number}", receiver, number)
        await self._reports.replay(receiver, int(number), key)
        return see_other("/notifications?replayed=1")

    def _card(self, view: ReceiverView, words: Words) -> ReceiverCard:
        dead = self._reports.messages(view.name, MessageState.DEAD, None, DEAD_SHOWN) if view.counts.dead else ()
        return ReceiverCard(
            name=view.name,
            kind=words.t(f"report.kind.{view.kind or 'gone'}"),
            badge=Badge(TONES[view.state], words.t(f"report.state.{view.state}")),
            state=view.state,
            why=view.why,
            waiting=view.counts.waiting,
            age=None if view.oldest_age is None else age(view.oldest_age, words),
            last_sent=None if view.last_sent_at is None else words.moment(view.last_sent_at),
            dead=view.counts.dead,
            rows=[self._row(one, words) for one in dead],
        )

    def _row(self, message: Message, words: Words) -> DeadRow:
        payment = self._reports.reading.payment(message.payment_id)
        name = message.payment_id if payment is None else words.name(payment)
        if payment is not None and payment.order_id is not None:
            name = f"{name} \N{MIDDLE DOT} {words.t('payment.order', order=payment.order_id)}"
        at = None if message.done_at is None else words.moment(message.done_at)
        return DeadRow(message.id, message.receiver, message.payment_id, name, at, message.said or "")


def age(seconds: float, words: Words) -> str:
    """A span in the two units that matter."""
    whole = int(seconds)
    if whole < _MINUTE:
        return words.t("age.seconds", seconds=str(whole))
    if whole < _HOUR:
        return words.t("age.minutes", minutes=str(whole // _MINUTE))
    if whole < _DAY:
        return words.t("age.hours", hours=str(whole // _HOUR), minutes=str(whole % _HOUR // _MINUTE))
    return words.t("age.days", days=str(whole // _DAY), hours=str(whole % _DAY // _HOUR))
