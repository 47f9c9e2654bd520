"""Corrections beside tills and beside each other: whatever comes first, everything adds up."""

import asyncio
import json
import random
from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.portal.clock import HandClock
from tests.portal.corrections.office import Office
from tests.portal.vouchers.floor import Floor
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.corrections.model import Correction, Impossible, Kind, State
from tillbridge.portal.ledger.verifying import FaultKind, verify


async def together(*asking: Awaitable[Any]) -> list[Any]:
    """All of these at once: what each says, or why it was refused."""

    async def one(asked: Awaitable[Any]) -> Any:
        try:
            return await asked
        except (BridgeError, Impossible) as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(each)) for each in asking]
    return [task.result() for task in tasks]


async def _approved(office: Office, one: Correction, by: object) -> str:
    """What comes of it. Whoever is told that the rows are held asks again, as its page says."""
    while True:
        try:
            return (await office.desk.approve(by, one.id)).state.value  # type: ignore[arg-type]  # a person
        except BridgeError as error:
            if error.code is not Code.OVERLOADED:
                return error.code.value


async def test_two_who_approve_at_once_book_once(office: Office) -> None:
    number = await office.floor.voucher(loaded=1_000)
    carla = await office.crew.join("Carla")
    one = await office.ask(number, Kind.LESS, 300)
    said = await together(*(_approved(office, one, by) for by in (office.bert, carla, office.bert, carla)))
    assert sorted(said) == ["booked", "record_conflict", "record_conflict", "record_conflict"]
    assert await office.entries(number) == [("load", 1_000), ("adjust", -300)]
    await office.floor.sound()


async def test_two_who_ask_at_once_ask_once(office: Office) -> None:
    number = await office.floor.voucher(loaded=1_000)
    asked = await together(*(office.ask(number, Kind.LESS, 300) for _ in range(4)))
    assert sum(isinstance(one, Correction) for one in asked) == await office.count() == 1


async def test_an_approval_beside_redemptions_never_takes_twice(office: Office) -> None:
    """60 for the guest and 60 for the office, of 100."""
    floor, outcomes = office.floor, set()
    for seed in range(6):
        number = await floor.voucher(loaded=100)
        one = await office.ask(number, Kind.LESS, 60)
        racing = [floor.redeem(number, 60, exact=True), _approved(office, one, office.bert)]
        random.Random(seed).shuffle(racing)
        done = await together(*racing)
        state = next(each for each in done if isinstance(each, str))
        taken = next(json.loads(each.body).get("taken", 0) for each in done if not isinstance(each, str))
        assert (state, taken) in {("booked", 0), ("failed", 60)}
        assert await floor.balance(number) == 40
        outcomes.add(state)
    assert outcomes <= {"booked", "failed"}
    await floor.sound()


@pytest.mark.parametrize("seed", range(3))
async def test_a_new_voucher_beside_tills_loses_nothing(office: Office, seed: int) -> None:
    """Redemptions, put-backs and loads of the old one while it is replaced: what was paid in is somewhere, once."""
    floor, chance = office.floor, random.Random(seed)
    old, new = await floor.voucher(loaded=1_000), await floor.voucher()
    earlier = [floor.key() for _ in range(3)]
    for key in earlier:
        await floor.redeem(old, 100, key=key)
    one = await office.ask(old, Kind.REISSUE, target=new)
    keys = [floor.key() for _ in range(4)]
    racing = [
        _approved(office, one, office.bert),
        *(floor.redeem(old, 50, at=floor.there, key=key) for key in keys),
        *(floor.desk.put_back(floor.here, key) for key in earlier),
        floor.load(old, 500, at=floor.third),
    ]
    chance.shuffle(racing)
    done = await together(*racing)
    assert State.BOOKED.value in done
    answers = [json.loads(each.body) for each in done if hasattr(each, "body")]
    taken = sum(each["taken"] for each in answers if each.get("state") == OperationState.INTERIM.value)
    loaded = sum(500 for each in answers if each.get("state") == OperationState.LOADED.value)
    assert (await floor.balance(old), await floor.balance(new)) == (0, 1_000 + loaded - taken)
    for key in keys:
        await floor.desk.put_back(floor.there, key)
    assert (await floor.balance(old), await floor.balance(new)) == (0, 1_000 + loaded)
    await floor.sound()


async def test_forged_moves_between_vouchers_are_found(office: Office, clock: HandClock) -> None:
    floor, forged = office.floor, {}
    moved = [await floor.voucher(loaded=500), await floor.voucher()]
    await office.correct(moved[0], Kind.REISSUE, target=moved[1])
    for statement in ("update ledger_reissue set in_entry_id = out_entry_id", "delete from ledger_reissue"):
        with pytest.raises(DBAPIError):
            await _run(floor, statement)
    for statement in (
        "delete from ledger_reissue where from_voucher_id = :old",
        "update ledger_lot set location_id = null where voucher_id = :new",
        "update ledger_lot set loaded_at = (select max(booked_at) from ledger_entry) where voucher_id = :new",
        "update ledger_reissue set to_voucher_id = :other where from_voucher_id = :old",
    ):
        old, new = await floor.voucher(loaded=1_000), await floor.voucher()
        clock.forward(seconds=1)
        await office.correct(old, Kind.REISSUE, target=new)
        other = await floor.voucher()
        forged[statement] = [(await floor.row(one))["id"] for one in (old, new, other)]
    await floor.sound()
    for statement, (old_id, new_id, other_id) in forged.items():
        await _forge(floor, statement, old=old_id, new=new_id, other=other_id)
    verdict = await verify(floor.house)
    assert {one.kind for one in verdict.faults} == {FaultKind.REISSUE}
    assert {one.voucher_id for one in verdict.faults} >= {old_id for old_id, _, _ in forged.values()}


async def _run(floor: Floor, statement: str) -> None:
    async with floor.house.database.writing() as connection:
        await connection.execute(text(statement))


async def _forge(floor: Floor, statement: str, **ids: str) -> None:
    """What nobody can do but with the database's own keys: past its triggers."""
    async with floor.house.database.writing() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("set local session_replication_role = replica"))
        else:
            triggers = await connection.execute(text("select name from sqlite_master where type = 'trigger'"))
            for (name,) in triggers.all():
                await connection.execute(text(f"drop trigger {name}"))
        await connection.execute(text(statement), {name: one for name, one in ids.items() if f":{name}" in statement})
