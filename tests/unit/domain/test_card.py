"""Law 7: beyond a codec there is only a masked card number."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.card import (
    CardUse,
    EntryMode,
    check_digit_holds,
    hide_card_numbers,
    hide_checked_numbers,
    mask,
)

_DIGITS = "0123456789"
_MASKED = re.compile("[0-9]{0,6}#*[0-9]{0,4}", re.ASCII)


def _runs(text: str) -> list[str]:
    return re.findall("[0-9]+", text)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("4111111111111111", "411111######1111"),
        ("  4111111111111111 ", "411111######1111"),
        ("4111111111111111119", "411111#########1119"),
        ("378282246310005", "378282#####0005"),
        ("36006666333344", "360066####3344"),
        # Too short to hide four digits between six and four: only the last four stay.
        ("5018000000009", "#########0009"),
        ("501800000009", "########0009"),
        ("12345678", "####5678"),
        # Masked by the terminal, each in its own way.
        ("497010******7890", "497010######7890"),
        ("497010FFFFFF7890", "497010######7890"),
        ("497010XXXXXXXXX", "497010#########"),
        ("************7890", "############7890"),
        ("4970**********", "4970##########"),
    ],
)
def test_six_and_four_digits_at_most_are_kept(sent: str, kept: str) -> None:
    assert mask(sent) == kept


@pytest.mark.parametrize("sent", ["", " ", "\t\n", " " * 19])
def test_no_number_is_none(sent: str) -> None:
    assert mask(sent) is None


@pytest.mark.parametrize(
    "sent",
    [
        "1234567*89012345",  # masked, but with a seventh digit in front
        "497010*67890",  # masked, but with a fifth digit behind
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111111111111111F",  # hexadecimal filler behind a whole number
        "card 4111111111111111",
        "41111111111111111111",  # longer than any card number
        "1234567",
        "\u0664" + "\u0661" * 15,  # digits that are not ASCII
    ],
)
def test_whatever_else_stands_there_is_hidden_whole(sent: str) -> None:
    assert set(mask(sent) or "") == {"#"}


@given(st.text(_DIGITS, min_size=8, max_size=19))
def test_a_whole_number_never_comes_out(number: str) -> None:
    masked = mask(number)
    assert masked is not None
    assert len(masked) == len(number)
    assert masked.count("#") >= 4
    assert masked.endswith(number[-4:])


@given(st.text(max_size=40) | st.text(_DIGITS + " *#X-F", max_size=40))
def test_never_more_than_six_and_four_digits_whatever_is_sent(text: str) -> None:
    masked = mask(text)
    if masked is not None:
        assert _MASKED.fullmatch(masked)
        assert sum(len(run) for run in _runs(masked)) < len(masked)


@given(st.text(max_size=40))
def test_masking_twice_changes_nothing(text: str) -> None:
    once = mask(text)
    if once is not None:
        assert mask(once) == once


@given(st.text(max_size=40))
def test_what_mask_gives_is_what_a_card_use_takes(text: str) -> None:
    assert CardUse(masked_pan=mask(text)).masked_pan == mask(text)


@pytest.mark.parametrize("number", ["4111111111111111", "411111111111", "411111 4 1111", "4111-1111-1111-1111"])
def test_a_card_use_refuses_what_is_not_masked_and_does_not_repeat_it(number: str) -> None:
    with pytest.raises(ValueError, match="mask") as refusal:
        CardUse(masked_pan=number)
    assert number[:6] not in repr(refusal.value)


def test_a_card_use_prints_no_more_than_it_may() -> None:
    card = CardUse(mask("4970101234567890"), EntryMode.CONTACTLESS, "0", "A0000000421010")
    assert "497010######7890" in repr(card)
    assert "4970101" not in repr(card)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CARD 4111111111111111 OK", "CARD 411111######1111 OK"),
        ("4111 1111 1111 1111", "411111######1111"),
        ("4111-1111-1111-1111\r\nEND 12/27", "411111######1111\r\nEND 12/27"),
        ("CB4111111111111111EUR", "CB411111######1111EUR"),
        # A private card without a check digit.
        ("CARD 4111111111111112", "CARD 411111######1112"),
    ],
)
def test_a_card_number_on_a_receipt_is_masked(text: str, shown: str) -> None:
    assert hide_card_numbers(text) == shown


@pytest.mark.parametrize(
    "text", ["TEL 01 23 45 67 89", "TICKET 123456789012", "NO 12345678901234567890123", "AID A0000000421010"]
)
def test_other_numbers_on_a_receipt_stay(text: str) -> None:
    assert hide_card_numbers(text) == text


@pytest.mark.parametrize(
    ("digits", "holds"), [("79927398713", True), ("79927398710", False), ("0", True), ("1", False)]
)
def test_the_check_digit_of_a_card_number(digits: str, holds: bool) -> None:
    assert check_digit_holds(digits) is holds


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("4111111111111111", "411111######1111"),
        ("4111 1111-1111 1111", "411111######1111"),
        ("R4111111111111111x", "R411111######1111x"),
        ("12 4111111111111111 A", "12 411111######1111 A"),
        ("4111111111111112", "4111111111111112"),
        ("20261121183425000001", "20261121183425000001"),
        ("A-1001", "A-1001"),
    ],
)
def test_a_tills_own_number_is_hidden_only_where_it_must_be_a_cards(text: str, kept: str) -> None:
    assert hide_checked_numbers(text) == kept
    assert hide_checked_numbers(kept) == kept
