"""What the door writes: each personality's manner, and each fault of a simulator."""

from collections import Counter

import pytest

from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import Aborted, AbortedBy, Approved, Declined, DeclineReason
from tillbridge.protocols.concert.tlv import Fields, Tlv, decode, encode
from tillbridge.protocols.concert.v3.answers import AnswerWriter
from tillbridge.protocols.concert.v3.faults import Ending, Strikes, deliver, spoil
from tillbridge.protocols.concert.v3.messages import Detail
from tillbridge.protocols.concert.v3.personalities import PERSONALITIES, PersonalityName
from tillbridge.protocols.contract import Fault

REQUEST = Fields.of(decode(b"CZ0040300CJ012012345678901CA00201CB0041250CD0010CE003978CF003ref"))
CARD = CardUse("497010######7890", EntryMode.CONTACTLESS, None, "A0000000421010")
APPROVED = Approved(Money(1250, EUR), CARD, "184117", "1999403", "MERCI")


def _writer(name: PersonalityName = PersonalityName.PLAIN, **changed: str) -> AnswerWriter:
    return AnswerWriter(Fields({**REQUEST.values, **changed}), PERSONALITIES[name])


def _written(writer: AnswerWriter, outcome: Approved | Declined | Aborted) -> str:
    return encode(writer.closed(outcome).elements()).decode()


def test_a_plain_terminal_repeats_the_till() -> None:
    assert _written(_writer(), APPROVED) == (
        "CZ0040300CJ012012345678901AE00210CA00201CB0041250CC00300BCD0010CE003978CI0012AA016497010######7890AL0011"
        "AC006184117AI014A0000000421010CG0071999403CF003ref"
    )
    assert _written(_writer(), Declined(DeclineReason.REFUSED)) == (
        "CZ0040300CJ012012345678901AE00201AF00204CA00201CB0041250CD0010CE003978CF003ref"
    )


def test_a_desk_5000_has_its_own_numbers_and_zeros() -> None:
    writer = _writer(PersonalityName.DESK_5000)
    approved = _written(writer, APPROVED)
    assert approved.startswith("CZ0040301CJ012330538600404AE00210")
    assert approved.endswith("CF0101010000000")
    assert _written(writer, Aborted(AbortedBy.CUSTOMER)) == (
        "CZ0040301CJ012330538600404AE00201AF00211CA00201CB00200CD0010CE003978"
    )


def test_an_i2200_leaves_the_amount_out() -> None:
    assert "CB" not in dict(_pairs(_writer(PersonalityName.I2200), Declined(DeclineReason.REFUSED)))


def test_a_payxpert_names_its_success() -> None:
    assert dict(_pairs(_writer(PersonalityName.PAYXPERT), APPROVED))["AF"] == "01"
    assert dict(_pairs(_writer(PersonalityName.PAYXPERT), Aborted(AbortedBy.CUSTOMER)))["AF"] == "06"


def _pairs(writer: AnswerWriter, outcome: Approved | Declined | Aborted) -> list[tuple[str, str]]:
    return [(element.tag, element.value) for element in writer.closed(outcome).elements()]


@pytest.mark.parametrize(
    ("card", "code"),
    [
        (CardUse(application="00D", entry_mode=EntryMode.CONTACT), "00D"),
        (CardUse(application="visa", entry_mode=EntryMode.CONTACT), "001"),
        (CardUse(entry_mode=EntryMode.CONTACTLESS), "00B"),
        (CardUse(entry_mode=EntryMode.MAGSTRIPE), "000"),
        (None, "000"),
    ],
)
def test_the_application_is_one_that_this_wire_knows(card: CardUse | None, code: str) -> None:
    assert dict(_pairs(_writer(), Approved(Money(1250, EUR), card)))["CC"] == code


def test_texts_of_other_wires_that_do_not_fit_are_left_out() -> None:
    outcome = Approved(Money(1250, EUR), CardUse(aid="A" * 33), "an authorisation", "CONTRACT-0001")
    assert {"AC", "AI", "CG"}.isdisjoint(dict(_pairs(_writer(), outcome)))


@pytest.mark.parametrize(("handling", "sent"), [(None, False), ("000", False), ("100", True), ("121", True)])
def test_a_ticket_is_sent_only_when_it_was_asked_for(handling: str | None, sent: bool) -> None:
    writer = _writer() if handling is None else _writer(CK=handling)
    assert ("ZT" in dict(_pairs(writer, APPROVED))) == sent


def test_a_word_for_the_cashier_stands_in_its_column() -> None:
    answer = _writer().refused(Detail.NOT_COMPLETED, "PAIEMENT A VERIFIER")
    assert {element.tag: element.value for element in answer.elements()}["AF"] == "07  PAIEMENT A VERIFIER      "


