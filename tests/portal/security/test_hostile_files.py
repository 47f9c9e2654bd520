"""Files that somebody uploads to hurt: bombs, entities, formulas, names; and the files that are handed out."""

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import Final

import openpyxl
import pytest

from tests.portal.browser import Browser
from tests.portal.security.settling import upload
from tests.portal.security.town import NEIGHBOUR, OWNER, Town
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers.sheets import LARGEST_UNPACKED, LAST_ROW, lines, open_sheet

FORMULAS: Final = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", '=HYPERLINK("http://evil.example")')
SHEET: Final = "xl/worksheets/sheet1.xml"
HEAD: Final = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TAIL: Final = "</sheetData></worksheet>"


def workbook(sheet: bytes) -> bytes:
    """A workbook whose one sheet is this XML."""
    whole, made = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, sheet if part.filename == SHEET else old.read(part))
    return made.getvalue()


def bombs() -> Iterator[tuple[str, bytes]]:
    entities = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    yield "entities", workbook((entities + HEAD + TAIL).encode())
    yield "entities behind a long comment", workbook(f"<!--{'x' * 9000}-->{entities}{HEAD}{TAIL}".encode())
    yield (
        "entities in another encoding",
        workbook(f'<?xml version="1.0" encoding="UTF-16"?>{entities}{HEAD}{TAIL}'.encode("utf-16")),
    )
    yield "a prologue without end", workbook(f"<!--{'x' * 100_000}-->{HEAD}{TAIL}".encode())
    yield (
        "a row at the end of the world",
        workbook(f'{HEAD}<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>{TAIL}'.encode()),
    )
    wide = "".join(f'<row r="{n}"><c r="XFD{n}" t="inlineStr"><is><t></t></is></c></row>' for n in range(1, 2000))
    yield "cells at the end of every row", workbook(f"{HEAD}{wide}{TAIL}".encode())
    yield "a number without end", workbook(f'{HEAD}<row r="1"><c r="A1"><v>{"9" * 5000}</v></c></row>{TAIL}'.encode())
    yield "no sheet at all", workbook(b"<x/>")
    yield "half a workbook", workbook(f"{HEAD}{TAIL}".encode())[:-200]
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(2100):
            archive.writestr(f"{number}", b"")
    yield "thousands of parts", many.getvalue()
    yield "a cell without end", b"name\n" + b"x" * 200_000
    yield "a quotation without end", b'name\n"' + b"x\n" * 50_000
    yield "columns without end", b"name" + b";" * 10_000
    yield "zero bytes", b"na\x00me\n1"


