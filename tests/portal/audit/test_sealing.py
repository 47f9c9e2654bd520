"""The sealer chains every entry exactly once, whoever else seals and however late it was committed."""

import asyncio
from datetime import date

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from tests.portal.audit.entries import note, sealed
from tests.portal.clock import HandClock
from tillbridge.portal.app import open_house
from tillbridge.portal.audit import store
from tillbridge.portal.audit.chain import START, following, from_text, is_ours, to_text
from tillbridge.portal.audit.sealing import ANCHOR_FILE, MOST_AT_ONCE, Sealer, kept_anchor
from tillbridge.portal.audit.tables import audit_entry, audit_seal
from tillbridge.portal.audit.verifying import verify
from tillbridge.portal.house import House
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Dialect
from tillbridge.runtime.effects import Runtime


async def test_each_entry_gets_the_next_position_and_the_hash_over_the_one_before(house: House) -> None:
    await note(house, 3)
    assert await Sealer(house).catch_up() == 3
    async with house.database.reading() as connection:
        rows = (await connection.execute(select(audit_entry).order_by(audit_entry.c.id))).mappings().all()
        seals = (await connection.execute(select(audit_seal).order_by(audit_seal.c.position))).all()
    link = START
    for row, seal in zip(rows, seals, strict=True):
        link = following(link, dict(row))
        assert (seal.position, seal.entry_id, seal.hash) == (link.position, row["id"], link.hash.hex())
    assert await Sealer(house).catch_up() == 0


async def test_more_than_one_batch_is_one_chain(house: House) -> None:
    await sealed(house, MOST_AT_ONCE + 3)
    verdict = await verify(house)
    assert (verdict.sealed, verdict.waiting, verdict.sound) == (MOST_AT_ONCE + 3, 0, True)


async def test_an_entry_committed_late_under_an_earlier_id_is_not_passed_over(
    settings: PortalSettings, runtime: Runtime, dialect: Dialect
) -> None:
    if dialect is Dialect.SQLITE:
        # One writes at a time there: what is late is an id that was drawn before the transaction began.
        async with open_house(settings, runtime) as house:
            early = runtime.ids.new()
            await sealed(house, 2)
            await _with_id(house, early)
            assert await Sealer(house).catch_up() == 1
            assert (await verify(house)).sound
        return
    async with open_house(settings, runtime) as house, open_house(settings, runtime) as slow:
        async with slow.database.writing() as connection:
            await connection.execute(insert(audit_entry).values(**_row(runtime)))
            await sealed(house, 2)
        assert await Sealer(house).catch_up() == 1
        verdict = await verify(house)
        assert (verdict.sealed, verdict.sound) == (3, True)


async def test_two_sealers_at_once_make_one_chain(settings: PortalSettings, runtime: Runtime) -> None:
    async with open_house(settings, runtime) as one, open_house(settings, runtime) as other:
        for _ in range(5):
            await note(one, 20)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(Sealer(house).catch_up()) for house in (one, other, one, other)]
            assert sum(task.result() for task in tasks) == 20
        verdict = await verify(other)
        assert (verdict.sealed, verdict.waiting, verdict.sound) == (100, 0, True)


async def test_a_day_is_signed_once_it_is_over(house: House, clock: HandClock) -> None:
    await sealed(house, 2)
    clock.forward(days=1)
    await note(house)
    await Sealer(house).catch_up()
    await Sealer(house).catch_up()
    async with house.database.reading() as connection:
        days = [(head.day, head.link.position) for head in await store.heads(connection)]
    # The first sealing already stands for the day before: from then on nothing could be slipped in there.
    assert days == [(date(2026, 3, 13), 2), (date(2026, 3, 14), 3)]


async def test_nothing_is_signed_where_there_is_nothing(house: House) -> None:
    assert await Sealer(house).catch_up() == 0
    async with house.database.reading() as connection:
        assert await store.heads(connection) == []


async def test_an_anchor_is_kept_beside_the_keys(house: House) -> None:
    await sealed(house, 4)
    anchor = kept_anchor(house)
    assert anchor is not None
    assert anchor.link.position == 4
    assert from_text(to_text(anchor)) == anchor
    path = house.settings.data / ANCHOR_FILE
    path.write_text(path.read_text().replace('"position": 4', '"position": 3'))
    with pytest.raises(ValueError, match="not signed"):
        kept_anchor(house)
    assert not is_ours(house.vault, from_text(path.read_text()))


async def test_the_database_itself_refuses_changes(house: House, clock: HandClock) -> None:
    await sealed(house, 1)
    clock.forward(days=1)
    await Sealer(house).catch_up()
    for statement in (
        "delete from audit_entry",
        "delete from audit_seal",
        "delete from audit_head",
        "update audit_entry set reason = 'x'",
        "update audit_seal set hash = 'x'",
        "update audit_head set hash = 'x'",
    ):
        with pytest.raises(DBAPIError, match="only ever appended to"):
            async with house.database.writing() as connection:
                await connection.execute(text(statement))
    if house.database.dialect is Dialect.POSTGRESQL:
        with pytest.raises(DBAPIError, match="only ever appended to"):
            async with house.database.writing() as connection:
                await connection.execute(text("truncate audit_entry"))
    assert (await verify(house)).sound


def _row(runtime: Runtime) -> dict[str, object]:
    plain = dict.fromkeys(("subject", "actor_id", "actor_name", "on_behalf_of", "source", "reason"), "")
    mapped: dict[str, object] = {"before": {}, "after": {}, "tenant_id": None, "location_id": None}
    now = runtime.clock.now()
    return {"id": runtime.ids.new(), "at": now, "event": "pin.made", "actor_kind": "portal"} | plain | mapped


async def _with_id(house: House, entry_id: str) -> None:
    async with house.database.writing() as connection:
        await connection.execute(insert(audit_entry).values(**_row(house.runtime) | {"id": entry_id}))
