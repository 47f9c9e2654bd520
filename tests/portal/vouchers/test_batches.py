"""Batches of codes: how many, how fast, in which state, and what of them can be written out."""

import asyncio
import csv
import io
import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime

import openpyxl
import pytest
from sqlalchemy import insert, select, update

from tests.portal.clock import HandClock
from tests.portal.people import owner, somebody
from tests.portal.vouchers.office import AUSTRIA, GERMANY, chief, events, place_of, rows_of, system
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import masked, number_of, right_check_digit
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.batches_exporting import BatchExports, Exported, Form
from tillbridge.portal.vouchers.batches_model import Batch, BatchDraft, Quota
from tillbridge.portal.vouchers.batches_service import Batches, month_of
from tillbridge.portal.vouchers.guessing import PinGuard
from tillbridge.portal.vouchers.model import Voucher
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.portal.vouchers.office_service import Office
from tillbridge.portal.vouchers.states import shown_state
from tillbridge.portal.vouchers.systems_model import Life, Scheme
from tillbridge.portal.vouchers.tables import voucher, voucher_batch, voucher_system

T = CATALOGUES[Language.DE]


def draft(codes: int, *, country: str = GERMANY, activate: bool = False, name: str = "Weihnachten") -> BatchDraft:
    return BatchDraft(name, country, codes, activate)


async def refusal(awaited: object) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        await awaited  # type: ignore[misc]
    return caught.value


async def code_of(awaited: object) -> tuple[Code, str | None]:
    error = await refusal(awaited)
    return error.code, error.place


def cells_of(exported: Exported) -> list[list[object]]:
    """A workbook's only sheet, of which every cell is a text."""
    (sheet,) = openpyxl.load_workbook(io.BytesIO(exported.content), read_only=True).worksheets
    rows = [list(row) for row in sheet.rows]
    assert {cell.data_type for row in rows for cell in row} == {"s"}
    return [[cell.value for cell in row] for row in rows]


async def numbers_of(house: House, batch: Batch) -> list[str]:
    async with house.database.reading() as connection:
        wanted = select(voucher.c.number).where(voucher.c.batch_id == batch.id).order_by(voucher.c.id)
        return list(await connection.scalars(wanted))


async def test_a_small_batch(house: House) -> None:
    person, one, _ = await system(house, "DE")
    batches = Batches(house)
    made = await batches.make(person, one.id, draft(120))
    assert (made.amount_of_codes, made.country, made.month) == (120, "276", month_of(made.made_at, "Europe/Berlin"))
    numbers = await numbers_of(house, made)
    assert len(set(numbers)) == 120
    assert all(right_check_digit(number) and number.startswith("276") for number in numbers)
    assert numbers != sorted(numbers)
    first, last = await batches.seen(person, made.id), await batches.seen(person, made.id, 99)
    assert (first.page, first.pages, last.page, len(first.vouchers), len(last.vouchers)) == (1, 2, 2, 100, 20)
    assert [each.position for each in (*first.vouchers, *last.vouchers)] == list(range(1, 121))
    assert first.counted.vouchers == {VoucherState.PRODUCED: 120}
    async with house.database.reading() as connection:
        row = (await connection.execute(select(voucher).where(voucher.c.number == numbers[0]))).mappings().one()
    assert (row["scheme"], row["life"], row["balance"], row["country"], row["vat_class"]) == (
        *("own", "produced", 0, "276", "multi"),
    )
    assert len(unseal_pin(house.vault, row["id"], row["pin_sealed"])) == 4
    assert (await events(house))[-1] == (
        "voucher_batch.made",
        {"codes": 120, "country": "276", "activated": False},
    )


