"""Files as people have them: encodings, delimiters, broken rows; whole or not at all."""

import io
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.portal.customers import bases
from tests.portal.people import owner
from tests.portal.shops import merchant, shop
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, currency
from tillbridge.portal.customers import sheets
from tillbridge.portal.customers.forms import major
from tillbridge.portal.customers.importing import Checked, Choice, Imports
from tillbridge.portal.customers.mapping import Field, RowFault, Target, signed_minor
from tillbridge.portal.customers.sheets import lines, open_sheet
from tillbridge.portal.house import House

HEAD = "number{0}name{0}balance{0}colour\n"
COLUMNS = {Field.NUMBER: 0, Field.NAME: 1, Field.BALANCE: 2}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_encodings_and_delimiters_are_found(encoding: str, delimiter: str) -> None:
    text = HEAD.format(delimiter) + f'1{delimiter}"Zoë\nÄrger{delimiter}x"{delimiter}2{delimiter}€\n\n3{delimiter}End\n'
    sheet = open_sheet(text.encode(encoding))
    assert (sheet.encoding, sheet.delimiter) == (encoding, delimiter)
    read = list(lines(sheet))
    assert [line.number for line in read] == [1, 2, 5]
    assert read[1].cells == ["1", f"Zoë\nÄrger{delimiter}x", "2", "€"]


def test_a_workbook_is_read_like_a_text() -> None:
    book = openpyxl.Workbook()
    for row in (["number", "balance"], ["0000012", 12.5], [None, None], [1000001.0, "'=1+1"]):
        book.worksheets[0].append(row)
    page = io.BytesIO()
    book.save(page)
    assert [(line.number, list(line.cells)) for line in lines(open_sheet(page.getvalue()))] == [
        (1, ["number", "balance"]),
        (2, ["0000012", "12.5"]),
        (4, ["1000001", "=1+1"]),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"  \n", b"a\x00b", b"PK\x03\x04 not a zip", b'a;b\n"open', b"a;b\n" + b"x" * 4001]
)
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(BridgeError) as caught:
        list(lines(open_sheet(content)))
    assert caught.value.code is Code.FILE_UNREADABLE


def test_a_workbook_that_swells_or_declares_entities_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'
    for content, most in ((bomb, sheets.LARGEST_UNPACKED), (b"0" * 10_000, 9_999)):
        monkeypatch.setattr(sheets, "LARGEST_UNPACKED", most)
        page = io.BytesIO()
        with zipfile.ZipFile(page, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", content)
        with pytest.raises(BridgeError) as caught:
            open_sheet(page.getvalue())
        assert caught.value.code is Code.FILE_UNREADABLE


@given(st.binary(max_size=300))
def test_garbage_is_read_or_refused_and_nothing_else(content: bytes) -> None:
    codes: set[Code] = set()
    try:
        for line in lines(open_sheet(content)):
            assert line.number > 0
    except BridgeError as error:
        codes.add(error.code)
    assert codes <= {Code.FILE_UNREADABLE}


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD"]), st.sampled_from([",", "."]))
def test_every_amount_that_we_write_is_read_again(minor: int, code: str, decimal: str) -> None:
    assert signed_minor(major(minor, code, decimal), decimal, currency(code)) == minor


@pytest.mark.parametrize(
    ("text", "decimal", "minor"),
    [
        ("1.234,5", ",", 123450),
        ("1,234.50", ".", 123450),
        ("-3", ",", -300),
        ("1 234", ",", 123400),
        ("1.234", ".", None),
        ("1,23,4", ".", None),
        ("12.34", ",", None),
        ("1e3", ".", None),
        ("٣", ".", None),
        ("1" * 16, ".", None),
    ],
)
def test_amounts_are_never_guessed(text: str, decimal: str, minor: int | None) -> None:
    assert signed_minor(text, decimal, EUR) == minor


ROWS = "2000001;Ada;1,00;red\n2000002;;2,00;\n2000003;Eve;two;\n2000001;Eve;3,00;\n12;Eve;3,00;\n2000004;Eve;3,00;;;x\n"


async def test_every_bad_row_is_named_and_nothing_is_half_done(house: House) -> None:
    tenant = await merchant(house)
    place = await shop(house, tenant, 1, customer_base="v2")
    imports, person = Imports(house), owner(tenant)
    upload = await imports.upload(person, place, Target.V2, "new.csv", (HEAD.format(";") + ROWS).encode())
    checked = await imports.check(person, upload, Choice(COLUMNS, ","))
    assert [(bad.line, bad.fault) for bad in checked.bad] == [
        (3, RowFault.NAME),
        (4, RowFault.BALANCE),
        (5, RowFault.NUMBER_TWICE),
        (6, RowFault.NUMBER),
        (7, RowFault.COLUMNS),
    ]
    assert await bases.traces(house) == 0
    with pytest.raises(BridgeError) as caught:
        await imports.apply(person, upload, Choice(COLUMNS, ","))
    assert (caught.value.code, caught.value.place) == (Code.FILE_UNREADABLE, "line 3")
    assert await bases.traces(house) == 0
    await imports.apply(person, upload, Choice(COLUMNS, ",", only_good=True))
    (ada,) = await bases.everybody(house, tenant)
    assert (ada.number, ada.balance_minor, ada.fields.legacy) == ("2000001", 100, {"colour": "red"})
    with pytest.raises(BridgeError) as caught:
        await imports.find(person, upload)
    assert caught.value.code is Code.RECORD_UNKNOWN
    again = await imports.upload(person, place, Target.V2, "new.csv", (HEAD.format(";") + "2000001;A;;\n").encode())
    taken = await imports.check(person, again, Choice(COLUMNS, ","))
    assert [bad.fault for bad in taken.bad] == [RowFault.NUMBER_TAKEN]


async def test_1_0_is_replaced_as_a_whole_and_not_while_it_is_held(house: House) -> None:
    tenant = await merchant(house)
    place = await shop(house, tenant, 1)
    imports, person = Imports(house), owner(tenant)

    async def load(rows: str) -> Checked:
        upload = await imports.upload(person, place, Target.V1, "old.csv", (HEAD.format(";") + rows).encode())
        return await imports.apply(person, upload, Choice(COLUMNS, ","))

    await load("9;Ada;1,00;red\n9;Eve;2,00;blue\n")
    await load("x'y;Zoë;-1,00;\n")
    before = await bases.v1_hash(house, place)
    with pytest.raises(BridgeError, match="no row"):  # a file with its head only would empty the base
        await load("")
    assert await bases.v1_hash(house, place) == before
    await bases.asked_to_convert(house, bases.chief(house, tenant), place)
    with pytest.raises(BridgeError) as caught:
        await load("1;New;;\n")
    assert caught.value.code is Code.CONVERSION_RUNNING
    assert await bases.v1_hash(house, place) == before
