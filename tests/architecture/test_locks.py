"""What is installed is what was locked: every package has its hash, and one environment can hold all the locks."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT, files, shown

_LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==(?P<version>[^ ;\\]+)", re.MULTILINE)
_ADDRESS = re.compile(r"https?://|--(?:extra-)?index-url|--find-links|git\+|file:")


def _pins(lock: Path) -> dict[str, str]:
    return {pin["name"]: pin["version"] for pin in _PIN.finditer(lock.read_text())}


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def _asked(requirements: list[Any]) -> set[str]:
    """The package names of a list of requirements; an included group is no package."""
    names = (re.match("[A-Za-z0-9._-]+", entry) for entry in requirements if isinstance(entry, str))
    return {re.sub("[-_.]+", "-", found.group()).lower() for found in names if found}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("lock", _LOCKS, ids=shown)
def test_every_pin_has_a_hash(lock: Path) -> None:
    text = lock.read_text()
    starts = [pin.start() for pin in _PIN.finditer(text)]
    assert starts
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        assert "--hash=sha256:" in text[start:end]


def test_no_lock_says_where_to_download_from() -> None:
    sources = [path for path in files() if path.parent.name == "requirements"]
    assert set(_LOCKS) <= set(sources)
    assert {shown(path): _ADDRESS.findall(path.read_text()) for path in sources} == {
        shown(path): [] for path in sources
    }


@pytest.mark.parametrize("name", ["connector", "build"])
def test_the_development_lock_holds_the_others(name: str) -> None:
    assert _pins(_lock(name)).items() <= _pins(_lock("dev")).items()


def test_the_locks_hold_all_that_is_asked_for(settings: dict[str, Any]) -> None:
    project, groups = settings["project"], settings["dependency-groups"]
    core, extras = project["dependencies"], project["optional-dependencies"]
    assert _asked(core + extras["connector"]) <= _pins(_lock("connector")).keys()
    assert _asked(groups["build"] + settings["build-system"]["requires"]) <= _pins(_lock("build")).keys()
    assert (
        _asked([*core, *extras["connector"], *extras["portal"], *groups["dev"], *groups["package"]])
        <= _pins(_lock("dev")).keys()
    )


def test_a_tills_computer_gets_no_development_tools() -> None:
    assert not {"pytest", "mypy", "ruff", "hypothesis", "uv", "hatchling"} & _pins(_lock("connector")).keys()


def test_the_peer_of_the_benchmark_is_no_dependency() -> None:
    for lock in ("connector", "build", "dev"):
        assert "pypostelium" not in _pins(_lock(lock))
    assert "pypostelium" in _pins(_lock("bench-peer"))


def test_every_dependency_has_its_reason(settings: dict[str, Any]) -> None:
    """docs/explanation/dependencies.md: one row for each package that pyproject.toml asks for, and no other."""
    project, groups = settings["project"], settings["dependency-groups"]
    asked = {
        "Always": _asked(project["dependencies"]),
        "`[connector]`": _asked(project["optional-dependencies"]["connector"]),
        "`[portal]`": _asked(project["optional-dependencies"]["portal"]),
        "Development": _asked(groups["dev"] + groups["build"] + groups["package"]),
    }
    page = (ROOT / "docs" / "explanation" / "dependencies.md").read_text()
    sections = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    told = {title: re.findall(r"^\| `([a-z0-9-]+)` \| [^|]{20,} \|$", body, re.MULTILINE) for title, body in sections}
    assert {title: sorted(told.get(title, [])) for title in asked} == {title: sorted(asked[title]) for title in asked}