def test_a_workbook_that_swells_is_refused_before_it_is_unpacked() -> None:
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(LARGEST_UNPACKED // 2**20 + 1):
            part.write(bytes(2**20))
    assert len(made.getvalue()) < 2**21
    with pytest.raises(BridgeError) as refused:
        open_sheet(made.getvalue())
    assert refused.value.code is Code.FILE_UNREADABLE


@pytest.mark.parametrize(("name", "content"), list(bombs()), ids=[name for name, _ in bombs()])
def test_a_bomb_is_refused_or_read_and_never_goes_off(name: str, content: bytes) -> None:
    if name == "no sheet at all":
        assert list(lines(open_sheet(content))) == []
        return
    with pytest.raises(BridgeError) as refused:
        list(lines(open_sheet(content)))
    assert refused.value.code is Code.FILE_UNREADABLE


def test_rows_far_apart_in_an_honest_workbook_are_read() -> None:
    content = workbook(
        f'{HEAD}<row r="1"><c r="A1"><v>1</v></c></row><row r="9000"><c r="B9000"><v>2</v></c></row>{TAIL}'.encode()
    )
    assert [(line.number, list(line.cells)) for line in lines(open_sheet(content))] == [(1, ["1"]), (9000, ["", "2"])]
    assert LAST_ROW == 1_048_576


async def test_the_name_of_a_file_is_a_text_and_nothing_else(town: Town) -> None:
    for name in [
        "../../../etc/passwd",
        "a\\..\\b.csv",
        "x" * 5000 + ".csv",
        "con.csv",
        "a%00.csv",
        "<script>alert(1)</script>.csv",
        "é\u202e.csv",
    ]:
        owner = await town.browser(OWNER)
        before = sorted(town.house.settings.data.rglob("*"))
        sent = await upload(
            town, owner, f"/customers/upload/{town.ids['location_id']}/v2", b"number;name\n2000009;x\n", name
        )
        assert sent.status in {303, 400}, sent.text
        if sent.status == 303:
            page = await owner.get(sent.location)
            assert page.status == 200
            assert b"<script>alert" not in page.body
        assert sorted(town.house.settings.data.rglob("*")) == before


async def test_a_file_is_its_uploaders_alone(town: Town) -> None:
    """Not even another owner of the same merchant finds it, and nobody in another's tenant."""
    path = f"/customers/file/{town.ids['upload_id']}"
    for who in (NEIGHBOUR, "manager@bakery.example", "auditor@bakery.example"):
        try:
            browser = await town.browser(who)
        except AssertionError:
            continue
        assert (await browser.get(path)).status in {403, 404}, who


async def test_no_cell_that_is_handed_out_is_worked_out(town: Town) -> None:
    owner = await town.browser(OWNER)
    for formula in FORMULAS:
        made = await town.send(
            owner, "/customers/new", name=formula, note=formula, address=formula, location=town.ids["location_id"]
        )
        assert made.status == 303, made.text
        assert (await town.send(owner, "/profile", name=formula, language="")).status == 303
    text = (await town.send(owner, "/customers/export.csv")).body.decode("utf-8-sig")
    cells = [
        cell
        for row in csv.reader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ",")
        for cell in row
    ]
    audit = (await owner.get("/audit/export?form=csv")).body.decode("utf-8-sig")
    cells += [cell for row in csv.reader(io.StringIO(audit)) for cell in row]
    assert sum(cell == f"'{FORMULAS[0]}" for cell in cells) >= 2
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    for path, method in (("/customers/export.xlsx", "POST"), ("/audit/export?form=xlsx", "GET")):
        reply = await (town.send(owner, path) if method == "POST" else owner.get(path))
        book = openpyxl.load_workbook(io.BytesIO(reply.body))
        kinds = {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row if cell.value is not None}
        assert kinds == {"s"}, path


async def test_files_are_handed_out_as_files(town: Town) -> None:
    owner, ids = await town.browser(OWNER), town.ids
    replies = [
        await town.send(owner, "/customers/export.csv"),
        await town.send(owner, f"/customers/one/{ids['customer_id']}/export.json"),
        await town.send(owner, f"/customers/one/{ids['customer_id']}/export.xlsx"),
        await owner.get(f"/customers/reports/{ids['job_id']}.json"),
        await owner.get("/audit/export?form=csv"),
        await owner.get("/audit/export?form=jsonl"),
    ]
    for reply in replies:
        assert reply.status == 200
        assert reply.headers["content-disposition"].startswith('attachment; filename="'), reply.headers
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "no-store" in reply.headers["cache-control"]
        assert not reply.headers["content-type"].startswith("text/html")


async def test_a_form_with_a_file_that_is_none_is_refused(town: Town) -> None:
    for body in [
        b"",
        b"--b\r\n",
        b"--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nx' * 50,
        b"\xff" * 1000,
        b"--b\r\n" + b"A: b\r\n" * 3000,
    ]:
        owner = await town.browser(OWNER)
        path = f"/customers/upload/{town.ids['location_id']}/v2"
        reply = await owner.ask("POST", path, body, {"content-type": "multipart/form-data; boundary=b"})
        assert reply.status in {400, 403}, reply.text
        nothing = await owner.ask("POST", path, body, {"content-type": "multipart/form-data"})
        assert nothing.status in {400, 403}


async def test_a_stranger_sends_no_file(town: Town) -> None:
    before = await town.rows()
    reply = await upload(
        town, Browser(town.app), f"/customers/upload/{town.ids['location_id']}/v2", b"x" * 100_000, token="x"
    )
    assert (reply.status, reply.location.partition("?")[0]) == (303, "/sign-in")
    assert await town.rows() == before
