"""The worked messages of Concert V3: their bytes judge both sides of the wire, however the bytes are cut."""

from dataclasses import dataclass

import pytest

from tillbridge.domain.card import EntryMode
from tillbridge.domain.money import BY_CODE, EUR, Money
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
)
from tillbridge.protocols.concert.tlv import Fields, Tlv, TlvReader, decode, encode
from tillbridge.protocols.concert.v3.answers import AnswerWriter
from tillbridge.protocols.concert.v3.dialogue import missing_tags
from tillbridge.protocols.concert.v3.judgement import Asked, judge
from tillbridge.protocols.concert.v3.messages import Action, Answer, Detail, Request, Status, StatusDetail, parse_answer
from tillbridge.protocols.concert.v3.personalities import PERSONALITIES, PersonalityName
from tillbridge.protocols.contract import ProtocolError


@dataclass(frozen=True, slots=True)
class Vector:
    """A message with the number of characters that it is known to have."""

    name: str
    length: int
    text: str

    def __str__(self) -> str:
        return self.name

    @property
    def raw(self) -> bytes:
        return self.text.encode("ascii")


E1 = Vector("E1", 56, "CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978")
E2 = Vector(
    "E2",
    155,
    "CZ0040320CJ012012345678901AE00210CA00201CB0041250CC00300BCD0010CE003978CI0012AA016497010######7890AL0011AB0042712"
    "AC006184117AI014A0000000421010CG0071234567",
)
E3 = Vector("E3", 70, "CZ0040320CJ012012345678901AE00201AF00204CA00201CB0041250CD0010CE003978")
E4 = Vector("E4", 61, "CZ0040320CJ012012345678901AE00201AF00211CA00201CD0010CE003978")
E5 = Vector("E5", 71, "CZ0040320CJ012999999999999AE00201AF00209CA00201CB00512345CD0010CE003978")
E6 = Vector("E6", 39, "CZ0040320CJ012012345678901CA00201CD001I")
E7 = Vector("E7", 46, "CZ0040301CJ012330538600404CA00201CD001IAE00210")
E8 = Vector("E8", 62, "CZ0040320CJ012012345678901CA00201CB0041250CD0010CE003978BA0011")
E9 = Vector("E9", 57, "CZ0040300CJ012247300123456CA00201CB00512345CD0010CE003978")
E10 = Vector("E10", 68, "CZ0040300CJ012012345678901CA00201CE003978BA0010CD0010CC00300CCB00205")
E11 = Vector("E11", 56, "CZ0040320CJ012012345678901CA00201CB0041250CD0011CE003953")

VECTORS = (E1, E2, E3, E4, E5, E6, E7, E8, E9, E10, E11)

E1_BYTES = bytes.fromhex(
    "43 5A 30 30 34 30 33 32 30 43 4A 30 31 32 30 31 32 33 34 35 36 37 38 39 30 31 43 41 30 30 32 30 31 43 42 30 30 34"
    "31 32 35 30 43 44 30 30 31 30 43 45 30 30 33 39 37 38"
)

SALE = Asked(frozenset({Action.DEBIT}), "01", Money(1250, EUR))


def _read_in(pieces: list[bytes]) -> tuple[list[tuple[str, str]], bool]:
    reader = TlvReader()
    elements = [element for piece in pieces for element in reader.feed(piece)]
    return [(element.tag, element.value) for element in elements], reader.whole


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_its_length_is_the_one_that_was_counted(vector: Vector) -> None:
    assert len(vector.raw) == vector.length


def test_e1_has_the_bytes_that_were_written_down() -> None:
    assert E1.raw == E1_BYTES


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_it_is_written_again_as_it_was_read(vector: Vector) -> None:
    assert encode(decode(vector.raw)) == vector.raw


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_it_reads_the_same_byte_by_byte(vector: Vector) -> None:
    whole = _read_in([vector.raw])
    assert _read_in([vector.raw[place : place + 1] for place in range(len(vector.raw))]) == whole
    assert whole[1]


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_it_reads_the_same_at_every_split(vector: Vector) -> None:
    whole = _read_in([vector.raw])
    for place in range(len(vector.raw) + 1):
        assert _read_in([vector.raw[:place], vector.raw[place:]]) == whole


@pytest.mark.parametrize("vector", VECTORS, ids=str)
@pytest.mark.parametrize("tail", [b"\r\n", b"\n", b"\r", b"\r\n\r\n"])
def test_a_line_end_behind_it_changes_nothing(vector: Vector, tail: bytes) -> None:
    assert _read_in([vector.raw + tail]) == _read_in([vector.raw])


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_the_beginning_of_another_element_behind_it_is_not_whole(vector: Vector) -> None:
    reader = TlvReader()
    assert len(reader.feed(vector.raw + b"ZZ00")) == len(decode(vector.raw))
    assert not reader.whole


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_garbage_behind_it_is_an_error_wherever_it_is_cut(vector: Vector) -> None:
    for place in range(len(vector.raw) + 1):
        reader = TlvReader()
        reader.feed(vector.raw[:place])
        with pytest.raises(ProtocolError):
            reader.feed(vector.raw[place:] + b"?")


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_every_cut_but_those_between_elements_shows(vector: Vector) -> None:
    boundaries = {0}
    for element in decode(vector.raw):
        boundaries.add(max(boundaries) + len(element.encoded()))
    for place in range(len(vector.raw) + 1):
        reader = TlvReader()
        reader.feed(vector.raw[:place])
        assert reader.whole == (place in boundaries)


