"""The set-up scripts say what is missing and how to get it, and never go on without it."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

_STANDARD_PATH = "/usr/bin:/bin"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder in front of the PATH, for commands that stand in for the computer's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def _stand_in(commands: Path, name: str, script: str) -> None:
    file = commands / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def _run(commands: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / script, *arguments],
        env={"PATH": f"{commands}:{_STANDARD_PATH}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_done_when_nothing_is_missing(commands: Path) -> None:
    _stand_in(commands, "dpkg-query", "echo installed")
    _stand_in(commands, "apt-get", "exit 9")
    done = _run(commands, "system-packages", "strace", "chromium")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_whoever_may_not_install_is_told_the_command(commands: Path) -> None:
    _stand_in(commands, "dpkg-query", '[ "$3" = strace ] && echo installed')
    _stand_in(commands, "apt-get", "exit 9")
    _stand_in(commands, "id", "echo 1000")
    done = _run(commands, "system-packages", "strace", "chromium")
    assert done.returncode == 1
    assert "sudo apt-get install --yes --no-install-recommends chromium\n" in done.stderr


def test_root_gets_only_what_is_missing(commands: Path, tmp_path: Path) -> None:
    _stand_in(commands, "dpkg-query", '[ "$3" = strace ] && echo installed')
    _stand_in(commands, "apt-get", f'echo "$*" >> {tmp_path}/asked')
    _stand_in(commands, "id", "echo 0")
    assert _run(commands, "system-packages", "strace", "chromium", "git").returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == ["update", "install --yes --no-install-recommends chromium git"]


def test_a_command_that_is_there_needs_no_package(commands: Path, tmp_path: Path) -> None:
    _stand_in(commands, "dpkg-query", "exit 1")
    _stand_in(commands, "apt-get", f'echo "$*" >> {tmp_path}/asked')
    _stand_in(commands, "id", "echo 0")
    _stand_in(commands, "spanner", "exit 0")
    assert _run(commands, "system-packages", "toolbox=spanner", "drawer=no-such-command").returncode == 0
    assert (tmp_path / "asked").read_text().splitlines()[-1] == "install --yes --no-install-recommends drawer"


def test_a_failed_installation_is_a_failure(commands: Path) -> None:
    _stand_in(commands, "dpkg-query", "exit 1")
    _stand_in(commands, "apt-get", "exit 100")
    _stand_in(commands, "id", "echo 0")
    assert _run(commands, "system-packages", "chromium").returncode == 100


def test_an_old_python_is_refused_by_name(commands: Path, tmp_path: Path) -> None:
    _stand_in(commands, "python3.8", "exit 1")
    done = _run(commands, "make-venv", "python3.8", str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "python3.8" in done.stderr
    assert "3.11" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_debians_python_without_its_venv_part_asks_for_it(commands: Path, tmp_path: Path) -> None:
    _stand_in(
        commands, "python3", 'case "$2" in *version_info\\[:2\\]*) echo python3.11-venv;; *ensurepip*) exit 1;; esac'
    )
    _stand_in(commands, "dpkg-query", "exit 1")
    _stand_in(commands, "apt-get", "exit 9")
    _stand_in(commands, "id", "echo 1000")
    done = _run(commands, "make-venv", "python3", str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "sudo apt-get install --yes --no-install-recommends python3.11-venv" in done.stderr
    assert not (tmp_path / "venv").exists()
