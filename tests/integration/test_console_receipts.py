"""The receipts of the console: looked at in each language, printed, printed again, and refused in words."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.api import pay
from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import Around, Counter
from tests.support.console.manual_counter import at_counter
from tests.support.console.reading import hidden, words
from tillbridge.connector.console.receipts import LONGEST_KEY
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.domain.cashier_texts import Language

IN_DOUBT = 1295
CUTS = b"\x1dV"
"""What ends each slip on the paper."""


def around(**receipts: Any) -> Around:
    return Around(
        receipts=ReceiptSettings.model_validate({"header": ["Müller & Co. <b>"], "language": "de"} | receipts)
    )


async def paid(counter: Counter, minor: int = 1250) -> str:
    return str((await pay(counter, minor, order_id="4711")).json["id"])


async def press(person: Client, page: Answer, payment: str, **other: str) -> Answer:
    path = f"/payments/{payment}/receipt/print"
    return await person.submit(path, **(hidden(page, path) | other))


def test_a_payment_that_is_over_leads_to_its_receipt(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        payment = await paid(counter)
        person = await counter.person()
        for page in (f"/payments/{payment}", f"/till/{payment}"):
            assert f'href="/payments/{payment}/receipt"' in (await person.get(page)).text
        counter.hold("front")
        running = (await pay(counter, 990, key="k2", wait=1)).json["id"]
        for page in (f"/payments/{running}", f"/till/{running}"):
            assert "/receipt" not in (await person.get(page)).text
        answer = await person.get(f"/payments/{running}/receipt")
        assert (answer.status, answer.headers["location"]) == (303, f"/payments/{running}")

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("language", Language)
def test_both_copies_are_shown_in_each_language(tmp_path: Path, language: Language) -> None:
    said = {
        Language.DE: ("Beleg", "Kundenbeleg", "Händlerbeleg", "12,50 EUR"),
        Language.FR: ("Ticket", "Ticket client", "Ticket commerçant", "12,50 EUR"),
        Language.CS: ("Účtenka", "Účtenka pro zákazníka", "Účtenka pro obchodníka", "12,50 EUR"),
        Language.EN: ("Receipt", "Customer copy", "Merchant copy", "12.50 EUR"),
    }[language]

    async def scene(counter: Counter) -> None:
        payment = await paid(counter)
        person = await counter.person(language)
        for copy, name in (("customer", said[1]), ("merchant", said[2])):
            page = await person.get(f"/payments/{payment}/receipt?copy={copy}&language={language}")
            assert page.status == 200
            slip = page.text.partition('<pre class="slip"')[2].partition("</pre>")[0]
            assert f'lang="{language}"' in slip
            assert f"{name}\n" in slip
            assert said[3] in slip
            assert "Müller &amp; Co. &lt;b&gt;" in slip
            assert said[0] in words(page)
            paper = await person.get(f"/payments/{payment}/receipt/paper?copy={copy}&language={language}")
            assert paper.text.startswith("<!DOCTYPE html>")
            assert (name in paper.text, "Müller &amp; Co. &lt;b&gt;" in paper.text) == (True, True)

    at_counter(tmp_path, scene, around=around())


def test_without_a_wish_it_is_the_customers_in_the_shops_language(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        payment = await paid(counter)
        person = await counter.person()
        for query in ("?copy=everybody&language=xx", "?language=%3Cscript%3E"):
            assert "Kundenbeleg" in (await person.get(f"/payments/{payment}/receipt{query}")).text
        page = await person.get(f"/payments/{payment}/receipt")
        assert "Kundenbeleg" in page.text
        assert "No receipt printer stands in the settings" in words(page)
        refused = await press(person, page, payment)
        assert (refused.status, "The receipt could not be printed" in refused.text) == (409, True)
        assert (await person.get("/payments/nothing/receipt")).status == 404

    at_counter(tmp_path, scene, around=around())


def test_it_is_printed_once_for_each_form_and_then_as_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "paper"

    async def scene(counter: Counter) -> None:
        payment = await paid(counter)
        person = await counter.person()
        page = await person.get(f"/payments/{payment}/receipt?copy=merchant&language=cs")
        async with asyncio.TaskGroup() as group:
            sent = [group.create_task(press(person, page, payment)) for _ in range(3)]
        answers = [task.result() for task in sent]
        shown = f"/payments/{payment}/receipt?copy=merchant&language=cs&notice="
        assert {answer.headers["location"] for answer in answers} == {f"{shown}printed"}
        assert file.read_bytes().count(CUTS) == 1
        assert b"KOPIE" not in file.read_bytes()
        again = await person.get(f"{shown}printed")
        assert "The receipt was printed." in words(again)
        assert "KOPIE" in again.text
        assert "KOPIE" in (await person.get(f"/payments/{payment}/receipt/paper?copy=merchant&language=cs")).text
        assert "KOPIE" not in (await person.get(f"/payments/{payment}/receipt?copy=customer&language=cs")).text
        assert (await press(person, again, payment)).headers["location"] == f"{shown}printed_copy"
        assert b"KOPIE" in file.read_bytes()
        assert file.read_bytes().count(CUTS) == 2

    at_counter(tmp_path, scene, around=around(printer={"path": file}))


def test_a_form_that_was_sent_for_something_else_prints_nothing_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "paper"

    async def scene(counter: Counter) -> None:
        payment = await paid(counter)
        person = await counter.person()
        page = await person.get(f"/payments/{payment}/receipt")
        await press(person, page, payment)
        other = await press(person, page, payment, copy="merchant")
        assert other.status == 409
        assert file.read_bytes().count(CUTS) == 1
        assert (await press(person, other, payment)).status == 303
        assert file.read_bytes().count(CUTS) == 2
        for key in ("", "k" * (LONGEST_KEY + 1)):
            assert (await press(person, page, payment, key=key)).status == 400

    at_counter(tmp_path, scene, around=around(printer={"path": file}))


def test_a_printer_that_cannot_be_reached_is_said_and_the_same_form_prints_later(tmp_path: Path) -> None:
    folder = tmp_path / "not yet"

    async def scene(counter: Counter) -> None:
        payment = await paid(counter)
        person = await counter.person()
        page = await person.get(f"/payments/{payment}/receipt")
        refused = await press(person, page, payment)
        assert refused.status == 409
        assert "please look at the printer" in words(refused)
        assert "No such file or directory" in words(refused)
        folder.mkdir()
        printed = await press(person, refused, payment)
        assert printed.headers["location"].endswith("notice=printed")

    at_counter(tmp_path, scene, around=around(printer={"path": folder / "paper"}))


def test_what_is_in_doubt_has_a_note_that_is_no_receipt(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        payment = await paid(counter, IN_DOUBT)
        page = await (await counter.person()).get(f"/payments/{payment}/receipt?language=en")
        slip = page.text.partition('<pre class="slip"')[2].partition("</pre>")[0]
        assert "12.95" not in slip
        assert "no receipt" in slip.lower()

    at_counter(tmp_path, scene)
