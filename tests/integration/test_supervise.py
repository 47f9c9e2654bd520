"""`tillbridge supervise` with real processes: kills, stops, a second one, and what a till wishes."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.supervised import PATIENCE, Supervised, alive, gone, kill, supervised
from tillbridge.cli.exits import Exit
from tillbridge.domain.operation import Stage


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Supervised]:
    async with supervised(tmp_path) as made:
        yield made


async def test_a_connector_killed_in_a_payment_is_back_and_knows_of_it(place: Supervised) -> None:
    supervisor = await place.supervise()
    before = place.status()["connector"]
    place.counter.wait_by_hand()
    _, started = await place.pay()
    await place.counter.until(place.counter.terminal.screen.WAITING_FOR_CARD)
    kill(before)
    await place.ready_again(before)
    found = await place.look(started["id"])
    assert found["stage"] in {Stage.IN_DOUBT, Stage.APPROVED, Stage.ABORTED}
    assert (found["money_moved"] == "yes") == (place.counter.taken == [1250])
    assert place.status()["restarts"] == 1
    async with asyncio.timeout(PATIENCE):
        await supervisor.wait_for("A payment was running: the next one looks into it. Starting it again at once.")
    (report,) = (place.room / "crashes").iterdir()
    assert "killed by SIGKILL" in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


async def test_one_supervisor_that_says_what_it_does_and_whose_stop_waits_for_a_payment(place: Supervised) -> None:
    config = ("--config", str(place.counter.settings))
    told = await place.counter.command("supervise", "--status", *config)
    assert (told.code, told.out) == (Exit.FAILED, "no supervisor has worked here yet\n")
    first = await place.supervise()
    await check_second(place, first.process.pid)
    async with asyncio.TaskGroup() as group:
        place.counter.wait_by_hand()
        till = group.create_task(place.pay(wait=60))
        await place.counter.until(place.counter.terminal.screen.WAITING_FOR_CARD)
        # To the supervisor alone: it hands it on.
        kill(first.process.pid, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await first.wait_for("Waiting for the sale of 12.50 EUR on counter to end")
        await place.counter.pay_by_hand()
        status, paid = await till
        assert (status, paid["stage"]) == (200, Stage.APPROVED)
        await first.gone()
    assert first.process.returncode == Exit.APPROVED
    assert not (place.counter.data / "connector.json").exists()
    told = await place.counter.command("supervise", "--status", *config)
    assert (told.code, told.out.splitlines()[0]) == (Exit.FAILED, "supervisor   stopped, because it was asked to")


async def check_second(place: Supervised, first: int) -> None:
    """Another supervisor names this one, the quiet one says nothing, and the status shows it without a key."""
    config = ("--config", str(place.counter.settings))
    told = await place.counter.command("supervise", *config)
    assert told.code == Exit.FAILED
    assert f"a supervisor (process {first}) already keeps this connector up" in told.err
    quiet = await place.counter.command("supervise", "--if-needed", *config)
    assert (quiet.code, quiet.out, quiet.err) == (Exit.APPROVED, "", "")
    status = await place.counter.command("supervise", "--status", *config)
    assert status.code == Exit.APPROVED
    assert f"process {first}: the connector takes payments" in status.out
    assert place.counter.url in status.out
    assert place.counter.key() not in status.out


@pytest.mark.soak
async def test_a_second_signal_does_not_wait(place: Supervised) -> None:
    supervisor = await place.supervise()
    place.counter.wait_by_hand()
    await place.pay()
    await place.counter.until(place.counter.terminal.screen.WAITING_FOR_CARD)
    for words in ("Waiting for the sale", "it is in doubt"):
        kill(supervisor.process.pid, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await supervisor.wait_for(words)
    await supervisor.gone()
    assert supervisor.process.returncode == Exit.APPROVED


async def test_what_a_till_has_stopped_stays_down_until_a_person_comes(place: Supervised) -> None:
    supervisor = await place.supervise()
    connector = place.status()["connector"]
    assert (await place.ask_to_stop())["stopped"] is True
    await supervisor.gone()
    assert supervisor.process.returncode == Exit.STOPPED_BY_WISH
    assert not alive(connector)
    assert place.status()["state"] == "stopped_by_till"
    # What calls every two minutes does not bring it back,
    again = await place.counter.command("supervise", "--if-needed", "--config", str(place.counter.settings))
    assert (again.code, again.out, again.err) == (Exit.APPROVED, "", "")
    status = await place.counter.command("supervise", "--status", "--config", str(place.counter.settings))
    assert status.code == Exit.FAILED
    assert "stopped, because a till has stopped the connector" in status.out
    # and a person brings it back at once.
    await place.supervise()
    assert (await place.pay(wait=30))[1]["stage"] == Stage.APPROVED


async def test_a_connector_whose_supervisor_was_killed_ends_its_payment_and_goes(place: Supervised) -> None:
    async with asyncio.TaskGroup() as group:
        first = await place.supervise()
        connector = place.status()["connector"]
        place.counter.wait_by_hand()
        till = group.create_task(place.pay(wait=60))
        await place.counter.until(place.counter.terminal.screen.WAITING_FOR_CARD)
        kill(first.process.pid)
        # The next supervisor waits for the folder, and nobody takes the payment away from the customer.
        second = group.create_task(place.supervise())
        await place.until(state="folder_taken")
        assert alive(connector)
        await place.counter.pay_by_hand()
        status, paid = await till
        assert (status, paid["stage"]) == (200, Stage.APPROVED)
        await gone(connector)
        await second
    assert place.counter.taken == [1250]
    assert await place.ready_again(connector)


async def test_a_data_folder_that_is_not_there_yet_is_waited_for(place: Supervised) -> None:
    good = place.counter.settings.read_text()
    disk = place.counter.folder / "disk"
    disk.write_text("in the place of the folder that will be mounted here")
    place.counter.settings.write_text(good.replace("data: data", "data: disk/data"))
    supervisor = await place.supervise(ready="Waiting until that is mended.")
    disk.unlink()
    disk.mkdir()
    async with asyncio.timeout(PATIENCE):
        await supervisor.wait_for("takes payments")
    await supervisor.stop()


async def test_a_settings_file_that_is_missing_or_broken_is_told_and_picked_up_once_it_is_mended(
    place: Supervised,
) -> None:
    good = place.counter.settings.read_text()
    place.counter.settings.unlink()
    supervisor = await place.supervise(ready="Waiting until the settings file is changed.")
    place.counter.settings.write_text(good.replace("driver: concert-v3", "driver: concert-v33"))
    async with asyncio.timeout(PATIENCE):
        await supervisor.wait_for("concert-v33")
        await supervisor.wait_for("The settings are wrong")
    assert place.status()["state"] == "waiting"
    place.counter.settings.write_text(good)
    assert await place.ready_again(0)
    assert (await place.pay(wait=30))[1]["stage"] == Stage.APPROVED
    assert not (place.room / "crashes").exists(), "a mistake of a person is no crash"


@pytest.mark.soak
async def test_a_connector_that_hangs_is_ended_and_started_again(place: Supervised) -> None:
    supervisor = await place.supervise()
    before = place.status()["connector"]
    kill(before, signal.SIGSTOP)
    async with asyncio.timeout(2 * PATIENCE):
        await supervisor.wait_for("did not answer any more")
    await place.ready_again(before)
