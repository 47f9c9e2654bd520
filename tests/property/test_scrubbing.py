"""Law 7: no number that looks like a card's leaves the process through the log, wherever it hides."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tillbridge.runtime.scrubbing import Loggable, scrub, scrub_text

_ROW = re.compile(r"[0-9]+")


def _check_digit(body: str) -> str:
    """The Luhn digit, worked out in the other way: from the left, by doubling every second digit from the end."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return str(-sum(sum(divmod(value, 10)) for value in doubled) % 10)


def _is_card_number(digits: str) -> bool:
    return _check_digit(digits[:-1]) == digits[-1]


def _card_numbers_in(text: str) -> set[str]:
    """Every 13 to 19 digits in a row that look like a card number, with or without single blanks or dashes."""
    found: set[str] = set()
    for candidate in (text, re.sub(r"(?<=[0-9])[ -](?=[0-9])", "", text)):
        for row in _ROW.findall(candidate):
            windows = (row[start : start + size] for size in range(13, 20) for start in range(len(row) - size + 1))
            found.update(window for window in windows if _is_card_number(window))
    return found


def _texts(value: Loggable) -> Iterator[str]:
    match value:
        case dict():
            for key, member in value.items():
                yield key
                yield from _texts(member)
        case list():
            for item in value:
                yield from _texts(item)
        case _:
            yield str(value)


PANS = st.text("0123456789", min_size=12, max_size=18).map(lambda body: body + _check_digit(body))
SPACED = st.builds(
    lambda pan, separator, size: separator.join(pan[at : at + size] for at in range(0, len(pan), size)),
    PANS,
    st.sampled_from([" ", "-"]),
    st.integers(1, 6),
)
AROUND = st.text(max_size=12)
TEXTS = st.builds(lambda before, pan, after: before + pan + after, AROUND, PANS | SPACED, AROUND)
LEAVES = (
    TEXTS
    | PANS.map(int)
    | PANS.map(Decimal)
    | PANS.map(lambda pan: float(f"{pan}.0"))
    | TEXTS.map(ValueError)
    | TEXTS.map(lambda text: KeyError(text, {"nested": text}))
    | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | TEXTS.map(lambda text: bytearray(text.encode("utf-8", "surrogatepass")))
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(TEXTS | PANS.map(int), inner, max_size=4)
        | st.frozensets(PANS | PANS.map(int), max_size=3)
    ),
    max_leaves=12,
)


@given(NESTED)
def test_no_card_number_survives_in_any_nested_value(value: object) -> None:
    scrubbed = scrub({"value": value})
    assert {number for text in _texts(scrubbed) for number in _card_numbers_in(text)} == set()
    assert json.loads(json.dumps(scrubbed, allow_nan=False)) == scrubbed


@given(AROUND, PANS | SPACED, AROUND)
def test_no_card_number_survives_between_other_text(before: str, pan: str, after: str) -> None:
    assert _card_numbers_in(scrub_text(before + pan + after)) == set()


@given(st.text("0123456789", max_size=9), PANS, st.text("0123456789", max_size=9))
def test_no_card_number_survives_among_other_digits(before: str, pan: str, after: str) -> None:
    assert _card_numbers_in(scrub_text(before + pan + after)) == set()


@given(st.text("0123456789 -.:#xé", max_size=120))
def test_no_card_number_survives_in_rows_of_digits(text: str) -> None:
    assert _card_numbers_in(scrub_text(text)) == set()


@given(st.text("0123456789 -", max_size=120))
def test_scrubbing_again_changes_nothing(text: str) -> None:
    once = scrub_text(text)
    assert scrub_text(once) == once


@given(st.text("0123456789", min_size=1, max_size=12), st.text(st.characters(categories=["L"]), max_size=20))
def test_shorter_numbers_are_left_alone(digits: str, word: str) -> None:
    assert scrub_text(f"{word} {digits} {word}") == f"{word} {digits} {word}"


@given(
    st.sampled_from(["password", "api_password", "apiPassword", "PIN", "pairing_pin", "access-token", "Authorization"]),
    st.recursive(
        st.integers(1) | st.text(min_size=1), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ),
)
def test_secrets_never_show(name: str, secret: object) -> None:
    assert scrub({"outer": [{name: secret}]}) == {"outer": [{name: "<redacted>"}]}
