"""The sealer chains every entry exactly once, whoever else seals and however late it was committed."""

import asyncio
from datetime import date, timedelta

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.clock import HandClock
from tests.portal.sealing.books import booked, day_signed, sealed
from tests.portal.vouchers.floor import Floor, open_floor
from tillbridge.portal.app import open_house
from tillbridge.portal.audit.tables import audit_entry, audit_unsealed
from tillbridge.portal.chains.chain import START
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.sealing import sealer, store
from tillbridge.portal.sealing.chain import LEDGER
from tillbridge.portal.sealing.restored import kept_anchor
from tillbridge.portal.sealing.sealer import LedgerSealer, id_at
from tillbridge.portal.sealing.store import CHAIN
from tillbridge.portal.sealing.tables import ledger_head, ledger_seal, ledger_sealing
from tillbridge.portal.sealing.verifying import verify_chain
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Dialect
from tillbridge.runtime.effects import Runtime


async def test_each_entry_gets_the_next_position_and_the_hash_over_the_one_before(floor: Floor) -> None:
    await sealed(floor, 3)
    async with floor.house.database.reading() as connection:
        seals = (await connection.execute(select(ledger_seal).order_by(ledger_seal.c.position))).all()
        rows = await store.whole(connection, [seal.entry_id for seal in seals])
    assert [row["seq"] for row in rows] == [1, 2, 3, 4]
    assert len(rows[0]["made"]) == len(rows[1]["taken"]) == 1
    link = START
    for row, seal in zip(rows, seals, strict=True):
        link = LEDGER.following(link, row)
        assert (seal.position, seal.hash) == (link.position, link.hash.hex())
    assert await LedgerSealer(floor.house).catch_up() == 0
    anchor = kept_anchor(floor.house)
    assert anchor is not None
    assert anchor.link == link


async def test_more_than_one_batch_is_one_chain(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "MOST_AT_ONCE", 3)
    await sealed(floor, 10)
    verdict = await verify_chain(floor.house)
    assert (verdict.sealed, verdict.waiting, verdict.faults) == (11, 0, [])


