"""Sealing keys: rotated, sealed anew, retired, exported; and what a portal says without them."""

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, String, Text, select
from typer.testing import CliRunner

from tests.portal.clock import HandClock
from tests.portal.vouchers.floor import PIN, Floor, open_floor
from tillbridge.cli.portal import app
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import totp
from tillbridge.portal.app import open_house
from tillbridge.portal.house import House
from tillbridge.portal.keys import file, places, resealing
from tillbridge.portal.keys.places import PLACES
from tillbridge.portal.keys.resealing import Resealer, counted
from tillbridge.portal.keys.retiring import retire
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.storage.schema import metadata
from tillbridge.portal.vault import FILE, MARK, open_vault
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.portal.vouchers.tables import voucher
from tillbridge.runtime.effects import Runtime

PASSPHRASE = "four words are enough"
OTHERS = {"customer.sealed", "voucher_offline.pin_sealed"}
"""Sealed with a key of its own, which is sealed itself; or nothing of the portal's."""


def _old(house: House, clock: HandClock) -> None:
    """The last change of the file is an hour ago."""
    moment = (clock.now() - timedelta(hours=1)).timestamp()
    os.utime(house.settings.data / FILE, (moment, moment))


async def _pins(house: House) -> list[str]:
    async with house.database.reading() as connection:
        rows = await connection.execute(select(voucher.c.id, voucher.c.pin_sealed).order_by(voucher.c.id))
        return [unseal_pin(house.vault, row.id, row.pin_sealed) for row in rows]


async def _refused(act: Callable[[], object], code: Code) -> None:
    async def acted() -> None:
        found = act()
        if isinstance(found, Awaitable):
            await found

    with pytest.raises(BridgeError) as caught:
        await acted()
    assert caught.value.code is code


def test_every_sealed_column_is_known() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if "sealed" in column.name and isinstance(column.type, LargeBinary | String | Text)
    }
    assert sealed - OTHERS == {one.name for one in PLACES}


