"""Whatever is forged in the database, the verdict names the voucher."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from tests.portal.vouchers.floor import Floor, open_floor
from tillbridge.cli.portal import app
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.app import open_house
from tillbridge.portal.ledger import verifying
from tillbridge.portal.ledger.verifying import FaultKind, verify
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Dialect
from tillbridge.runtime.effects import Runtime

FORGED = {
    "update voucher set balance = balance + 1 where id = :voucher": {FaultKind.BALANCE, FaultKind.LOTS},
    "update ledger_lot set remaining = remaining + 1 where voucher_id = :voucher": {FaultKind.LOTS, FaultKind.LOT},
    "update ledger_lot set amount = amount + 1, remaining = remaining + 1 where voucher_id = :voucher": {
        FaultKind.LOTS,
        FaultKind.ENTRY,
    },
    "update ledger_entry set amount = amount - 1 where kind = 'redeem' and voucher_id = :voucher": {
        FaultKind.BALANCE,
        FaultKind.RUNNING,
        FaultKind.ENTRY,
        FaultKind.ACTION,
    },
    "update ledger_allocation set amount = amount + 1"
    " where entry_id = (select id from ledger_entry where kind = 'redeem' and voucher_id = :voucher)": {
        FaultKind.ENTRY,
        FaultKind.LOT,
    },
    "delete from ledger_allocation"
    " where entry_id = (select id from ledger_entry where kind = 'redeem' and voucher_id = :voucher)": {
        FaultKind.ENTRY,
        FaultKind.LOT,
    },
    "update ledger_entry set seq = 9 where kind = 'redeem' and voucher_id = :voucher": {FaultKind.GAP},
    "update voucher_operation set state = 'put_back' where kind = 'redeem' and voucher_id = :voucher": {
        FaultKind.ACTION
    },
    "update ledger_entry set operation_id = null where kind = 'redeem' and voucher_id = :voucher": {FaultKind.ACTION},
    "update ledger_entry set kind = 'put_back',"
    " reverses = (select id from ledger_entry where kind = 'redeem' and voucher_id = :voucher)"
    " where kind = 'load' and voucher_id = :voucher": {FaultKind.REVERSAL},
}


async def _forge(floor: Floor, statement: str, voucher_id: str) -> None:
    """Somebody with every right in the database, who leaves no trace."""
    async with floor.house.database.writing() as connection:
        if floor.house.database.dialect is Dialect.POSTGRESQL:
            await connection.execute(text("set local session_replication_role = replica"))
        else:
            triggers = await connection.execute(text("select name from sqlite_master where type = 'trigger'"))
            for (name,) in triggers.all():
                await connection.execute(text(f"drop trigger {name}"))
        await connection.execute(text(statement), {"voucher": voucher_id})


async def test_every_forged_row_is_found(floor: Floor) -> None:
    numbers = await floor.vouchers(len(FORGED) + 1)
    for one in numbers:
        await floor.load(one, 1_000)
        await floor.redeem(one, 100)
    await floor.sound()
    expected = {}
    for number, (statement, kinds) in zip(numbers[1:], FORGED.items(), strict=True):
        voucher_id = (await floor.row(number))["id"]
        await _forge(floor, statement, voucher_id)
        expected[voucher_id] = (masked(number), kinds)
    verdict = await verify(floor.house)
    for voucher_id, (number, kinds) in expected.items():
        found = [one for one in verdict.faults if one.voucher_id == voucher_id]
        assert {one.kind for one in found} >= kinds
        assert {one.number for one in found} == {number}
    assert {one.voucher_id for one in verdict.faults} == expected.keys()
    assert (verdict.vouchers, verdict.entries) == (len(numbers), 2 * len(numbers))
    assert verdict.count == len(verdict.faults)


async def test_every_page_is_looked_at(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "PAGE", 2)
    monkeypatch.setattr(verifying, "MOST_FAULTS", 3)
    numbers = await floor.vouchers(5)
    for one in numbers:
        await floor.load(one, 1_000)
    assert (await verify(floor.house)).vouchers == 5
    await _forge(floor, "update voucher set balance = 1", "")
    verdict = await verify(floor.house)
    assert (verdict.vouchers, verdict.count, len(verdict.faults)) == (5, 10, 3)


def test_the_command_says_what_it_found(settings: PortalSettings, dialect: Dialect, tmp_path: Path) -> None:
    config = tmp_path / "portal.yml"
    url = settings.database.url
    (tmp_path / "url").write_text("" if url is None else url.get_secret_value(), encoding="utf-8")
    (tmp_path / "url").chmod(0o600)
    database = "" if url is None else "database: {url: {file: url}}\n"
    config.write_text(f"data: {tmp_path}\n{database}", encoding="utf-8")

    async def forge() -> None:
        async with open_house(settings, Runtime()) as house, open_floor(house) as floor:
            number = await floor.voucher(loaded=1_000)
            statement = "update voucher set balance = 999 where id = :voucher"
            await _forge(floor, statement, (await floor.row(number))["id"])

    sound = CliRunner().invoke(app, ["ledger", "verify", "--config", str(config)])
    assert (sound.exit_code, sound.stdout.splitlines()[-1:]) == (0, ["The ledger holds together."]), (
        dialect,
        sound.output,
    )
    asyncio.run(forge())
    broken = CliRunner().invoke(app, ["ledger", "verify", "--config", str(config)])
    assert broken.exit_code != 0
    assert "balance: voucher" in broken.stdout
    assert broken.stdout.splitlines()[-1] == "The ledger does not hold together."
