"""The named scenarios, and the table by the amount's ending."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, EUR, MAX_MINOR, Currency, Money
from tillbridge.virtual.scenarios import APPROVE, BY_ENDING, SCENARIOS, Approves, by_amount, scenario


@given(st.integers(0, MAX_MINOR))
def test_only_the_last_two_digits_count_and_only_from_91_on(minor: int) -> None:
    chosen = by_amount(Money(minor, EUR))
    assert chosen is (BY_ENDING[minor % 100] if minor % 100 > 90 else APPROVE)


@given(st.sampled_from([unit for unit in BY_CODE.values() if unit.exponent != 2]), st.integers(0, 10**6))
def test_a_currency_without_two_decimals_has_no_endings(unit: Currency, minor: int) -> None:
    assert by_amount(Money(minor, unit)) is APPROVE


@given(st.integers(1, MAX_MINOR), st.none() | st.integers(1, MAX_MINOR), st.none() | st.integers(1, 100))
def test_a_terminal_never_approves_more_than_it_was_asked_for(asked: int, minor: int | None, share: int | None) -> None:
    assert 1 <= Approves(minor, share).of(asked) <= asked


def test_an_unknown_name_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(BridgeError, match="reboot_taken") as error:
        scenario("earthquake")
    assert error.value.code is Code.FIELD_INVALID


def test_names_and_summaries_are_each_used_once() -> None:
    assert len({each.summary for each in SCENARIOS.values()}) == len(SCENARIOS)
    assert all(name == each.name and scenario(name) is each for name, each in SCENARIOS.items())
