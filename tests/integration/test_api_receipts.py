"""The receipts of the native interface, and printers on real ports and real files."""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.console.api import problem
from tests.support.console.asgi_client import Answer, Client
from tests.support.webhooks import Shop, Town, shop
from tests.unit.engine.house import PAID, ask
from tests.unit.engine.puppet import LOST
from tillbridge.connector.api.keys import KeyCheck
from tillbridge.connector.api.receipts import add_receipts
from tillbridge.connector.api.routes import api_app
from tillbridge.connector.receipts import printing
from tillbridge.connector.receipts.desk import ReceiptDesk
from tillbridge.connector.receipts.printing import Printer
from tillbridge.connector.receipts.settings import PrinterSettings, ReceiptSettings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import Declined
from tillbridge.runtime.manual import manual_runtime, run_manual

KEY: Final = "a key that is long enough to be one"


@dataclass
class Office:
    shop: Shop
    client: Client

    async def receipt(self, payment_id: str, query: str = "") -> Answer:
        return await self.client.get(f"/payments/{payment_id}/receipt?{query}")

    async def print(self, payment_id: str, key: str, **body: Any) -> Answer:
        return await self.client.post(f"/payments/{payment_id}/receipt/print", body, idempotency_key=key)


@asynccontextmanager
async def office(folder: Path, printer: PrinterSettings | None = None) -> AsyncIterator[Office]:
    async with shop(folder, Town()) as here:
        runtime = manual_runtime()
        keys = KeyCheck(KEY, runtime.clock)
        settings = ReceiptSettings.model_validate({"header": ["Müller & Co."], "language": "de", "printer": printer})
        desk = ReceiptDesk(here.engine, here.committer, settings, runtime.clock)
        app = api_app(here.engine, keys, runtime, "1.0", (lambda app: add_receipts(app, desk),))
        yield Office(here, Client(app, {"authorization": f"Bearer {KEY}"}))


def in_office(folder: Path, scene: Callable[[Office], Awaitable[None]], printer: PrinterSettings | None = None) -> None:
    async def main() -> None:
        async with office(folder, printer) as opened:
            await scene(opened)

    run_manual(main())


