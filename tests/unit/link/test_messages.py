"""The messages of the link connection: what is read, what is left alone, and what is refused."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tests.unit.link.exchange import NOW
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.operation import Stage
from tillbridge.link.frames import MAX_FRAME, UnknownMessage, read_from_connector, read_from_portal, write
from tillbridge.link.message_words import CommandKind, CommandState, Effect, Outcome, StationHealth
from tillbridge.link.messages import (
    MAX_STATIONS,
    Bye,
    Command,
    CommandAnswer,
    FromConnector,
    FromPortal,
    Heartbeat,
    Hello,
    LocationFacts,
    Maintenance,
    Noted,
    Notice,
    PaymentResult,
    Station,
    Unpair,
    Welcome,
    Window,
)
from tillbridge.link.protocol import OLDEST, PROTOCOL, Understanding, Verdict, understand
from tillbridge.protocols.contract import HealthState

ID = "0123456789abcdef" * 2
STATIONS = (Station(name="Theke 1", health=StationHealth.READY, busy=False),)
HELLO = Hello(protocol=1, oldest=1, version="1.4.0", connector_id=ID, stations=STATIONS, resume=(ID,))
RESULT = PaymentResult(
    payment_id=ID, outcome=Outcome.APPROVED, amount_minor=1250, currency="EUR", masked_pan="476173######0010"
)
COMMAND = Command(id=ID, kind="payment", body={"amount_minor": 1250, "currency": "EUR"}, expires_in=60)
WELCOME = Welcome(
    protocol=1,
    oldest=1,
    version="1.5.0",
    server_time=NOW,
    heartbeat_seconds=60,
    location=LocationFacts(number="10047110", name="Kavárna na rohu"),
    windows=(Window(component="portal", start=NOW, end=NOW, effect=Effect.UNAVAILABLE),),
    maintenance=Maintenance(until=NOW, reason="moving"),
)
FROM_CONNECTOR: list[FromConnector] = [
    HELLO,
    Heartbeat(version="1.4.0", stations=STATIONS, clock=NOW, oldest_unsent_seconds=5, unsent_count=2),
    CommandAnswer(id=ID, state=CommandState.DONE, result=RESULT),
    CommandAnswer(id=ID, state=CommandState.REFUSED, code="terminal_busy", answer={"more": [1, None, {"a": "b"}]}),
    Unpair(reason="Umbau"),
]
FROM_PORTAL: list[FromPortal] = [
    WELCOME,
    COMMAND,
    Noted(id="0123456789abcdef0123456789abcdef"),
    Notice(code="services_changed"),
    Bye(code="link_revoked", text="The office ended the connection.", retry_after=0),
]


@pytest.mark.parametrize("message", FROM_CONNECTOR, ids=lambda message: message.type)
def test_what_a_connector_writes_a_portal_reads(message: FromConnector) -> None:
    assert read_from_connector(write(message)) == message


@pytest.mark.parametrize("message", FROM_PORTAL, ids=lambda message: message.type)
def test_what_a_portal_writes_a_connector_reads(message: FromPortal) -> None:
    assert read_from_portal(write(message)) == message


def test_neither_side_reads_its_own_messages() -> None:
    assert [read_from_portal(write(message)) for message in FROM_CONNECTOR] == [
        UnknownMessage(message.type) for message in FROM_CONNECTOR
    ]
    assert {type(read_from_connector(write(message))) for message in FROM_PORTAL} == {UnknownMessage}


def _changed(message: FromConnector | FromPortal, **changes: object) -> str:
    return json.dumps(json.loads(write(message)) | changes)


def test_a_member_that_is_not_known_is_left_alone() -> None:
    assert read_from_connector(_changed(HELLO, mood="good")) == HELLO
    assert read_from_portal(_changed(COMMAND, priority={"deep": [1]})) == COMMAND


def test_a_type_that_is_not_known_is_left_alone() -> None:
    assert read_from_portal('{"type": "firework", "colour": "red"}') == UnknownMessage("firework")
    assert read_from_portal(json.dumps({"type": "x" * 500})) == UnknownMessage("x" * 64)


def test_a_command_that_is_not_known_is_read_so_that_it_can_be_refused() -> None:
    command = read_from_portal(_changed(COMMAND, kind="teleport"))
    assert isinstance(command, Command)
    assert command.known_kind is None
    assert [COMMAND.model_copy(update={"kind": kind.value}).known_kind for kind in CommandKind] == list(CommandKind)


def test_a_word_that_is_not_known_is_read_as_unknown_and_never_as_an_outcome() -> None:
    heartbeat = read_from_connector(
        _changed(FROM_CONNECTOR[1], stations=[{"name": "a", "health": "dreaming", "busy": False}])
    )
    assert isinstance(heartbeat, Heartbeat)
    assert heartbeat.stations[0].health is StationHealth.UNKNOWN
    answer = read_from_connector(_changed(FROM_CONNECTOR[2], result={"payment_id": ID, "outcome": "approved_in_part"}))
    assert isinstance(answer, CommandAnswer)
    assert answer.result is not None
    assert answer.result.outcome is Outcome.UNKNOWN


def test_the_words_are_those_of_the_connector() -> None:
    assert {health.value for health in StationHealth} == {state.value for state in HealthState}
    ends = {stage.value for stage in Stage} - {"accepted", "sending"}
    assert {outcome.value for outcome in Outcome} == ends | {"unknown"}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", Code.BODY_INVALID, None),
        ("nothing", Code.BODY_INVALID, None),
        ("[]", Code.BODY_INVALID, None),
        ("{}", Code.BODY_INVALID, None),
        ("[" * 10_000, Code.BODY_INVALID, None),
        (_changed(HELLO, protocol=0), Code.FIELD_INVALID, "hello.protocol"),
        (_changed(HELLO, protocol="1"), Code.FIELD_INVALID, "hello.protocol"),
        (_changed(HELLO, protocol=1.0), Code.FIELD_INVALID, "hello.protocol"),
        (_changed(HELLO, connector_id="X"), Code.FIELD_INVALID, "hello.connector_id"),
        (_changed(HELLO, version="1\n2"), Code.FIELD_INVALID, "hello.version"),
        (_changed(HELLO, resume=["x"]), Code.FIELD_INVALID, "hello.resume.0"),
        (_changed(HELLO, stations=[json.loads(STATIONS[0].model_dump_json())] * (MAX_STATIONS + 1)), None, None),
        (_changed(FROM_CONNECTOR[1], clock="2026-11-21T09:30:00"), Code.FIELD_INVALID, "heartbeat.clock"),
        (_changed(FROM_CONNECTOR[1], unsent_count=-1), Code.FIELD_INVALID, "heartbeat.unsent_count"),
        (_changed(FROM_CONNECTOR[2], state="perhaps"), Code.FIELD_INVALID, "command_answer.state"),
        (json.dumps({"type": "unpair", "reason": "x" * MAX_FRAME}), Code.BODY_TOO_LARGE, None),
    ],
)
def test_a_wrong_message_is_refused_with_its_place(text: str, code: Code | None, place: str | None) -> None:
    with pytest.raises(BridgeError) as refusal:
        read_from_connector(text)
    expected = (code, place) if code else (Code.FIELD_INVALID, "hello.stations")
    assert (refusal.value.code, refusal.value.place) == expected


@pytest.mark.parametrize("pan", ["4761739001010010", "4761 7390 0101 0010", "476173900101##10", "47617390######0010"])
def test_a_whole_card_number_gets_into_no_message(pan: str) -> None:
    """Law 7."""
    with pytest.raises(ValidationError) as refusal:
        PaymentResult(payment_id=ID, outcome=Outcome.APPROVED, masked_pan=pan)
    assert pan not in str(refusal.value)
    with pytest.raises(BridgeError) as unread:
        read_from_connector(
            _changed(FROM_CONNECTOR[2], result={"payment_id": ID, "outcome": "approved", "masked_pan": pan})
        )
    assert unread.value.place == "command_answer.result.masked_pan"
    assert pan not in str(unread.value)


def test_moments_keep_their_zone() -> None:
    welcome = read_from_portal(_changed(WELCOME, server_time="2026-11-21T10:30:00+01:00"))
    assert isinstance(welcome, Welcome)
    assert welcome.server_time.astimezone(UTC) == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("theirs", "their_oldest", "ours", "our_oldest", "verdict", "protocol"),
    [
        (1, 1, 1, 1, Verdict.AGREED, 1),
        (3, 1, 2, 1, Verdict.AGREED, 2),
        (2, 2, 5, 1, Verdict.AGREED, 2),
        (2, 1, 5, 2, Verdict.AGREED, 2),
        (2, 1, 5, 3, Verdict.THEY_ARE_TOO_OLD, None),
        (5, 3, 2, 1, Verdict.WE_ARE_TOO_OLD, None),
    ],
)
def test_two_sides_speak_the_newest_version_that_both_know(
    theirs: int, their_oldest: int, ours: int, our_oldest: int, verdict: Verdict, protocol: int | None
) -> None:
    found = understand(theirs, their_oldest, ours=ours, our_oldest=our_oldest)
    assert found == Understanding(verdict, protocol)


def test_this_version_understands_itself() -> None:
    assert understand(PROTOCOL, OLDEST) == Understanding(Verdict.AGREED, PROTOCOL)
