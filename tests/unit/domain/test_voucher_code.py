"""What a scanner or a person gives for a voucher: read right, or refused by its own code."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.voucher_code import (
    LONGEST,
    NUMBER_DIGITS,
    VoucherCode,
    masked,
    number_of,
    read_code,
    right_check_digit,
    with_pin,
)

NUMBER = "27612345678904"
RIGHT = (NUMBER, "04098765432104", "75655500011129", "27600000000008", "05600000000018")
countries = st.text("0123456789", min_size=3, max_size=3)
serials = st.text("0123456789", min_size=10, max_size=10)


def refused(text: str, *, imported: bool = False) -> Code:
    with pytest.raises(BridgeError) as caught:
        read_code(text, imported=imported)
    assert text.strip() == "" or text not in str(caught.value)
    return caught.value.code


def sample(count: int) -> list[str]:
    chance = random.Random(5)
    return [number_of(f"{chance.randrange(1000):03d}", f"{chance.randrange(10**10):010d}") for _ in range(count)]


def one_digit_wrong(number: str) -> Iterator[str]:
    for at, digit in enumerate(number):
        yield from (number[:at] + other + number[at + 1 :] for other in "0123456789" if other != digit)


def neighbours_swapped(number: str) -> Iterator[str]:
    for at in range(len(number) - 1):
        first, second = number[at], number[at + 1]
        if first != second:
            yield number[:at] + second + first + number[at + 2 :]


@pytest.mark.parametrize("number", RIGHT)
def test_numbers_that_are_right(number: str) -> None:
    assert right_check_digit(number)
    assert number_of(number[:3], number[3:13]) == number
    assert read_code(number) == VoucherCode(number)


@pytest.mark.parametrize("number", ["27612345678905", "27621345678904"])
def test_numbers_with_a_typing_mistake(number: str) -> None:
    assert refused(number) is Code.VOUCHER_CHECK_DIGIT
    assert read_code(number, imported=True) == VoucherCode(number)


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"{NUMBER}     ",
        f" \t{NUMBER}\r\n",
        "276 1234 5678 904",
        "276-1234.5678 904",
        f"]Q1{NUMBER}",
        f"]C0{NUMBER}",
        f" ]Q1 {NUMBER} ",
        f"https://m.example/g?v={NUMBER}",
        f"HTTP://m.example/g?HYGS={NUMBER}",
    ],
)
def test_ways_to_write_a_number(text: str) -> None:
    assert read_code(text) == VoucherCode(NUMBER)


@pytest.mark.parametrize(
    "text",
    [
        f"{NUMBER}0420",
        "2761 2345 6789 0404 20",
        f"https://m.example/g?HYGS={NUMBER}0420",
        f"https://m.example/g?HYGS={NUMBER}#p=0420",
        f"https://m.example/g?v={NUMBER}#p=0420",
        f"]Q1https://m.example/g?v={NUMBER}#p=0420",
    ],
)
def test_ways_to_write_a_number_with_its_pin(text: str) -> None:
    found = read_code(text)
    assert (found.number, found.pin, found.merchant) == (NUMBER, "0420", None)


def test_the_merchant_in_an_address() -> None:
    assert read_code(f"http://m.example/?HYGS={NUMBER}&HYNR=A77").merchant == "A77"
    assert refused(f"http://m.example/?HYGS={NUMBER}&HYNR=A_7") is Code.VOUCHER_UNREADABLE
    assert refused(f"http://m.example/?HYGS={NUMBER}&HYNR=1&HYNR=1") is Code.VOUCHER_UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "2761234567890",
        *(f"{NUMBER}{'0' * more}" for more in (1, 2, 3, 5)),
        NUMBER.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
        NUMBER[:-1] + "\N{SUPERSCRIPT FOUR}",
        NUMBER[:-1] + "\N{ARABIC-INDIC DIGIT FOUR}",
        "276  1234 5678 904",
        f"-{NUMBER}",
        f"+{NUMBER}",
        f"]Q{NUMBER}",
        f"https://m.example/g?HYGS={NUMBER}&HYGS={NUMBER}",
        f"https://m.example/g?HYGS={NUMBER}&v={NUMBER}",
        f"https://m.example/g?v={NUMBER}0420",
        f"https://m.example/g?v={NUMBER}#p=42",
        f"https://m.example/g?v={NUMBER}#p=0420&p=0420",
        "https://m.example/g",
        f"https://[m.example/g?v={NUMBER}",
        f"ftp://m.example/g?v={NUMBER}",
        NUMBER.rjust(LONGEST + 1),
    ],
)
def test_what_is_no_code(text: str) -> None:
    assert refused(text) is Code.VOUCHER_UNREADABLE
    assert refused(text, imported=True) is Code.VOUCHER_UNREADABLE


def test_a_pin_that_comes_apart() -> None:
    bare, full = VoucherCode(NUMBER), VoucherCode(NUMBER, "0420")
    assert with_pin(bare, None) == bare
    assert with_pin(bare, " 0420 ") == full
    assert with_pin(full, "0420") == full
    assert with_pin(full, None) == full
    for pin, code in (("0421", Code.VOUCHER_TWO_PINS), ("42", Code.VOUCHER_UNREADABLE), ("", Code.VOUCHER_UNREADABLE)):
        with pytest.raises(BridgeError) as caught:
            with_pin(full, pin)
        assert (caught.value.code, caught.value.place) == (code, "pin")
    assert refused(f"https://m.example/g?HYGS={NUMBER}0420#p=0421") is Code.VOUCHER_TWO_PINS


@pytest.mark.parametrize("count", [300, pytest.param(3000, marks=pytest.mark.soak)])
def test_every_wrong_digit_and_every_swap_is_found(count: int) -> None:
    for number in sample(count):
        wrong = [*one_digit_wrong(number), *neighbours_swapped(number)]
        assert len(wrong) >= NUMBER_DIGITS * 9
        assert [one for one in wrong if right_check_digit(one)] == []


@given(countries, serials)
def test_a_number_is_read_back(country: str, serial: str) -> None:
    number = number_of(country, serial)
    assert (len(number), number[:3], number[3:13]) == (NUMBER_DIGITS, country, serial)
    assert read_code(number) == VoucherCode(number)


@given(st.text(max_size=40) | st.from_regex(r"\A[0-9 .\-]{10,24}\Z") | st.from_regex(r"\Ahttps?://.{0,60}\Z"))
def test_whatever_comes_is_a_voucher_or_a_refusal(text: str) -> None:
    try:
        found = read_code(text)
    except BridgeError as error:
        assert error.code in {Code.VOUCHER_UNREADABLE, Code.VOUCHER_CHECK_DIGIT, Code.VOUCHER_TWO_PINS}  # noqa: PT017  # most texts are none
    else:
        assert right_check_digit(found.number)


@pytest.mark.parametrize(("country", "serial"), [("27", "1234567890"), ("276", "123"), ("27x", "1234567890")])
def test_a_number_is_made_of_digits(country: str, serial: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        number_of(country, serial)
    with pytest.raises(ValueError, match="digits"):
        number_of("276", "\N{ARABIC-INDIC DIGIT FOUR}" * 10)


def test_its_text_gives_nothing_away() -> None:
    code = VoucherCode(NUMBER, "0420", "A77")
    assert masked(NUMBER) == "276…8904"
    assert repr(code) == str(code) == "VoucherCode(276…8904)"
