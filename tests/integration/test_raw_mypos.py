"""The myPOS XML door over the engine, asked by a till of plain sockets that writes the maker's documents literally."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.integration.raw_house import CARD_NUMBER, PATIENCE, Shop, at_once, journal_bytes, shop

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SLIPS = "<receipt>ON</receipt>\n  <custrcpt> AFTER_CONFIRMATION </custrcpt>\n"
BAD_XML = "<payresp>\n  <result>ERROR</result>\n  <ref>Hibás XML</ref>\n</payresp>\n".encode()


def paying(root: str, amount: str = "12.50", invoice: str = "A-1001") -> str:
    """As the maker's page has it, its odd blanks included."""
    inner = f"  <invoice>{invoice}</invoice>\n  <sum>{amount}</sum>\n{SLIPS}"
    return f"{DECLARATION}<{root}>\n{inner}</{root}>\n"


def completing(code: str, amount: str = "10.00") -> str:
    inner = f"  <preauthcode> {code} </preauthcode>\n  <sum>{amount}</sum>\n{SLIPS}"
    return f"{DECLARATION}<preauthcompletion>\n{inner}</preauthcompletion>\n"


def cancelling(code: str) -> str:
    return f"{DECLARATION}\n  <preauthcancel>\n    <preauthcode> {code}\n  </preauthcode>{SLIPS}</preauthcancel>\n"


def door(folder: Path, **different: Any) -> Any:
    return shop(folder, "mypos-xml", **({"currency": "EUR"} | different))


class Till:
    """One connection. Nothing of what the wire's folder knows is known here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> bytes:
        """One answer, found by its end tag."""
        said = b""
        async with asyncio.timeout(PATIENCE):
            while not re.search(rb"</\s*[a-z]+resp\s*>\s*$", said):
                piece = await self.reader.read(1)
                assert piece, said
                said += piece
            return said + await self.reader.readexactly(1)

    async def ended(self) -> bytes:
        """What comes until the line is over."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


async def dial(shop: Shop) -> Till:
    return Till(*await asyncio.open_connection("127.0.0.1", shop.port))


async def asked(shop: Shop, raw: str | bytes) -> bytes:
    """One request on a connection of its own, which the till closes after the answer."""
    till = await dial(shop)
    till.writer.write(raw if isinstance(raw, bytes) else raw.encode())
    try:
        return await till.answer()
    finally:
        till.writer.close()


def ref(answer: bytes) -> str:
    return re.search(rb"<ref>(.*)</ref>", answer)[1].decode()  # type: ignore[index]  # an answer has one


def success(root: str, answer: bytes, *, blank: str = "") -> None:
    """Byte by byte, but for the reference."""
    wanted = f"<{root}>\n  <result>OK</result>\n  <ref>{ref(answer)}</ref>\n</{root}{blank}>\n"
    assert answer.decode() == wanted
    assert 0 < len(ref(answer)) <= 50


def failed(root: str, status: int, text: str, *, blank: str = "") -> bytes:
    inner = (
        f"  <result>ERROR</result>\n  <status>{status}</status>\n  <status_text>{text}</status_text>\n  <ref></ref>\n"
    )
    return f"<{root}>\n{inner}</{root}{blank}>\n".encode()