async def test_a_month_s_codes_in_one_batch_and_not_one_more(house: House, clock: HandClock) -> None:
    person, one, _ = await system(house, "AT")
    batches = Batches(house)
    made = await batches.make(person, one.id, draft(6_000, country=AUSTRIA, activate=True))
    assert (await batches.quota(person, one.id)).rest == 0
    error = await refusal(batches.make(person, one.id, draft(1, country=AUSTRIA)))
    assert (error.code, error.entry.number, error.entry.status, error.members) == (
        *(Code.VOUCHER_QUOTA, "V403", 409, {"rest": 0}),
    )
    assert await rows_of(house, voucher) == 6_000
    assert (await batches.seen(person, made.id)).counted.vouchers == {VoucherState.ACTIVATED: 6_000}
    await read_back(house, person, made)
    # The next month begins at midnight in the system's zone: where summer time runs, two hours before it does in UTC.
    clock.forward(seconds=(datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC) - clock.now()).total_seconds())
    assert await batches.quota(person, one.id) == Quota("2026-03", 6_000, 6_000)
    clock.forward(seconds=1)
    assert await batches.quota(person, one.id) == Quota("2026-04", 0, 6_000)
    await batches.make(person, one.id, draft(1, country=AUSTRIA))
    assert await batches.quota(person, one.id) == Quota("2026-04", 1, 6_000)


async def read_back(house: House, person: Person, made: Batch) -> None:
    """Whatever is written out is read back as the very same texts."""
    numbers, exports = await numbers_of(house, made), BatchExports(house, Batches(house))
    sheet = await exports.export(person, made.id, Form.CSV, T, pins=True)
    assert sheet.content.count(b"\r\n") == sheet.content.count(b"\n") == 6_001
    rows = list(csv.reader(io.StringIO(sheet.content.decode("utf-8-sig"), newline="")))
    cells = cells_of(await exports.export(person, made.id, Form.XLSX, T, pins=True))
    assert rows == cells
    assert all(isinstance(cell, str) for row in cells for cell in row)
    assert [row[1] for row in rows[1:]] == numbers
    assert all(number.startswith("040") for number in numbers)
    pins = [row[3] for row in rows[1:]]
    assert all(len(pin) == 4 and pin.isdigit() for pin in pins)
    assert any(pin.startswith("0") for pin in pins)
    async with house.database.reading() as connection:
        stored = await connection.execute(select(voucher).where(voucher.c.batch_id == made.id).order_by(voucher.c.id))
        sealed = [(row["id"], row["pin_sealed"]) for row in stored.mappings()]
    assert pins[:50] == [unseal_pin(house.vault, voucher_id, pin) for voucher_id, pin in sealed[:50]]
    assert {(row[4], row[5]) for row in rows[1:]} == {("Weihnachten", T("vouchers.state.activated"))}


async def test_two_batches_at_once_share_the_month(house: House) -> None:
    person, one, _ = await system(house, "DE")
    async with house.database.writing() as connection:
        await connection.execute(update(voucher_system).values(codes_a_month=600))
    batches = Batches(house)
    refused: list[BridgeError] = []

    async def make() -> None:
        try:
            await batches.make(person, one.id, draft(350))
        except BridgeError as error:
            refused.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(make())
    assert [(each.code, each.members) for each in refused] == [(Code.VOUCHER_QUOTA, {"rest": 250})]
    assert (await rows_of(house, voucher), await rows_of(house, voucher_batch)) == (350, 1)


class Repeating(random.Random):
    """Chance that comes back to what it gave before, as real chance may."""

    def __init__(self, *first: int) -> None:
        super().__init__(3)
        self._first = list(first)
        self.asked = 0

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        self.asked += 1
        return self._first.pop(0) if self._first else super().randrange(start, stop, step)


