"""Builds the self-contained folder of this very version with PyInstaller, for this kind of computer."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import tillbridge
from tillbridge.connector.publishing.keys import refuse
from tillbridge.connector.publishing.packing import describe, pack, temporary_folder
from tillbridge.connector.updates.layout import PROGRAM
from tillbridge.connector.updates.naming import this_computer, version_of
from tillbridge.connector.updates.release import Shipped, archive_path

RECIPE: Final = Path(__file__).parent / "recipe" / "tillbridge.spec"

SETUP_PROGRAM: Final = "setup.exe"

BUILD_SECONDS: Final = 1800.0
"""A build takes a minute on two cores; half an hour is a machine that will not finish."""

START_SECONDS: Final = 60.0
"""For the built program to say its version; it takes a third of a second."""


def build(output: Path, root: bytes, url: str | None) -> Path:
    """Builds, tries the program out and packs it. The archive, in `output`.

    The environment that this runs in decides what is inside: docs/how-to/publish-a-release.md makes one from the lock.
    Raises `BridgeError(RELEASE_REFUSED)`.
    """
    if find_spec("PyInstaller") is None:
        raise refuse("PyInstaller is not in this environment: `make package` makes one that has it")
    version = tillbridge.__version__
    if version_of(version) is None:
        raise refuse(f"{version} is no version that a connector would take")
    output.mkdir(parents=True, exist_ok=True)
    with temporary_folder(output) as work:
        folder = _freeze(work, version)
        shipped = Shipped(version=version, kind=this_computer(), url=url)
        describe(folder, shipped, root)
        _try_out(folder / PROGRAM, version)
        packed = work / "archive"
        pack(folder, packed)
        archive = output / Path(archive_path("any", shipped.kind, version)).name
        packed.replace(archive)
        setup = folder.with_name(SETUP_PROGRAM)
        if setup.is_file():  # built on Windows alone; on Linux a script does the same
            setup.replace(output / SETUP_PROGRAM)
    return archive


def _freeze(work: Path, version: str) -> Path:
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR"]
    command += ["--distpath", str(work / "dist"), "--workpath", str(work / "work"), str(RECIPE)]
    environment = {**os.environ, "TILLBRIDGE_BUILD_NAME": version}
    try:
        # Its own interpreter, its own recipe: nothing in the command comes from outside.
        done = subprocess.run(command, env=environment, check=False, timeout=BUILD_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise refuse(f"PyInstaller took longer than {BUILD_SECONDS:g} seconds") from None
    if done.returncode != 0:
        raise refuse(f"PyInstaller ended with {done.returncode}; what it said stands above")
    return work / "dist" / version


def _try_out(program: Path, version: str) -> None:
    """It starts with nothing around it, and is the version that it will be sold as."""
    command = [str(program), "--version"]
    environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    try:
        said = subprocess.run(  # noqa: S603  # it was built a moment ago, here
            command, env=environment, capture_output=True, text=True, check=False, timeout=START_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise refuse(f"the built program does not start ({type(error).__name__})") from None
    if said.returncode != 0 or said.stdout.split() != ["tillbridge", version]:
        raise refuse(f"the built program says {said.stdout.strip()!r} and ends with {said.returncode}")
