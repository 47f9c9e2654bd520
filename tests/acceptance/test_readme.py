"""What the README tells a newcomer to type does what the README says."""

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.conftest import Installed
from tests.architecture.tree import ROOT, files

PORT_OFFSET: Final = 2_000
"""Away from the usual ports, so that a demo that runs here is not disturbed, and below those that the system gives
to outgoing connections."""

_README = (ROOT / "README.md").read_text()
_ANY_FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _commands(text: str) -> list[str]:
    return [line for block in _FENCE.findall(text) for line in block.splitlines()]


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _shifted(text: str) -> str:
    return re.sub(r"(?<=localhost:)\d+", lambda port: str(int(port[0]) + PORT_OFFSET), text)


@pytest.fixture
def checkout(installed: Installed, tmp_path: Path) -> Path:
    """A folder in which the commands of the docs work as they stand there."""
    folder = tmp_path / "checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "tillbridge").symlink_to(installed.command)
    return folder


@pytest.fixture
def environment(installed: Installed, tmp_path: Path) -> dict[str, str]:
    """Where no connector of this computer is found but the demo's."""
    ours = {"XDG_RUNTIME_DIR": str(tmp_path), "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    return {name: value for name, value in installed.environment.items() if not name.startswith("TILLBRIDGE_")} | ours


@contextmanager
def _demo(checkout: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A demo that is ready: its last line ends the wait."""
    command = [".venv/bin/tillbridge", "demo", "--data", "my-shop", "--port-offset", str(PORT_OFFSET)]
    with subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("Ctrl-C stops"):
                    break
            yield process
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class _Typed:
    """A command of the docs, its exit code and everything that it said."""

    command: str
    code: int
    said: str


def _type(commands: list[str], checkout: Path, environment: dict[str, str]) -> list[_Typed]:
    """Pastes these lines into one shell, one after the other."""
    script = "".join(f"{_shifted(line)}\nprintf '\\035%d\\036' $?\n" for line in commands)
    done = subprocess.run(
        ["bash"], input=script, cwd=checkout, env=environment, capture_output=True, text=True, timeout=150, check=True
    )
    ends = [end.split("\035") for end in done.stdout.split("\036")[:-1]]
    return [_Typed(line, int(code), said) for line, (said, code) in zip(commands, ends, strict=True)]


def test_every_make_command_in_the_docs_exists() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    named = {target for page in pages for target in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert {"demo", "install", "test", "bench"} <= named <= _make_targets()


def test_every_command_in_the_docs_exists(installed: Installed) -> None:
    pages = [path for path in files() if path.suffix == ".md" and not path.is_relative_to(ROOT / "src")]
    named = {found for page in pages for found in _named_commands(page.read_text())}
    assert {command for command, _ in named} >= {"connector", "demo", "pay", "payments", "portal", "simulate"}
    there = set(installed.python(_EVERY_COMMAND).splitlines())
    groups = {line.split()[0] for line in there if " " in line}
    missing = {
        f"{command} {subcommand}".strip() if command in groups else command for command, subcommand in named
    } - there
    assert not missing, missing


_EVERY_COMMAND: Final = """
import typer
from tillbridge.cli.main import app
for name, command in typer.main.get_command(app).commands.items():
    print(name)
    for below in getattr(command, "commands", ()):
        print(name, below)
"""


def _named_commands(text: str) -> list[tuple[str, str]]:
    """Commands with their subcommands, in code alone: a sentence may begin with the name too."""
    called = r"(?:\S*/)?tillbridge ([a-z][a-z-]*)(?: ([a-z][a-z-]*)\b)?"
    inline = re.findall(rf"(?<!`)`{called}", _ANY_FENCE.sub("", text))
    fenced = [
        re.findall(rf"^(?:[^#]*[ (])?{called}", line) for line in "\n".join(_ANY_FENCE.findall(text)).splitlines()
    ]
    return inline + [found for line in fenced for found in line]


def test_the_check_of_the_demo_takes_a_payment_on_each_wire(installed: Installed, tmp_path: Path) -> None:
    shown = installed.run("demo", "--check", "--data", str(tmp_path), "--port-offset", str(PORT_OFFSET))
    for wire in ("concert-v2", "concert-v3"):
        assert wire in shown
    assert "approved" in shown.lower()


@pytest.mark.timeout(180)
def test_a_newcomer_tries_the_three_commands_and_stops_the_demo_cleanly(
    checkout: Path, environment: dict[str, str]
) -> None:
    with _demo(checkout, environment) as process:
        tried = [line for line in _commands(_README) if line.startswith(("curl", ".venv/bin"))]
        curl, pay, console = _type(tried, checkout, environment)
        assert json.loads(curl.said)["paymentStatus"] == "SUCCESS"
        assert (pay.code, pay.said) == (0, "approved\n")
        assert console.said.startswith(f"http://127.0.0.1:{8380 + PORT_OFFSET}/?key=")
        with urllib.request.urlopen(f"http://localhost:{8380 + PORT_OFFSET}/healthz", timeout=10) as healthy:
            assert healthy.status == 200
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) == 0


@pytest.mark.timeout(180)
def test_the_tutorial_works_when_it_is_pasted(checkout: Path, environment: dict[str, str]) -> None:
    start, *commands = _commands((ROOT / "docs" / "tutorial" / "first-payment.md").read_text())
    assert start == "make demo"
    with _demo(checkout, environment):
        typed = _type(commands, checkout, environment)
    ends = {(one.command.removeprefix(".venv/bin/tillbridge "), one.code, one.said) for one in typed}
    for command, code, said in (
        ("pay 10.23", 0, "approved\n"),
        ("pay 20.91", 10, "declined\n"),
        ("pay 20.95", 20, "in_doubt\n"),
        ("pay 5.00", 13, ""),
        ("pay 5.00 --terminal counter-v3", 0, "approved\n"),
    ):
        assert (command, code, said) in ends
    assert (typed[-1].command, typed[-1].code, typed[-1].said) == (".venv/bin/tillbridge pay 5.00", 0, "approved\n")
    paid, books = (json.loads(one.said) for one in typed if one.command.startswith("curl"))
    assert paid["paymentStatus"] == "SUCCESS"
    assert [row["minor"] for row in books["rows"] if row["movement"] == "taken"] == [1023, 1023, 2095]
    shown = next(one.said for one in typed if "payments show" in one.command)
    assert "by=Ada, reason=the terminal's books have it" in shown
