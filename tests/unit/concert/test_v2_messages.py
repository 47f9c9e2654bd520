"""Bodies of Concert V2: strict layouts, and card numbers that never come out."""

import pytest

from tests.support.concert_frames import FULL_PAN, MASKED_PAN, worked
from tillbridge.protocols.concert.v2.messages import (
    MAX_RECEIPT,
    Authorisation,
    Dialect,
    Reply,
    ReplyDelay,
    Request,
    Status,
    parse_reply,
    parse_request,
)
from tillbridge.protocols.contract import ProtocolError

E_PLUS, E, NEPTING = worked("A1")[1:-2], worked("B1")[1:-2], worked("B3")[1:-2]
LONG, SHORT = worked("C1")[1:-2], worked("C2")[1:-2]


def _put(body: bytes, place: int, field: bytes) -> bytes:
    return body[:place] + field + body[place + len(field) :]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "characters"),
        (E[:-1], "characters"),
        (E + b"A", "characters"),
        (E + b"A010", "T012"),
        (E_PLUS + b"T013", "T012"),
        (E_PLUS + b"T012T012", "characters"),
        (_put(E, 0, b"00"), "register"),
        (_put(E, 0, b" 1"), "register"),
        (_put(E, 2, b"+0001250"), "amount"),
        (_put(E, 2, b"    1250"), "amount"),
        (_put(E, 13, b"EUR"), "currency"),
        (_put(E_PLUS, 26, b"A012"), "unknown value"),
        (_put(E_PLUS, 26, b"B010"), "unknown value"),
        (_put(E_PLUS, 30, b"B013"), "unknown value"),
        (_put(E, 16, b"\x1f"), "PRIV"),
        (_put(E, 11, b"\x02"), "MODE"),
        (_put(E, 16, b"\xe9"), "20..7F"),
        (b"\xd9\xa0" + E[2:], "20..7F"),
    ],
)
def test_a_request_that_breaks_its_layout(body: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        parse_request(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (SHORT[:-1], "characters"),
        (SHORT + b" ", "characters"),
        (LONG[:-1], "characters"),
        (LONG + b" " * (MAX_RECEIPT + 1), "characters"),
        (_put(SHORT, 0, b"A1"), "register"),
        (_put(SHORT, 2, b"1"), "unknown value"),
        (_put(SHORT, 3, b"1 250.00"), "amount"),
        (_put(SHORT, 12, b"   "), "currency"),
        (_put(LONG, 12, b"\x00"), "REP"),
    ],
)
def test_a_reply_that_breaks_its_layout(body: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        parse_reply(body)


def test_an_error_repeats_nothing_of_what_came() -> None:
    slipped = FULL_PAN.encode() + LONG[len(FULL_PAN) :]
    for shift in range(60):
        with pytest.raises(ProtocolError) as caught:
            parse_reply((slipped + slipped)[shift : shift + 80].replace(b"0", b"x"))
        assert not any(digits in str(caught.value) for digits in (FULL_PAN[:6], FULL_PAN[-4:]))


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (FULL_PAN, MASKED_PAN),
        (f"{FULL_PAN} 0000", MASKED_PAN),
        ("4970101234567899".ljust(55, "0"), "497010#######"),
        (FULL_PAN.ljust(55, "0"), "497010#######"),
        ("497010******7890", MASKED_PAN),
        ("", ""),
        ("  ".ljust(55, "0"), ""),
        ("0" * 55, "000000#######"),
        ("9" * 55, "999999#######"),
        ("D0416926D031017807908F011519431044B", "#" * 19),
    ],
)
def test_the_card_report_comes_out_masked(report: str, shown: str) -> None:
    body = LONG[:12] + report.ljust(55).encode() + LONG[67:]
    assert parse_reply(body).report == shown


def test_no_reply_can_hold_a_full_card_number() -> None:
    reply = Reply("01", Status.ACCEPTED, 1, "978", report=FULL_PAN, receipt=f"CARD {FULL_PAN} OK")
    assert FULL_PAN not in repr(reply)
    assert FULL_PAN.encode() not in reply.encode()
    assert reply.receipt == f"CARD {MASKED_PAN} OK"


def test_a_receipt_hides_card_numbers_and_nothing_else() -> None:
    text = f"CARD {FULL_PAN} AID A0000000421010"
    assert parse_reply(LONG + text.encode()).receipt == f"CARD {MASKED_PAN} AID A0000000421010"


def test_the_tail_tells_the_dialect() -> None:
    assert parse_request(E).dialect is Dialect.E
    assert parse_request(E_PLUS).dialect is Dialect.E_PLUS
    assert (parse_request(NEPTING).dialect, parse_request(NEPTING).receipt) == (Dialect.E, True)
    assert parse_request(E_PLUS + b"T012").receipt
    assert not parse_request(E_PLUS).at_once
    assert parse_request(worked("A2")[1:-2]).at_once


@pytest.mark.parametrize("indicator", [b"0", b"2", b" ", b"x"])
def test_only_1_asks_for_the_card_report(indicator: bytes) -> None:
    assert not parse_request(_put(E, 10, indicator)).ask_card_report


def test_unknown_types_and_means_are_read_so_that_they_can_be_refused() -> None:
    request = parse_request(_put(E, 11, b"ZA"))
    assert (request.means, request.operation) == ("Z", "A")


@pytest.mark.parametrize(
    "wrong",
    [
        {"register": "1"},
        {"register": "00"},
        {"amount_minor": -1},
        {"amount_minor": 100_000_000},
        {"currency": "EUR"},
        {"private": "elevenchars"},
        {"private": "filled "},
        {"delay": ReplyDelay.AT_END},
        {"authorisation": Authorisation.ONLINE},
        {"operation": ""},
        {"means": "11"},
    ],
    ids=str,
)
def test_what_the_wire_cannot_carry_is_no_request(wrong: dict[str, object]) -> None:
    usual: dict[str, object] = {"register": "01", "amount_minor": 1, "currency": "978"}
    with pytest.raises(ValueError, match=r"register|amount|currency|PRIV|DELAI|TYPE|MODE"):
        Request(**(usual | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("receipt", ["", "x" * (MAX_RECEIPT + 1), "two\nlines"])
def test_what_the_wire_cannot_carry_is_no_receipt(receipt: str) -> None:
    with pytest.raises(ValueError, match="a receipt"):
        Reply("01", Status.ACCEPTED, 1, "978", report="", receipt=receipt)


def test_a_receipt_needs_the_long_reply() -> None:
    with pytest.raises(ValueError, match="long reply"):
        Reply("01", Status.ACCEPTED, 1, "978", receipt="x")
