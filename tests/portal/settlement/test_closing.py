"""Days and months are closed once, and what is frozen stays byte for byte."""

import asyncio
import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from tests.portal.clock import HandClock
from tests.portal.settlement.seen import cells_of, claimed, named, papers, statements, text_of
from tests.portal.vouchers.floor import Floor
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.settlement import closing, store
from tillbridge.portal.settlement.claims import claims_of
from tillbridge.portal.settlement.closing import Closer, NotSettled
from tillbridge.portal.settlement.model import Day, Form
from tillbridge.portal.settlement.tables import settlement_day, settlement_paper, settlement_statement, settlement_sum
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem

BERLIN = ZoneInfo("Europe/Berlin")


def until(clock: HandClock, local: str) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=BERLIN)
    clock.forward(seconds=at.timestamp() - clock.now().timestamp())


async def system_of(floor: Floor) -> VoucherSystem:
    async with floor.house.database.reading() as connection:
        found = await systems_store.find(connection, floor.system_id)
    assert found is not None
    return found


async def days_of(floor: Floor) -> list[Day]:
    async with floor.house.database.reading() as connection:
        return list(await store.days(connection, floor.system_id, "", "9999", 400))


async def busy_days(floor: Floor, clock: HandClock) -> str:
    """Two days with loads and redemptions of three shops, one without, and half a day more; the voucher's number."""
    number = await floor.voucher(loaded=10_000)
    until(clock, "2026-03-15T23:59:59")
    await floor.redeem(number, 7_000, at=floor.there, station="K7", operator="=1+1")
    until(clock, "2026-03-17T00:00:00")
    await floor.load(number, 2_000, at=floor.there)
    await floor.redeem(number, 4_000, at=floor.third)
    return number


async def test_a_day_is_closed_an_hour_after_it_is_over(floor: Floor, clock: HandClock) -> None:
    await busy_days(floor, clock)
    closer, system = Closer(floor.house), await system_of(floor)
    await closer.close_days(system)
    assert [one.day for one in await days_of(floor)] == ["2026-03-14", "2026-03-15"]
    until(clock, "2026-03-18T00:59:59")
    await closer.close_days(system)
    assert [(one.day, one.loaded, one.redeemed, one.closing, one.vouchers) for one in await days_of(floor)] == [
        ("2026-03-14", 10_000, 0, 10_000, 1),
        ("2026-03-15", 0, -7_000, 3_000, 1),
        ("2026-03-16", 0, 0, 3_000, 1),
    ]
    until(clock, "2026-03-18T01:00:00")
    await closer.close_days(system)
    last = (await days_of(floor))[-1]
    assert (last.day, last.loaded, last.redeemed, last.closing, last.entries) == (
        "2026-03-17",
        2_000,
        -4_000,
        1_000,
        3 - 1,
    )
    async with floor.house.database.reading() as connection:
        sums = await store.sums(connection, floor.system_id, "2026-03-14", "2026-03-17")
    assert named(floor, claims_of(sums)) == await claimed(floor)


async def test_vouchers_and_blocked_credit_at_the_end_of_a_day(floor: Floor, clock: HandClock) -> None:
    first, second = await floor.voucher(loaded=500), await floor.voucher(loaded=700)
    await floor.redeem(first, 500)
    await floor.change(second, blocked=True)
    until(clock, "2026-03-16T12:00:00")
    await Closer(floor.house).close_days(await system_of(floor))
    assert [(one.vouchers, one.closing, one.blocked) for one in await days_of(floor)] == [(1, 700, None), (1, 700, 700)]


async def test_each_shop_gets_one_statement_of_a_day_however_many_processes_close_it(
    floor: Floor, clock: HandClock
) -> None:
    await busy_days(floor, clock)
    until(clock, "2026-03-18T02:00:00")
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(Closer(floor.house).step())
    found = await statements(floor.house)
    assert [str(one["number"])[:12] for one in found] == ["T-2026-03-14", *["T-2026-03-15"] * 2, *["T-2026-03-17"] * 3]
    assert all(one["frozen_at"] for one in found)
    assert [(one["claimed"], one["owed"]) for one in found] == [
        (0, 0),
        (0, 7_000),
        (7_000, 0),
        (0, 3_000),
        (0, 1_000),
        (4_000, 0),
    ]
    async with floor.house.database.reading() as connection:
        frozen = select(func.count()).where(audit_entry.c.event == "voucher_statement.frozen")
        assert await connection.scalar(frozen) == len(found)
        for one in await connection.execute(select(settlement_paper)):
            assert hashlib.sha256(one.content).hexdigest() == one.sha256


