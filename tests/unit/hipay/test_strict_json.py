import time
from decimal import Decimal

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.hipay import strict_json
from tillbridge.protocols.strict_json import MAX_DEPTH, canonical, write


def refused(body: bytes) -> str:
    with pytest.raises(BridgeError) as caught:
        strict_json.read_object(body)
    assert caught.value.code is Code.BODY_INVALID
    assert caught.value.place == "body"
    return caught.value.detail


def test_numbers_keep_their_digits() -> None:
    read = strict_json.read_object(b'{"a": 9.99, "b": 0.10, "c": 3, "d": 12345678901234567.89}')
    assert read == {"a": Decimal("9.99"), "b": Decimal("0.10"), "c": 3, "d": Decimal("12345678901234567.89")}
    assert [type(value) for value in read.values()] == [Decimal, Decimal, int, Decimal]
    assert write(read) == '{"a":9.99,"b":0.10,"c":3,"d":12345678901234567.89}'


def test_a_byte_order_mark_is_tolerated() -> None:
    assert strict_json.read_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"  \r\n ", b"\xef\xbb\xbf"])
def test_nothing_is_no_request(body: bytes) -> None:
    assert refused(body)


@pytest.mark.parametrize("body", [b"[]", b'[{"amount": 1}]', b"1", b'"text"', b"null", b"true", b"amount=10"])
def test_only_an_object_is_a_request(body: bytes) -> None:
    assert refused(body)


def test_the_place_of_a_mistake_is_named() -> None:
    assert refused(b'{"amount": 1,\n "currency" "EUR"}').startswith("line 2, column 13")


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 2}', b'{"a": 1, "a": 1}', b'{"b": {"a": 1, "\\u0061": 2}}'])
def test_equal_keys_are_refused(body: bytes) -> None:
    assert "'a' stands twice" in refused(body)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(number: str) -> None:
    assert refused(f'{{"amount": {number}}}'.encode())


@pytest.mark.parametrize(
    "number", ["1e999999", "1e-999999", "1e99999999999999999999", "1e31", "9" * 41, "0." + "1" * 40]
)
def test_a_number_of_a_million_digits_is_refused(number: str) -> None:
    assert "number" in refused(f'{{"amount": {number}}}'.encode())


@pytest.mark.parametrize("body", [b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', '{"a": "é"}'.encode("latin-1")])
def test_other_encodings_are_refused(body: bytes) -> None:
    assert "UTF-8" in refused(body)


def test_half_of_a_character_is_refused() -> None:
    assert "surrogate" in refused(b'{"a": "\\ud83d"}')
    assert "surrogate" in refused(b'{"\\udc00": 1}')


def test_a_character_in_two_halves_is_whole() -> None:
    assert strict_json.read_object(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


def test_nesting_is_bounded() -> None:
    deepest = MAX_DEPTH
    assert strict_json.read_object(b'{"a":' + b"[" * (deepest - 1) + b"]" * (deepest - 1) + b"}")
    assert "nested" in refused(b'{"a":' + b"[" * deepest + b"]" * deepest + b"}")
    assert "nested" in refused(b'{"a":' * 100_000)


def test_brackets_in_a_text_are_not_nesting() -> None:
    text = "[{" * 50 + '\\"[[' + "\\\\"
    assert strict_json.read_object(f'{{"a": "{text}", "b": [[], {{}}]}}'.encode())


@pytest.mark.parametrize("tail", [b'\\"' * 100_000, b"\\" * 200_001, b'"' * 200_000, b"[" * 200_000, b'"a",' * 50_000])
def test_garbage_costs_no_time(tail: bytes) -> None:
    """A scan that started again at every quotation mark would take minutes over these."""
    before = time.process_time()
    refused(b'{"a": [[[[[[[[[[[[], "' + tail)
    assert time.process_time() - before < 2


def test_what_is_written_is_ascii_and_reads_back() -> None:
    value = {"a": 'é\n"', "b": [True, False, None, 1, Decimal("1.50")], "c": {}, "d": ()}
    assert write(value) == '{"a":"\\u00e9\\n\\"","b":[true,false,null,1,1.50],"c":{},"d":[]}'
    assert strict_json.read_value(write(value)) == value | {"d": []}


def test_no_float_is_ever_written() -> None:
    with pytest.raises(TypeError):
        write({"amount": 9.99})


def test_the_canonical_text_has_no_order() -> None:
    one = {"b": 1, "a": {"d": 2, "c": [1, 2]}}
    other = {"a": {"c": [1, 2], "d": 2}, "b": 1}
    assert canonical(one) == canonical(other) == '{"a":{"c":[1,2],"d":2},"b":1}'