def test_a_partial_approval_names_the_lesser_amount() -> None:
    assert dict(_pairs(_writer(), Approved(Money(1000, EUR))))["CB"] == "1000"


# ---------------------------------------------------------------- faults

ELEMENTS = tuple(decode(b"CZ0040300AE00210CA00201CB0041250CE003978"))


def _once(*faults: Fault) -> Strikes:
    left = Counter(faults)

    def strikes(fault: Fault) -> bool:
        left[fault] -= 1
        return left[fault] >= 0

    return strikes


@pytest.mark.parametrize(
    ("fault", "spoilt"),
    [
        (Fault.WRONG_AMOUNT, b"CZ0040300AE00210CA00201CB0041251CE003978"),
        (Fault.WRONG_CURRENCY, b"CZ0040300AE00210CA00201CB0041250CE003840"),
        (Fault.WRONG_REGISTER, b"CZ0040300AE00210CA00299CB0041250CE003978"),
        (Fault.UNKNOWN_TAG, b"CZ0040300ZZ007UNKNOWNAE00210CA00201CB0041250CE003978"),
        (Fault.DUPLICATE_TAG, b"CZ0040300AE00210CA00201CB0041250CE003978CE003978"),
        (Fault.AMOUNT_ABSENT, b"CZ0040300AE00210CA00201CE003978"),
        (Fault.AMOUNT_ZERO, b"CZ0040300AE00210CA00201CB0040000CE003978"),
        (Fault.AMOUNT_PADDED, b"CZ0040300AE00210CA00201CB012000000001250CE003978"),
        (Fault.BYTE_BY_BYTE, b"CZ0040300AE00210CA00201CB0041250CE003978"),
    ],
)
def test_what_each_fault_does_to_the_tags(fault: Fault, spoilt: bytes) -> None:
    assert encode(spoil(ELEMENTS, _once(fault))) == spoilt


@pytest.mark.parametrize(
    ("element", "fault", "other"),
    [
        (Tlv("CE", "840"), Fault.WRONG_CURRENCY, Tlv("CE", "978")),
        (Tlv("CA", "99"), Fault.WRONG_REGISTER, Tlv("CA", "98")),
        (Tlv("CB", "99"), Fault.WRONG_AMOUNT, Tlv("CB", "100")),
    ],
)
def test_a_wrong_value_is_never_the_right_one(element: Tlv, fault: Fault, other: Tlv) -> None:
    assert spoil([element], _once(fault)) == (other,)


@pytest.mark.parametrize(
    ("fault", "sent", "ending", "whole"),
    [
        (None, encode(ELEMENTS), Ending.ANSWERED, True),
        (Fault.NEVER_ANSWER, b"", Ending.HELD, False),
        (Fault.DROP_BEFORE_ANSWER, b"", Ending.DROPPED, False),
        (Fault.DROP_IN_ANSWER, encode(ELEMENTS)[:20], Ending.DROPPED, False),
        (Fault.DROP_LAST_BYTE, encode(ELEMENTS)[:-1], Ending.DROPPED, False),
        (Fault.TRAILING_CRLF, encode(ELEMENTS) + b"\r\n", Ending.ANSWERED, True),
        (Fault.HOLD_OPEN, encode(ELEMENTS), Ending.HELD, True),
        (Fault.SPLIT_BETWEEN_TAGS, encode(ELEMENTS), Ending.ANSWERED, True),
        (Fault.BYTE_BY_BYTE, encode(ELEMENTS), Ending.ANSWERED, True),
    ],
)
def test_what_each_fault_does_to_the_line(fault: Fault | None, sent: bytes, ending: Ending, whole: bool) -> None:
    delivery = deliver(ELEMENTS, _once() if fault is None else _once(fault))
    assert (b"".join(delivery.pieces), delivery.ending, delivery.whole) == (sent, ending, whole)


def test_splits_are_where_the_fault_says() -> None:
    assert deliver(ELEMENTS, _once(Fault.SPLIT_BETWEEN_TAGS)).pieces == tuple(e.encoded() for e in ELEMENTS)
    assert {len(piece) for piece in deliver(ELEMENTS, _once(Fault.BYTE_BY_BYTE)).pieces} == {1}


def test_garbage_before_an_answer_makes_it_unreadable() -> None:
    delivery = deliver(ELEMENTS, _once(Fault.GARBAGE_BEFORE_ANSWER))
    assert not delivery.whole
    assert b"".join(delivery.pieces).endswith(encode(ELEMENTS))
