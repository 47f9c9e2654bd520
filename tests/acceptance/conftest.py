"""The wheel as it would be published, installed apart from this checkout."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT


@dataclass(frozen=True, slots=True)
class Installed:
    """tillbridge installed from the wheel into a folder, with this environment's packages behind it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The folder comes before the editable install, and nothing else of this checkout is reachable."""
        return {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def command(self) -> Path:
        """The program that a shop would start."""
        return self.folder / "bin" / "tillbridge"

    def python(self, source: str) -> str:
        """What these lines print when the installed package runs them."""
        return self._output(sys.executable, "-c", source)

    def run(self, *arguments: str) -> str:
        """What the program prints with these arguments; it must succeed."""
        return self._output(str(self.command), *arguments)

    def _output(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release is."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, installed."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True, capture_output=True)
    return Installed(folder)