def test_values_are_read_as_their_features_write_them(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    (place,) = [one for one in PLACES if one.name == "factor.sealed_secret"]
    for number in range(20):
        made = totp.seal_secret(vault, str(number), "JBSWY3DPEHPK3PXP")
        assert place.stored(place.bytes_of(made)) == made
        file.rotate(tmp_path)
        vault.refresh()
        anew = place.sealed_anew(vault, str(number), place.bytes_of(made))
        assert anew.startswith(vault.active_head)


async def test_rotated_resealed_and_retired(house: House, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "MOST_AT_ONCE", 3)
    async with open_floor(house) as floor:
        await floor.vouchers(7)
        assert await Resealer(house).catch_up() == 0
        assert file.rotate(house.settings.data) == "s2"
        house.vault.refresh()
        (fresh,) = await floor.vouchers(1)
        sealed = (await floor.row(fresh))["pin_sealed"]
        assert sealed.startswith(house.vault.heads["s2"])
        assert await _pins(house) == [PIN] * 8
        await _refused(lambda: retire(house, "s1"), Code.RECORD_CONFLICT)
        assert (await counted(house))["voucher.pin_sealed"] == {"s1": 0, "s2": 1, "": 7}
        await _refused(lambda: retire(house, "s9"), Code.RECORD_UNKNOWN)
        assert await Resealer(house).catch_up() == 7
        assert await Resealer(house).catch_up() == 0
        assert (await counted(house))["voucher.pin_sealed"] == {"s1": 0, "s2": 8, "": 0}
        _old(house, clock)
        await _refused(lambda: retire(house, "s2"), Code.RECORD_CONFLICT)
        await retire(house, "s1")
        house.vault.refresh()
        assert list(house.vault.heads) == ["s2"]
        assert await _pins(house) == [PIN] * 8
        await floor.load(fresh, 1_000)
        assert (await floor.redeem(fresh, 100)).status == 200


async def test_another_process_reads_what_the_one_that_knows_the_new_key_has_sealed(
    house: House, settings: PortalSettings, runtime: Runtime
) -> None:
    async with open_house(settings, runtime) as other:
        file.rotate(settings.data)
        house.vault.refresh()
        sealed = house.vault.seal(b"0420", "what/ever")
        assert other.vault.unseal(sealed, "what/ever") == b"0420"
        for wrong in (sealed[:-1] + b"x", sealed[:8], b"", MARK):
            with pytest.raises(ValueError, match="not sealed with"):
                other.vault.unseal(wrong, "what/ever")
        with pytest.raises(ValueError, match="not sealed with"):
            other.vault.unseal(sealed, "something/else")


async def test_killed_in_the_middle_and_gone_on_with(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "MOST_AT_ONCE", 2)
    house = floor.house
    await floor.vouchers(6)
    file.rotate(house.settings.data)
    house.vault.refresh()

    class _Killed(BaseException):
        """The process is gone."""

    done: list[object] = []
    replace = places.replace

    async def killed(*asked: object) -> None:
        if len(done) == 3:
            raise _Killed
        done.append(asked)
        await replace(*asked)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(places, "replace", killed)
        with pytest.raises(_Killed):
            await Resealer(house).catch_up()
    # Of the second batch nothing is committed; both keys open what they have sealed.
    assert (await counted(house))["voucher.pin_sealed"] == {"s1": 0, "s2": 2, "": 4}
    assert await _pins(house) == [PIN] * 6
    assert await Resealer(house).catch_up() == 4
    assert await _pins(house) == [PIN] * 6
    file.rotate(house.settings.data)
    house.vault.refresh()
    assert await Resealer(house).catch_up() == 6
    assert (await counted(house))["voucher.pin_sealed"] == {"s1": 0, "s2": 0, "s3": 6, "": 0}


async def test_a_changed_value_is_not_overwritten_and_a_foreign_one_stays(floor: Floor) -> None:
    house = floor.house
    first, second = await floor.vouchers(2)
    await floor.change(second, pin_sealed=b"of nobody here")
    file.rotate(house.settings.data)
    house.vault.refresh()
    row = await floor.row(first)
    async with house.database.writing() as connection:
        await places.replace(connection, PLACES[0], row["id"], b"what it is not any more", b"x")
    assert (await floor.row(first))["pin_sealed"] == row["pin_sealed"]
    assert await Resealer(house).catch_up() == 1
    assert (await floor.row(second))["pin_sealed"] == b"of nobody here"


async def test_prepared_first_and_used_by_the_next_rotation(house: House) -> None:
    folder = house.settings.data
    assert file.rotate(folder, prepare=True) == "s2"
    await _refused(lambda: file.rotate(folder, prepare=True), Code.RECORD_CONFLICT)
    await _refused(lambda: file.retire(folder, "s2"), Code.RECORD_CONFLICT)
    assert open_vault(folder).active == "s1"
    assert file.rotate(folder) == "s2"
    assert open_vault(folder).active == "s2"


async def test_a_file_of_before_the_rotation_says_so_at_the_start(settings: PortalSettings, runtime: Runtime) -> None:
    async with open_house(settings, runtime) as house, open_floor(house) as floor:
        before = (settings.data / FILE).read_text()
        await floor.vouchers(1)
        file.rotate(settings.data)
        house.vault.refresh()
        await Resealer(house).catch_up()
    (settings.data / FILE).write_text(before)
    with pytest.raises(BridgeError) as caught:
        async with open_house(settings, runtime):
            pass
    assert (caught.value.code, caught.value.place) == (Code.FOLDER_UNUSABLE, str(settings.data / FILE))
    assert "voucher.pin_sealed" in str(caught.value)
    for text in ("", "{}", before[:-20], before.replace('"version": 1', '"version": 9')):
        (settings.data / FILE).write_text(text)
        await _refused(lambda: open_vault(settings.data), Code.FOLDER_UNUSABLE)


def test_exported_under_a_passphrase_and_imported_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    sealed = open_vault(here).seal(b"0420", "what/ever")
    file.rotate(here)
    text = file.export(here, PASSPHRASE)
    assert base64.b64encode(b"0420").decode() not in text
    assert set(json.loads(text)) == {"what", "salt", "nonce", "sealed"}
    file.import_keys(there, text, PASSPHRASE, "keys.json")
    vault = open_vault(there)
    assert (vault.active, vault.unseal(sealed, "what/ever")) == ("s2", b"0420")
    file.rotate(there)
    file.import_keys(there, text, PASSPHRASE, "keys.json")
    assert open_vault(there).active == "s3"
    cases = {
        Code.FILE_UNREADABLE: ((text, "another passphrase"), ("{}", PASSPHRASE), (text[:-30], PASSPHRASE)),
        Code.RECORD_CONFLICT: ((text, PASSPHRASE),),
    }
    other = tmp_path / "other"
    open_vault(other)
    kept = (other / FILE).read_text()
    for code, tries in cases.items():
        for tried, passphrase in tries:
            with pytest.raises(BridgeError) as caught:
                file.import_keys(other, tried, passphrase, "keys.json")
            assert caught.value.code is code
    assert (other / FILE).read_text() == kept
    with pytest.raises(BridgeError):
        file.export(here, "too short")


def test_the_commands(settings: PortalSettings, dialect: Dialect, tmp_path: Path) -> None:
    if dialect is Dialect.POSTGRESQL:
        return  # what they do is tried on both above
    config, out, secret = tmp_path / "portal.yml", tmp_path / "keys.sealed", tmp_path / "passphrase"
    config.write_text(f"data: {tmp_path}\n", encoding="utf-8")
    secret.write_text(f"{PASSPHRASE}\n", encoding="utf-8")

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["keys", *words, "--config", str(config)])
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    async def fill() -> None:
        async with open_house(settings, Runtime()) as house, open_floor(house) as floor:
            await floor.vouchers(2)

    asyncio.run(fill())
    assert run("status").splitlines() == ["s1 seals.", "  voucher.pin_sealed: s1: 2"]
    run("export", str(out), "--passphrase-file", str(secret))
    assert out.stat().st_mode & 0o077 == 0
    assert run("rotate") == "s2 seals from now on.\n"
    assert run("reseal") == "2 values were sealed anew.\n"
    assert run("status").splitlines() == ["s2 seals.", "  voucher.pin_sealed: s2: 2"]
    os.utime(tmp_path / FILE, (0, 0))
    assert run("retire", "s1") == "s1 is gone from the file.\n"
    run("import", str(out), "--passphrase-file", str(secret))
    assert run("status").splitlines()[0] == "s2 seals."
