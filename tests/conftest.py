"""What holds for every test: no unseeded chance, and one worker for whatever touches this computer's real things."""

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

_REAL: Final = frozenset({"acceptance", "browser", "integration"})
"""Folders whose tests start processes, open ports and watch the time: beside each other they would disturb each other,
so that one worker runs them all while another one does the rest."""

_IN_PROCESS: Final = (
    "test_api_keys",
    "test_api_lists",
    "test_api_metrics",
    "test_api_operations",
    "test_api_payments",
    "test_api_receipts",
    "test_api_refusals",
    "test_api_resume",
    "test_api_webhooks",
    "test_console_",
    "test_every_route",
    "test_portal_",
    "test_raw_",
    "test_terminal_addresses",
)
"""Tests of those folders that stay in their own process, on ports that the system chooses: they may run anywhere."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", help="the one seed that tests/simulation runs instead of its sample")


@pytest.fixture(scope="session", autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Connectors of the tests leave their notes where no command of this user's looks for one, nor they for his."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("running")))
        yield


class _RealOnOneWorker(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """By folder and not by pytest-xdist's own marks: since pytest 9.2 those are set too late to be seen."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        if path.parts[1:3] == ("browser", "portal"):
            # A portal and a browser of their own, started once: the other worker may have them.
            return "portal's browser"
        in_process = path.parts[1] == "integration" and path.name.startswith(_IN_PROCESS)
        return "real" if path.parts[1] in _REAL and not in_process else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _RealOnOneWorker(config, log)
