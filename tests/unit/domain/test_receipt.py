"""Receipts say what the outcome says, never more, in every language."""

import json
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.money import BY_CODE, EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Aborted,
    Approved,
    BatchTotal,
    Declined,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
    Side,
)
from tillbridge.domain.receipt import (
    Copy,
    Heading,
    Pair,
    Receipt,
    SignatureLine,
    Slip,
    Words,
    amount_text,
    build_receipt,
)
from tillbridge.domain.receipt_texts import ENTRY_MODES, SIDES, TITLES, WORDS, Word

AT = datetime(2026, 3, 29, 23, 59, 58, tzinfo=ZoneInfo("Europe/Prague"))
TWELVE = Money(1250, EUR)
PAID = Approved(
    TWELVE,
    CardUse("497010######7890", EntryMode.CONTACTLESS, "CB", "A0000000421010"),
    authorization_code="000001",
    contract="1999403",
    reference="T-77",
)
SLIP = Slip(
    Kind.SALE,
    PAID,
    TWELVE,
    AT,
    "front",
    "0f" * 16,
    "Order 47",
    header=("Müller & Co.", "Ringstr. 1"),
    footer=("Danke!",),
)
NOTHING: tuple[Outcome, ...] = (Declined(), Aborted(), NotStarted(NotStartedReason.TERMINAL_BUSY))
DOUBT = InDoubt(DoubtReason.LINE_LOST, "the line was cut")


def texts(receipt: Receipt) -> list[str]:
    """Everything that can be read, in its order."""
    return [
        text
        for line in receipt.lines
        for text in (
            [line.label, line.value]
            if isinstance(line, Pair)
            else [line.label]
            if isinstance(line, SignatureLine)
            else [line.text]
            if isinstance(line, Heading | Words)
            else []
        )
    ]


def pairs(receipt: Receipt) -> dict[str, str]:
    return {line.label: line.value for line in receipt.lines if isinstance(line, Pair)}


def headings(receipt: Receipt) -> list[str]:
    return [line.text for line in receipt.lines if isinstance(line, Heading)]


def test_an_approved_sale_says_everything_that_is_known() -> None:
    receipt = build_receipt(SLIP, Copy.CUSTOMER, Language.EN)
    assert texts(receipt)[:3] == ["Müller & Co.", "Ringstr. 1", "Card payment"]
    assert texts(receipt)[-1] == "Danke!"
    assert pairs(receipt) == {
        "Date": "2026-03-29",
        "Time": "23:59:58",
        "Terminal": "front",
        "Order": "Order 47",
        "Contract": "1999403",
        "Card": "497010######7890",
        "Read by": "Contactless",
        "Application": "CB",
        "AID": "A0000000421010",
        "Authorization code": "000001",
        "Reference": "T-77",
        "Payment": "0f" * 16,
        "Amount": "12.50 EUR",
    }
    assert headings(receipt) == ["Card payment", "APPROVED"]
    assert "Customer copy" in texts(receipt)


def test_what_the_wire_does_not_give_is_left_out() -> None:
    bare = replace(SLIP, outcome=Approved(TWELVE), order_id=None, header=(), footer=())
    assert set(pairs(build_receipt(bare, Copy.CUSTOMER, Language.EN))) == {
        "Date",
        "Time",
        "Terminal",
        "Payment",
        "Amount",
    }


@pytest.mark.parametrize(
    ("language", "date", "amount", "approved"),
    [
        (Language.DE, "29.03.2026", "12,50 EUR", "GENEHMIGT"),
        (Language.FR, "29/03/2026", "12,50 EUR", "ACCEPTÉ"),
        (Language.CS, "29.03.2026", "12,50 EUR", "SCHVÁLENO"),
        (Language.EN, "2026-03-29", "12.50 EUR", "APPROVED"),
    ],
)
def test_every_language_has_its_own_words_dates_and_amounts(
    language: Language, date: str, amount: str, approved: str
) -> None:
    receipt = build_receipt(SLIP, Copy.MERCHANT, language)
    assert date in texts(receipt)
    assert amount in texts(receipt)
    assert approved in headings(receipt)


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert amount_text(Money(1000, BY_CODE["JPY"]), Language.DE) == "1000 JPY"
    assert amount_text(Money(1234, BY_CODE["BHD"]), Language.DE) == "1,234 BHD"


