"""Printing a batch, a part of it, or one voucher: who may, what is noted, and what is not handed out."""

import io
import zipfile
from dataclasses import replace

import pypdfium2
import pytest
from PIL import Image
from sqlalchemy import select, update

from tests.portal.people import somebody
from tests.portal.printing.drawing import WORDS
from tests.portal.shops import merchant
from tests.portal.vouchers.office import GERMANY, chief, events, rows_of, system
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.printing import sheets
from tillbridge.portal.printing.model import Look, Medium, PinPlace, Symbology, Wish
from tillbridge.portal.printing.proofreading import read_all
from tillbridge.portal.printing.service import PrintKit
from tillbridge.portal.printing.symbols import Symbol, symbol
from tillbridge.portal.printing.tables import voucher_printing
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.batches_exporting import Exported
from tillbridge.portal.vouchers.batches_model import Batch, BatchDraft, OfficeVoucher
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.portal.vouchers.office_service import Office
from tillbridge.portal.vouchers.tables import voucher

SHEETS = Wish(Medium.SHEETS, Symbology.QR, look=Look(heading="Sommer"))


def kit(house: House) -> PrintKit:
    return PrintKit(house, Batches(house), Office(house))


async def batch_of(house: House, codes: int) -> tuple[Person, Batch, tuple[OfficeVoucher, ...]]:
    person, one, _ = await system(house, "DE")
    made = await Batches(house).make(person, one.id, BatchDraft("Ostern", GERMANY, codes))
    return person, made, (await Batches(house).seen(person, made.id)).vouchers


def codes_in(exported: Exported) -> list[list[str]]:
    """What the codes on each page say, as another reader of the file finds it."""
    with pypdfium2.PdfDocument(exported.content) as document:
        pages = [page.render(scale=300 / 72, grayscale=True).to_pil() for page in document]
    return [[text for _, text in read_all(page)] for page in pages]


async def refusal(awaited: object) -> tuple[Code, str | None]:
    with pytest.raises(BridgeError) as caught:
        await awaited  # type: ignore[misc]
    return caught.value.code, caught.value.place


async def pins_of(house: House) -> dict[str, str]:
    async with house.database.reading() as connection:
        rows = await connection.execute(select(voucher.c.id, voucher.c.number, voucher.c.pin_sealed))
        return {row.number: unseal_pin(house.vault, row.id, row.pin_sealed) for row in rows}


async def test_a_part_of_a_batch(house: House) -> None:
    person, made, vouchers = await batch_of(house, 14)
    wish = replace(SHEETS, first=2, last=13)
    exported = await kit(house).print_batch(person, made.id, wish, WORDS)
    assert (exported.media_type, exported.name) == ("application/pdf", f"voucher-print-2026-03-{made.id[-6:]}-2-13.pdf")
    first, second = codes_in(exported)
    assert sorted(first) == sorted(one.number for one in vouchers[1:11])
    assert sorted(second) == sorted(one.number for one in vouchers[11:13])
    event, after = (await events(house))[-1]
    facts = {"first": 2, "last": 13, "codes": 12, "medium": "sheets", "code": "qr", "pin": "none"}
    assert (event, after) == ("voucher_print.made", facts)
    seen = await kit(house).batch(person, made.id)
    assert ([(one.first, one.last, one.pins) for one in seen.printed], seen.next) == ([(2, 13, False)], 1)
    again = await kit(house).print_batch(person, made.id, wish, WORDS)
    assert again.content == exported.content


async def test_where_the_next_part_begins(house: House) -> None:
    person, made, _ = await batch_of(house, 5)
    for first, last, after in ((1, 2, 3), (4, 4, 3), (2, 3, 5), (5, 5, 1)):
        wish = Wish(Medium.PNG, Symbology.QR, first=first, last=last)
        await kit(house).print_batch(person, made.id, wish, WORDS)
        assert (await kit(house).batch(person, made.id)).next == after


@pytest.mark.parametrize("pin", [PinPlace.APART, PinPlace.INSIDE])
async def test_pins_need_the_right_and_a_fresh_proof(house: House, pin: PinPlace) -> None:
    person, made, vouchers = await batch_of(house, 2)
    wish = replace(SHEETS, pin=pin, last=2)
    stale, clerk = replace(person, stepped_up_at=None), somebody(person.home, "vouchers.codes.edit")
    assert await refusal(kit(house).print_batch(stale, made.id, wish, WORDS)) == (Code.STEP_UP_NEEDED, None)
    assert (await refusal(kit(house).print_batch(clerk, made.id, wish, WORDS)))[1] == "vouchers.pin.edit"
    assert (await refusal(kit(house).print_voucher(clerk, vouchers[0].id, wish, WORDS)))[1] == "vouchers.pin.edit"
    assert await rows_of(house, voucher_printing) == 0
    exported, pins = await kit(house).print_batch(person, made.id, wish, WORDS), await pins_of(house)
    with pypdfium2.PdfDocument(exported.content) as document:
        text = document[0].get_textpage().get_text_bounded()
    inside = pin is PinPlace.INSIDE
    assert sorted(codes_in(exported)[0]) == sorted(
        one.number + (pins[one.number] if inside else "") for one in vouchers
    )
    assert [pins[one.number] in text.split() for one in vouchers] == [not inside] * 2
    event, after = (await events(house))[-1]
    assert (event, after["pin"]) == ("voucher_print.pins", pin.value)
    assert not any(value in str(after) for value in pins.values())