async def test_a_statement_is_frozen_by_another_process_when_the_first_one_dies(
    floor: Floor, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy_days(floor, clock)
    until(clock, "2026-03-18T02:00:00")

    def dies(_: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(closing, "written", dies)
        with pytest.raises(RuntimeError):
            await Closer(floor.house).step()
    assert len(await statements(floor.house)) == 6
    await Closer(floor.house).step()
    left = [str(one["number"]) for one in await statements(floor.house) if one["frozen_at"] is None]
    assert [number[:12] for number in left] == ["T-2026-03-14"]
    clock.forward(seconds=closing.LEASE.total_seconds() + 1)
    await Closer(floor.house).step()
    assert all(one["frozen_at"] for one in await statements(floor.house))


async def test_a_month_is_made_on_the_third_day_of_the_next(floor: Floor, clock: HandClock) -> None:
    number = await busy_days(floor, clock)
    until(clock, "2026-04-01T10:00:00")
    await floor.redeem(number, 100, at=floor.third)
    until(clock, "2026-04-03T00:59:00")
    await Closer(floor.house).step()
    assert not [one for one in await statements(floor.house) if one["kind"] == "month"]
    until(clock, "2026-04-03T01:00:00")
    await Closer(floor.house).step()
    await Closer(floor.house).step()
    months = [one for one in await statements(floor.house) if one["kind"] == "month"]
    assert [(one["period"], one["claimed"], one["owed"]) for one in months] == [
        ("2026-03", 0, 10_000),
        ("2026-03", 7_000, 1_000),
        ("2026-03", 4_000, 0),
    ]
    assert "-70,00" in text_of((await papers(floor.house, str(months[0]["number"])))[Form.PDF])


async def test_pdf_and_workbook_say_the_same(floor: Floor, clock: HandClock) -> None:
    await busy_days(floor, clock)
    until(clock, "2026-03-18T02:00:00")
    await Closer(floor.house).step()
    for one in await statements(floor.house):
        kept = await papers(floor.house, str(one["number"]))
        written, lines = text_of(kept[Form.PDF]), cells_of(kept[Form.XLSX])
        title, *rest = [cell for line in lines for cell in line if cell]
        assert title in written
        numbers = [cell for cell in rest if any(sign.isdigit() for sign in cell)]
        assert len(numbers) > 10
        counted = {cell: rest.count(cell) for cell in rest}
        missing = {cell: count for cell, count in counted.items() if written.count(cell) < count}
        assert missing == {}
        # And nothing in the other direction: whatever amount stands on the paper stands in a cell.
        amounts = {word for word in written.split() if word[-3:-2] == "," and word[-2:].isdigit()}
        assert amounts <= set(rest)


async def test_a_booking_stands_on_it_with_who_when_and_where(floor: Floor, clock: HandClock) -> None:
    number = await busy_days(floor, clock)
    until(clock, "2026-03-18T02:00:00")
    await Closer(floor.house).step()
    owed = next(one for one in await statements(floor.house) if one["owed"] == 7_000)
    rows = cells_of((await papers(floor.house, str(owed["number"])))[Form.XLSX])
    line = next(row for row in rows if row[0].startswith("15.03.2026"))
    assert line == [
        *("15.03.2026 23:59:59", f"{number[:3]}…{number[-4:]}", "Eingelöst", "Am Markt", "K7", "=1+1"),
        *("-70,00", "Am Markt", "-70,00"),
    ]
    assert number not in str(rows)


async def test_what_is_settled_stays(floor: Floor, clock: HandClock) -> None:
    await busy_days(floor, clock)
    until(clock, "2026-03-18T02:00:00")
    await Closer(floor.house).step()
    before = {
        str(one["number"]): await papers(floor.house, str(one["number"])) for one in await statements(floor.house)
    }
    for statement in (
        update(settlement_day).values(closing=1),
        delete(settlement_sum),
        update(settlement_paper).values(sha256="x"),
        delete(settlement_paper),
        update(settlement_statement).values(claimed=1),
        delete(settlement_statement),
    ):
        with pytest.raises(DatabaseError, match="what is settled stays"):
            async with floor.house.database.writing() as connection:
                await connection.execute(statement)
    number = next(iter(floor.made.values()))
    await floor.load(number, 900)
    clock.forward(days=3)
    await Closer(floor.house).step()
    after = {number: await papers(floor.house, number) for number in before}
    assert after == before


async def test_a_day_that_does_not_add_up_is_not_closed(floor: Floor, clock: HandClock) -> None:
    await busy_days(floor, clock)
    until(clock, "2026-03-17T02:00:00")
    async with floor.house.database.writing() as connection:
        row = (
            (await connection.execute(text("select * from ledger_entry where kind = 'redeem' limit 1")))
            .mappings()
            .one()
        )
        forged = dict(row) | {"id": "f" * 32, "seq": 3 + 1, "amount": -1, "operation_id": None}
        last = await connection.execute(
            text("select seq, balance_after from ledger_entry where voucher_id = :id order by seq desc limit 1"),
            {"id": row["voucher_id"]},
        )
        seq, balance = last.one()
        forged |= {"seq": seq + 1, "balance_after": balance - 1}
        names = ", ".join(forged)
        values = ", ".join(f":{name}" for name in forged)
        await connection.execute(text(f"insert into ledger_entry ({names}) values ({values})"), forged)  # noqa: S608
    with pytest.raises(NotSettled):
        await Closer(floor.house).close_days(await system_of(floor))
    assert [one.day for one in await days_of(floor)] == ["2026-03-14"]
    # What is wrong with one system is told, and keeps no other from being settled.
    await Closer(floor.house).step()


async def test_a_system_without_bookings_has_no_days(floor: Floor, clock: HandClock) -> None:
    await floor.voucher()
    clock.forward(days=40)
    await Closer(floor.house).step()
    assert await days_of(floor) == []
    assert await statements(floor.house) == []
    async with floor.house.database.writing() as connection:
        assert await store.take(connection, clock.now(), closing.LEASE) == ()
        await connection.execute(insert(settlement_day).values(**_row(floor, clock)))
    with pytest.raises(DatabaseError):
        async with floor.house.database.writing() as connection:
            await connection.execute(insert(settlement_day).values(**_row(floor, clock)))


def _row(floor: Floor, clock: HandClock) -> dict[str, object]:
    amounts = dict.fromkeys(("entries", "loaded", "redeemed", "other", "closing", "vouchers"), 0)
    return {"system_id": floor.system_id, "day": "2026-03-14", "made_at": clock.now(), **amounts}
