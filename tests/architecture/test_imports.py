"""The direction of imports (ARCHITECTURE.md, "Direction"): the tree keeps every contract, and each contract bites."""

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import PACKAGE, ROOT

_SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
_CONTRACTS: dict[str, dict[str, Any]] = {contract["id"]: contract for contract in _SETTINGS["contracts"]}


@dataclass(frozen=True, slots=True)
class Breach:
    """Lines that break one contract: added to the end of these files, which are made where they are missing."""

    contract: str
    lines: dict[str, str]

    def __str__(self) -> str:
        return f"{self.contract}: {' + '.join(f'{file} {line}' for file, line in self.lines.items())}"


def _breach(contract: str, file: str, module: str, **more: str) -> Breach:
    others = {name.replace("__", "/") + "/planted.py": f"import {imported}" for name, imported in more.items()}
    return Breach(contract, {file: f"import {module}", **others})


_V2 = "tillbridge.protocols.concert.v2"
_BREACHES = [
    _breach("layers", "domain/planted.py", "tillbridge.runtime.effects"),
    _breach("layers", "runtime/planted.py", "tillbridge.transports"),
    _breach("layers", "transports/planted.py", "tillbridge.protocols.contract"),
    _breach("layers", "protocols/planted.py", "tillbridge.engine"),
    _breach("layers", "virtual/planted.py", "tillbridge.engine"),
    _breach("layers", "engine/planted.py", "tillbridge.connector"),
    _breach("layers", "psp/__init__.py", "tillbridge.virtual"),
    _breach("layers", "link/__init__.py", "tillbridge.virtual"),
    _breach("layers", "upstream/__init__.py", "tillbridge.connector"),
    _breach("layers", "testing/__init__.py", "tillbridge.connector"),
    _breach("layers", "connector/planted.py", "tillbridge.cli"),
    _breach("layers", "portal/__init__.py", "tillbridge.connector"),
    _breach("layers", "connector/planted.py", "tillbridge.portal", portal="json"),
    _breach("layers", "elsewhere/__init__.py", "json"),
    *(
        _breach("portal-apart", "portal/__init__.py", f"tillbridge.{layer}")
        for layer in ("engine", "virtual", "protocols.contract", "transports")
    ),
    _breach("portal-apart", "portal/__init__.py", "tillbridge.testing", testing="json"),
    _breach("portal-apart", "portal/__init__.py", "tillbridge.upstream", upstream="json"),
    _breach("portal-apart", "portal/__init__.py", "tillbridge.link.planted", link="tillbridge.protocols.contract"),
    *(
        _breach("wires-by-registry", f"{package}/planted.py", _V2)
        for package in ("engine", "virtual", "upstream", "testing", "connector")
    ),
    _breach("wires-apart", "protocols/hipay/planted.py", _V2),
    _breach("wires-apart", "protocols/concert/planted.py", "tillbridge.protocols.hipay"),
    _breach("doors-and-drivers-apart", "protocols/concert/v2/door.py", f"{_V2}.driver", protocols__concert="json"),
    _breach("doors-and-drivers-apart", "protocols/concert/v2/driver.py", f"{_V2}.door"),
    _breach(
        "doors-and-drivers-apart",
        "protocols/concert/v2/door.py",
        "tillbridge.protocols.concert.planted",
        protocols__concert=f"{_V2}.driver",
    ),
    *(
        _breach("codecs-pure", f"protocols/concert/v2/{codec}.py", impure)
        for codec in ("dialogue", "frames", "framing", "messages", "tlv")
        for impure in ("asyncio", "socket", "time", "datetime", "tillbridge.transports", "tillbridge.runtime.effects")
    ),
    _breach("codecs-pure", "protocols/hipay/messages.py", "time"),
    _breach(
        "codecs-pure",
        "protocols/concert/v3/messages.py",
        "tillbridge.protocols.concert.planted",
        protocols__concert="asyncio",
    ),
    *(_breach("domain-pure", "domain/planted.py", module) for module in ("asyncio", "os", "random", "time", "sqlite3")),
    *(
        _breach("serial-behind-transports", f"{package}/planted.py", "serialx")
        for package in ("cli", "connector", "engine", "protocols/concert", "runtime", "virtual")
    ),
]


def _lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    """Runs import-linter as `make lint` does, on the tree that lies in `folder`."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--contract", contract, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package with its settings, to plant breaches in."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "tillbridge", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _plant(package: Path, breach: Breach) -> None:
    for name, line in breach.lines.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        with file.open("a") as opened:
            opened.write(f"\n{line}\n")
    # A contract about doors and drivers needs one of each, whatever the tree has by now.
    for name in ("door", "driver"):
        (package / "protocols" / "concert" / "v2" / f"{name}.py").touch()


@pytest.mark.parametrize("contract", _CONTRACTS)
def test_the_tree_keeps_its_contracts(contract: str) -> None:
    outcome = _lint(ROOT, contract)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "1 kept, 0 broken" in outcome.stdout


@pytest.mark.parametrize("breach", _BREACHES, ids=str)
def test_a_planted_breach_is_caught(copy: Path, breach: Breach) -> None:
    _plant(copy / "src" / "tillbridge", breach)
    outcome = _lint(copy, breach.contract)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "0 kept, 1 broken" in outcome.stdout


def test_every_contract_has_a_breach_that_was_tried() -> None:
    assert {breach.contract for breach in _BREACHES} == set(_CONTRACTS)


def test_no_wire_is_forgotten() -> None:
    folders = {
        f"tillbridge.protocols.{folder.name}"
        for folder in (PACKAGE / "protocols").iterdir()
        if (folder / "__init__.py").exists()
    }
    assert set(_CONTRACTS["wires-apart"]["modules"]) == folders