async def test_what_is_committed_late_is_missed_by_none(
    settings: PortalSettings, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real transactions that overlap, with ids drawn before others that are sealed first."""
    if dialect is Dialect.SQLITE:
        return  # one writes at a time there, and the sealer is the one that writes
    monkeypatch.setattr(sealer, "CLOCKS_APART", timedelta(0))
    async with (
        open_house(settings, Runtime()) as house,
        open_house(settings, Runtime()) as slow,
        open_floor(house) as floor,
    ):
        number, other = await floor.voucher(loaded=1_000), await floor.voucher()
        at_work = LedgerSealer(house)
        async with slow.database.writing() as connection:
            await connection.execute(text("select pg_current_xact_id()"))
            early = await _load_by_hand(connection, slow, (await floor.row(other))["id"])
            for _ in range(3):
                await floor.redeem(number, 100)
                await at_work.catch_up()
            async with house.database.reading() as reading:
                assert (await CHAIN.end_of_chain(reading)).position == 4
        assert await at_work.catch_up() == 1
        async with house.database.reading() as reading:
            last = select(ledger_seal.c.entry_id).order_by(ledger_seal.c.position.desc()).limit(1)
            assert (await reading.execute(last)).scalar_one() == early
        assert (await verify_chain(house)).sound


async def test_an_entry_of_a_computer_whose_clock_is_far_behind_is_sealed_before_the_day_is_signed(
    floor: Floor, clock: HandClock
) -> None:
    await sealed(floor)
    late, other = id_at(clock.now() - timedelta(hours=3)), await floor.voucher()
    async with floor.house.database.writing() as connection:
        await _load_by_hand(connection, floor.house, (await floor.row(other))["id"], late)
    assert await LedgerSealer(floor.house).catch_up() == 0
    assert (await verify_chain(floor.house)).waiting == 1
    clock.forward(days=1, hours=2)
    assert await LedgerSealer(floor.house).catch_up() == 1
    verdict = await verify_chain(floor.house)
    assert (verdict.sealed, verdict.waiting, verdict.sound) == (6, 0, True)


async def test_two_sealers_at_once_make_one_chain(settings: PortalSettings, runtime: Runtime) -> None:
    async with open_house(settings, runtime) as one, open_house(settings, runtime) as other, open_floor(one) as floor:
        number = await floor.voucher(loaded=10_000)
        for _ in range(4):
            async with asyncio.TaskGroup() as group:
                for _ in range(4):
                    group.create_task(floor.redeem(number, 10))
                for house in (one, other, one, other):
                    group.create_task(LedgerSealer(house).catch_up())
        await LedgerSealer(other).catch_up()
        verdict = await verify_chain(other)
        assert (verdict.sealed, verdict.waiting, verdict.sound) == (17, 0, True)


async def test_who_is_not_the_sealer_does_not_wait(floor: Floor, settings: PortalSettings, runtime: Runtime) -> None:
    if floor.house.database.dialect is Dialect.SQLITE:
        return  # its one writer is never held for longer than a batch
    await booked(floor)
    async with open_house(settings, runtime) as other, other.database.writing() as connection:
        assert await CHAIN.sealing_alone(connection)
        async with asyncio.timeout(5):
            assert await LedgerSealer(floor.house).catch_up() == 0
    assert await LedgerSealer(floor.house).catch_up() == 5


async def test_a_kill_in_the_middle_leaves_a_chain_that_goes_on(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "MOST_AT_ONCE", 2)
    await booked(floor, 6)

    class _Killed(BaseException):
        """The process is gone."""

    async def killed(*_: object) -> None:
        raise _Killed

    with monkeypatch.context() as patched:
        # After the seals were written, and before they were committed.
        patched.setattr(store, "reach", killed)
        with pytest.raises(_Killed):
            await LedgerSealer(floor.house).catch_up()
    with monkeypatch.context() as patched:
        # After the commit, and before the anchor was moved on.
        patched.setattr(LedgerSealer, "_keep", killed)
        with pytest.raises(_Killed):
            await LedgerSealer(floor.house).catch_up()
    assert (await verify_chain(floor.house)).sealed == 2
    await LedgerSealer(floor.house).catch_up()
    verdict = await verify_chain(floor.house)
    assert (verdict.sealed, verdict.waiting, verdict.sound) == (7, 0, True)


async def test_a_day_is_signed_once_an_hour_after_it_is_over(floor: Floor, clock: HandClock) -> None:
    await sealed(floor, 1)
    clock.forward(hours=12, minutes=30)
    await LedgerSealer(floor.house).catch_up()
    assert await _days(floor.house) == [(date(2026, 3, 13), 2)]
    clock.forward(hours=1)
    await LedgerSealer(floor.house).catch_up()
    await day_signed(floor, clock)
    assert [day for day, _ in await _days(floor.house)] == [date(2026, 3, 13), date(2026, 3, 14), date(2026, 3, 15)]


async def test_the_database_itself_refuses_changes(floor: Floor, clock: HandClock) -> None:
    await sealed(floor, 1)
    await day_signed(floor, clock)
    statements = ["delete from ledger_seal", "delete from ledger_head"]
    statements += ["update ledger_seal set hash = 'x'", "update ledger_head set hash = 'x'"]
    if floor.house.database.dialect is Dialect.POSTGRESQL:
        statements += ["truncate ledger_seal", "truncate ledger_head"]
    for statement in statements:
        with pytest.raises(DBAPIError, match="only ever appended to"):
            async with floor.house.database.writing() as connection:
                await connection.execute(text(statement))


async def test_a_redemption_writes_nothing_of_the_chain(floor: Floor) -> None:
    number = await sealed(floor)
    before = await _counts(floor.house)
    await floor.redeem(number, 100)
    assert await _counts(floor.house) == before


async def _days(house: House) -> list[tuple[date, int]]:
    async with house.database.reading() as connection:
        return [(head.day, head.link.position) for head in await CHAIN.heads(connection)]


async def _counts(house: House) -> list[int]:
    tables = (ledger_seal, ledger_head, ledger_sealing, audit_entry, audit_unsealed)
    async with house.database.reading() as connection:
        return [(await connection.execute(select(func.count()).select_from(one))).scalar_one() for one in tables]


async def _load_by_hand(connection: AsyncConnection, house: House, voucher_id: str, entry_id: str = "") -> str:
    """The entry of a load as another process writes it, in a transaction that is not over; its id."""
    made = entry_id or house.runtime.ids.new()
    row = {"id": made, "voucher_id": voucher_id, "seq": 1, "kind": "load", "amount": 100, "balance_after": 100}
    day = {"business_day": "2026-03-14", "booked_at": house.runtime.clock.now()}
    await connection.execute(insert(entry).values(**row, **day))
    return made
