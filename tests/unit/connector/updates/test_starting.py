"""How the program of another version is started and judged."""

import os
import sys
from pathlib import Path

import pytest

from tillbridge.connector.updates.starting import LONGEST_WORDS, clean_environment, self_test


def program(tmp_path: Path, script: str) -> Path:
    path = tmp_path / "tillbridge"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def test_a_program_that_never_ends_is_ended(tmp_path: Path) -> None:
    verdict = await self_test(program(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 600"), None, 0.3)
    assert (verdict.passed, verdict.fault) == (False, True)
    assert "took longer than 0.3 seconds" in verdict.words
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    verdict = await self_test(tmp_path / "none", None)
    assert verdict.words.startswith("it cannot be started: No such file")


async def test_the_last_line_is_what_it_says_and_nothing_of_it_reaches_a_terminal(tmp_path: Path) -> None:
    said = "echo first; printf '\\033[31mred\\007 %0400d\\n\\n' 1; exit 1"
    verdict = await self_test(program(tmp_path, said), None)
    assert verdict.words.startswith("[31mred 000")
    assert len(verdict.words) == LONGEST_WORDS


async def test_one_that_says_too_much_does_not_wait_for_us(tmp_path: Path) -> None:
    verdict = await self_test(program(tmp_path, "head -c 3000000 /dev/zero; exit 1"), None, 20)
    assert not verdict.passed
    assert verdict.words == "its self-test ended with 1"


def test_a_plain_programs_environment_is_left_alone() -> None:
    assert clean_environment({"LD_LIBRARY_PATH": "/mine", "_PYI_X": "1"}) == {"LD_LIBRARY_PATH": "/mine", "_PYI_X": "1"}


def test_a_packaged_programs_own_libraries_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    found = clean_environment(
        {"LD_LIBRARY_PATH": "/ours", "LD_LIBRARY_PATH_ORIG": "/theirs", "_PYI_ARCHIVE_FILE": "x", "HOME": "/home/me"}
    )
    assert found == {"LD_LIBRARY_PATH": "/theirs", "HOME": "/home/me", "PYINSTALLER_RESET_ENVIRONMENT": "1"}
    assert "LD_LIBRARY_PATH" not in clean_environment({"LD_LIBRARY_PATH": "/ours"})
