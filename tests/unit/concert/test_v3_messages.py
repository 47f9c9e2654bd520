"""What the tags say, and how forgiving the reading of an answer is about everything but the money."""

import base64

import pytest

from tillbridge.domain.card import EntryMode
from tillbridge.protocols.concert.tlv import Fields, Tlv, container, decode, encode
from tillbridge.protocols.concert.v3.messages import (
    Action,
    Answer,
    Request,
    StatusDetail,
    parse_answer,
    parse_detail,
    read_amount,
)


def _fields(**values: str) -> Fields:
    return Fields.of(Tlv(tag, value) for tag, value in values.items())


def _ticket(text: str | bytes, handling: str | None = "100") -> Fields:
    raw = text if isinstance(text, bytes) else text.encode("latin-1")
    held = [Tlv("AK", base64.b64encode(raw).decode())]
    if handling is not None:
        held.insert(0, Tlv("CK", handling))
    return Fields.of([container("ZT", held)])


@pytest.mark.parametrize(("minor", "written"), [(1, "01"), (5, "05"), (99, "99"), (100, "100"), (10**12 - 1, "9" * 12)])
def test_amounts_have_two_digits_or_more(minor: int, written: str) -> None:
    request = Request(Action.DEBIT, "0300", "012345678901", "01", minor, "978")
    assert Fields.of(request.elements()).get("CB") == written


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        ("1250", 1250),
        ("000000001250", 1250),
        ("0", 0),
        ("1", 1),
        ("12.50", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_amounts_are_compared_as_integers(value: str | None, minor: int | None) -> None:
    assert read_amount(value) == minor


def test_a_number_of_another_script_is_no_amount() -> None:
    assert read_amount("١٢") is None


def test_what_is_not_wanted_is_not_sent() -> None:
    request = Request(Action.DEBIT, "0300", "012345678901", "01", 1250, "978")
    assert {element.tag for element in request.elements()} == {"CZ", "CJ", "CA", "CB", "CD", "CE"}
    assert request.elements()[0].tag == "CZ"


def test_everything_that_can_be_wanted() -> None:
    request = Request(
        action=Action.CREDIT,
        version="0320",
        protocol_id="012345678901",
        register="07",
        minor=3,
        currency="392",
        reference="0123456789abcdef0123456789abcdef",
        application="001",
        ticket="120",
        online=True,
        partial=True,
        immediate=True,
    )
    written = encode(request.elements())
    assert written == (
        b"CZ0040320CJ012012345678901CA00207CB00203CD0011CE003392BA0011BB0011BF0011CC003001"
        b"CF0320123456789abcdef0123456789abcdefCK003120"
    )


def test_a_broken_amount_is_named_and_not_guessed() -> None:
    answer = parse_answer(_fields(CB="12,50"))
    assert answer.minor is None
    assert answer.malformed == {"CB"}


def test_an_absent_amount_is_not_malformed() -> None:
    assert parse_answer(_fields(AE="01")).malformed == frozenset()


def test_unknown_tags_are_named_and_left_alone() -> None:
    answer = parse_answer(_fields(AE="10", ZZ="whatever", XY="1"))
    assert answer.unknown == {"ZZ", "XY"}
    assert answer.status == "10"


@pytest.mark.parametrize(
    ("code", "mode"),
    [
        ("0", None),
        ("1", EntryMode.CONTACT),
        ("2", EntryMode.CONTACTLESS),
        ("3", EntryMode.MAGSTRIPE),
        ("4", EntryMode.MANUAL),
        ("9", None),
    ],
)
def test_the_reading_mode(code: str, mode: EntryMode | None) -> None:
    assert parse_answer(_fields(CI=code)).entry_mode is mode


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("04", StatusDetail("04")),
        ("0451", StatusDetail("04", "51")),
        ("04  CARTE EXPIREE", StatusDetail("04", None, "CARTE EXPIREE")),
        ("04" + " " * 27, StatusDetail("04")),
        ("0451" + "X" * 21 + "0700" + "beyond", StatusDetail("04", "51", "X" * 21, "07", "00")),
        ("4", StatusDetail("4")),
    ],
)
def test_the_detail_and_its_tail(value: str, detail: StatusDetail) -> None:
    assert parse_detail(value) == detail


def test_a_detail_that_is_too_long_for_its_column_is_cut() -> None:
    assert StatusDetail("07", message="PAIEMENT NON TRANSMIS AU COMMERCE").encoded()[4:25] == "PAIEMENT NON TRANSMIS"


# ---------------------------------------------------------------- tickets


def test_a_ticket_is_latin_1_text() -> None:
    assert parse_answer(_ticket("CARTE BANCAIRE\r\nDÉBIT 12,50 EUR")).ticket == "CARTE BANCAIRE\r\nDÉBIT 12,50 EUR"
    assert parse_answer(_ticket("sans CK", handling=None)).ticket == "sans CK"


def test_an_html_ticket_is_left_out() -> None:
    answer = parse_answer(_ticket("<b>DEBIT</b>", handling="121"))
    assert (answer.ticket, answer.malformed) == (None, frozenset())


def test_missing_padding_is_filled_up() -> None:
    coded = base64.b64encode(b"12 caracteres").decode().rstrip("=")
    answer = parse_answer(Fields.of([container("ZT", [Tlv("CK", "100"), Tlv("AK", coded)])]))
    assert answer.ticket == "12 caracteres"


@pytest.mark.parametrize("value", ["CK003100AK999", "AK004!!!!", "AK001A", "CK003100AK004ABéD"])
def test_a_broken_ticket_does_not_spoil_the_answer(value: str) -> None:
    answer = parse_answer(_fields(AE="10", CB="1250", ZT=value))
    assert answer.ticket is None
    assert (answer.status, answer.minor) == ("10", 1250)
    assert answer.malformed == {"ZT"}


@pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"])
def test_a_card_number_on_a_slip_is_masked(number: str) -> None:
    ticket = parse_answer(_ticket(f"CARTE {number}\r\nFIN 12/27")).ticket
    assert ticket == "CARTE 411111######1111\r\nFIN 12/27"


def test_a_ticket_that_is_too_long_is_left_out_of_an_answer() -> None:
    fits, too_long = Answer(ticket="x" * 675), Answer(ticket="x" * 676)
    assert parse_answer(Fields.of(fits.elements())).ticket == "x" * 675
    assert too_long.elements() == ()


def test_a_character_beyond_latin_1_does_not_break_an_answer() -> None:
    assert parse_answer(Fields.of(Answer(ticket="5 €").elements())).ticket == "5 ?"


def test_an_answer_survives_the_wire() -> None:
    answer = Answer(
        version="0301",
        protocol_id="330538600404",
        status="01",
        detail=StatusDetail("04", "51", "REFUS"),
        register="02",
        minor=0,
        application="00B",
        action="0",
        currency="978",
        reference="ref",
        ticket="REFUSE",
        immediate=True,
    )
    assert parse_answer(Fields.of(decode(encode(answer.elements())))) == answer
