"""Law 6: money is an integer of minor units with a currency, exact in every currency of ISO 4217."""

import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, BY_NUMERIC, EUR, MAX_MINOR, Currency, Money, currency, parse_major

# ISO 4217's own exceptions to two decimals, written down apart from the package that the code reads them from.
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND".split()
_FOUR_DECIMALS = "CLF UYW".split()
_NO_MINOR_UNIT = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split()

currencies = st.sampled_from(sorted(BY_CODE.values(), key=str))
monies = st.builds(Money, st.integers(0, MAX_MINOR), currencies)


def _expected_exponent(code: str) -> int:
    exceptions = ((_NO_DECIMALS, 0), (_THREE_DECIMALS, 3), (_FOUR_DECIMALS, 4))
    return next((exponent for codes, exponent in exceptions if code in codes), 2)


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_exponent_is_that_of_iso_4217(code: str) -> None:
    assert BY_CODE[code].exponent == _expected_exponent(code)


def test_every_exception_to_two_decimals_is_listed() -> None:
    assert {*_NO_DECIMALS, *_THREE_DECIMALS, *_FOUR_DECIMALS} <= BY_CODE.keys()


@pytest.mark.parametrize("code", _NO_MINOR_UNIT)
def test_what_has_no_minor_unit_cannot_be_paid_with(code: str) -> None:
    with pytest.raises(BridgeError) as refusal:
        currency(code)
    assert refusal.value.code is Code.CURRENCY_UNKNOWN


def test_code_and_number_name_the_same_currencies() -> None:
    assert set(BY_NUMERIC.values()) == set(BY_CODE.values())
    assert all(re.fullmatch("[0-9]{3}", number) for number in BY_NUMERIC)
    assert all(re.fullmatch("[A-Z]{3}", code) for code in BY_CODE)


@pytest.mark.parametrize(("code", "numeric"), [("EUR", "978"), ("USD", "840"), ("ALL", "008"), ("AUD", "036")])
def test_number_keeps_its_leading_zeros(code: str, numeric: str) -> None:
    assert currency(code) == BY_NUMERIC[numeric]
    assert str(currency(code)) == code


@pytest.mark.parametrize("code", ["", "eur", "EURO", "978", "string", "EU", "EUR "])
def test_unknown_currency_is_refused_by_name(code: str) -> None:
    with pytest.raises(BridgeError, match="ISO 4217") as refusal:
        currency(code)
    assert refusal.value.code is Code.CURRENCY_UNKNOWN
    assert refusal.value.place == "currency"


@given(monies, st.sampled_from([".", ","]))
def test_what_is_written_is_read_back(money: Money, separator: str) -> None:
    assert parse_major(money.major(separator), money.currency) == money


@given(monies)
def test_written_form_has_every_decimal_of_its_currency(money: Money) -> None:
    whole, _, fraction = money.major().partition(".")
    assert whole.isdecimal()
    assert len(fraction) == money.currency.exponent
    assert int(whole + fraction) == money.minor


@pytest.mark.parametrize(
    ("minor", "code", "written"),
    [
        (0, "EUR", "0.00 EUR"),
        (5, "EUR", "0.05 EUR"),
        (1250, "EUR", "12.50 EUR"),
        (1000, "JPY", "1000 JPY"),
        (1, "BHD", "0.001 BHD"),
        (12_3456, "CLF", "12.3456 CLF"),
        (MAX_MINOR, "EUR", "10000000000.00 EUR"),
    ],
)
def test_written_as_people_write_it(minor: int, code: str, written: str) -> None:
    assert str(Money(minor, currency(code))) == written


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("9.99", "EUR", 999),
        ("10.23", "EUR", 1023),
        ("10,23", "EUR", 1023),
        ("10", "EUR", 1000),
        ("10.2", "EUR", 1020),
        ("0", "EUR", 0),
        ("0.01", "EUR", 1),
        ("007.5", "EUR", 750),
        ("1000", "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("0.0001", "UYW", 1),
        # What binary floats get wrong: 1.1 + 2.2, and 8.41 whose float times a hundred is below 841.
        ("3.30", "EUR", 330),
        ("8.41", "EUR", 841),
        ("10000000000.00", "EUR", MAX_MINOR),
    ],
)
def test_reads_major_units(text: str, code: str, minor: int) -> None:
    assert parse_major(text, currency(code)) == Money(minor, currency(code))


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", ",", ".5", "5.", "-1", "+1", "1e3", "1E3", "0x10", "1_000", "1.000,00", "1,000.00", "1 000"),
        *(
            "10.23 ",
            " 10.23",
            "10.23\n",
            "10.23€",
            "NaN",
            "inf",
            "10..2",
            "10,2,3",
            "1.2345678",
            "\u0663",
            "\uff11\uff12",
            "1\u00b2",
        ),
        *("0.001", "10.000", "0.000"),
        *("10000000000.01", "99999999999999999", "9" * 5000),
    ],
)
def test_refuses_what_is_not_an_amount(text: str) -> None:
    with pytest.raises(BridgeError) as refusal:
        parse_major(text, EUR)
    assert refusal.value.code is Code.AMOUNT_INVALID
    assert refusal.value.place == "amount"


@pytest.mark.parametrize(("text", "code"), [("1.0", "JPY"), ("1.2345", "KWD"), ("1.234", "EUR"), ("1.00001", "CLF")])
def test_never_rounds_away_a_decimal(text: str, code: str) -> None:
    with pytest.raises(BridgeError, match=f"more decimals than the . of {code}"):
        parse_major(text, currency(code))


@pytest.mark.parametrize("number", ["4111111111111111", "4111 1111 1111 1111", "4111111111111111.999", "5" * 19])
def test_a_card_number_in_place_of_an_amount_is_not_repeated(number: str) -> None:
    with pytest.raises(BridgeError) as refusal:
        parse_major(number, EUR)
    assert number[:8] not in f"{refusal.value} {refusal.value!r} {refusal.value.args}"


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,12}([.,][0-9]{0,3})?", fullmatch=True))
def test_any_text_is_an_amount_or_a_clear_refusal(text: str) -> None:
    def read() -> Money | Code:
        try:
            return parse_major(text, EUR)
        except BridgeError as refusal:
            return refusal.code

    looks_right = re.fullmatch(r"([0-9]{1,16})(?:[.,]([0-9]{1,2}))?", text, re.ASCII)
    expected: Money | Code = Code.AMOUNT_INVALID
    if looks_right and (minor := int(looks_right[1] + (looks_right[2] or "").ljust(2, "0"))) <= MAX_MINOR:
        expected = Money(minor, EUR)
    assert read() == expected


@pytest.mark.parametrize("minor", [12.0, 12.5, True, "12", None])
def test_money_is_made_of_integers_alone(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(cast(int, minor), EUR)


@pytest.mark.parametrize("minor", [-1, MAX_MINOR + 1])
def test_money_has_bounds(minor: int) -> None:
    with pytest.raises(BridgeError) as refusal:
        Money(minor, EUR)
    assert refusal.value.code is Code.AMOUNT_INVALID


def test_a_million_of_the_largest_amounts_fit_the_journals_integers() -> None:
    assert MAX_MINOR * 1_000_000 < 2**63


@given(currencies, currencies, st.integers(0, MAX_MINOR))
def test_the_currency_is_part_of_the_amount(one: Currency, other: Currency, minor: int) -> None:
    assert (Money(minor, one) == Money(minor, other)) is (one == other)