@pytest.mark.parametrize(("copy", "lines"), [(Copy.MERCHANT, 1), (Copy.CUSTOMER, 0)])
def test_the_shop_keeps_what_is_signed(copy: Copy, lines: int) -> None:
    signed = replace(SLIP, outcome=replace(PAID, signature=True))
    found = [line for line in build_receipt(signed, copy, Language.EN).lines if isinstance(line, SignatureLine)]
    assert len(found) == lines
    unsigned = build_receipt(SLIP, copy, Language.EN)
    assert not any(isinstance(line, SignatureLine) for line in unsigned.lines)


def test_a_reprint_says_that_it_is_a_copy() -> None:
    assert "COPY" in headings(build_receipt(SLIP, Copy.CUSTOMER, Language.EN, duplicate=True))
    assert "COPY" not in headings(build_receipt(SLIP, Copy.CUSTOMER, Language.EN))


def test_less_than_was_asked_shows_both_amounts() -> None:
    part = replace(SLIP, asked=Money(2000, EUR))
    found = pairs(build_receipt(part, Copy.CUSTOMER, Language.EN))
    assert (found["Asked for"], found["Amount"]) == ("20.00 EUR", "12.50 EUR")


def test_an_authorization_says_that_the_amount_is_only_held() -> None:
    held = build_receipt(replace(SLIP, kind=Kind.AUTHORIZATION), Copy.CUSTOMER, Language.EN)
    assert "The amount is only held." in texts(held)


def test_an_end_of_day_shows_the_totals_and_no_amount() -> None:
    totals = (BatchTotal(Side.DEBITS, 12, Money(123456, EUR)), BatchTotal(Side.CREDITS, 1, TWELVE))
    slip = replace(SLIP, kind=Kind.RECONCILIATION, asked=None, outcome=Approved(Money(0, EUR), totals=totals))
    found = pairs(build_receipt(slip, Copy.MERCHANT, Language.EN))
    assert (found["Payments (12)"], found["Refunds (1)"]) == ("1234.56 EUR", "12.50 EUR")
    assert "Amount" not in found


@pytest.mark.parametrize("outcome", NOTHING, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("language", Language)
def test_what_moved_no_money_says_so_and_names_no_card(outcome: Outcome, language: Language) -> None:
    receipt = build_receipt(replace(SLIP, outcome=outcome), Copy.CUSTOMER, language)
    assert WORDS[Word.NOTHING_MOVED].to(language) in texts(receipt)
    assert WORDS[Word.APPROVED].to(language) not in texts(receipt)
    assert WORDS[Word.AMOUNT].to(language) not in pairs(receipt)
    assert WORDS[Word.CARD].to(language) not in pairs(receipt)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("copy", Copy)
@pytest.mark.parametrize("language", Language)
def test_a_doubt_gives_a_note_that_nobody_can_take_for_a_receipt(kind: Kind, copy: Copy, language: Language) -> None:
    receipt = build_receipt(replace(SLIP, kind=kind, outcome=DOUBT), copy, language)
    said = texts(receipt)
    assert headings(receipt)[0] == WORDS[Word.NOTE].to(language)
    assert headings(receipt)[-1] == WORDS[Word.NO_RECEIPT].to(language)
    assert not any("12" in text and "50" in text for text in said), "there is no amount"
    for word in (Word.APPROVED, Word.CUSTOMER_COPY, Word.MERCHANT_COPY, Word.AMOUNT, Word.NOTHING_MOVED):
        assert WORDS[word].to(language) not in said


def test_every_word_is_said_in_every_language() -> None:
    for table in (WORDS, TITLES, ENTRY_MODES, SIDES):
        for said in table.values():
            assert all(said.to(language).strip() for language in Language)
    assert set(WORDS) == set(Word)
    assert (set(TITLES), set(ENTRY_MODES), set(SIDES)) == (set(Kind), set(EntryMode), set(Side))


_text = st.text(max_size=60)


@given(_text, _text, _text, st.sampled_from(Language), st.sampled_from(Copy))
def test_whatever_a_till_or_a_terminal_sends_no_command_reaches_a_printer(
    order: str, code: str, contract: str, language: Language, copy: Copy
) -> None:
    outcome = replace(PAID, authorization_code=code, contract=contract)
    receipt = build_receipt(replace(SLIP, order_id=order, outcome=outcome), copy, language)
    assert all(text.isprintable() for text in texts(receipt)), json.dumps(texts(receipt))
