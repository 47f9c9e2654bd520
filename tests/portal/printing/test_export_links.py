"""Links of exports: good once, for a quarter of an hour, for whoever asked."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.people import somebody
from tests.portal.vouchers.office import GERMANY, events, rows_of, system
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.printing.export_links import ExportLinks
from tillbridge.portal.printing.tables import voucher_export
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.batches_exporting import BatchExports, Exported, Form
from tillbridge.portal.vouchers.batches_model import BatchDraft
from tillbridge.portal.vouchers.batches_service import Batches

T = CATALOGUES[Language.DE]


def links(house: House) -> ExportLinks:
    batches = Batches(house)
    return ExportLinks(house, batches, BatchExports(house, batches))


async def batch_of(house: House) -> tuple[Person, str]:
    person, one, _ = await system(house, "DE")
    return person, (await Batches(house).make(person, one.id, BatchDraft("Ostern", GERMANY, 3))).id


async def refused(awaited: object) -> Code:
    with pytest.raises(BridgeError) as caught:
        await awaited  # type: ignore[misc]
    return caught.value.code


async def test_a_link_is_good_once(house: House) -> None:
    person, batch = await batch_of(house)
    made = await links(house).make(person, batch, Form.CSV, pins=False)
    assert made.secret not in repr(made)
    exported = await links(house).fetch(person, made.secret, T)
    assert (exported.media_type, exported.content.count(b"\r\n")) == ("text/csv; charset=utf-8", 4)
    assert await refused(links(house).fetch(person, made.secret, T)) is Code.RECORD_UNKNOWN
    noted = [event for event, _ in await events(house)]
    assert noted[-2:] == ["voucher_export.link_made", "voucher_batch.exported"]


async def test_of_many_who_follow_it_at_once_one_gets_the_file(house: House) -> None:
    person, batch = await batch_of(house)
    made, got = await links(house).make(person, batch, Form.XLSX, pins=False), list[Exported | Code]()

    async def follow() -> None:
        try:
            got.append(await links(house).fetch(person, made.secret, T))
        except BridgeError as error:
            got.append(error.code)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(follow())
    assert sorted(type(one).__name__ for one in got) == ["Code"] * 4 + ["Exported"]
    assert [event for event, _ in await events(house)].count("voucher_batch.exported") == 1


async def test_a_link_ends_after_a_quarter_of_an_hour(house: House, clock: HandClock) -> None:
    person, batch = await batch_of(house)
    made = await links(house).make(person, batch, Form.CSV, pins=False)
    assert made.ends_at == clock.now() + timedelta(minutes=15)
    clock.forward(minutes=14, seconds=59)
    late = await links(house).make(person, batch, Form.CSV, pins=False)
    clock.forward(seconds=1)
    assert await refused(links(house).fetch(person, made.secret, T)) is Code.RECORD_UNKNOWN
    assert (await links(house).fetch(person, late.secret, T)).content
    await links(house).make(person, batch, Form.CSV, pins=False)
    assert await rows_of(house, voucher_export) == 1


async def test_what_stands_in_a_link_is_not_kept(house: House) -> None:
    person, batch = await batch_of(house)
    made = await links(house).make(person, batch, Form.CSV, pins=False)
    async with house.database.reading() as connection:
        row = repr((await connection.execute(select(voucher_export))).one())
    assert made.secret not in row
    for wrong in ("", made.secret[:-1], made.secret + "x", "x" * 10_000):
        assert await refused(links(house).fetch(person, wrong, T)) is Code.RECORD_UNKNOWN


async def test_nobody_else_can_follow_it(house: House) -> None:
    person, batch = await batch_of(house)
    made = await links(house).make(person, batch, Form.CSV, pins=False)
    colleague = somebody(person.home, "vouchers.codes.edit")
    assert await refused(links(house).fetch(colleague, made.secret, T)) is Code.RECORD_UNKNOWN
    # The right is asked again when it is followed: it may have been taken away meanwhile.
    without = replace(person, reaches={})
    assert await refused(links(house).fetch(without, made.secret, T)) is Code.RIGHT_MISSING
    assert (await links(house).fetch(person, made.secret, T)).content


async def test_pins_need_a_fresh_proof_when_it_is_made_and_when_it_is_followed(house: House) -> None:
    person, batch = await batch_of(house)
    stale = replace(person, stepped_up_at=None)
    assert await refused(links(house).make(stale, batch, Form.CSV, pins=True)) is Code.STEP_UP_NEEDED
    made = await links(house).make(person, batch, Form.CSV, pins=True)
    assert await refused(links(house).fetch(stale, made.secret, T)) is Code.STEP_UP_NEEDED
    # Whoever was sent for the proof comes back by the same link.
    exported = await links(house).fetch(person, made.secret, T)
    assert exported.content.splitlines()[0].count(b'","') == 5
    assert (await events(house))[-1][0] == "voucher_batch.pins_exported"
