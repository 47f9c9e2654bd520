"""Location numbers: seven digits and a check digit that catches every slip of one finger."""

import pytest

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.location_number import LAST_SERIAL, LocationNumber

# The table of the check digit, written down apart from the package that the code reads it from.
_TABLE = (
    "0317598642 7092154863 4206871359 1750983426 6123045978 3674209581 5869720134 8945362017 9438617205 2581436790"
).split()


def _check_digit(serial: int) -> str:
    row = 0
    for digit in f"{serial:07d}":
        row = int(_TABLE[row][int(digit)])
    return str(row)


@pytest.mark.parametrize("serial", [0, 1, 9, 10, 42, 99, 1004711, 5_000_000, 9_999_998, LAST_SERIAL])
def test_a_number_is_its_serial_and_the_check_digit_of_the_table(serial: int) -> None:
    number = LocationNumber.of(serial)
    assert str(number) == f"{serial:07d}{_check_digit(serial)}"
    assert number.serial == serial
    assert LocationNumber.parse(str(number), place="location") == number


def test_the_number_of_the_reference_page_is_right() -> None:
    assert str(LocationNumber.of(1004711)) == "10047110"


def test_blanks_around_a_number_are_no_part_of_it() -> None:
    assert LocationNumber.parse(" 10047110\r\n", place="location").digits == "10047110"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "has 8 digits"),
        ("1004711", "has 8 digits"),
        ("100471100", "has 8 digits"),
        ("1004 7110", "has 8 digits"),
        ("1004711O", "nothing but the digits"),
        ("1004711\u0660", "nothing but the digits"),
        ("\uff11\uff10\uff10\uff14\uff17\uff11\uff11\uff10", "nothing but the digits"),
        ("1004711²", "nothing but the digits"),
        ("-1004711", "nothing but the digits"),
        ("10047111", "check digit"),
        ("10041710", "check digit"),
    ],
)
def test_a_wrong_number_is_refused_with_its_fault_and_its_place(text: str, fault: str) -> None:
    with pytest.raises(BridgeError, match=fault) as refusal:
        LocationNumber.parse(text, place="settings.location")
    assert refusal.value.code is Code.FIELD_INVALID
    assert refusal.value.place == "settings.location"


@pytest.mark.parametrize("serial", [-1, LAST_SERIAL + 1])
def test_a_serial_beyond_seven_digits_has_no_number(serial: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 9999999"):
        LocationNumber.of(serial)


@pytest.mark.parametrize(
    "digits", ["10047111", "1004711", "abcdefgh", "\uff11\uff10\uff10\uff14\uff17\uff11\uff11\uff10"]
)
def test_only_a_right_number_can_be_made(digits: str) -> None:
    with pytest.raises(ValueError, match="parse"):
        LocationNumber(digits)
