"""The forms of a receipt: text of a width, a page, and a printer's bytes."""

import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from escpos.capabilities import CAPABILITIES  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.connector.receipts.escpos import render_escpos
from tillbridge.connector.receipts.html import render_html, render_ticket_html
from tillbridge.connector.receipts.settings import NARROWEST, WIDEST
from tillbridge.connector.receipts.text import Row, lay_out, lay_out_ticket, render_text
from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import Approved
from tillbridge.domain.receipt import Copy, Pair, Receipt, Slip, build_receipt

TWELVE = Money(1250, EUR)
PAID = Approved(
    TWELVE, CardUse("497010######7890", EntryMode.CONTACT, None, "A0000000421010"), "000001", "1999403", signature=True
)
SLIP = Slip(
    Kind.SALE,
    PAID,
    TWELVE,
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "front",
    "019b7c2e5f7a7c0e8a4d1f2b3c4d5e6f",
    "47",
    header=("Müller & Co.",),
)
RECEIPT = build_receipt(SLIP, Copy.MERCHANT, Language.DE)

GOLDEN = """\
          Müller & Co.
         Kartenzahlung
          Händlerbeleg
--------------------------------
Datum                 02.01.2026
Uhrzeit                 03:04:05
Terminal                   front
Bestellung                    47
Vertrag                  1999403
Karte           497010######7890
Gelesen                     Chip
AID               A0000000421010
Genehmigung               000001
Vorgang
019b7c2e5f7a7c0e8a4d1f2b3c4d5e6f
--------------------------------
Betrag                 12,50 EUR
           GENEHMIGT



________________________________
          Unterschrift
"""


def test_a_receipt_on_narrow_paper_looks_like_this() -> None:
    assert render_text(lay_out(RECEIPT, 32)) == GOLDEN


@given(st.integers(NARROWEST, WIDEST), st.sampled_from(Language), st.text(max_size=200), st.text(max_size=200))
def test_no_row_is_wider_than_the_paper_and_nothing_is_cut_off(
    columns: int, language: Language, order: str, header: str
) -> None:
    slip = replace(SLIP, order_id=order, header=(header,))
    receipt = build_receipt(slip, Copy.MERCHANT, language)
    rows = lay_out(receipt, columns)
    assert all(len(row.text) <= columns for row in rows)
    shown = re.sub(r"\s", "", "".join(row.text for row in rows))
    for line in receipt.lines:
        if isinstance(line, Pair):
            assert re.sub(r"\s", "", line.value) in shown


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # as the base class has it
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data)


def test_a_page_says_the_same_and_nobody_can_put_elements_into_it() -> None:
    evil = replace(SLIP, order_id='<script>alert("x")</script>', header=("<img src=x onerror=y>",))
    reading = _Reading()
    reading.feed(render_html(build_receipt(evil, Copy.CUSTOMER, Language.FR)))
    assert "script" not in reading.tags
    assert "img" not in reading.tags
    assert '<script>alert("x")</script>' in reading.words
    assert "12,50 EUR" in reading.words
    ticket = _Reading()
    ticket.feed(render_ticket_html("<b>REÇU</b>\n 1"))
    assert ticket.tags[-1] == "pre"
    assert "<b>REÇU</b>\n 1" in ticket.words


def test_a_page_brings_no_style_or_script_of_its_own() -> None:
    page = render_html(RECEIPT)
    assert page.startswith('<!DOCTYPE html>\n<html lang="de">')
    assert "<style" not in page
    assert " style=" not in page
    assert "<script" not in page


def test_a_printers_bytes_begin_afresh_and_end_with_a_cut() -> None:
    slip = render_escpos(lay_out(RECEIPT, 32))
    assert slip.startswith(b"\x1b@")
    assert slip.endswith(b"\x1dV\x00")
    assert b"\x1bE\x01Betrag" in slip, "the amount stands out"
    assert b"497010######7890" in slip


@pytest.mark.parametrize(
    ("text", "page", "codec"),
    [
        ("Plain 12.50 EUR", 0, "cp437"),
        ("Müller", 0, "cp437"),
        ("12,50 €", 19, "cp858"),
        ("Œuvre d'Orléans", 16, "cp1252"),
        ("žluťoučký kůň", 18, "cp852"),
        ("Müller, žluťoučký kůň, 12,50 €", 45, "cp1250"),
    ],
)
def test_the_letters_of_every_language_are_found_on_a_common_code_page(text: str, page: int, codec: str) -> None:
    written = b"\x1b@\x1bt" + bytes([page]) + text.encode(codec) + b"\n\x1bd\x06\x1dV\x00"
    assert render_escpos([Row(text)]) == written


@given(st.lists(st.text(max_size=40), max_size=5))
def test_whatever_stands_on_it_no_other_command_reaches_the_printer(texts: list[str]) -> None:
    slip = render_escpos([Row(text) for text in texts])
    assert slip.endswith(b"\x1bd\x06\x1dV\x00")
    plain = re.sub(rb"\x1bt.", b"", slip[2:-6], flags=re.DOTALL)
    assert all(byte >= 0x20 or byte == 0x0A for byte in plain)
    assert plain.count(b"\n") == len(texts)


def test_a_letter_that_no_printer_here_has_is_a_question_mark() -> None:
    assert b"??" in render_escpos([Row("支払")])


def test_a_profile_that_nobody_knows_is_refused_with_its_name() -> None:
    with pytest.raises(BridgeError) as refusal:
        render_escpos([Row("x")], "TM-NONE")
    assert refusal.value.code is Code.PRINTER_UNAVAILABLE
    assert "TM-NONE" in str(refusal.value)
    assert b"Betrag" in render_escpos(lay_out(RECEIPT, 42), "TM-T88III")


def test_every_printer_that_the_library_knows_gets_its_slip() -> None:
    for profile in CAPABILITIES["profiles"]:
        slip = render_escpos([Row("Müller, 12,50 €", strong=True)], profile)
        assert b"ller, 12,50 " in slip, profile


def test_the_terminals_own_slip_is_kept_as_it_came() -> None:
    ticket = "  CARTE BANCAIRE\n\n MONTANT =   12,50 EUR  \n"
    assert render_text(lay_out_ticket(ticket)) == "  CARTE BANCAIRE\n\n MONTANT =   12,50 EUR\n"


def test_the_library_leaves_no_folder_behind(tmp_path: Path) -> None:
    program = "from tillbridge.connector.receipts.escpos import render_escpos; render_escpos([])"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, env={"TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_receipt_without_lines_is_an_empty_paper() -> None:
    assert render_text(lay_out(Receipt(Language.EN, Copy.CUSTOMER, ()), 42)) == ""
