"""Whatever somebody with every right in the database does to the ledger, `verify` finds it and says where."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from tests.portal.clock import HandClock
from tests.portal.sealing.books import booked, day_signed, sealed, tamper
from tests.portal.vouchers.floor import Floor, open_floor
from tillbridge.cli.portal import app
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.app import open_house
from tillbridge.portal.chains.chain import START
from tillbridge.portal.chains.walk import FaultKind
from tillbridge.portal.house import House
from tillbridge.portal.sealing import store
from tillbridge.portal.sealing.chain import COLUMNS, LEDGER
from tillbridge.portal.sealing.restored import ANCHOR_FILE
from tillbridge.portal.sealing.sealer import LedgerSealer
from tillbridge.portal.sealing.tables import ledger_seal
from tillbridge.portal.sealing.verifying import export_heads, verify_chain
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Dialect
from tillbridge.runtime.effects import Runtime

OTHERWISE = {
    "id": f"'{'e' * 32}'",
    "voucher_id": f"'{'e' * 32}'",
    "seq": "seq + 100",
    "kind": "'adjust'",
    "amount": "amount - 1",
    "balance_after": "balance_after + 1",
    "location_id": "null",
    "station": "'till 9'",
    "operator": "'nobody'",
    "transaction_ref": "'another receipt'",
    "operation_id": "null",
    "reverses": "id",
    "reason": "'quite harmless'",
    "business_day": "'2026-01-01'",
}


async def test_every_column_of_an_entry_is_held(floor: Floor) -> None:
    """One voucher's history, and each of its entries is changed in another column."""
    moment = "booked_at + interval '1 microsecond'"
    if floor.house.database.dialect is Dialect.SQLITE:
        moment = "'2026-03-14T12:00:00.000001Z'"
    changed = {**OTHERWISE, "booked_at": moment}
    assert changed.keys() == set(COLUMNS)
    await sealed(floor, len(COLUMNS))
    for position, (column, value) in enumerate(changed.items(), start=2):
        more = ", reverses = null" if column == "kind" else ", kind = 'put_back', amount = 1"
        also = more if column in {"kind", "reverses"} else ""
        statement = f"update ledger_entry set {column} = {value}{also} where id = AT({position})"  # noqa: S608  # ours
        await tamper(floor.house, statement)
    faults = (await verify_chain(floor.house)).faults
    assert {fault.position for fault in faults} == set(range(2, len(COLUMNS) + 2))
    kinds = {fault.position: fault.kind for fault in faults}
    assert kinds.pop(2) is FaultKind.REMOVED  # whose id is another one is another entry
    assert set(kinds.values()) == {FaultKind.CHANGED}


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("update ledger_allocation set amount = amount + 1 where entry_id = AT(3)", 3),
        ("delete from ledger_allocation where entry_id = AT(4)", 4),
        ("insert into ledger_allocation select AT(2), 'another', 1 from ledger_allocation limit 1", 2),
        ("update ledger_lot set location_id = null where entry_id = AT(1)", 1),
        ("update ledger_lot set amount = amount + 1 where entry_id = AT(1)", 1),
    ],
)
async def test_where_the_money_came_from_is_held_too(floor: Floor, statement: str, position: int) -> None:
    await sealed(floor)
    await tamper(floor.house, statement)
    first = (await verify_chain(floor.house)).faults[0]
    assert (first.kind, first.position) == (FaultKind.CHANGED, position)


@pytest.mark.parametrize(
    ("statements", "kind", "position"),
    [
        (["delete from ledger_entry where id = AT(1)"], FaultKind.REMOVED, 1),
        (["delete from ledger_entry where id = AT(3)"], FaultKind.REMOVED, 3),
        (["delete from ledger_entry where id = AT(5)"], FaultKind.REMOVED, 5),
        (
            ["delete from ledger_entry where id = AT(1)", "delete from ledger_seal where position = 1"],
            FaultKind.REMOVED,
            1,
        ),
        (
            ["delete from ledger_entry where id = AT(3)", "delete from ledger_seal where position = 3"],
            FaultKind.REMOVED,
            3,
        ),
        (["delete from ledger_entry where id = AT(5)", "delete from ledger_seal where position = 5"], FaultKind.CUT, 5),
        (["delete from ledger_entry", "delete from ledger_seal"], FaultKind.CUT, 1),
        (["insert into ledger_seal select 0, 'made up', hash from ledger_seal limit 1"], FaultKind.INSERTED, 0),
        (["update ledger_seal set hash = 'none' where position = 2"], FaultKind.CHANGED, 2),
    ],
)
async def test_what_was_cut_is_named(floor: Floor, statements: list[str], kind: FaultKind, position: int) -> None:
    await sealed(floor)
    await tamper(floor.house, *statements)
    first = (await verify_chain(floor.house)).faults[0]
    assert (first.kind, first.position) == (kind, position)


