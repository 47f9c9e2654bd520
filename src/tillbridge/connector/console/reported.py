"""What receivers were told of a payment, and what HiPay said of it, as lines of the payment's timeline."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from tillbridge.connector.console.timeline import Line, timeline
from tillbridge.connector.console.views import Tone
from tillbridge.connector.console.words import Words
from tillbridge.engine.journal.records import Event
from tillbridge.upstream.reports.records import Message, MessageState, Notice


def whole_timeline(
    events: Sequence[Event], messages: Sequence[Message], notices: Sequence[Notice], words: Words
) -> list[Line]:
    """The journal's events with everything that was told and heard about them, oldest first."""
    found = list(zip((event.at for event in events), timeline(events, words), strict=True))
    found += _told(messages, words)
    found += _heard(notices, words)
    return [line for _, line in sorted(found, key=lambda one: one[0])]


def _told(messages: Sequence[Message], words: Words) -> Iterator[tuple[datetime, Line]]:
    for one in messages:
        at = one.done_at or one.made_at
        tone = Tone.ALERT if one.state is MessageState.DEAD else Tone.CALM
        text = words.t(f"report.line.{one.state}", receiver=one.receiver)
        technical = ", ".join(filter(None, (one.said, one.reference and f"reference: {one.reference}")))
        yield at, Line(f"report-{one.id}", words.moment(at), tone, text, None, technical or None)


def _heard(notices: Sequence[Notice], words: Words) -> Iterator[tuple[datetime, Line]]:
    for one in notices:
        said = ", ".join(f"{name}: {value}" for name, value in one.fields.items() if name in _SHOWN)
        yield (
            one.at,
            Line(f"notice-{one.id}", words.moment(one.at), Tone.CALM, words.t("report.line.notice"), None, said),
        )


_SHOWN = frozenset({"state", "status", "message", "transaction_reference", "result[status]", "operation[type]"})
