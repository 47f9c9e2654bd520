"""What the pages show of a terminal, a payment and its timeline, in every state that they can be in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tillbridge.connector.console.language import CATALOGUES
from tillbridge.connector.console.timeline import LONGEST_DETAIL, Line, facts, slip, timeline
from tillbridge.connector.console.views import TONES, Tone, badge, doubt_card, payment_row, sentence, terminal_card
from tillbridge.connector.console.words import Words
from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Progress, Stage, stage_of
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.engine.journal.records import Event, EventType
from tillbridge.engine.states import MOVES, Cause
from tillbridge.protocols.contract import Capabilities, Health, HealthState, Payment, Recovery, TerminalStatus

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TEN = Money(1000, EUR)
CAPABLE = Capabilities(frozenset({Kind.SALE}), Recovery.NONE, 10**6)
OUTCOMES: list[Outcome] = [
    Approved(TEN),
    Declined(),
    Aborted(AbortedBy.CUSTOMER),
    NotStarted(NotStartedReason.PORT_UNAVAILABLE, "no such port"),
    InDoubt(DoubtReason.LINE_LOST, "eof"),
]


def words(language: Language = Language.EN) -> Words:
    return Words(CATALOGUES[language], NOW, UTC)


def payment(outcome: Outcome | None = None, **more: Any) -> Payment:
    stage = Stage.SENDING if outcome is None else stage_of(outcome)
    made = Payment("1f", Kind.SALE, stage, TEN, "front", "hipay:log", "hipay", "01", NOW, outcome=outcome)
    return replace(made, **more)


def status(health: Health, occupied_by: Payment | None = None) -> TerminalStatus:
    return TerminalStatus("front", "concert-v2", CAPABLE, health, occupied_by)


def event(kind: EventType, detail: dict[str, object] | None = None, cause: Cause | None = None) -> Event:
    return Event(7, "1f", "front", kind, NOW, cause, detail or {})


def line(kind: EventType, detail: dict[str, object] | None = None, cause: Cause | None = None) -> Line:
    return timeline([event(kind, detail, cause)], words())[0]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("outcome", [None, *OUTCOMES])
def test_every_payment_can_be_shown_in_every_language(outcome: Outcome | None, language: Language) -> None:
    shown = payment(outcome, closed_at=NOW, warnings=("online_authorization_left_to_terminal", "new_code"))
    row, said = payment_row(shown, words(language)), words(language)
    assert row.badge == badge(shown, said)
    assert row.amount in row.say
    assert sentence(shown, said)
    assert "new_code" in [fact.value for fact in facts(shown, said)]


def test_each_stage_has_a_tone_and_only_doubt_alarms() -> None:
    assert set(TONES) == set(Stage)
    assert {stage for stage, tone in TONES.items() if tone is Tone.ALERT} == {Stage.IN_DOUBT}


def test_a_running_payment_says_what_the_terminal_does() -> None:
    assert badge(payment(progress=Progress.WAITING_FOR_PIN), words()).text == "Waiting for the PIN"
    assert badge(payment(), words()).text == "At the terminal"


def test_less_than_asked_shows_both_amounts() -> None:
    row = payment_row(payment(Approved(Money(400, EUR))), words())
    assert (row.amount, row.asked) == ("4.00\N{NO-BREAK SPACE}EUR", "10.00\N{NO-BREAK SPACE}EUR")
    assert payment_row(payment(Approved(TEN)), words()).asked is None
    assert "collect the rest" in sentence(payment(Approved(Money(400, EUR))), words())


@pytest.mark.parametrize(
    ("health", "state", "tone", "explained"),
    [
        (HealthState.READY, "Ready", Tone.GOOD, False),
        (HealthState.BUSY, "Busy", Tone.RUNNING, True),
        (HealthState.SILENT, "Does not answer", Tone.BAD, True),
        (HealthState.UNREACHABLE, "Not reachable", Tone.BAD, True),
        (HealthState.UNKNOWN, "Not asked yet", Tone.CALM, False),
    ],
)
def test_a_free_terminal_says_how_it_is(health: HealthState, state: str, tone: Tone, explained: bool) -> None:
    card = terminal_card(status(Health(health, "what was seen")), words())
    assert (card.badge.text, card.badge.tone, card.payment_id) == (state, tone, None)
    assert card.why
    assert card.detail == ("what was seen" if explained else "")


def test_an_occupied_terminal_says_with_what() -> None:
    busy = terminal_card(status(Health(HealthState.BUSY), payment(progress=Progress.AUTHORIZING)), words())
    assert (busy.badge.text, busy.why) == ("Busy", "Sale 10.00\N{NO-BREAK SPACE}EUR: Asking the bank")
    french = terminal_card(status(Health(HealthState.BUSY), payment(progress=Progress.AUTHORIZING)), words(Language.FR))
    assert "EUR\N{NO-BREAK SPACE}: " in french.why
    locked = terminal_card(status(Health(HealthState.READY), payment(OUTCOMES[-1])), words())
    assert (locked.badge.text, locked.badge.tone, locked.payment_id) == ("Locked", Tone.ALERT, "1f")


def test_only_a_terminal_that_can_be_asked_is_said_to_be_asked() -> None:
    doubt = payment(OUTCOMES[-1])
    asked = replace(status(Health(HealthState.READY)), capabilities=replace(CAPABLE, recovery=Recovery.BY_ID))
    assert doubt_card(doubt, [asked], words()).asking
    assert not doubt_card(doubt, [status(Health(HealthState.READY))], words()).asking
    assert not doubt_card(doubt, [], words()).asking


def test_what_is_known_of_an_approval_stands_in_the_details_with_the_card_masked() -> None:
    card = CardUse("497010######7890", EntryMode.CONTACTLESS)
    shown = payment(Approved(TEN, card, "A1", "C2", "SLIP"), closed_at=NOW - timedelta(days=1))
    told = {fact.label: fact for fact in facts(shown, words())}
    assert told["Card"].value == "497010######7890"
    assert (told["Read by"].value, told["Authorization code"].value) == ("Contactless", "A1")
    assert told["Known since"].moment is not None
    assert told["Known since"].moment.text == "2026-11-20 12:00:00"
    assert slip(shown.outcome) == "SLIP"
    assert slip(payment(OUTCOMES[-1]).outcome) is None


@pytest.mark.parametrize(
    ("caller", "till"), [("hipay:log", "log"), ("concert-v2:bar:2", "bar:2"), ("odd", "odd"), ("odd:", "odd:")]
)
def test_a_till_is_called_by_its_own_name(caller: str, till: str) -> None:
    told = {fact.label: fact for fact in facts(payment(caller=caller), words())}
    assert (told["Till"].value, told["Came in by"].value) == (till, "hipay")


def test_what_only_a_technician_reads_is_marked_as_english() -> None:
    told = {fact.label: fact for fact in facts(payment(OUTCOMES[-1]), words(Language.CS))}
    assert [label for label, fact in told.items() if fact.english] == ["Pro technika"]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(("cause", "stage"), [(cause, stage) for (_, cause), ends in MOVES.items() for stage in ends])
def test_every_move_of_the_table_has_a_sentence(cause: Cause, stage: Stage, language: Language) -> None:
    said = timeline([event(EventType.OUTCOME, {"stage": stage}, cause)], words(language))[0]
    assert words(language).stage(stage) in said.text
    assert said.tone is TONES[stage]


@pytest.mark.parametrize("kind", [kind for kind in EventType if kind not in (EventType.OUTCOME, EventType.RESOLVED)])
def test_every_other_event_has_a_sentence(kind: EventType) -> None:
    assert line(kind, {"progress": "printing"}).text


def test_a_person_is_named_with_the_reason() -> None:
    said = line(EventType.RESOLVED, {"stage": "approved", "by": "Ada", "reason": "slip 17"}, Cause.PERSON)
    assert (said.text, said.note) == ("Ada looked at the terminal: Approved", "Reason given: slip 17")
    assert said.technical is None
    kept = line(EventType.DELIVERED, {"state": "settled", "receiver": "person:Ada", "by": "Ada", "reason": "told them"})
    assert kept.text == "Ada accepted that the till was not told"


def test_evidence_is_shown_as_a_hint_and_what_contradicts_alarms() -> None:
    hint = line(EventType.EVIDENCE, {"inquiry": "not_found"})
    assert (hint.text, hint.technical) == ("A hint from the terminal, but no proof", "inquiry: not_found")
    late = line(EventType.CONTRADICTION, {"result": "Declined", "amount": "10.00 EUR"})
    assert late.text == "Later the terminal said something else: Declined, 10.00 EUR"
    assert late.tone is Tone.ALERT
    new = line(EventType.EVIDENCE, {"result": "Reversed", "amount": "10.00 EUR"})
    assert "Reversed" in new.text


def test_a_technical_detail_is_cut_where_it_would_fill_the_page() -> None:
    said = line(EventType.EVIDENCE, {"inquiry": "x" * 5000})
    assert said.technical is not None
    assert len(said.technical) == LONGEST_DETAIL