async def test_every_document_of_the_makers_page_and_the_money_behind_it(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        success("payresp", await asked(here, paying("pay")))
        assert here.taken == 1250
        success("refundresp", await asked(here, paying("refund", "2.5")))
        assert here.taken == 1000
        hold = await asked(here, paying("preauth"))
        success("preauthresp", hold)
        assert (here.taken, here.desk.ledger.held("EUR")) == (1000, 1250)
        success("preautcompletionresp", await asked(here, completing(ref(hold))), blank=" ")
        assert here.taken == 2000
        again = await asked(here, completing(ref(hold)))
        assert again.startswith(b"<preautcompletionhresp>\n  <result>ERROR</result>\n  <status>")
        assert again.endswith(b"  <ref></ref>\n</preautcompletionhresp>\n")
        success("preautcancelresp", await asked(here, cancelling(ref(hold))), blank=" ")
        assert (here.taken, here.desk.ledger.held("EUR")) == (2000, 0)
        gone = await asked(here, cancelling(ref(hold)))
        assert gone.startswith(b"<preautcancelresp>\n  <result>ERROR</result>\n  <status>")
        hold = await asked(here, paying("preauth", "7"))
        success("preautcancelresp", await asked(here, cancelling(ref(hold))), blank=" ")
        assert (here.taken, here.desk.ledger.held("EUR")) == (2000, 0)
        unknown = failed("preautcancelresp", 5, "NO_DATA_FOUND", blank=" ")
        assert await asked(here, cancelling("123456")) == unknown
        too_much = failed("preautcompletionhresp", 7, "INVALID_AMOUNT")
        hold = await asked(here, paying("preauth", "7"))
        assert await asked(here, completing(ref(hold), "7.01")) == too_much
        assert here.taken == 2000


GOOD = {
    "bare": paying("pay").replace("\n", "").replace(DECLARATION.strip(), ""),
    "mark": "\ufeff" + paying("pay"),
    "noise around": "\r\n\x00 " + paying("pay") + "\x00\r\n",
    "upper case": paying("pay").replace("pay>", "PAY>").replace("sum>", "Sum>"),
    "blanks in tags": paying("pay")
    .replace("<pay>", "< pay >")
    .replace("</pay>", "</ pay >")
    .replace("<sum>", "< sum>"),
    "wrong declaration": paying("pay").replace("UTF-8", "ISO-8859-2"),
    "single quotes": paying("pay").replace('"', "'"),
    "attributes": paying("pay").replace("<pay>", '<pay a="x>y" b="/">'),
    "unknown fields": paying("pay").replace("<sum>", "<tip>1</tip><x><y>z</y></x><sum>"),
    "another order": "<pay><custrcpt>OFF</custrcpt><sum>\n12.5\n</sum><receipt>OFF</receipt><invoice>1</invoice></pay>",
    "equal fields twice": paying("pay").replace("<sum>", "<sum>12.50</sum><sum>"),
    "amount with zeros": paying("pay", "0012.50"),
    "accents": paying("pay", invoice="Číslo"),
    "reference of digits": paying("pay").replace("12.50", "&#49;2.50"),
    "no reference": paying("pay", invoice=""),
}


async def test_odd_ways_to_write_a_good_request(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        for number, (name, text) in enumerate(GOOD.items(), start=1):
            answer = await asked(here, text)
            assert b"<result>OK</result>" in answer, (name, answer)
            assert here.taken == number * 1250, name
        answer = await asked(here, paying("pay", invoice="č.1").encode("cp1250"))
        assert b"<result>OK</result>" in answer
        assert here.taken == (number + 1) * 1250


BAD: dict[str, str | bytes] = {
    "no tag": "hello",
    "json": '{"pay": 1}',
    "end tag first": "</pay>",
    "unknown root": paying("payment"),
    "an answer": "<payresp><result>OK</result><ref>1</ref></payresp>",
    "namespace": paying("x:pay"),
    "empty": "<pay/>",
    "no sum": paying("pay").replace("<sum>12.50</sum>", ""),
    "no invoice": paying("pay").replace("<invoice>A-1001</invoice>", ""),
    "no receipt": paying("pay").replace("<receipt>ON</receipt>", ""),
    "no custrcpt": paying("pay").replace("<custrcpt> AFTER_CONFIRMATION </custrcpt>", ""),
    "no code": "<preauthcompletion><sum>1</sum><receipt>ON</receipt><custrcpt>ON</custrcpt></preauthcompletion>",
    "empty sum": paying("pay", ""),
    "comma": paying("pay", "12,50"),
    "grouped": paying("pay", "1 250.00"),
    "exponent": paying("pay", "1e3"),
    "plus": paying("pay", "+12.50"),
    "hex": paying("pay", "0x10"),
    "other digits": paying("pay", "\N{FULLWIDTH DIGIT ONE}2.50"),
    "currency": paying("pay", "12.50 EUR"),
    "nan": paying("pay", "NaN"),
    "slip": paying("pay").replace("ON<", "YES<"),
    "the placeholder": paying("pay").replace("ON<", "ON|OFF|AFTER_CONFIRMATION<"),
    "two sums": paying("pay").replace("<sum>", "<sum>99.00</sum><sum>"),
    "nested sum": paying("pay").replace("12.50", "<a>12.50</a>"),
    "mixed sum": paying("pay").replace("12.50", "1<a/>2.50"),
    "doctype": paying("pay").replace("<pay>", '<!DOCTYPE pay [<!ENTITY a "12.50">]><pay>'),
    "external": paying("pay").replace("<pay>", '<!DOCTYPE pay SYSTEM "file:///etc/passwd"><pay>'),
    "comment": paying("pay").replace("<sum>", "<!-- x --><sum>"),
    "section": paying("pay").replace("12.50", "<![CDATA[12.50]]>"),
    "blank before declaration mark": paying("pay").replace("<sum>", "< !-- x --><sum>"),
    "entity": paying("pay").replace("12.50", "&amount;"),
    "ampersand": paying("pay", invoice="A&B"),
    "nesting": paying("pay").replace("<sum>", "<a>" * 4 + "</a>" * 4 + "<sum>"),
    "many fields": paying("pay").replace("<sum>", "<a/>" * 60 + "<sum>"),
    "crossed": paying("pay").replace("</sum>", "</invoice>"),
    "instruction": "<?php echo 1 ?>" * 3 + "<pay></pay>",
    "utf-16": paying("pay").encode("utf-16"),
    "nul inside": paying("pay", invoice="A\x00B"),
    "no text at all": paying("pay").encode().replace(b"A-1001", b"\x81\x83"),
}


async def test_what_is_no_request_gets_the_makers_words_and_starts_nothing(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        for name, raw in BAD.items():
            assert await asked(here, raw) == BAD_XML, name
        assert here.payments() == []
        assert here.taken == 0


async def test_amounts_that_nobody_can_pay_are_refused_by_their_status(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        for amount in ("0", "0.00", "-1", "-0.01", "12.505", "99999999999999.00", "9" * 40):
            assert await asked(here, paying("pay", amount)) == failed("payresp", 7, "INVALID_AMOUNT"), amount
        assert here.payments() == []
    async with door(tmp_path / "..", currency="HUF") as here:
        assert await asked(here, paying("pay", "1500.50")) == failed("payresp", 7, "INVALID_AMOUNT")
        success("payresp", await asked(here, paying("pay", "1500")))
        success("payresp", await asked(here, paying("pay", "1500.00")))
        assert here.desk.ledger.balance("HUF") == 300_000


@pytest.mark.parametrize("size", [64 * 1024, 64 * 1024 + 1, 10 * 1024 * 1024])
async def test_a_message_ends_within_64_kib_or_is_none(tmp_path: Path, size: int) -> None:
    text = paying("pay", invoice="x").strip()
    text = text.replace("<invoice>x<", "<invoice>" + "x" * (size - len(text) + 1) + "<")
    assert len(text) == size
    async with door(tmp_path) as here:
        till = await dial(here)
        till.writer.write(text.encode())
        said = await till.answer()
        assert (said == BAD_XML) is (size > 64 * 1024)
        assert here.taken == (1250 if size <= 64 * 1024 else 0)
        till.writer.close()


async def test_a_message_in_pieces_of_any_size(tmp_path: Path) -> None:
    raw = ("\ufeff" + paying("pay").replace("</pay>", "</ pay >")).encode()
    async with door(tmp_path) as here:
        for number, cut in enumerate(range(1, len(raw.rstrip()), 7), start=1):
            till = await dial(here)
            till.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in (raw[:cut], raw[cut:]):
                till.writer.write(piece)
                await till.writer.drain()
                await asyncio.sleep(0.002)
            success("payresp", await till.answer())
            till.writer.close()
            assert here.taken == number * 1250
        till = await dial(here)
        for byte in raw:
            till.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        success("payresp", await till.answer())
        till.writer.close()
        assert here.taken == (number + 1) * 1250


async def test_a_request_before_the_answer_to_the_last_one_is_refused_and_ends_the_connection(tmp_path: Path) -> None:
    async with door(tmp_path, delay=0.2) as here:
        till = await dial(here)
        till.writer.write((paying("pay") * 3).encode())
        success("payresp", await till.answer())
        assert await till.ended() == failed("payresp", 3, "TERMINAL_BUSY")
        till.writer.close()
        till = await dial(here)
        till.writer.write(paying("pay", "3.00").encode())
        success("payresp", await till.answer())
        till.writer.write(paying("pay", "4.00").encode())
        async with asyncio.timeout(PATIENCE):
            while not any(payment.running for payment in here.payments()):
                await asyncio.sleep(0.01)
        till.writer.write(paying("refund", "4.00").encode())
        success("payresp", await till.answer())
        assert await till.ended() == failed("refundresp", 3, "TERMINAL_BUSY")
        till.writer.close()
        till = await dial(here)
        till.writer.write(f"{paying('pay', '5.00')}<pay><invoice>half".encode())
        success("payresp", await till.ended())
        till.writer.close()
        assert here.taken == 1250 + 300 + 400 + 500
        success("payresp", await asked(here, paying("pay", "5.00")))
        assert here.taken == 1250 + 300 + 400 + 500 + 500


async def test_two_tills_on_one_door(tmp_path: Path) -> None:
    async with door(tmp_path, delay=0.3) as here:
        told = await at_once(asked(here, paying("pay", "1.00")), asked(here, paying("pay", "2.00")))
        (won,) = [number for number, said in enumerate(told) if b"<result>OK" in said]
        assert told[1 - won] == failed("payresp", 3, "TERMINAL_BUSY")
        assert here.taken == 100 * (won + 1)


async def test_a_till_that_hangs_up_and_asks_again_is_told_and_not_charged_again(tmp_path: Path) -> None:
    async with door(tmp_path, delay=0.2) as here:
        till = await dial(here)
        till.writer.write(paying("pay").encode())
        async with asyncio.timeout(PATIENCE):
            while not here.payments():
                await asyncio.sleep(0.01)
            till.writer.close()
            while not here.engine.undelivered():
                await asyncio.sleep(0.01)
        held = failed("payresp", 3, "EARLIER_PAYMENT_NOT_TOLD")
        assert await asked(here, paying("pay", "12.51")) == held
        assert await asked(here, paying("refund")) == failed("refundresp", 3, "EARLIER_PAYMENT_NOT_TOLD")
        assert ref(await asked(here, paying("pay", invoice="A-1002"))) == here.payments()[0].id
        assert here.taken == 1250
        success("payresp", await asked(here, paying("pay")))
        assert here.taken == 2500


async def test_a_till_that_says_nothing_more_after_its_request_hears_the_answer(tmp_path: Path) -> None:
    async with door(tmp_path, delay=0.2, proof_of_delivery="write") as here:
        for number in (1, 2):
            till = await dial(here)
            till.writer.write(paying("pay").encode())
            till.writer.write_eof()
            success("payresp", await till.ended())
            till.writer.close()
            assert here.taken == number * 1250


async def test_half_a_request_starts_nothing(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        for end in (10, 60, len(paying("pay").rstrip()) - 1):
            till = await dial(here)
            till.writer.write(paying("pay")[:end].encode())
            till.writer.write_eof()
            assert await till.ended() == b""
            till.writer.close()
        assert here.payments() == []


async def test_more_connections_than_there_are_tills_shut_nobody_out(tmp_path: Path) -> None:
    async with door(tmp_path) as here:
        silent = [await dial(here) for _ in range(40)]
        success("payresp", await asked(here, paying("pay")))
        for till in silent:
            till.writer.close()


@pytest.mark.parametrize("written", [CARD_NUMBER, "4111-1111-1111-1111", f"INV{CARD_NUMBER}A"])
async def test_a_card_number_for_an_invoice_is_kept_nowhere(tmp_path: Path, written: str) -> None:
    with structlog.testing.capture_logs() as logged:
        async with door(tmp_path) as here:
            success("payresp", await asked(here, paying("pay", invoice=written)))
            await asked(here, paying("pay", amount=written))
            await asked(here, paying("pay", invoice=f"{written}<&"))
            await asked(here, cancelling(written))
            assert here.taken == 1250
    kept = journal_bytes(tmp_path) + repr(logged).encode()
    assert CARD_NUMBER.encode() not in kept
    assert written.encode() not in kept