def test_a_receipt_comes_in_every_form_language_and_width(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        payment = (await here.shop.pay(order_id="47")).id
        text = await here.receipt(payment)
        assert (text.status, text.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert text.headers["cache-control"] == "no-store"
        assert "Müller & Co." in text.text
        assert "Kundenbeleg" in text.text
        assert "10,00 EUR" in text.text
        assert max(map(len, text.text.splitlines())) == 42
        narrow = await here.receipt(payment, "columns=32&copy=merchant&language=en&duplicate=true")
        assert max(map(len, narrow.text.splitlines())) == 32
        assert all(words in narrow.text for words in ("Merchant copy", "COPY", "10.00 EUR"))
        page = await here.receipt(payment, "format=html&language=fr")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert '<html lang="fr">' in page.text
        paper = await here.receipt(payment, "format=escpos")
        assert paper.headers["content-type"] == "application/octet-stream"
        assert paper.body.startswith(b"\x1b@")

    in_office(tmp_path, scene)


def test_the_terminals_own_slip_is_offered_where_it_sent_one(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        own = (await here.shop.pay(Declined(ticket="CARTE <B>\n4970101234567890\n REFUS"))).id
        text = await here.receipt(own, "source=terminal")
        assert text.text == "CARTE <B>\n497010######7890\n REFUS\n", "and no card number, whoever left it in"
        assert "CARTE &lt;B&gt;" in (await here.receipt(own, "source=terminal&format=html")).text
        assert b"\n REFUS\n" in (await here.receipt(own, "source=terminal&format=escpos")).body
        none = (await here.shop.pay()).id
        refused = problem(await here.receipt(none, "source=terminal"), 400, Code.FIELD_INVALID)
        assert refused["place"] == "source"

    in_office(tmp_path, scene)


def test_a_doubt_gives_a_note_and_a_running_payment_nothing(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        running = await here.shop.engine.start(ask())
        await asyncio.sleep(1)
        refused = problem(await here.receipt(running.id), 409, Code.STILL_RUNNING)
        assert (refused["payment_id"], refused["money_moved"]) == (running.id, "unknown")
        here.shop.puppet.answers.put_nowait(LOST)
        await here.shop.engine.wait(running.id, 10)
        note = await here.receipt(running.id)
        assert "Das ist kein Beleg" in note.text
        assert "10,00" not in note.text

    in_office(tmp_path, scene)


@pytest.mark.parametrize("query", ["copy=both", "format=pdf", "source=us", "language=xx", "columns=5", "duplicate=7"])
def test_what_cannot_be_written_is_refused(tmp_path: Path, query: str) -> None:
    async def scene(here: Office) -> None:
        payment = (await here.shop.pay()).id
        problem(await here.receipt(payment, query), 400, Code.FIELD_INVALID)
        problem(await here.receipt("0" * 32), 404, Code.PAYMENT_UNKNOWN)

    in_office(tmp_path, scene)


def test_from_the_second_print_of_a_side_on_it_is_a_copy_also_after_a_restart(tmp_path: Path) -> None:
    paper = tmp_path / "paper"

    async def scene(here: Office) -> None:
        payment = (await here.shop.pay(PAID)).id
        first = await here.print(payment, "k1")
        assert (first.status, first.json["copy"], first.json["duplicate"]) == (200, "customer", False)
        assert b"KOPIE" not in paper.read_bytes()
        printed = paper.stat().st_size
        again = await here.print(payment, "k1")
        assert (again.json["replayed"], again.json["duplicate"]) == (True, False)
        assert paper.stat().st_size == printed, "the same key prints once"
        other_side = await here.print(payment, "k2", copy="merchant")
        assert (other_side.json["copy"], other_side.json["duplicate"]) == ("merchant", False)
        problem(await here.print(payment, "k1", copy="merchant"), 422, Code.KEY_CONFLICT)
        await asyncio.sleep(0)

    async def after(here: Office) -> None:
        payment = here.shop.engine.payments()[0].id
        second = await here.print(payment, "k3")
        assert second.json["duplicate"] is True
        assert b"KOPIE" in paper.read_bytes()

    in_office(tmp_path, scene, PrinterSettings(path=paper))
    in_office(tmp_path, after, PrinterSettings(path=paper))


def test_without_a_printer_or_with_a_dead_one_nothing_counts_as_printed(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        payment = (await here.shop.pay()).id
        for _ in range(2):
            refused = problem(await here.print(payment, "k1"), 409, Code.PRINTER_UNAVAILABLE)
            assert refused["money_moved"] == "no"

    async def alive(here: Office) -> None:
        printed = await here.print(here.shop.engine.payments()[0].id, "k1")
        assert (printed.status, printed.json["duplicate"], printed.json["replayed"]) == (200, False, False)

    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        in_office(tmp_path, scene, PrinterSettings(host="127.0.0.1", port=port))
    in_office(tmp_path, alive, PrinterSettings(path=tmp_path / "paper"))


@dataclass
class NetworkPrinter:
    """A printer on a port. One that is `stuck` takes the connection and not a byte."""

    stuck: bool = False
    slips: list[bytes] = field(default_factory=list)
    port: int = 0
    busy: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.busy += 1
        if self.stuck:
            await self.over.wait()
        with suppress(ConnectionError):
            self.slips.append(await reader.read())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.busy -= 1


@asynccontextmanager
async def network_printer(*, stuck: bool = False) -> AsyncIterator[NetworkPrinter]:
    printer = NetworkPrinter(stuck)
    # A small window, so that a stuck printer's line is full at once.
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(printer.serve, sock=listener, limit=1024)
    printer.port = listener.getsockname()[1]
    try:
        yield printer
    finally:
        printer.over.set()
        async with asyncio.timeout(10):
            while printer.busy:
                await asyncio.sleep(0.01)
        server.close()
        await server.wait_closed()


async def test_a_network_printer_gets_whole_slips_one_after_the_other() -> None:
    async with network_printer() as there:
        printer = Printer(PrinterSettings(host="127.0.0.1", port=there.port))
        slips = [bytes([65 + number]) * 5000 for number in range(5)]
        async with asyncio.TaskGroup() as group:
            for slip in slips:
                group.create_task(printer.print(slip, lambda: None))
        async with asyncio.timeout(10):
            while len(there.slips) < len(slips):
                await asyncio.sleep(0.01)
        assert sorted(there.slips) == slips


async def test_a_printer_without_paper_is_left_in_time() -> None:
    began: list[bool] = []
    async with network_printer(stuck=True) as there:
        printer = Printer(PrinterSettings(host="127.0.0.1", port=there.port), seconds=0.3)
        with pytest.raises(BridgeError, match="is there paper"):
            await printer.print(b"x" * 20_000_000, lambda: began.append(True))
    assert began == [True]


async def test_a_device_that_takes_nothing_is_left_in_time(tmp_path: Path) -> None:
    device = tmp_path / "device"
    os.mkfifo(device)
    reading = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(BridgeError, match="is there paper"):
            await Printer(PrinterSettings(path=device), seconds=0.3).print(b"x" * 1_000_000, lambda: None)
        assert os.read(reading, 100) == b"x" * 100
    finally:
        os.close(reading)


@pytest.mark.parametrize("name", ["no folder/device", "."])
async def test_a_path_that_is_no_printer_is_named_by_its_cause(tmp_path: Path, name: str) -> None:
    with pytest.raises(BridgeError) as refusal:
        await Printer(PrinterSettings(path=tmp_path / name)).print(b"x", lambda: None)
    assert refusal.value.code is Code.PRINTER_UNAVAILABLE
    assert "could not be reached" in str(refusal.value)


async def test_a_printer_that_is_off_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(printing, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    with pytest.raises(BridgeError, match="switched on"):
        await Printer(PrinterSettings(host="127.0.0.1")).print(b"x", lambda: None)


def test_a_slip_of_which_a_part_may_lie_there_is_a_copy_the_next_time(tmp_path: Path) -> None:
    device = tmp_path / "device"
    os.mkfifo(device)
    reading = os.open(device, os.O_RDONLY | os.O_NONBLOCK)

    async def scene(here: Office) -> None:
        payment = (await here.shop.pay()).id
        os.set_blocking(reading, False)
        filled = os.open(device, os.O_WRONLY | os.O_NONBLOCK)
        try:
            while True:
                os.write(filled, b"\0" * 4096)
        except BlockingIOError:
            pass
        problem(await here.print(payment, "k1"), 409, Code.PRINTER_UNAVAILABLE)
        os.close(filled)
        while os.read(reading, 65536):
            if not _more(reading):
                break
        printed = await here.print(payment, "k1")
        assert printed.json["duplicate"] is True
        assert b"KOPIE" in os.read(reading, 65536)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing.Printer.__init__, "__defaults__", (0.3,))
        in_office(tmp_path, scene, PrinterSettings(path=device))
    os.close(reading)


def _more(reading: int) -> bool:

    return bool(select.select([reading], [], [], 0)[0])


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..b", "nobody.invalid"])
def test_a_host_that_is_no_name_is_a_printer_that_cannot_be_reached(tmp_path: Path, host: str) -> None:
    async def scene(here: Office) -> None:
        payment = (await here.shop.pay()).id
        problem(await here.print(payment, "p1"), 409, Code.PRINTER_UNAVAILABLE)
        again = await here.print(payment, "p1")
        assert again.status == 409, "a receipt that was not printed must not be taken for one that was"

    in_office(tmp_path, scene, PrinterSettings(host=host))
