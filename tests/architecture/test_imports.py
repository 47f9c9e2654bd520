"""The direction of imports (ARCHITECTURE.md, "Direction"): the tree keeps every contract, and each contract bites."""

import functools
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import Contract
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

from tests.architecture.tree import PACKAGE, ROOT

_RULES: dict[str, type[Contract]] = {
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}
configure()
_SETTINGS = read_user_options(str(ROOT / "pyproject.toml"))
_CONTRACTS: dict[str, dict[str, Any]] = {contract["id"]: contract for contract in _SETTINGS.contracts_options}


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


@functools.cache
def _graph() -> grimp.ImportGraph:
    """Who imports whom in the tree as it is, what is not ours included."""
    return grimp.build_graph(PACKAGE.name, include_external_packages=True, cache_dir=None)


def _planted(breach: Breach) -> grimp.ImportGraph:
    """The graph as it would be with these lines at the end of their files."""
    graph = deepcopy(_graph())
    # A contract about doors and drivers needs one of each, whatever the tree has by now.
    for name in ("door", "driver"):
        graph.add_module(f"{_V2}.{name}")
    for file, line in breach.lines.items():
        parts = [PACKAGE.name, *Path(file).with_suffix("").parts]
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for depth in range(2, len(parts) + 1):
            graph.add_module(".".join(parts[: depth - 1]))
        graph.add_module(module)
        imported = line.removeprefix("import ")
        if imported not in graph.modules:
            graph.add_module(imported, is_squashed=not imported.startswith(PACKAGE.name))
        graph.add_import(importer=module, imported=imported, line_number=1, line_contents=line)
    return graph


def _kept(contract: str, graph: grimp.ImportGraph) -> bool:
    settings = _CONTRACTS[contract]
    rule = _RULES[settings["type"]](settings["name"], _SETTINGS.session_options, settings)
    return bool(rule.check(graph, verbose=False).kept)


def test_the_tree_keeps_its_contracts() -> None:
    command: list[str | Path] = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert f"{len(_CONTRACTS)} kept, 0 broken" in outcome.stdout


@pytest.mark.parametrize("contract", _CONTRACTS)
def test_the_tree_alone_breaks_none(contract: str) -> None:
    assert _kept(contract, deepcopy(_graph()))


@pytest.mark.parametrize("breach", _BREACHES, ids=str)
def test_a_planted_breach_is_caught(breach: Breach) -> None:
    assert not _kept(breach.contract, _planted(breach))


def test_every_contract_has_a_breach_that_was_tried() -> None:
    assert {breach.contract for breach in _BREACHES} == set(_CONTRACTS)


def test_no_wire_is_forgotten() -> None:
    folders = {
        f"tillbridge.protocols.{folder.name}"
        for folder in (PACKAGE / "protocols").iterdir()
        if (folder / "__init__.py").exists()
    }
    assert set(_CONTRACTS["wires-apart"]["modules"]) == folders
