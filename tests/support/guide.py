"""The commands of a page of the docs, run as a reader would type them."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.architecture.tree import ROOT
from tests.support.warm import on_path

DEADLINE: Final = 60.0
"""Seconds for a block of commands on a busy computer."""

_QUIETLY: Final = 'silent\nshow-error\nmax-time = 30\nwrite-out = "\\n"\n'
"""What curl reads at its start: no figures about its progress, and one answer on a line."""


def blocks(page: str, language: str = "") -> list[str]:
    """The fenced blocks of this language on a page of the docs; shell commands have none."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for named, block in found if named == language]


def moved(text: str, ports: Mapping[int, int]) -> str:
    """The text with this test's ports in the place of the usual ones, and so nothing of a demo that may be running."""
    return re.sub(r"(?<=localhost:)\d+", lambda port: str(ports[int(port[0])]), text)


def run(commands: str, folder: Path, answers: str = "") -> list[str]:
    """The lines that these commands print in this folder. One that fails ends all of it and the test."""
    (folder / ".curlrc").write_text(_QUIETLY)
    places = f"{on_path()}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", commands],
        cwd=folder,
        env={**os.environ, "CURL_HOME": str(folder), "PATH": places, "NO_COLOR": "1"},
        input=answers,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, (commands, done.stdout, done.stderr)
    return done.stdout.splitlines()