# ---------------------------------------------------------------- what our own side writes


def _request(action: Action, minor: int | None, **more: object) -> bytes:
    values: dict[str, object] = {"version": "0320", "protocol_id": "012345678901", "currency": "978", **more}
    if minor is None:
        del values["currency"]
    return encode(Request(action=action, register="01", minor=minor, **values).elements())  # type: ignore[arg-type]


def test_the_till_writes_the_debit() -> None:
    assert _request(Action.DEBIT, 1250) == E1.raw


def test_the_till_writes_the_ping() -> None:
    assert _request(Action.IDENTIFY, None) == E6.raw


def test_the_till_writes_immediate_mode() -> None:
    assert _request(Action.DEBIT, 1250, immediate=True) == E8.raw


def test_the_till_writes_the_makers_own_example() -> None:
    assert _request(Action.DEBIT, 12345, version="0300", protocol_id="247300123456") == E9.raw


def test_the_till_writes_a_refund_in_a_currency_without_decimals() -> None:
    xpf = BY_CODE["XPF"]
    assert _request(Action.CREDIT, 1250, currency=xpf.numeric) == E11.raw
    assert str(Money(1250, xpf)) == "1250 XPF"


def test_the_terminal_writes_the_accepted_answer() -> None:
    answer = Answer(
        version="0320",
        protocol_id="012345678901",
        status=Status.DONE,
        register="01",
        minor=1250,
        application="00B",
        action="0",
        currency="978",
        entry_mode=EntryMode.CONTACTLESS,
        masked_pan="497010######7890",
        expiry="2712",
        authorization="184117",
        aid="A0000000421010",
        contract="1234567",
    )
    assert encode(answer.elements()) == E2.raw
    assert parse_answer(Fields.of(decode(E2.raw))) == answer


@pytest.mark.parametrize(("vector", "detail"), [(E3, Detail.REFUSED), (E5, Detail.FORMAT_ERROR)], ids=str)
def test_the_door_writes_the_refusals(vector: Vector, detail: Detail) -> None:
    asked = Fields.of(element for element in decode(vector.raw) if element.tag not in ("AE", "AF"))
    writer = AnswerWriter(asked, PERSONALITIES[PersonalityName.PLAIN])
    assert encode(writer.refused(detail).elements()) == vector.raw


def test_a_door_without_amounts_in_refusals_writes_the_red_key() -> None:
    writer = AnswerWriter(Fields.of(decode(E1.raw)), PERSONALITIES[PersonalityName.I2200])
    assert encode(writer.refused(Detail.OPERATOR_ABANDON).elements()) == E4.raw


# ---------------------------------------------------------------- what they mean


def test_the_accepted_answer_is_an_approval() -> None:
    outcome = judge(SALE, Fields.of(decode(E2.raw)))
    assert isinstance(outcome, Approved)
    assert outcome.amount == Money(1250, EUR)
    assert outcome.authorization_code == "184117"
    assert outcome.contract == "1234567"
    assert outcome.card is not None
    assert (outcome.card.masked_pan, outcome.card.application) == ("497010######7890", "00B")
    assert (outcome.card.entry_mode, outcome.card.aid) == (EntryMode.CONTACTLESS, "A0000000421010")


def test_the_refusals_are_told_apart() -> None:
    assert judge(SALE, Fields.of(decode(E3.raw))) == Declined(DeclineReason.REFUSED, "04")
    assert judge(SALE, Fields.of(decode(E4.raw))) == Aborted(AbortedBy.CASHIER, "11")
    assert judge(SALE, Fields.of(decode(E5.raw))) == Declined(DeclineReason.CONFIGURATION, "09")


def test_taken_into_account_is_no_outcome() -> None:
    elements = [Tlv("AE", "11") if element.tag == "AE" else element for element in decode(E2.raw)]
    outcome = judge(SALE, Fields.of(elements))
    assert isinstance(outcome, InDoubt)
    assert outcome.reason is DoubtReason.ANSWER_NOT_FINAL


def test_the_ping_is_complete_without_money() -> None:
    assert missing_tags(Fields.of(decode(E6.raw))) == ()
    answer = parse_answer(Fields.of(decode(E7.raw)))
    assert (answer.status, answer.version, answer.protocol_id) == ("10", "0301", "330538600404")


@pytest.mark.parametrize("vector", [E1, E8, E9, E10, E11], ids=str)
def test_the_payments_are_complete(vector: Vector) -> None:
    assert missing_tags(Fields.of(decode(vector.raw))) == ()


def test_the_tail_of_af_is_read_by_its_columns() -> None:
    tail = StatusDetail("04", "51", "PLAFOND DEPASSE", "07", "00")
    assert tail.encoded() == "0451PLAFOND DEPASSE      0700"
    fields = Fields.of(decode(b"AF029" + tail.encoded().encode()))
    assert parse_answer(fields).detail == tail
    assert parse_answer(Fields.of(decode(b"AF00204"))).detail == StatusDetail("04")
    assert parse_answer(Fields.of(decode(b"AF0040451"))).detail == StatusDetail("04", "51")
