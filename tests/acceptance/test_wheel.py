"""The wheel holds everything that the program needs at run time, and nothing else."""

import json
import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.acceptance.conftest import Installed
from tests.architecture.tree import PACKAGE, ROOT, files

# What only an extra brings. The bare program must start without any of it, and say what is missing when it is needed.
_EXTRAS = ["aiohttp", "argon2", "fastapi", "filelock", "httptools", "jinja2", "prometheus_client", "yaml", "serialx"]
_EXTRAS += ["starlette", "stdnum", "uvicorn"]


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode())


def test_every_file_of_the_package_is_in_it_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {path.relative_to(ROOT / "src").as_posix() for path in files() if path.is_relative_to(PACKAGE)}


def test_the_licence_comes_with_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {Path(name).name: archive.read(name) for name in archive.namelist() if "/licenses/" in name}
    assert texts == {name: (ROOT / name).read_bytes() for name in ("LICENSE", "NOTICE")}


def test_it_says_what_it_needs(metadata: Message) -> None:
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert set(metadata.get_all("Provides-Extra", [])) == {"connector", "portal"}
    always = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert not [need for need in always if need.startswith(("fastapi", "aiohttp", "uvicorn", "serialx"))]


def test_it_runs_from_where_it_was_installed(installed: Installed) -> None:
    assert Path(installed.python("import tillbridge; print(tillbridge.__file__)")).is_relative_to(installed.folder)


def test_every_wire_that_it_announces_can_be_loaded(installed: Installed) -> None:
    loaded = installed.python(
        "import json\n"
        "from importlib.metadata import entry_points\n"
        "from tillbridge.protocols import registry\n"
        "drivers = [registry.driver(name).name for name in entry_points(group=registry.DRIVERS).names]\n"
        "doors = [registry.door(name).name for name in entry_points(group=registry.DOORS).names]\n"
        "print(json.dumps([sorted(drivers), sorted(doors)]))\n"
    )
    drivers, doors = json.loads(loaded)
    assert {"concert-v2", "concert-v3"} <= set(drivers)
    assert {"concert-v2", "concert-v3", "hipay"} <= set(doors)


def test_the_bare_program_starts_without_any_extra(installed: Installed) -> None:
    shown = installed.python(
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({_EXTRAS!r}))\n"  # None there makes an import fail as if it were missing
        "sys.argv = ['tillbridge', '--help']\n"
        "from tillbridge.cli.main import app\n"
        "app()\n"
    )
    for command in ("connector", "demo", "pay", "payments", "simulate"):
        assert command in shown
