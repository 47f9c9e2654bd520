"""Codes that are taken back unused, and codes beyond the month's own."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from tests.portal.clock import HandClock
from tests.portal.corrections.office import Office
from tests.portal.people import somebody
from tests.portal.shops import merchant
from tests.portal.vouchers.office import GERMANY, chief, events, rows_of, system
from tillbridge.cli.portal import app
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.app import open_house
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.corrections.granting import grant
from tillbridge.portal.corrections.tables import voucher_grant
from tillbridge.portal.corrections.withdrawing import Withdrawals
from tillbridge.portal.house import House
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.vouchers.batches_model import Batch, BatchDraft
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.runtime.effects import Runtime


def draft(codes: int, *, activate: bool = False) -> BatchDraft:
    return BatchDraft("Ostern", GERMANY, codes, activate=activate)


async def test_unused_codes_are_withdrawn_and_used_ones_are_not(office: Office) -> None:
    house, floor, batches = office.floor.house, office.floor, Batches(office.floor.house)
    withdrawals, person = Withdrawals(house, batches), office.anna
    batch = await batches.make(person, floor.system_id, draft(10))
    await batches.activate(person, batch.id, "1", "4")
    vouchers = (await batches.seen(person, batch.id)).vouchers
    await floor.load(vouchers[1].number, 500)
    assert await withdrawals.withdraw(person, batch.id, "3", vouchers[4].number, "lost at the printer's") == 3
    assert await withdrawals.withdraw(person, batch.id, "1", "5", "stolen") == 1
    assert await withdrawals.withdraw(person, batch.id, "1", "5", "stolen") == 0
    counted = (await batches.seen(person, batch.id)).counted.vouchers
    assert counted == {VoucherState.RETIRED: 4, VoucherState.LOADED: 1, VoucherState.PRODUCED: 5}
    for one in vouchers[:5]:
        answered = json.loads((await floor.load(one.number, 500)).body)
        assert answered.get("number") == (None if one is vouchers[1] else "V204")
    # They stay withdrawn, and they were made: the month's codes do not come back.
    assert await batches.activate(person, batch.id, "1", "10") == 5
    assert (await batches.quota(person, floor.system_id)).made == 10
    withdrawn = [after for event, after in await events(house) if event == "voucher_batch.withdrawn"]
    assert withdrawn == [{"withdrawn": 3, "first": 3, "last": 5}, {"withdrawn": 1, "first": 1, "last": 5}]
    await floor.sound()


async def test_withdrawing_needs_the_right_a_proof_and_a_reason(office: Office) -> None:
    house, floor, batches = office.floor.house, office.floor, Batches(office.floor.house)
    withdrawals, batch = Withdrawals(house, batches), await batches.make(office.anna, office.floor.system_id, draft(3))
    stranger = chief(house, await merchant(house, "Café"))
    other = await batches.make(office.anna, floor.system_id, draft(1))
    foreign = (await batches.seen(office.anna, other.id)).vouchers[0].number
    for person, first, last, reason, code in (
        (somebody(floor.here.tenant_id, "vouchers.codes.view"), "1", "3", "x", Code.RIGHT_MISSING),
        (somebody(floor.here.tenant_id, "vouchers.codes.edit"), "1", "3", "x", Code.STEP_UP_NEEDED),
        (stranger, "1", "3", "x", Code.RECORD_UNKNOWN),
        (office.anna, "1", "3", " ", Code.FIELD_INVALID),
        (office.anna, "0", "3", "x", Code.FIELD_INVALID),
        (office.anna, "1", "4", "x", Code.FIELD_INVALID),
        (office.anna, "3", "1", "x", Code.FIELD_INVALID),
        (office.anna, "1", foreign, "x", Code.FIELD_INVALID),
    ):
        with pytest.raises(BridgeError) as refusal:
            await withdrawals.withdraw(person, batch.id, first, last, reason)
        assert refusal.value.code is code
    assert (await batches.seen(office.anna, batch.id)).counted.vouchers == {VoucherState.PRODUCED: 3}


async def test_a_load_and_a_withdrawal_at_once(office: Office) -> None:
    """Either it is loaded and stays, or it is withdrawn and takes nothing."""
    house, floor, batches = office.floor.house, office.floor, Batches(office.floor.house)
    withdrawals = Withdrawals(house, batches)
    batch = await batches.make(office.anna, floor.system_id, draft(6, activate=True))
    for one in (await batches.seen(office.anna, batch.id)).vouchers:
        async with asyncio.TaskGroup() as group:
            place = str(one.position)
            loading = group.create_task(floor.load(one.number, 500))
            withdrawing = group.create_task(withdrawals.withdraw(office.anna, batch.id, place, place, "lost"))
        loaded = json.loads(loading.result().body).get("state") == "loaded"
        assert withdrawing.result() == (0 if loaded else 1)
        assert await floor.balance(one.number) == (500 if loaded else 0)
    await floor.sound()


async def test_granted_codes_count_for_their_month_alone(house: House, clock: HandClock) -> None:
    person, one, _ = await system(house, "DE")
    await _run(house, "update voucher_system set codes_a_month = 60")
    batches = Batches(house)
    await batches.make(person, one.id, draft(60))
    with pytest.raises(BridgeError) as refusal:
        await batches.make(person, one.id, draft(1))
    assert (refusal.value.code, refusal.value.members) == (Code.VOUCHER_QUOTA, {"rest": 0})
    granted = await grant(house, PORTAL, one.id, None, 40, "a fair")
    assert (granted.quota.month, granted.quota.made, granted.quota.most) == ("2026-03", 60, 100)
    next_month = await grant(house, PORTAL, one.id, "2026-04", 5, "Easter")
    assert (next_month.quota.made, next_month.quota.most) == (0, 65)
    # Two at once over what was granted: one of them passes.
    async with asyncio.TaskGroup() as group:
        racing = [group.create_task(_made(batches, person, one.id, 25)) for _ in range(2)]
    assert sorted(str(task.result()) for task in racing) == ["25", "voucher_quota"]
    assert (await batches.quota(person, one.id)).rest == 15
    clock.forward(days=25)
    quota = await batches.quota(person, one.id)
    assert (quota.month, quota.made, quota.most) == ("2026-04", 0, 65)
    for statement in ("update voucher_grant set codes = 1", "delete from voucher_grant"):
        with pytest.raises(DBAPIError):
            await _run(house, statement)
    assert [after for event, after in await events(house) if event.endswith("granted")] == [
        {"month": "2026-03", "codes": 40},
        {"month": "2026-04", "codes": 5},
    ]


async def _run(house: House, statement: str) -> None:
    async with house.database.writing() as connection:
        await connection.exec_driver_sql(statement)


async def _made(batches: Batches, person: object, system_id: str, codes: int) -> int | str:
    try:
        made: Batch = await batches.make(person, system_id, draft(codes))  # type: ignore[arg-type]  # a person
    except BridgeError as error:
        return error.code.value
    return made.amount_of_codes


async def test_a_grant_that_cannot_be(house: House) -> None:
    _, one, _ = await system(house, "DE")
    for system_id, month, codes, reason, place in (
        ("0" * 32, None, 10, "a fair", "system"),
        (one.id, "2026-02", 10, "a fair", "month"),
        (one.id, "2026-13", 10, "a fair", "month"),
        (one.id, "March", 10, "a fair", "month"),
        (one.id, None, 0, "a fair", "codes"),
        (one.id, None, 1_000_001, "a fair", "codes"),
        (one.id, None, 10, " ", "reason"),
    ):
        with pytest.raises(BridgeError) as refusal:
            await grant(house, PORTAL, system_id, month, codes, reason)
        assert refusal.value.place == place
    assert await rows_of(house, voucher_grant) == 0


def test_the_command_grants_and_says_what_that_makes(settings: PortalSettings, tmp_path: Path) -> None:
    config, url = tmp_path / "portal.yml", settings.database.url
    (tmp_path / "url").write_text("" if url is None else url.get_secret_value(), encoding="utf-8")
    (tmp_path / "url").chmod(0o600)
    database = "" if url is None else "database: {url: {file: url}}\n"
    config.write_text(f"data: {tmp_path}\n{database}", encoding="utf-8")

    async def prepared() -> str:
        async with open_house(settings, Runtime()) as house:
            return (await system(house, "DE"))[1].id

    system_id = asyncio.run(prepared())
    month = "2090-06"
    asked = ["voucher-grant", system_id, "4000", "--reason", "a fair", "--month", month, "--config", str(config)]
    granted = CliRunner().invoke(app, asked)
    assert granted.exit_code == 0, granted.output
    assert f"may make 10,000 codes in {month}; 0 are made" in granted.stdout
    refused = CliRunner().invoke(app, [*asked[:1], "0" * 32, *asked[2:]])
    assert isinstance(refused.exception, BridgeError)

    async def found() -> int:
        async with open_house(settings, Runtime()) as house:
            return await rows_of(house, voucher_grant)

    assert asyncio.run(found()) == 1