async def test_an_entry_slipped_into_a_day_that_was_signed_is_found(floor: Floor, clock: HandClock) -> None:
    await sealed(floor)
    await day_signed(floor, clock)
    columns = ", ".join(COLUMNS)
    slipped = columns.replace("id, ", f"'{'0' * 31}1', ", 1).replace("seq", "99").replace("operation_id", "null")
    statement = f"insert into ledger_entry ({columns}) select {slipped} from ledger_entry where seq = 3"  # noqa: S608  # ours
    await tamper(floor.house, statement)
    verdict = await verify_chain(floor.house)
    assert [(one.kind, one.entry_id) for one in verdict.faults] == [(FaultKind.INSERTED, "0" * 31 + "1")]
    # Once it is sealed it stands in the chain, and still says that it is of a day before.
    clock.forward(days=1)
    await LedgerSealer(floor.house).catch_up()
    assert [one.kind for one in (await verify_chain(floor.house)).faults] == [FaultKind.BACKDATED]


async def test_a_chain_computed_anew_does_not_fit_what_was_signed(floor: Floor, clock: HandClock) -> None:
    await sealed(floor)
    await day_signed(floor, clock)
    await tamper(floor.house, "update ledger_entry set station = 'till 9' where id = AT(2)")
    await _compute_anew(floor.house)
    (floor.house.settings.data / ANCHOR_FILE).unlink()
    first = (await verify_chain(floor.house)).faults[0]
    assert (first.kind, first.position) == (FaultKind.CHANGED, 5)
    assert "the head of 2026-03-13" in first.detail


async def test_heads_kept_elsewhere_show_a_cut_that_nothing_here_shows(floor: Floor, tmp_path: Path) -> None:
    await sealed(floor)
    kept = tmp_path / "kept elsewhere.json"
    kept.write_text(await export_heads(floor.house))
    assert (await verify_chain(floor.house, kept)).sound
    await tamper(floor.house, "delete from ledger_head", "delete from ledger_entry where id = AT(5)")
    await tamper(floor.house, "delete from ledger_seal where position = 5")
    (floor.house.settings.data / ANCHOR_FILE).unlink()
    assert (await verify_chain(floor.house)).sound
    first = (await verify_chain(floor.house, kept)).faults[0]
    assert (first.kind, first.position) == (FaultKind.CUT, 5)


async def test_a_forged_head_is_none(floor: Floor) -> None:
    await sealed(floor)
    await tamper(floor.house, "update ledger_head set position = 1")
    assert {fault.kind for fault in (await verify_chain(floor.house)).faults} == {FaultKind.HEAD_FORGED}
    await tamper(floor.house, "update ledger_head set signature = 'nothing of the kind!'")
    assert {fault.kind for fault in (await verify_chain(floor.house)).faults} == {FaultKind.HEAD_FORGED}


@pytest.mark.parametrize("text", ["", "{}", '{"version": 1, "of": "heads of a ledger", "heads": [3]}', "\x00"])
async def test_a_file_that_holds_no_heads_is_refused(house: House, tmp_path: Path, text: str) -> None:
    path = tmp_path / "heads.json"
    path.write_text(text)
    with pytest.raises(BridgeError) as caught:
        await verify_chain(house, path)
    assert (caught.value.code, caught.value.place) == (Code.FILE_UNREADABLE, str(path))


def test_the_commands_export_and_hold_against(settings: PortalSettings, dialect: Dialect, tmp_path: Path) -> None:
    if dialect is Dialect.POSTGRESQL:
        return  # what the commands ask is tried above on both
    config, kept = tmp_path / "portal.yml", tmp_path / "heads.json"
    config.write_text(f"data: {tmp_path}\n", encoding="utf-8")

    async def fill() -> None:
        async with open_house(settings, Runtime()) as house, open_floor(house) as floor:
            await booked(floor, 2)
            await LedgerSealer(house).catch_up()

    async def cut() -> None:
        async with open_house(settings, Runtime()) as house:
            await tamper(house, "delete from ledger_head", "delete from ledger_allocation where entry_id = AT(3)")
            await tamper(house, "delete from ledger_entry where id = AT(3)")
            await tamper(house, "delete from ledger_seal where position = 3")
            (tmp_path / ANCHOR_FILE).unlink()

    asyncio.run(fill())
    run = CliRunner().invoke
    assert run(app, ["ledger", "heads", "--config", str(config)]).stdout.count("\n") == 1
    assert run(app, ["ledger", "heads", "--export", str(kept), "--config", str(config)]).exit_code == 0
    sound = run(app, ["ledger", "verify", "--against", str(kept), "--config", str(config)])
    assert (sound.exit_code, sound.stdout.splitlines()[-1]) == (0, "The ledger holds together.")
    asyncio.run(cut())
    broken = run(app, ["ledger", "verify", "--against", str(kept), "--config", str(config)])
    assert broken.exit_code != 0
    assert "cut at position 3: position 3 was signed" in broken.stdout


async def _compute_anew(house: House) -> None:
    async with house.database.reading() as connection:
        seals = (await connection.execute(select(ledger_seal).order_by(ledger_seal.c.position))).all()
        rows = await store.whole(connection, [seal.entry_id for seal in seals])
    link, statements = START, []
    for row in rows:
        link = LEDGER.following(link, row)
        hashed = link.hash.hex()
        statements.append(f"update ledger_seal set hash = '{hashed}' where position = {link.position}")  # noqa: S608  # ours
    await tamper(house, *statements)