async def test_pictures_come_alone_or_together(house: House) -> None:
    person, made, vouchers = await batch_of(house, 3)
    for medium, media_type in ((Medium.SVG, "image/svg+xml"), (Medium.PNG, "image/png")):
        wish = Wish(medium, Symbology.CODE_128, first=2, last=3)
        many = await kit(house).print_batch(person, made.id, wish, WORDS)
        with zipfile.ZipFile(io.BytesIO(many.content)) as archive:
            names = archive.namelist()
            single = archive.read(names[0])
        assert (many.media_type, names) == (
            "application/zip",
            [f"{one.position:05d}-{one.number}.{medium}" for one in vouchers[1:]],
        )
        one = await kit(house).print_voucher(person, vouchers[1].id, wish, WORDS)
        assert (one.media_type, one.content) == (media_type, single)
        if medium is Medium.PNG:
            with Image.open(io.BytesIO(single)) as picture:
                assert read_all(picture.convert("L")) == [("Code 128", vouchers[1].number)]
        assert (await kit(house).print_batch(person, made.id, wish, WORDS)).content == many.content


async def test_a_voucher_that_was_replaced_is_not_printed(house: House) -> None:
    person, made, vouchers = await batch_of(house, 3)
    async with house.database.writing() as connection:
        await connection.execute(update(voucher).where(voucher.c.id == vouchers[1].id).values(life="retired"))
    exported = await kit(house).print_batch(person, made.id, replace(SHEETS, last=3), WORDS)
    assert sorted(codes_in(exported)[0]) == sorted((vouchers[0].number, vouchers[2].number))
    alone = replace(SHEETS, first=2, last=2)
    assert await refusal(kit(house).print_batch(person, made.id, alone, WORDS)) == (Code.FIELD_INVALID, "last")
    assert (await refusal(kit(house).print_voucher(person, vouchers[1].id, SHEETS, WORDS)))[0] is Code.RECORD_CONFLICT


async def test_what_is_not_of_the_batch(house: House) -> None:
    person, made, vouchers = await batch_of(house, 3)
    for first, last, place in ((1, 4, "last"), (0, 2, "first"), (3, 2, "last"), (1, 501, "last")):
        wish = replace(SHEETS, first=first, last=last)
        assert await refusal(kit(house).print_batch(person, made.id, wish, WORDS)) == (Code.FIELD_INVALID, place)
    async with house.database.writing() as connection:
        await connection.execute(update(voucher).where(voucher.c.id == vouchers[2].id).values(pin_sealed=None))
    without = replace(SHEETS, pin=PinPlace.APART, last=3)
    assert await refusal(kit(house).print_batch(person, made.id, without, WORDS)) == (Code.FIELD_INVALID, "pin")
    assert await rows_of(house, voucher_printing) == 0


async def test_strangers_and_readers_print_nothing(house: House) -> None:
    person, made, vouchers = await batch_of(house, 1)
    stranger = chief(house, await merchant(house, "Café"))
    assert (await refusal(kit(house).print_batch(stranger, made.id, SHEETS, WORDS)))[0] is Code.RECORD_UNKNOWN
    assert (await refusal(kit(house).print_voucher(stranger, vouchers[0].id, SHEETS, WORDS)))[0] is Code.RECORD_UNKNOWN
    reader = somebody(person.home, "vouchers.codes.view")
    for awaited in (
        kit(house).batch(reader, made.id),
        kit(house).voucher(reader, vouchers[0].id),
        kit(house).print_batch(reader, made.id, SHEETS, WORDS),
        kit(house).print_voucher(reader, vouchers[0].id, SHEETS, WORDS),
    ):
        assert await refusal(awaited) == (Code.RIGHT_MISSING, "vouchers.codes.edit")


async def test_a_page_that_cannot_be_read_back_is_not_handed_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the drawing: one card of the second page carries the number of another."""
    person, made, vouchers = await batch_of(house, 12)

    def faulty(kind: Symbology, digits: str) -> Symbol:
        return symbol(kind, vouchers[0].number if digits == vouchers[10].number else digits)

    monkeypatch.setattr(sheets, "symbol", faulty)
    with pytest.raises(BridgeError) as refused:
        await kit(house).print_batch(person, made.id, replace(SHEETS, last=12), WORDS)
    assert (refused.value.code, refused.value.place, refused.value.members) == (
        Code.RECORD_CONFLICT,
        "page",
        {"page": 2},
    )
    assert await rows_of(house, voucher_printing) == 0
    assert "voucher_print.made" not in [event for event, _ in await events(house)]
