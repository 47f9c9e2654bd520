"""The scripts for computers without a service, really run: in a bare environment, from folders with awkward names."""

import asyncio
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.integration.supervised import PATIENCE, alive, gone, kill, supervised
from tests.support.shop import TILLBRIDGE
from tillbridge.connector.supervisor.scripts import POSIX, posix_script
from tillbridge.connector.updates.layout import Layout

CRON: Final = {"PATH": "/usr/bin:/bin", "HOME": "/", "SHELL": "/bin/sh", "LOGNAME": "till"}
"""What cron gives to a command, and nothing else."""

AWKWARD: Final = "der Bäcker's $HOME & Söhne; 100 %"


def written(folder: Path, name: str, **values: str) -> Path:
    """A script of ours in this folder."""
    path = folder / name
    path.write_text(posix_script(name, **values))
    path.chmod(0o755)
    return path


def stand_in(path: Path, *lines: str) -> Path:
    """A program that writes down how it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(["#!/bin/sh", f'for word in "$@"; do echo "$word"; done >> {shlex.quote(str(path))}.called', *lines])
    )
    path.chmod(0o755)
    return path


def called(path: Path) -> list[str]:
    """The words that a stand-in was called with so far."""
    found = Path(f"{path}.called")
    return found.read_text().splitlines() if found.exists() else []


def run(script: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs it as cron does."""
    return subprocess.run(
        [str(script), *words], env=CRON, cwd="/", capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@contextmanager
def packaged(tmp_path: Path, *lines: str) -> Iterator[tuple[Path, Path]]:
    """A packaged connector with one version, whose program is a stand-in; its folder and that program."""
    root = tmp_path / AWKWARD
    layout = Layout(root)
    program = stand_in(layout.program("1.0"), *lines)
    layout.switch("1.0")
    (root / "connector.yml").write_text("data: data\n")
    yield root, program


async def lock_is_free(path: str) -> bool:
    """Whether nobody holds it."""
    process = await asyncio.create_subprocess_exec("flock", "-n", path, "true")
    return await process.wait() == 0


async def until(condition: "os.PathLike[str]", words: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(called(Path(condition))) < words:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", POSIX)
def test_every_script_is_plain_posix_shell(name: str) -> None:
    subprocess.run(["dash", "-n"], input=posix_script(name), text=True, check=True)
    subprocess.run(["bash", "--posix", "-n"], input=posix_script(name), text=True, check=True)


async def test_always_up_starts_one_supervisor_however_often_it_is_called(tmp_path: Path) -> None:
    with packaged(tmp_path, f"echo $$ > {shlex.quote(str(tmp_path))}/pid", "exec sleep 600") as (root, program):
        script = written(root, "always-up.sh")
        for _ in range(3):
            done = run(script)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            await until(program, 4)
        assert called(program) == ["supervise", "--if-needed", "--config", str(root / "connector.yml")]
        async with asyncio.timeout(PATIENCE):
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
                await asyncio.sleep(0.01)
        first = int((tmp_path / "pid").read_text())
        try:
            assert alive(first)
            kill(first)
            await gone(first)
            # The lock went with it: the next call starts another one.
            assert run(script).returncode == 0
            await until(program, 8)
            async with asyncio.timeout(PATIENCE):
                while (tmp_path / "pid").read_text().strip() in {"", str(first)}:
                    await asyncio.sleep(0.01)
        finally:
            kill(int((tmp_path / "pid").read_text()))


async def test_a_person_starts_it_whatever_a_till_wished(tmp_path: Path) -> None:
    with packaged(tmp_path) as (root, program):
        assert run(written(root, "always-up.sh"), "--start").returncode == 0
        await until(program, 3)
        assert called(program) == ["supervise", "--config", str(root / "connector.yml")]


def test_a_version_that_is_not_there_is_said(tmp_path: Path) -> None:
    for name in POSIX:
        done = run(written(tmp_path, name))
        assert done.returncode == 1
        assert "there is no program" in done.stderr


def test_the_scripts_follow_the_version_in_use(tmp_path: Path) -> None:
    with packaged(tmp_path) as (root, old):
        script = written(root, "supervise.sh")
        assert run(script).returncode == 0
        assert called(old) == ["supervise", "--config", str(root / "connector.yml")]
        new = stand_in(Layout(root).program("1.1"))
        Layout(root).switch("1.1")
        assert run(script).returncode == 0
        assert len(called(old)) == 3
        assert len(called(new)) == 3


def test_what_is_filled_in_is_taken_literally(tmp_path: Path) -> None:
    folder = tmp_path / AWKWARD
    program = stand_in(folder / "bin" / "tillbridge")
    config = str(folder / "mein Laden.yml")
    assert run(written(tmp_path, "supervise.sh", program=str(program), config=config)).returncode == 0
    assert called(program) == ["supervise", "--config", config]


@pytest.mark.parametrize(
    ("ending", "code", "says"),
    [
        ("exit 0", 0, "because it was asked to"),
        ("exit 1", 1, "what is wrong stands above"),
        ("kill -KILL $$", 137, "killed from outside"),
        ("exit 7", 7, "exit code 7"),
    ],
)
def test_launch_stays_in_the_foreground_and_says_why_it_stops(
    tmp_path: Path, ending: str, code: int, says: str
) -> None:
    with packaged(tmp_path, ending) as (root, program):
        done = run(written(root, "launch.sh"))
        assert done.returncode == code
        assert says in done.stdout
        assert called(program) == ["connector", "run", "--config", str(root / "connector.yml")]


def test_launch_shows_what_the_real_program_says(tmp_path: Path) -> None:
    config = tmp_path / "wrong.yml"
    config.write_text("data: d\nterminals: []\n")
    done = run(written(tmp_path, "launch.sh", program=str(TILLBRIDGE), config=str(config)))
    assert done.returncode == 1
    assert f"{config}, line 2" in done.stderr
    assert "what is wrong stands above" in done.stdout


@pytest.mark.soak
async def test_cron_brings_a_real_connector_up_and_leaves_one_alone_that_a_till_has_stopped(tmp_path: Path) -> None:
    async with supervised(tmp_path) as place:
        values = {"program": str(TILLBRIDGE), "config": str(place.counter.settings), "lock": str(tmp_path / "lock")}
        script = written(tmp_path, "always-up.sh", **values)
        assert run(script).returncode == 0
        found = await place.until(state="ready")
        assert run(script).returncode == 0
        assert (await place.ask_to_stop())["stopped"] is True
        await place.until(state="stopped_by_till")
        await gone(found["supervisor"])
        assert run(script).returncode == 0
        # It has looked and gone again: its lock is free, and the status is the old one.
        async with asyncio.timeout(PATIENCE):
            while not await lock_is_free(values["lock"]):
                await asyncio.sleep(0.05)
        assert place.status()["state"] == "stopped_by_till"
