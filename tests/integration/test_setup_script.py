"""`setup.sh` of the archive, really run with a stand-in for the program, in a folder with an awkward name."""

import asyncio
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tests.integration.supervised import PATIENCE
from tests.integration.supervised import supervised as supervised_counter
from tests.integration.test_supervise_scripts import AWKWARD, called, stand_in
from tests.support.shop import TILLBRIDGE
from tillbridge.connector.publishing import installer
from tillbridge.connector.supervisor.crontab import line_for
from tillbridge.connector.supervisor.scripts import shipped
from tillbridge.connector.updates.layout import Layout
from tillbridge.domain.operation import Stage

SETUP_WRITES = 'if [ "$2" = setup ]; then echo "data: data" > "$4"; fi'
"""The stand-in's wizard writes the settings where it is told to."""

NOT_RUNNING = 'if [ "$1 $2" = "service restart" ]; then exit 1; fi'


def archive(root: Path, *lines: str) -> Path:
    """An unpacked archive with one version; its program."""
    program = stand_in(Layout(root).program("1.0"), *lines)
    Layout(root).switch("1.0")
    (root / "setup.sh").write_text((files(installer) / "setup.sh").read_text())
    (root / "always-up.sh").write_text(shipped("always-up.sh"))
    (root / "setup.sh").chmod(0o755)  # the others are given their mark by the script
    return program


def run(root: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/", **more}
    command = [str(root / "setup.sh"), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def supervised(program: Path) -> list[str]:
    """The words of the supervisor that was started; it was started in the background."""
    subprocess.run(
        ["flock", str(program.parents[2] / ".always-up.lock"), "true"], check=True, timeout=PATIENCE
    )  # the lock is the supervisor's until it ends
    words = called(program)
    return words[words.index("supervise") :]


@pytest.mark.parametrize("name", ["ecr", AWKWARD])
def test_it_fetches_asks_starts_and_shows_the_line_for_cron(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    program = archive(root, SETUP_WRITES, NOT_RUNNING)
    done = run(root, "--answers", "a.yml")
    assert done.returncode == 0, done.stderr
    config = str(root / "connector.yml")
    setup = ["connector", "setup", "--config", config, "--answers", "a.yml", "--no-start"]
    # A person has set it up: what a till wished before does not hold, so that there is no --if-needed.
    assert supervised(program) == ["supervise", "--config", config]
    ask = ["service", "restart", "--config", config]
    assert called(program) == ["--version", "self-update", *setup, *ask, "supervise", "--config", config]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("*/2")]
    assert line == line_for(str(root / "always-up.sh"))
    command = line.removeprefix("*/2 * * * * ").replace("\\%", "%")  # as cron does
    assert shlex.split(command) == [str(root / "always-up.sh")]


def test_answers_that_are_refused_start_nothing(tmp_path: Path) -> None:
    program = archive(tmp_path, 'if [ "$1" = connector ]; then exit 1; fi')
    assert run(tmp_path).returncode == 1
    assert "supervise" not in called(program)


def test_settings_in_another_folder_are_not_started_from_here(tmp_path: Path) -> None:
    program = archive(tmp_path)
    done = run(tmp_path)
    assert done.returncode == 0
    assert "The settings lie in the folder that you chose." in done.stdout
    assert "supervise" not in called(program)


async def test_over_a_running_installation_the_new_settings_count_after_the_running_payment(tmp_path: Path) -> None:
    """The script as it is shipped, the supervisor and the connector as they are; the wizard's answers are a line."""
    async with supervised_counter(tmp_path / "shop") as place:
        supervisor = await place.supervise()
        before = place.status()
        settings = place.counter.settings
        real = shlex.quote(str(TILLBRIDGE))
        wizard = f'if [ "$2" = setup ]; then echo "# answered anew" >> {shlex.quote(str(settings))}; exit 0; fi'
        archive(tmp_path / "unpacked", wizard, f'exec {real} "$@"')
        async with asyncio.TaskGroup() as group:
            place.counter.wait_by_hand()
            till = group.create_task(place.pay(wait=60))
            await place.counter.until(place.counter.terminal.screen.WAITING_FOR_CARD)
            done = await asyncio.to_thread(run, tmp_path / "unpacked", TILLBRIDGE_CONFIG=str(settings))
            assert done.returncode == 0, done.stderr
            assert "as soon as nobody pays" in done.stdout
            async with asyncio.timeout(PATIENCE):
                await supervisor.wait_for("at the next moment without a payment")
            assert place.status()["connector"] == before["connector"]
            await place.counter.pay_by_hand()
            assert (await till)[1]["stage"] == Stage.APPROVED
        await place.ready_again(before["connector"])
        assert place.status()["supervisor"] == before["supervisor"]
        assert not (place.room / "restart-asked").exists()
        unit = ("--kind", "systemd-user", "--config", str(settings))
        refused = await place.counter.command("service", "install", *unit)
        assert refused.code == 1
        assert f"(process {before['supervisor']}) keeps this connector up" in refused.err
        assert f"kill {before['supervisor']}" in refused.err
