"""Starts a program of another version, and lets it test itself before anybody relies on it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SELF_TEST: Final = "self-test"

SELF_TEST_SECONDS: Final = 180.0
"""A first start on a slow disk with a virus scanner, and a copy of a journal of years: a tired till needs a minute."""

LONGEST_WORDS: Final = 300
"""Letters of what a failed self-test says of itself that are kept."""

_LARGEST_OUTPUT: Final = 64 * 1024

_OWN_VARIABLES: Final = ("_PYI_", "_MEI")
"""What a packaged program leaves in the environment for parts of itself, and another version must not read."""

_LIBRARY_PATHS: Final = ("LD_LIBRARY_PATH", "LIBPATH", "DYLD_LIBRARY_PATH")


def clean_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment as it was before a packaged program started: for programs that are not part of this version.

    Without this another version would load the libraries of this one.
    """
    found = dict(os.environ if environment is None else environment)
    if not getattr(sys, "frozen", False):
        return found
    for name in _LIBRARY_PATHS:
        original = found.pop(f"{name}_ORIG", None)
        found.pop(name, None)
        if original is not None:
            found[name] = original
    kept = {name: value for name, value in found.items() if not name.startswith(_OWN_VARIABLES)}
    return {**kept, "PYINSTALLER_RESET_ENVIRONMENT": "1"}


NOT_NOW: Final = 3
"""The exit code of a self-test that met something of this computer and not of its version: settings, a full disk."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a self-test went. `words` say what is wrong; they come from the other program and hold no secret.

    `fault` says that the version itself is to blame, as far as anybody can tell.
    """

    passed: bool
    words: str = ""
    fault: bool = True


async def self_test(program: Path, config: Path | None, seconds: float = SELF_TEST_SECONDS) -> Verdict:
    """Runs `program self-test --config FILE` to its end, or to ours: it never outlives this call."""
    options = () if config is None else ("--config", str(config))
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            SELF_TEST,
            *options,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=clean_environment(),
            limit=_LARGEST_OUTPUT,
        )
    except OSError as error:
        return Verdict(False, f"it cannot be started: {error.strerror or type(error).__name__}")
    try:
        async with asyncio.timeout(seconds):
            said = await _output(process)
            code = await process.wait()
    except TimeoutError:
        return Verdict(False, f"its self-test took longer than {seconds:g} seconds")
    finally:
        await _end(process)
    if code == 0:
        return Verdict(True)
    return Verdict(False, _last_line(said) or f"its self-test ended with {code}", fault=code != NOT_NOW)


async def _output(process: asyncio.subprocess.Process) -> bytes:
    """The end of what it says; all of it is read, so that it never waits for a full pipe."""
    assert process.stdout is not None  # noqa: S101  # it was asked for above
    kept = b""
    while piece := await process.stdout.read(_LARGEST_OUTPUT):
        kept = (kept + piece)[-_LARGEST_OUTPUT:]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        # A killed process ends at once; its end is waited for even when this is cancelled, or its folder stays busy.
        await asyncio.shield(process.wait())


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", errors="replace").splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return "".join(letter for letter in last if letter.isprintable())[:LONGEST_WORDS]
