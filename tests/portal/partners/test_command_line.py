"""`tillbridge portal vouchers` as an operator types it on the server."""

import asyncio
import csv
import json
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from sqlalchemy import insert, select
from typer.testing import CliRunner, Result

from tests.portal.clock import HandClock
from tests.portal.partners.hearing import Hearing
from tests.portal.shops import merchant
from tests.portal.vouchers.floor import PIN, open_floor
from tillbridge.cli.main import app
from tillbridge.portal.app import open_house
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.house import House
from tillbridge.portal.partners.tables import webhook_delivery
from tillbridge.portal.settings import PortalSettings, load_settings
from tillbridge.portal.storage.database import FILE
from tillbridge.portal.vouchers.numbers import seal_pin
from tillbridge.portal.vouchers.tables import voucher, voucher_batch, voucher_system
from tillbridge.runtime.effects import Runtime, TimeOrderedIds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    """A server with the portal's settings; `numbers` are those of two vouchers, the first with a history."""

    config: Path
    numbers: tuple[str, str]
    system: str
    batch: str

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, ["portal", "vouchers", *words, "--config", str(self.config)])

    def asked(self, act: Callable[[House], Awaitable[T]]) -> T:
        async def inside() -> T:
            async with open_house(load_settings(self.config), Runtime()) as house:
                return await act(house)

        return asyncio.run(inside())


@pytest.fixture
def server(migrated_file: Path, tmp_path: Path) -> Server:
    shutil.copy(migrated_file, tmp_path / FILE)
    config = tmp_path / "portal.yml"
    config.write_text(yaml.safe_dump({"data": "."}))
    clock, chance = HandClock(), random.Random(3)
    runtime = Runtime(clock, TimeOrderedIds(clock, chance), chance)

    async def fill() -> tuple[tuple[str, str], str, str]:
        async with open_house(PortalSettings(data=tmp_path), runtime) as house, open_floor(house) as floor:
            batch = house.runtime.ids.new()
            values = {"id": batch, "system_id": floor.system_id, "name": "=Karten", "country": "276"}
            made = {"amount_of_codes": 2, "month": "2026-03", "made_at": clock.now(), "made_by": "Olga"}
            async with house.database.writing() as connection:
                await connection.execute(insert(voucher_batch).values(values | made))
            numbers = [await floor.voucher(batch_id=batch), await floor.voucher(batch_id=batch)]
            await floor.load(numbers[0], 5_000)
            await floor.redeem(numbers[0], 1_250, station="K1")
            await Hearing(floor).add()
            return (numbers[0], numbers[1]), floor.system_id, batch

    return Server(config, *asyncio.run(fill()))


async def log(house: House) -> list[tuple[str, str, str]]:
    rows = select(audit_entry.c.event, audit_entry.c.actor_name, audit_entry.c.reason)
    async with house.database.reading() as connection:
        found = await connection.execute(rows.where(audit_entry.c.actor_kind == "program").order_by(audit_entry.c.id))
        return [tuple(row) for row in found]


def test_vouchers_are_listed_with_masked_numbers(server: Server) -> None:
    listed = server.run("list")
    assert listed.exit_code == 0, listed.output
    assert "37.50 EUR" in listed.output
    assert not any(number in listed.output for number in server.numbers)
    loaded = json.loads(server.run("list", "--state", "loaded", "--batch", server.batch[-8:], "--json").output)
    assert [(one["balance"], one["number"]) for one in loaded] == [
        (3_750, f"{server.numbers[0][:3]}…{server.numbers[0][-4:]}")
    ]
    behind = json.loads(server.run("list", "--after", loaded[0]["id"], "--json", "--full").output)
    assert [one["number"] for one in behind] == [server.numbers[1]]
    assert server.asked(log) == [("voucher_batch.exported", "command line", "")]
    assert "No vouchers" in server.run("list", "--state", "retired").output


def test_one_voucher_is_shown_with_its_history_and_never_its_pin(server: Server) -> None:
    shown = server.run("show", server.numbers[0])
    assert shown.exit_code == 0, shown.output
    assert "-12.50 EUR" in shown.output
    assert "Am Markt K1" in shown.output
    told = json.loads(server.run("show", server.numbers[0], "--json", "--full").output)
    assert (told["number"], [one["kind"] for one in told["history"]]) == (server.numbers[0], ["redeem", "load"])
    assert not {"pin", "pin_sealed"} & told.keys()
    by_id = json.loads(server.run("show", told["id"], "--json").output)
    assert by_id["id"] == told["id"]
    assert PIN not in json.dumps({name: value for name, value in told.items() if name not in {"id", "number"}})


