"""Tag, length and value: what is read, what is refused, and what never leaves the codec."""

import base64

import pytest

from tillbridge.protocols.concert.tlv import MAX_MESSAGE, Fields, Tlv, TlvReader, container, decode, encode
from tillbridge.protocols.contract import ProtocolError

FULL_NUMBER = "4970101234567890"


@pytest.mark.parametrize(
    "raw",
    [
        b"cz0040300",
        b"C",
        b"1Z0040300",
        b"C10040300",
        b"CZ0X40300",
        b"CZ-010300",
        b"CZ000",
        b"CZ00403\x000",
        b"CZ00403\n0",
        b"\x02CZ0040300\x03\x12",
        b"GET / HTTP/1.1\r\n\r\n",
        "CZ\u0660\u066040300".encode(),
        b" CZ0040300",
    ],
)
def test_what_is_no_element_is_an_error(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(raw)


@pytest.mark.parametrize("raw", [b"?", b"C?", b"CZ?", b"CZ0?", b"CZ00?"])
def test_garbage_shows_at_its_first_wrong_byte(raw: bytes) -> None:
    reader = TlvReader()
    reader.feed(raw[:-1])
    with pytest.raises(ProtocolError):
        reader.feed(raw[-1:])


def test_nothing_is_read_behind_an_error() -> None:
    reader = TlvReader()
    with pytest.raises(ProtocolError):
        reader.feed(b"CZ000")
    with pytest.raises(ProtocolError):
        reader.feed(b"CZ0040300")
    assert not reader.whole


def test_an_error_text_repeats_nothing_of_the_bytes() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(b"AA016" + FULL_NUMBER[:-1].encode() + b"\x01")
    assert FULL_NUMBER[:8] not in str(caught.value)


def test_a_message_is_bounded() -> None:
    reader = TlvReader()
    element = Tlv("ZZ", "x" * 999).encoded()
    for _ in range(MAX_MESSAGE // len(element)):
        assert len(reader.feed(element)) == 1
    with pytest.raises(ProtocolError):
        reader.feed(element)


def test_line_ends_count_toward_the_bound() -> None:
    reader = TlvReader()
    reader.feed(b"\r\n" * (MAX_MESSAGE // 2))
    with pytest.raises(ProtocolError):
        reader.feed(b"\n")


def test_the_longest_and_the_shortest_value() -> None:
    for length in (1, 999):
        element = Tlv("CF", "x" * length)
        assert decode(element.encoded()) == (element,)


def test_latin_1_counts_one_byte_a_character() -> None:
    assert Tlv("CF", "café").encoded() == b"CF004caf\xe9"
    assert decode(b"CF004caf\xe9")[0].value == "café"


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("C", "1"),
        ("CZZ", "1"),
        ("cz", "1"),
        ("ÄÖ", "1"),
        ("CZ", ""),
        ("CZ", "x" * 1000),
        ("CZ", "a\nb"),
        ("CZ", "a\x7f"),
        ("CZ", "€"),
    ],
)
def test_what_the_wire_cannot_carry_is_not_made(tag: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tlv(tag, value)


# ---------------------------------------------------------------- the card number


@pytest.mark.parametrize("cut", [None, *range(len(FULL_NUMBER) + 6)])
def test_a_full_card_number_never_leaves(cut: int | None) -> None:
    raw = b"AA016" + FULL_NUMBER.encode()
    pieces = [raw] if cut is None else [raw[:cut], raw[cut:]]
    reader = TlvReader()
    (element,) = [element for piece in pieces for element in reader.feed(piece)]
    assert element.value == "497010######7890"
    assert encode([element]) == b"AA016497010######7890"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("497010######7890", "497010######7890"),
        ("***********0674", "###########0674"),
        ("tok_1234567890123456", "###################"),
        ("      ", "      "),
    ],
)
def test_what_is_masked_or_a_token_shows_no_more_than_it_may(sent: str, kept: str) -> None:
    assert Tlv("AA", sent).value == kept


def test_no_value_shows_in_a_log() -> None:
    element = Tlv("ZZ", FULL_NUMBER)
    assert FULL_NUMBER not in repr(element)
    assert FULL_NUMBER not in repr(Fields.of([element]))


# ---------------------------------------------------------------- containers


def test_a_ticket_of_the_largest_size() -> None:
    coded = base64.b64encode(b"x" * 675).decode()
    ticket = container("ZT", (Tlv("CK", "100"), Tlv("AK", coded)))
    assert len(coded) == 900
    assert len(ticket.value) == 913
    fields = Fields.of(decode(ticket.encoded()))
    assert fields.nested("ZT").get("AK") == coded


def test_a_container_that_fills_its_999_characters() -> None:
    held = (Tlv("CK", "100"), Tlv("AK", "A" * 984), Tlv("ZZ", "x"))
    with pytest.raises(ValueError, match="999"):
        container("ZT", held)
    full = container("ZT", (Tlv("CK", "100"), Tlv("AK", "A" * 986)))
    assert len(full.value) == 999
    assert full.encoded().startswith(b"ZT999CK003100AK986")
    assert Fields.of(decode(full.encoded())).nested("ZT").get("CK") == "100"


def test_a_container_that_does_not_add_up_is_an_error_of_its_own() -> None:
    fields = Fields.of(decode(b"ZT011CK003100AK9"))
    assert fields.get("ZT") == "CK003100AK9"
    with pytest.raises(ProtocolError):
        fields.nested("ZT")


def test_an_absent_container_holds_nothing() -> None:
    assert Fields().nested("ZT") == Fields()
    with pytest.raises(ValueError, match="no container"):
        Fields().nested("CK")


def test_a_card_number_is_masked_in_a_container_too() -> None:
    fields = Fields.of(decode(b"ZT021AA016" + FULL_NUMBER.encode()))
    assert fields.nested("ZT").get("AA") == "497010######7890"


# ---------------------------------------------------------------- tags that come twice


def test_the_same_value_again_loses_nothing() -> None:
    fields = Fields.of(decode(b"CA00201CA00201"))
    assert fields.get("CA") == "01"
    assert fields.conflicts == frozenset()


def test_another_value_is_a_conflict_and_the_first_one_stays() -> None:
    fields = Fields.of(decode(b"CA00201CB00212CA00202"))
    assert (fields.get("CA"), fields.get("CB")) == ("01", "12")
    assert fields.conflicts == {"CA"}


def test_two_messages_with_the_same_fields_are_equal() -> None:
    assert Fields.of(decode(b"CA00201CB00212")) == Fields.of(decode(b"CB00212CA00201"))
    assert Fields.of(decode(b"CA00201")) != Fields.of(decode(b"CA00202"))