async def test_a_number_that_somebody_has_is_drawn_again(house: House) -> None:
    person, one, _ = await system(house, "DE")
    first = await Batches(house).make(person, one.id, draft(50))
    serials = [int(number[3:13]) for number in await numbers_of(house, first)]
    # Two numbers of the other batch, and one that comes twice; each is followed by its PIN.
    chance = Repeating(serials[0], 1, serials[7], 1, 4711, 1, 4711, 1)
    again = replace(house, runtime=replace(house.runtime, chance=chance))
    second = await Batches(again).make(person, one.id, draft(20))
    numbers = await numbers_of(house, second)
    assert chance.asked == 2 * (20 + 3)
    assert len(set(numbers)) == 20
    assert number_of("276", f"{4711:010d}") in numbers
    assert set(numbers).isdisjoint(await numbers_of(house, first))
    async with house.database.reading() as connection:
        rows = (await connection.execute(select(voucher).where(voucher.c.batch_id == second.id))).mappings()
        assert all(len(unseal_pin(house.vault, row["id"], row["pin_sealed"])) == 4 for row in rows)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (draft(0), "amount_of_codes"),
        (draft(-1), "amount_of_codes"),
        (draft(1, name="  "), "name"),
        (draft(1, name="a\nb"), "name"),
        (draft(1, country=AUSTRIA), "country"),
        (draft(1, country="999"), "country"),
    ],
)
async def test_what_a_batch_cannot_be(house: House, wrong: BatchDraft, place: str) -> None:
    person, one, _ = await system(house, "DE")
    assert await code_of(Batches(house).make(person, one.id, wrong)) == (Code.FIELD_INVALID, place)
    assert await rows_of(house, voucher_batch) == 0


async def test_a_country_is_full_before_guessing_pays(house: House) -> None:
    person, one, _ = await system(house, "DE")
    await Batches(house).make(person, one.id, draft(1))
    async with house.database.writing() as connection:
        await connection.execute(update(voucher_batch).values(amount_of_codes=10_000_000 - 5, month="2020-01"))
    assert await code_of(Batches(house).make(person, one.id, draft(6))) == (Code.RECORD_CONFLICT, "country")
    await Batches(house).make(person, one.id, draft(5))


async def test_activating_a_range(house: House) -> None:
    person, one, _ = await system(house, "DE")
    batches = Batches(house)
    made, other = await batches.make(person, one.id, draft(30)), await batches.make(person, one.id, draft(3))
    numbers, foreign = await numbers_of(house, made), await numbers_of(house, other)
    assert await batches.activate(person, made.id, "11", " 20 ") == 10
    assert await batches.activate(person, made.id, numbers[18], f"{numbers[21][:3]} {numbers[21][3:]}") == 2
    assert await batches.activate(person, made.id, "11", "22") == 0
    seen = await batches.seen(person, made.id)
    assert [each.position for each in seen.vouchers if each.state is VoucherState.ACTIVATED] == list(range(11, 23))
    assert seen.counted.vouchers == {VoucherState.ACTIVATED: 12, VoucherState.PRODUCED: 18}
    for first, last, place in (
        ("0", "5", "first"),
        ("1", "31", "last"),
        ("5", "4", "last"),
        (foreign[0], "5", "first"),
        ("1", "abc", "last"),
        ("", "5", "first"),
        ("1", numbers[0][:-1] + str((int(numbers[0][-1]) + 1) % 10), "last"),
    ):
        assert await code_of(batches.activate(person, made.id, first, last)) == (Code.FIELD_INVALID, place)
    told = [after for name, after in await events(house) if name == "voucher_batch.activated"]
    assert told == [{"first": 11, "last": 20, "activated": 10}, {"first": 19, "last": 22, "activated": 2}]


