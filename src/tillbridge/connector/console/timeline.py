"""A payment's page: its facts, and what happened to it, in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from tillbridge.connector.console.views import TONES, Tone
from tillbridge.connector.console.words import Moment, Words
from tillbridge.domain.card import CardUse
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Aborted, Approved, Declined, InDoubt, NotStarted, Outcome
from tillbridge.engine.journal.records import Event, EventType
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import Payment

LONGEST_DETAIL: Final = 200
"""Characters of a technical detail on the page; the journal has the whole of it."""

SAID: Final = frozenset({"stage", "progress", "by", "reason", "receiver", "state", "result", "amount", "accepted"})
"""Parts of an event's detail that the sentences speak of; whatever else there is stands below as it is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event: what happened, what a person wrote about it, and what is for a technician."""

    seq: int | str
    at: Moment
    tone: Tone
    text: str
    note: str | None
    technical: str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the details.

    `moment` where the value is a time, `code` where it is to be read letter by letter, `english` where it is a
    sentence for a technician, which no catalogue translates.
    """

    label: str
    value: str
    moment: Moment | None = None
    code: bool = False
    english: bool = False


def timeline(events: Sequence[Event], words: Words) -> list[Line]:
    """The events in plain words, oldest first."""
    return [_line(event, words) for event in events]


def facts(payment: Payment, words: Words) -> list[Fact]:
    """What is known of the payment."""
    return [*_asked(payment, words), *_answered(payment.outcome, words), *_places(payment, words)]


def slip(outcome: Outcome | None) -> str | None:
    """The customer's slip, where the terminal gave one."""
    return outcome.ticket if isinstance(outcome, Approved | Declined | Aborted) else None


def _line(event: Event, words: Words) -> Line:
    said = {name: str(value) for name, value in event.detail.items()}
    rest = ", ".join(f"{name}: {value}" for name, value in said.items() if name not in SAID)
    note = words.t("event.reason", reason=said["reason"]) if "reason" in said else None
    return Line(
        seq=event.seq,
        at=words.moment(event.at),
        tone=_tone(event, said),
        text=_sentence(event, said, words),
        note=note,
        technical=rest[:LONGEST_DETAIL] or None,
    )


def _tone(event: Event, said: Mapping[str, str]) -> Tone:
    match event.type:
        case EventType.OUTCOME | EventType.RESOLVED:
            return TONES[Stage(said["stage"])]
        case EventType.CONTRADICTION | EventType.STRAY_RESULT | EventType.UNDELIVERED:
            return Tone.ALERT
        case _:
            return Tone.CALM


def _sentence(event: Event, said: Mapping[str, str], words: Words) -> str:
    match event.type:
        case EventType.PROGRESS:
            return words.t(f"progress.{said['progress']}")
        case EventType.OUTCOME | EventType.RESOLVED:
            cause = Cause(event.cause or Cause.ANSWER)
            return words.t(f"cause.{cause}", stage=words.stage(Stage(said["stage"])), by=said.get("by", ""))
        case EventType.DELIVERED if said.get("state") == "settled":
            return words.t("event.delivery_settled", by=said.get("by", ""))
        case EventType.SIGNATURE:
            return _signature(event, words)
        case EventType.CONTRADICTION | EventType.EVIDENCE | EventType.STRAY_RESULT if "result" in said:
            return words.t(f"event.{event.type}", result=_result(said["result"], words), amount=said.get("amount", ""))
        case EventType.CONTRADICTION | EventType.EVIDENCE | EventType.STRAY_RESULT:
            return words.t("event.hint")
        case (
            EventType.ACCEPTED
            | EventType.SENDING
            | EventType.ABORT_REQUESTED
            | EventType.DELIVERED
            | EventType.UNDELIVERED
            | EventType.LATE_REPEAT
            | EventType.MOVED
        ):
            return words.t(f"event.{event.type}")
        case _:
            assert_never(event.type)


def _signature(event: Event, words: Words) -> str:
    answer = "accepted" if event.detail.get("accepted") else "refused"
    by = event.detail.get("by")
    return words.t(f"event.signature_{answer}", by=by) if by else words.t(f"event.unsigned_{answer}")


_STAGE_OF_RESULT: Final = {
    Approved.__name__: Stage.APPROVED,
    Declined.__name__: Stage.DECLINED,
    Aborted.__name__: Stage.ABORTED,
    NotStarted.__name__: Stage.NOT_STARTED,
    InDoubt.__name__: Stage.IN_DOUBT,
}


def _result(name: str, words: Words) -> str:
    stage = _STAGE_OF_RESULT.get(name)
    return name if stage is None else words.stage(stage)


def _asked(payment: Payment, words: Words) -> Iterator[Fact]:
    if payment.amount is not None:
        yield Fact(words.t("fact.asked"), words.amount(payment.amount))
    if isinstance(payment.outcome, Approved) and payment.kind is not Kind.RECONCILIATION:
        yield Fact(words.t("fact.approved"), words.amount(payment.outcome.amount))
    yield Fact(words.t("fact.accepted"), "", words.moment(payment.accepted_at))
    if payment.closed_at is not None:
        yield Fact(words.t("fact.closed"), "", words.moment(payment.closed_at))
    if payment.order_id is not None:
        yield Fact(words.t("fact.order"), payment.order_id)


def _answered(outcome: Outcome | None, words: Words) -> Iterator[Fact]:
    match outcome:
        case Approved():
            yield from _approval(outcome, words)
        case Declined() | Aborted():
            if outcome.wire_reason is not None:
                yield Fact(words.t("fact.wire_reason"), outcome.wire_reason, code=True)
        case NotStarted() | InDoubt():
            if outcome.detail:
                yield Fact(words.t("fact.detail"), outcome.detail, english=True)
        case None:
            return
        case _:
            assert_never(outcome)


def _approval(outcome: Approved, words: Words) -> Iterator[Fact]:
    card = outcome.card or CardUse()
    if card.entry_mode is not None:
        yield Fact(words.t("fact.entry"), words.t(f"entry.{card.entry_mode}"))
    codes = {
        "fact.card": card.masked_pan,
        "fact.authorization": outcome.authorization_code,
        "fact.contract": outcome.contract,
    }
    for label, value in codes.items():
        if value is not None:
            yield Fact(words.t(label), value, code=True)


def _places(payment: Payment, words: Words) -> Iterator[Fact]:
    yield Fact(words.t("fact.terminal"), payment.terminal)
    # The caller is the wire and the till's name on it ("hipay:log"); how it came in stands two lines below.
    yield Fact(words.t("fact.till"), payment.caller.partition(":")[2] or payment.caller)
    yield Fact(words.t("fact.register"), payment.register)
    yield Fact(words.t("fact.door"), payment.door)
    for warning in payment.warnings:
        known = f"warning.{warning}"
        yield Fact(words.t("fact.warning"), words.t(known) if words.t.has(known) else warning)
    yield Fact(words.t("fact.id"), payment.id, code=True)
