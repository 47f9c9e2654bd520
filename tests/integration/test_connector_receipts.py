"""Receipts of a connector that really runs, printed on a real port and into a real file; and the page about them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from tests.support.counter import SOON, Counter, counter
from tests.support.guide import blocks, moved, run
from tests.support.shop import free_port
from tillbridge.connector.settings import CONSOLE_PORT

PAGE: Final = "how-to/print-receipts.md"
FULL_PAN: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9]{12,19}(?![0-9A-Za-z])")
SHOP: Final = {"header": ["Müller & Co."], "language": "de"}


@dataclass
class Paper:
    """A network printer: what came on each connection."""

    port: int = 0
    slips: list[bytes] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.slips.append(await reader.read())
        writer.close()

    async def slip(self, number: int) -> bytes:
        async with asyncio.timeout(SOON):
            while len(self.slips) < number:
                await asyncio.sleep(0.01)
        return self.slips[number - 1]


@asynccontextmanager
async def printer(port: int = 0) -> AsyncIterator[Paper]:
    paper = Paper()
    server = await asyncio.start_server(paper.take, "127.0.0.1", port)
    paper.port = server.sockets[0].getsockname()[1]
    async with server:
        yield paper


@dataclass
class Till:
    session: aiohttp.ClientSession
    url: str

    async def pay(self) -> Any:
        body = {"amount": {"minor": 1250, "currency": "EUR"}, "order_id": "4711"}
        headers = {"Idempotency-Key": "k1", "Prefer": "wait=30"}
        async with self.session.post(f"{self.url}/v1/payments", json=body, headers=headers) as answer:
            return await answer.json()

    async def receipt(self, payment: Any, **asked: str) -> tuple[str, bytes]:
        async with self.session.get(f"{self.url}/v1/payments/{payment['id']}/receipt", params=asked) as answer:
            assert answer.status == 200, await answer.text()
            return answer.content_type, await answer.read()

    async def print(self, payment: Any, key: str, copy: str = "customer") -> tuple[int, Any]:
        path = f"{self.url}/v1/payments/{payment['id']}/receipt/print"
        async with self.session.post(path, json={"copy": copy}, headers={"Idempotency-Key": key}) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def till(place: Counter) -> AsyncIterator[Till]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {place.key()}"}) as session:
        yield Till(session, place.url)


async def test_a_real_payment_has_a_receipt_in_every_form(tmp_path: Path) -> None:
    async with counter(tmp_path) as place:
        place.write_settings(more={"receipts": SHOP})
        await place.open()
        async with till(place) as here:
            paid = await here.pay()
            masked = paid["outcome"]["card"]["masked_pan"]
            kind, text = await here.receipt(paid)
            assert kind == "text/plain"
            for words in ("Müller & Co.", "Kundenbeleg", "12,50 EUR", "4711", masked, paid["outcome"]["card"]["aid"]):
                assert words in text.decode()
            kind, page = await here.receipt(paid, format="html", copy="merchant", language="cs")
            assert kind == "text/html"
            assert "Účtenka pro obchodníka" in page.decode()
            kind, paper = await here.receipt(paid, format="escpos")
            assert kind == "application/octet-stream"
            assert b"12,50 EUR" in paper
            for form in (text, page, paper):
                assert FULL_PAN.search(form) is None


async def test_a_network_printer_prints_once_and_then_copies_also_after_a_restart(tmp_path: Path) -> None:
    async with counter(tmp_path) as place, printer() as paper:
        printing = {"host": "127.0.0.1", "port": paper.port}
        place.write_settings(more={"receipts": SHOP | {"printer": printing}})
        connector = await place.open()
        async with till(place) as here:
            paid = await here.pay()
            first = await here.print(paid, "p1")
            assert (first[0], first[1]["duplicate"], first[1]["replayed"]) == (200, False, False)
            assert b"KOPIE" not in await paper.slip(1)
            again = await here.print(paid, "p1")
            assert (again[1]["duplicate"], again[1]["replayed"]) == (False, True)
            assert (await here.print(paid, "m1", "merchant"))[1]["duplicate"] is False
            assert "Händlerbeleg".encode("cp437") in await paper.slip(2)
        connector.kill()
        await connector.gone()
        await place.open()
        async with till(place) as here:
            assert (await here.print(paid, "p2"))[1]["duplicate"] is True
            assert b"KOPIE" in await paper.slip(3)
            assert (await here.print(paid, "p1"))[1]["replayed"] is True
        assert len(paper.slips) == 3


async def test_a_printer_that_is_off_is_named_and_the_same_request_prints_later(tmp_path: Path) -> None:
    port = free_port()
    async with counter(tmp_path) as place:
        place.write_settings(more={"receipts": SHOP | {"printer": {"host": "127.0.0.1", "port": port}}})
        await place.open()
        async with till(place) as here:
            paid = await here.pay()
            status, refused = await here.print(paid, "p1")
            assert (status, refused["code"], refused["money_moved"]) == (409, "printer_unavailable", "no")
            assert "Connection refused" in refused["detail"]
            async with printer(port) as paper:
                assert (await here.print(paid, "p1"))[1]["duplicate"] is False
                assert b"KOPIE" not in await paper.slip(1)


async def test_the_commands_of_the_page_work_and_print_into_a_file(tmp_path: Path) -> None:
    settings = yaml.safe_load(blocks(PAGE, "yaml")[0])["receipts"]
    file = tmp_path / "paper.bin"
    settings["printer"] = {"path": str(file)}
    async with counter(tmp_path) as place:
        place.write_settings(more={"receipts": settings})
        await place.open()
        (tmp_path / "DATA").symlink_to(place.data)
        async with till(place) as here:
            paid = await here.pay()
        commands = "\n".join((*blocks(PAGE), *blocks(PAGE, "sh")))
        text = re.sub(r"\bID\b", paid["id"], moved(commands, {CONSOLE_PORT: place.native_port}))
        *shown, printed = await asyncio.to_thread(run, text, tmp_path)
        assert any("Händlerbeleg" in line for line in shown)
        assert any("Vielen Dank!" in line for line in shown)
        answer = json.loads(printed)
        assert answer == {"payment_id": paid["id"], "copy": "customer", "duplicate": False, "replayed": False}
        assert file.read_bytes().startswith(b"\x1b@")
        assert b"12,50 EUR" in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