async def test_what_is_written_out_without_pins(house: House) -> None:
    person, one, _ = await system(house, "DE")
    made = await Batches(house).make(person, one.id, draft(2, name='=HYPERLINK("x")'))
    exports = BatchExports(house, Batches(house))
    assert await exports_of(exports, replace(person, stepped_up_at=None), made, house.runtime.clock.now()) == 6
    sheet = await exports.export(person, made.id, Form.CSV, T, pins=False)
    rows = list(csv.reader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert len(rows[0]) == 5
    assert {row[3] for row in rows[1:]} == {'\'=HYPERLINK("x")'}
    assert all(row[1][0] in "0123456789" for row in rows[1:])
    assert [name for name, _ in await events(house)][-1] == "voucher_batch.exported"


async def exports_of(exports: BatchExports, person: Person, made: Batch, now: datetime) -> int:
    """How many columns the workbook has with PINs, and without if they are refused for want of a fresh proof."""
    assert await code_of(exports.export(person, made.id, Form.XLSX, T, pins=True)) == (Code.STEP_UP_NEEDED, None)
    fresh = owner(person.home, stepped_up_at=now)
    return len(cells_of(await exports.export(fresh, made.id, Form.XLSX, T, pins=True))[0])


async def test_who_may_do_what(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    made = await Batches(house).make(person, one.id, draft(3))
    batches, office, exports = Batches(house), Office(house), BatchExports(house, Batches(house))
    found = (await batches.seen(person, made.id)).vouchers[0]
    near = somebody(
        person.home, "vouchers.codes.edit", "vouchers.state.edit", "vouchers.pin.edit", locations=frozenset({place})
    )
    # A right at one location is enough to look and to block, and not for what concerns the whole company.
    assert (await batches.seen(near, made.id)).counted.batch == made
    for act in (
        batches.make(near, one.id, draft(1)),
        batches.activate(near, made.id, "1", "2"),
        exports.export(near, made.id, Form.CSV, T, pins=False),
        office.block(somebody(person.home, "vouchers.state.view"), found.id, "x"),
        exports.export(
            replace(somebody(person.home, "vouchers.codes.edit"), stepped_up_at=house.runtime.clock.now()),
            *(made.id, Form.CSV, T),
            pins=True,
        ),
    ):
        assert (await code_of(act))[0] is Code.RIGHT_MISSING
    await office.block(near, found.id, "verloren")
    elsewhere = await place_of(house, person.home, 7)
    for outsider in (
        chief(house, "f" * 32),
        somebody(person.home, "vouchers.codes.edit", locations=frozenset({elsewhere})),
    ):
        hidden: tuple[object, ...] = (
            batches.seen(outsider, made.id),
            batches.activate(outsider, made.id, "1", "2"),
            exports.export(outsider, made.id, Form.CSV, T, pins=False),
            office.seen(outsider, found.id),
            office.block(outsider, found.id, "x"),
            batches.quota(outsider, one.id),
        )
        for each in hidden:
            assert (await code_of(each))[0] is Code.RECORD_UNKNOWN


async def test_blocking_and_unblocking(house: House) -> None:
    person, one, _ = await system(house, "DE")
    made = await Batches(house).make(person, one.id, draft(2, activate=True))
    number, office = (await numbers_of(house, made))[0], Office(house)
    voucher_id = await office.find(person, number)
    await office.block(person, voucher_id, " Karte\r\nverloren ")
    seen = await office.seen(person, voucher_id)
    assert (seen.voucher.state, seen.voucher.block_reason, seen.may_block) == (
        *(VoucherState.BLOCKED, "Karte\r\nverloren", True),
    )
    assert seen.voucher.shown(whole=False) == masked(number)
    assert seen.voucher.shown(whole=True).replace(" ", "") == number
    assert await code_of(office.block(person, voucher_id, "x")) == (Code.RECORD_CONFLICT, None)
    assert await code_of(office.unblock(person, voucher_id, " ")) == (Code.FIELD_INVALID, "reason")
    assert await code_of(office.unblock(person, voucher_id, "x" * 501)) == (Code.FIELD_INVALID, "reason")
    await office.unblock(person, voucher_id, "gefunden")
    assert await code_of(office.unblock(person, voucher_id, "x")) == (Code.RECORD_CONFLICT, None)
    seen = await office.seen(person, voucher_id)
    assert (seen.voucher.state, seen.voucher.block_reason) == (VoucherState.ACTIVATED, "")
    assert [name for name, _ in await events(house)][-2:] == ["voucher.blocked", "voucher.unblocked"]


async def test_finding_by_number(house: House) -> None:
    person, one, _ = await system(house, "DE")
    made = await Batches(house).make(person, one.id, draft(1))
    (number,), office = await numbers_of(house, made), Office(house)
    voucher_id = await office.find(person, f" {number}0420 ")
    assert voucher_id == await office.find(person, f"https://m.example/g?v={number}#p=0420")
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert await code_of(office.find(person, wrong)) == (Code.VOUCHER_CHECK_DIGIT, "number")
    assert await code_of(office.find(person, "27612345678904")) == (Code.VOUCHER_UNKNOWN, "number")
    assert await code_of(office.find(person, "12")) == (Code.VOUCHER_UNREADABLE, "number")
    async with house.database.writing() as connection:
        # Brought from another system, with a number that follows other rules than ours.
        await connection.execute(update(voucher).values(scheme="imported", number=wrong, batch_id=None))
    assert await office.find(person, wrong) == voucher_id
    seen = await office.seen(person, voucher_id)
    assert (seen.batch, seen.voucher.position) == (None, 0)


async def test_its_history_is_read_from_the_ledger(house: House, clock: HandClock) -> None:
    person, one, (place,) = await system(house, "DE")
    made = await Batches(house).make(person, one.id, draft(1, activate=True))
    voucher_id = await Office(house).find(person, (await numbers_of(house, made))[0])
    common = {"voucher_id": voucher_id, "location_id": place, "business_day": "2026-11-22", "booked_at": clock.now()}
    rows = [
        {"seq": 1, "kind": "load", "amount": 5000, "balance_after": 5000, "station": "K1", "operator": "Eva"},
        {"seq": 2, "kind": "redeem", "amount": -1200, "balance_after": 3800, "transaction_ref": "R-17"},
        {"seq": 3, "kind": "put_back", "amount": 1200, "balance_after": 5000, "reverses": "2" * 32},
    ]
    async with house.database.writing() as connection:
        for row in rows:
            await connection.execute(insert(entry).values(id=str(row["seq"]) * 32, **common, **row))
    history = (await Office(house).seen(person, voucher_id)).history
    assert [(each.seq, each.kind, each.amount, each.balance_after, each.reverses) for each in history] == [
        (3, "put_back", 1200, 5000, 2),
        (2, "redeem", -1200, 3800, None),
        (1, "load", 5000, 5000, None),
    ]
    assert (history[2].location, history[2].station, history[2].operator) == ("Laden 1", "K1", "Eva")
    assert history[1].receipt == "R-17"


@pytest.mark.parametrize("balance", [0, 100])
async def test_lists_and_till_call_a_state_by_the_same_name(house: House, clock: HandClock, balance: int) -> None:
    person, one, (place,) = await system(house, "DE")
    made = await Batches(house).make(person, one.id, draft(1))
    voucher_id = (await Batches(house).seen(person, made.id)).vouchers[0].id
    seen: set[VoucherState] = set()
    async with house.database.writing() as connection:
        if balance:
            row = {
                "voucher_id": voucher_id,
                "location_id": place,
                "business_day": "2026-03-14",
                "booked_at": clock.now(),
            }
            row |= {"id": "1" * 32, "seq": 1, "kind": "load", "amount": balance, "balance_after": balance}
            await connection.execute(insert(entry).values(row))
            await connection.execute(update(voucher).values(seq=1, balance=balance))
        for life in Life:
            if balance and life is Life.RETIRED:
                continue
            for blocked, written_off, loaded_once in itertools.product((False, True), repeat=3):
                flags = {"blocked": blocked, "written_off": written_off, "loaded_once": loaded_once}
                await connection.execute(update(voucher).values(life=life.value, **flags))
                as_the_till_sees_it = Voucher(
                    *(voucher_id, one.id, "", None, "276", Scheme.OWN, life, blocked),
                    *(balance, 0, written_off, loaded_once, PinGuard()),
                )
                shown = await connection.scalar(select(shown_state()).where(voucher.c.id == voucher_id))
                assert shown == as_the_till_sees_it.state
                seen.add(as_the_till_sees_it.state)
    assert seen == set(VoucherState) - (
        {VoucherState.RETIRED, VoucherState.EMPTIED, VoucherState.ACTIVATED} if balance else {VoucherState.LOADED}
    )
