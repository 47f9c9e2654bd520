"""What holds for every test: no unseeded chance, and one worker for whatever touches this computer's real things."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Examples come from the test's own source and not from chance: a run repeats exactly, here and on the build server.
# A slow shared computer is no reason to fail, so there is no deadline; pytest-timeout catches what hangs.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("repeatable")

_HERE = Path(__file__).parent
_REAL = {"acceptance": "processes", "browser": "processes", "integration": "processes"}
"""Folders whose tests start processes, open ports and watch the time: beside each other they would disturb their
figures, so that pytest-xdist gives each of these groups to one worker."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", help="the one seed that tests/simulation runs instead of its sample")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0]
        if folder in _REAL:
            item.add_marker(pytest.mark.xdist_group(_REAL[folder]))
