"""The myPOS XML driver under the engine, answered by a terminal of plain sockets with the maker's own documents."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from tests.integration.raw_house import CARD_NUMBER, PATIENCE, bridged, journal_bytes, until_ended
from tests.unit.engine.house import ask
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, Declined, DeclineReason
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import Payment

A, D, X, N, Q = Stage.APPROVED, Stage.DECLINED, Stage.ABORTED, Stage.NOT_STARTED, Stage.IN_DOUBT
SUM = Money(1250, EUR)
NO_DOCUMENT = '<!DOCTYPE payresp [<!ENTITY a "OK">]>'
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
BOMB = "".join(f'<!ENTITY {c} "{f"&{b};" * 10}">' for b, c in zip("abcdefgh", "bcdefghi", strict=True))


def ok(root: str = "payresp", ref: str = "REF", end: str = "") -> str:
    return f"<{root}>\n  <result>OK</result>\n  <ref>{ref}</ref>\n</{root}{end}>\n"


def error(
    root: str = "payresp", status: object = 3, text: str = "TRANSACTION_FAILED", lead: str = "", end: str = ""
) -> str:
    inner = (
        f"  <result>ERROR</result>\n  <status>{status}</status>\n  <status_text>{text}</status_text>\n  <ref></ref>\n"
    )
    return f"<{lead}{root}{lead}>\n{inner}</{lead}{root}{end}>\n"


def bad_xml(text: str = "Hibás XML") -> str:
    return f"<payresp>\n  <result>ERROR</result>\n  <ref>{text}</ref>\n</payresp>\n"


@dataclass
class Device:
    """Answers each connection with the next of these, in these pieces, and keeps what tills wrote."""

    answers: list[bytes]
    pieces: int = 1
    closes: bool = True
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            async with asyncio.timeout(PATIENCE):
                with suppress(OSError, asyncio.IncompleteReadError):
                    self.heard.append(await reader.readuntil(b"\n"))
                    said = self.answers.pop(0)
                    step = -(-len(said) // self.pieces) or 1
                    for start in range(0, len(said), step):
                        writer.write(said[start : start + step])
                        await writer.drain()
                        await asyncio.sleep(0.001 if self.pieces > 1 else 0)
                    if not self.closes:
                        await reader.read()
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.converse, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def shop(folder: Path, device: Device, **different: object) -> AsyncIterator[Engine]:
    usual = {"currency": "EUR", "refund_enabled": True, "preauth_enabled": True, "answer_timeout": 5}
    async with device.listening() as port:
        where = {"host": "127.0.0.1", "port": port, "listen_after_doubt": 0.02}
        async with bridged(folder, "mypos-xml", **(usual | where | different)) as (engine, _):
            yield engine


async def run(engine: Engine, kind: Kind = Kind.SALE, parent: str | None = None, amount: Money | None = SUM) -> Payment:
    asked = ask(amount, kind=kind, parent=parent, key=f"{kind}-{parent}-{len(engine.payments())}")
    return await until_ended(engine, await engine.start(asked))


async def test_the_five_requests_are_what_the_maker_prints(tmp_path: Path) -> None:
    code = "001111"
    said = [ok(), ok("refundresp"), ok("preauthresp", code), ok("preautcompletionresp", end=" ")]
    said += [ok("preauthresp", code), ok("preautcancelresp", end=" ")]
    device = Device([one.encode() for one in said])
    async with shop(tmp_path, device, receipt="ON", custrcpt="AFTER_CONFIRMATION") as engine:
        await run(engine)
        await run(engine, Kind.REFUND)
        hold = await run(engine, Kind.AUTHORIZATION)
        await run(engine, Kind.CAPTURE, hold.id, Money(1000, EUR))
        hold = await run(engine, Kind.AUTHORIZATION)
        await run(engine, Kind.VOID, hold.id, None)
        assert [payment.stage for payment in engine.payments()] == [A] * 6
    slips = "<receipt>ON</receipt><custrcpt>AFTER_CONFIRMATION</custrcpt>"
    invoice = "<invoice>([A-Za-z0-9-]{1,20})</invoice>"
    held = f"<preauthcode>{code}</preauthcode>"
    wanted = [
        f"<pay>{invoice}<sum>12.50</sum>{slips}</pay>",
        f"<refund>{invoice}<sum>12.50</sum>{slips}</refund>",
        f"<preauth>{invoice}<sum>12.50</sum>{slips}</preauth>",
        f"<preauthcompletion>{held}<sum>10.00</sum>{slips}</preauthcompletion>",
        f"<preauth>{invoice}<sum>12.50</sum>{slips}</preauth>",
        f"<preauthcancel>{held}{slips}</preauthcancel>",
    ]
    invoices: list[str] = []
    for request, pattern in zip(device.heard, wanted, strict=True):
        found = re.fullmatch(re.escape(DECLARATION) + pattern + "\n", request.decode())
        assert found, request
        invoices += found.groups()
    assert len(set(invoices)) == 4


SALES: dict[str, tuple[str | bytes, Stage]] = {
    "as printed": (ok(), A),
    "failed as printed": (error(), D),
    "declaration": (DECLARATION + ok(), A),
    "wrong declaration": (DECLARATION.replace("UTF-8", "UTF-16") + ok(), A),
    "mark": ("\ufeff" + ok(), A),
    "noise around": ("\r\n\x00 " + ok() + "\x00\r\n", A),
    "no newline": (ok().strip().replace("\n", ""), A),
    "upper case": (ok().upper(), A),
    "lower case": (ok().replace("OK", "ok"), A),
    "padded": (ok().replace("OK", "\n  OK\t"), A),
    "blanks in tags": (ok().replace("<", "< ").replace("< /", "</ ").replace(">", " >"), A),
    "more fields": (ok().replace("<ref>", "<amount>1</amount><a><b>2</b></a><ref>"), A),
    "status 0": (ok().replace("<ref>", "<status>0</status><status_text>TRANSACTION_SUCCESS</status_text><ref>"), A),
    "status empty": (ok().replace("<ref>", "<status></status><ref>"), A),
    "no reference": (ok(ref=""), A),
    "no reference field": ("<payresp><result>OK</result></payresp>", A),
    "accents in cp1250": (ok(ref="č").encode("cp1250"), A),
    "equal results": (ok().replace("<ref>", "<result>ok</result><result>OK</result><ref>").replace("ok", "OK"), A),
    "the same twice": (ok() + ok(), A),
    "cancelled": (error(status=1, text="TRANSACTION_CANCELED"), X),
    "declined": (error(status=2, text="TRANSACTION_DECLINED"), D),
    "another text": (error(status=2, text="TRANSACTION_SUCCESS"), D),
    **{f"status {code}": (error(status=code, text=""), D) for code in (4, 5, 6, 7, 9, "02", " 2 ")},
    **{
        f"status {code}": (error(status=code, text="X"), Q)
        for code in (0, 8, 10, 11, 99, -1, "2.0", "+2", "٢", "x", 10**9)
    },
    "error without status": ("<payresp><result>ERROR</result><ref></ref></payresp>", Q),
    "error with another text": (bad_xml("Rossz kártya"), Q),
    "bad xml": (bad_xml(), N),
    "bad xml cp1250": (bad_xml().encode("cp1250"), N),
    "bad xml cp852": (bad_xml().encode("cp852"), N),
    "bad xml plain": (bad_xml("HIBAS xml"), N),
    "bad xml and a status": (bad_xml().replace("<ref>", "<status>0</status><ref>"), Q),
    "bad xml and more": (bad_xml("Hibás XML 1"), Q),
    "ok beside a failure": (ok().replace("<ref>", "<status>3</status><ref>"), Q),
    "ok beside a strange status": (ok().replace("<ref>", "<status>x</status><ref>"), Q),
    "two results": (ok().replace("<ref>", "<result>ERROR</result><ref>"), Q),
    "two references": (ok().replace("<ref>", "<ref>1</ref><ref>"), Q),
    "two states": (error().replace("<ref>", "<status>2</status><ref>"), Q),
    "okay": (ok().replace("OK", "OKAY"), Q),
    "no result": (ok().replace("<result>OK</result>", ""), Q),
    "nested result": (ok().replace("OK", "<a>OK</a>"), Q),
    "two answers": (ok() + error(), Q),
    "refund's answer": (ok("refundresp"), Q),
    "refund's failure": (error("refundresp", 2), Q),
    "hold's answer": (ok("preauthresp"), Q),
    "a request": ("<pay><result>OK</result></pay>", Q),
    "unknown root": (ok("payresponse"), Q),
    "doctype": (NO_DOCUMENT + ok().replace("OK", "&a;"), Q),
    "doctype alone": ("<!DOCTYPE payresp>" + ok(), Q),
    "bomb": (f'<!DOCTYPE p [<!ENTITY a "x">{BOMB}]>' + ok(ref="&i;"), Q),
    "external": ('<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + ok(ref="&a;"), Q),
    "comment": (ok().replace("<ref>", "<!-- --><ref>"), Q),
    "section": (ok().replace("OK", "<![CDATA[OK]]>"), Q),
    "entity": (ok().replace("OK", "&ok;"), Q),
    "ampersand": (ok(ref="A&B"), Q),
    "ten million": (ok(ref="x" * 10_000_000), Q),
    "deep": (ok(ref="<a>" * 2000 + "</a>" * 2000), Q),
    "wide": (ok().replace("<ref>", "<a/>" * 60 + "<ref>"), Q),
    "json": ('{"result": "OK"}', Q),
    "garbage": (b"\xff\xfe\x00\x01", Q),
    "utf-16": (ok().encode("utf-16"), Q),
    "nothing": (b"", Q),
    "half": (ok()[:30], Q),
    "all but the last letter": (ok().strip()[:-1], Q),
}


@pytest.mark.parametrize("name", SALES)
async def test_what_an_answer_to_a_sale_proves(tmp_path: Path, name: str) -> None:
    said, stage = SALES[name]
    device = Device([said if isinstance(said, bytes) else said.encode()])
    async with shop(tmp_path, device) as engine:
        payment = await run(engine)
        assert payment.stage is stage, payment.outcome
        if stage is Q:
            with pytest.raises(BridgeError) as locked:
                await engine.start(ask(key="next"))
            assert locked.value.code is Code.TERMINAL_LOCKED
        if name == "failed as printed":
            assert payment.outcome == Declined(DeclineReason.FAILED, "3 TRANSACTION_FAILED")
    assert len(device.heard) == 1, "a request leaves once, whatever comes back"


OTHERS = [
    (Kind.REFUND, ok("refundresp"), A),
    (Kind.REFUND, error("refundresp", 2), D),
    (Kind.REFUND, bad_xml(), N),
    (Kind.REFUND, ok(), Q),
    (Kind.REFUND, error(), Q),
    *((Kind.CAPTURE, ok(f"preau{t}completion{h}resp", end=" "), A) for t in ("t", "th") for h in ("", "h")),
    *((Kind.VOID, ok(f"preau{t}cancel{h}resp", end=" "), A) for t in ("t", "th") for h in ("", "h")),
    (Kind.CAPTURE, error("preautcompletionhresp", lead=" ", end=" "), D),
    (Kind.CAPTURE, error("preautcompletionresp", 5), D),
    (Kind.CAPTURE, bad_xml(), N),
    (Kind.CAPTURE, ok("preauthresp"), Q),
    (Kind.CAPTURE, ok("preautcancelresp"), Q),
    (Kind.CAPTURE, ok("preautcompletionhhresp"), Q),
    (Kind.VOID, error("preautcancelresp", end=" "), D),
    (Kind.VOID, ok("preautcompletionresp"), Q),
    (Kind.VOID, ok(), Q),
]


@pytest.mark.parametrize(("kind", "said", "stage"), OTHERS)
async def test_what_the_answers_to_other_requests_prove(tmp_path: Path, kind: Kind, said: str, stage: Stage) -> None:
    linked = kind is not Kind.REFUND
    answers = ([ok("preauthresp", "1111")] if linked else []) + [said]
    async with shop(tmp_path, Device([one.encode() for one in answers])) as engine:
        parent = (await run(engine, Kind.AUTHORIZATION)).id if linked else None
        payment = await run(engine, kind, parent, None if kind is Kind.VOID else SUM)
        assert payment.stage is stage, payment.outcome


@pytest.mark.parametrize("pieces", [2, 7, 10_000])
async def test_an_answer_in_pieces(tmp_path: Path, pieces: int) -> None:
    said = ("\ufeff" + ok(ref="č")).encode()
    async with shop(tmp_path, Device([said], pieces=pieces, closes=False)) as engine:
        payment = await run(engine)
        assert isinstance(payment.outcome, Approved)
        assert payment.outcome.reference == "č"


async def test_a_terminal_that_keeps_silent_and_one_that_speaks_first(tmp_path: Path) -> None:
    device = Device([b"", ok().encode()], closes=False)
    async with shop(tmp_path, device, answer_timeout=1) as engine:
        assert (await run(engine)).stage is Q
        (doubt,) = engine.in_doubt()
        await engine.resolve(doubt.id, taken=False, by="Ida", reason="looked at the terminal")
        assert (await run(engine)).stage is A
    assert (len(device.heard), device.connections) == (2, 2)


async def test_a_restart_in_the_middle_leaves_the_doubt_to_a_person(tmp_path: Path) -> None:
    device = Device([b"", ok().encode()], closes=False)
    async with shop(tmp_path, device) as engine:
        payment = await engine.start(ask(SUM, key="1"))
        async with asyncio.timeout(PATIENCE):
            while not device.heard:
                await asyncio.sleep(0.01)
    async with shop(tmp_path, device) as engine:
        assert [one.id for one in engine.in_doubt()] == [payment.id]
        assert (await engine.start(ask(SUM, key="1"))).stage is Q
        with pytest.raises(BridgeError) as locked:
            await engine.start(ask(SUM, key="2"))
        assert locked.value.code is Code.TERMINAL_LOCKED
    assert len(device.heard) == 1


SPELLED = (CARD_NUMBER, "4111 1111 1111 1111", "4111-1111-1111-1111", f"REF{CARD_NUMBER}", f"A{CARD_NUMBER}")


@pytest.mark.parametrize("number", SPELLED)
async def test_a_card_number_in_an_answer_is_kept_nowhere(tmp_path: Path, number: str) -> None:
    said = [
        ok(ref=number),
        error(status=2, text=f"CARD {number}"),
        ok().replace("<ref>", f"<pan>{number}</pan><ref>"),
        error(status=number, text=number),
    ]
    with structlog.testing.capture_logs() as logged:
        async with shop(tmp_path, Device([one.encode() for one in said])) as engine:
            assert [(await run(engine)).stage for _ in said] == [A, D, A, Q]
            kept = repr([engine.payments(), logged]).encode() + journal_bytes(tmp_path)
    assert not [one for one in SPELLED if one.encode() in kept + journal_bytes(tmp_path)]
