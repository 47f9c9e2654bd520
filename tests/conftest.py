"""What holds for every test: no unseeded chance, and a file's tests one after another."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Examples come from the test's own source and not from chance: a run repeats exactly, here and on the build server.
# A slow shared computer is no reason to fail, so there is no deadline; pytest-timeout catches what hangs.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")


SAMPLED: Final = {
    "tests/browser/portal/test_every_language.py": 2,
    "tests/browser/portal/test_every_page.py": 3,
    "tests/browser/test_console_looks.py": 2,
    "tests/browser/test_console_pages.py": 2,
    "tests/integration/test_every_route.py": 3,
    "tests/integration/test_only_wires_in_use.py": 2,
}
"""Files that ask the same of everything there is, and of how much of it `make test` asks it: of one in so many."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Which ones goes by the test's name, so that each run asks the same; `make soak` asks all."""
    for item in items:
        one_in = SAMPLED.get(item.path.relative_to(item.config.rootpath).as_posix())
        if one_in is not None and "[" in item.nodeid and zlib.crc32(item.nodeid.encode()) % one_in:
            item.add_marker(pytest.mark.soak)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", help="the one seed of tests/simulation instead of its sample, and of tests/portal/storm")
    parser.addoption("--storm", help="redemptions of the long storms in tests/portal/storm")


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Connectors of the tests leave their notes where no command of this user's looks for one, nor they for his."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("running")))
        yield


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """A file's tests stay on one worker, one after another, so that what a file sets up is set up once.

    By file and not by pytest-xdist's own marks: since pytest 9.2 those are set too late to be seen. Files are handed
    out in the order of the folders, which has the long ones first: those that start processes and browsers.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        match Path(file).parts[1:3]:
            case ("browser", "portal"):
                return "one portal and one browser, started once"
            case ("acceptance", "test_readme.py" | "test_wheel.py"):
                return "one wheel, built and installed once"
            case ("integration", "test_kill9.py"):
                # Long walks, each with processes of its own.
                return nodeid
            case ("integration", "test_postman.py" | "test_postman_native.py"):
                # Both install the program that runs the collections.
                return "one installation of newman"
            case ("portal", "storm"):
                # The long ones take minutes each.
                return nodeid
            case ("matrix", _):
                # The cells of a pair are played together, at the first of them.
                return " / ".join(test.split(" / ")[:2])
            case _:
                return file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByFile(config, log)