def test_a_voucher_is_blocked_and_the_log_and_the_receivers_hear_of_it(server: Server) -> None:
    blocked = server.run("block", server.numbers[0], "--reason", "stolen")
    assert (blocked.exit_code, "blocked" in blocked.output) == (0, True), blocked.output
    assert "stolen" in server.run("show", server.numbers[0]).output
    again = server.run("block", server.numbers[0], "--reason", "stolen")
    assert (again.exit_code, "blocked already" in again.output) == (1, True)
    assert server.run("unblock", server.numbers[0], "--reason", "found").exit_code == 0
    assert server.run("unblock", server.numbers[0], "--reason", " ").exit_code == 1
    assert server.asked(log) == [
        ("voucher.blocked", "command line", "stolen"),
        ("voucher.unblocked", "command line", "found"),
    ]

    async def told(house: House) -> list[str]:
        async with house.database.reading() as connection:
            events = select(webhook_delivery.c.event).order_by(webhook_delivery.c.place)
            return list(await connection.scalars(events))

    assert server.asked(told)[-2:] == ["voucher.blocked", "voucher.unblocked"]


def test_an_export_is_a_file_of_ones_own_without_pins(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "codes.csv"
    done = server.run("export", str(target), "--batch", server.batch)
    assert (done.exit_code, "2 vouchers" in done.output) == (0, True), done.output
    assert target.stat().st_mode & 0o777 == 0o600
    rows = list(csv.reader(target.read_text(encoding="utf-8-sig").splitlines()))
    assert [row[0] for row in rows[1:]] == list(server.numbers)
    assert [row[2] for row in rows[1:]] == ["'=Karten"] * 2
    assert not any(cell == PIN for row in rows for cell in row)
    twice = server.run("export", str(target))
    assert (twice.exit_code, "there already" in twice.output) == (1, True)
    assert server.run("export", str(tmp_path / "gone" / "codes.csv")).exit_code == 1


def test_batches_are_listed_by_system(server: Server) -> None:
    assert "=Karten" in server.run("batches").output
    (one,) = json.loads(server.run("batches", "--system", server.system[-6:], "--json").output)
    assert (one["currency"], one["batches"][0]["states"]) == ("EUR", {"loaded": 1, "activated": 1})


def test_what_is_wrong_is_said_in_a_sentence(server: Server) -> None:
    for words, code, said in (
        (("list", "--state", "new"), 2, "new is no state"),
        (("list", "--system", "zzz"), 1, "no id of a voucher system"),
        (("list", "--batch", "zzz"), 1, "no id of a batch"),
        (("show", "123"), 1, "a code has 14 digits"),
        (("show", "27600000099999"), 1, "not known here"),
    ):
        reply = server.run(*words)
        assert (reply.exit_code, said in " ".join(reply.output.split())) == (code, True), reply.output


def test_a_number_that_two_systems_have_needs_the_system(server: Server) -> None:
    async def double(house: House) -> str:
        tenant_id, system_id, voucher_id = await merchant(house, "Nachbar"), *(house.runtime.ids.new() for _ in "12")
        now = house.runtime.clock.now()
        system = {"id": system_id, "tenant_id": tenant_id, "name": "Alt", "currency": "EUR", "created_at": now}
        limits = {"load_min": 1, "load_max": 9, "balance_max": 9, "codes_a_month": 1, "time_zone": "Europe/Berlin"}
        one = {"id": voucher_id, "system_id": system_id, "number": server.numbers[0], "scheme": "imported"}
        sealed = seal_pin(house.vault, voucher_id, PIN)
        rest = {"pin_sealed": sealed, "country": "276", "life": "active", "made_at": now}
        async with house.database.writing() as connection:
            await connection.execute(insert(voucher_system).values(system | limits))
            await connection.execute(insert(voucher).values(one | rest))
        return system_id

    theirs = server.asked(double)
    refused = server.run("show", server.numbers[0])
    assert (refused.exit_code, "several systems" in refused.output) == (1, True), refused.output
    assert (
        json.loads(server.run("show", server.numbers[0], "--system", theirs, "--json").output)["merchant"] == "Nachbar"
    )
