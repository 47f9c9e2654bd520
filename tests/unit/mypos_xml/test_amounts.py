"""Amounts as the wire writes them: nothing is rounded, and nothing is read as other money than was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.money import BY_CODE, EUR, MAX_MINOR, Currency, Money
from tillbridge.protocols.mypos_xml.amounts import NotAnAmount, decimals_of, read_sum, write_sum

HUF = BY_CODE["HUF"]
UNITS = [BY_CODE[code] for code in ("EUR", "HUF", "JPY", "ISK", "KWD", "CZK")]


@pytest.mark.parametrize(
    ("minor", "unit", "decimals", "text"),
    [
        (1, EUR, 2, "0.01"),
        (1250, EUR, 2, "12.50"),
        (100, EUR, 0, "1"),
        (150000, HUF, 0, "1500"),
        (150050, HUF, 2, "1500.50"),
        (1500, BY_CODE["JPY"], 0, "1500"),
        (1234, BY_CODE["KWD"], 3, "1.234"),
        (MAX_MINOR, EUR, 2, "10000000000.00"),
    ],
)
def test_an_amount_is_written_and_read_again(minor: int, unit: Currency, decimals: int, text: str) -> None:
    assert write_sum(Money(minor, unit), decimals) == text
    assert read_sum(text, unit, decimals) == Money(minor, unit)


def test_whole_forints_unless_told_otherwise() -> None:
    assert [decimals_of(HUF, wanted) for wanted in (None, 0, 2)] == [0, 0, 2]
    assert [decimals_of(EUR, wanted) for wanted in (None, 0)] == [2, 0]


@pytest.mark.parametrize(("minor", "decimals"), [(1, 0), (1250, 0), (5, 1)])
def test_a_part_that_cannot_be_written_is_not_dropped(minor: int, decimals: int) -> None:
    with pytest.raises(NotAnAmount):
        write_sum(Money(minor, EUR), decimals)


@pytest.mark.parametrize("text", ["1500", "1500.", "1500.0", "1500.00", "01500.000000"])
def test_zeros_behind_the_point_are_no_decimals(text: str) -> None:
    assert read_sum(text, HUF, 0) == Money(150000, HUF)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,00",
        "1 000",
        "1.000,00",
        "+1",
        "1e3",
        "abc",
        ".5",
        "12.50 EUR",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "0x10",
        "--1",
    ],
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_sum(text, EUR, 2) is None


@pytest.mark.parametrize("text", ["-1", "-0.01", "1.005", "9" * 20, "1" * 17 + ".00"])
def test_a_number_that_nobody_can_pay_is_no_amount(text: str) -> None:
    with pytest.raises(NotAnAmount):
        read_sum(text, EUR, 2)


@given(st.sampled_from(UNITS), st.integers(0, MAX_MINOR), st.integers(0, 4))
def test_what_is_written_is_read_as_the_same_money(unit: Currency, minor: int, wanted: int) -> None:
    decimals = min(wanted, unit.exponent)
    try:
        text = write_sum(Money(minor, unit), decimals)
    except NotAnAmount:
        assert minor % 10 ** (unit.exponent - decimals)
        return
    assert read_sum(text, unit, decimals) == Money(minor, unit)
