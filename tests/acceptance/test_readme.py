"""What the README tells a newcomer to type does what the README says."""

import json
import os
import re
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.conftest import Installed
from tests.architecture.tree import ROOT, files

PORT_OFFSET: Final = 21_000
"""Away from the usual ports, so that a demo that runs on this computer is not disturbed."""

_README = (ROOT / "README.md").read_text()
_FENCE = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _commands(text: str) -> list[str]:
    return [line for block in _FENCE.findall(text) for line in block.splitlines()]


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _shifted(command: str) -> list[str]:
    return shlex.split(re.sub(r"(?<=localhost:)\d+", lambda port: str(int(port[0]) + PORT_OFFSET), command))


@contextmanager
def _demo(installed: Installed, data: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that has said where everything runs; the first line of its table ends the wait."""
    command = [str(installed.command), "demo", "--data", str(data), "--port-offset", str(PORT_OFFSET)]
    with subprocess.Popen(
        command, env={**installed.environment, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "curl" in line:  # the commands to try come last
                    break
            yield process
        finally:
            process.kill()


def test_every_make_command_in_the_docs_exists() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    named = {target for page in pages for target in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert {"demo", "install", "test", "bench"} <= named <= _make_targets()


def test_every_command_in_the_docs_exists(installed: Installed) -> None:
    pages = [path for path in files() if path.suffix == ".md" and not path.is_relative_to(ROOT / "src")]
    pattern = r"(?:`|^)(?:\.venv/bin/)?tillbridge ([a-z]+)(?: ([a-z]+)\b)?"
    named = {found for page in pages for found in re.findall(pattern, page.read_text(), re.MULTILINE)}
    assert {command for command, _ in named} >= {"demo", "pay", "payments", "simulate"}
    for command, subcommand in named:
        group = command in ("connector", "payments")
        assert "Usage" in installed.run(command, *([subcommand] if group and subcommand else []), "--help")


def test_the_check_of_the_demo_takes_a_payment_on_each_wire(installed: Installed, tmp_path: Path) -> None:
    shown = installed.run("demo", "--check", "--data", str(tmp_path), "--port-offset", str(PORT_OFFSET))
    for wire in ("concert-v2", "concert-v3"):
        assert wire in shown
    assert "approved" in shown.lower()


@pytest.mark.timeout(180)
def test_a_newcomer_pays_and_stops_the_demo_cleanly(installed: Installed, tmp_path: Path) -> None:
    (curl,) = (command for command in _commands(_README) if command.startswith("curl"))
    with _demo(installed, tmp_path) as process:
        answer = subprocess.run(_shifted(curl), check=True, capture_output=True, text=True, timeout=60)
        assert json.loads(answer.stdout)["paymentStatus"] == "SUCCESS"
        with urllib.request.urlopen(f"http://localhost:{8380 + PORT_OFFSET}/healthz", timeout=10) as healthy:
            assert healthy.status == 200
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) == 0
