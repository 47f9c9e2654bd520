"""What a person may set for a touch-screen terminal."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tests.support.touchscreen import door_settings, driver_settings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.touchscreen.door import DOOR
from tillbridge.protocols.touchscreen.driver import DRIVER
from tillbridge.protocols.touchscreen.profile import built_in
from tillbridge.protocols.touchscreen.settings import DEFAULT_PORT, DriverSettings, addresses
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.virtual.terminal import VirtualTerminal


def test_the_ports_are_the_profiles() -> None:
    assert built_in().port == DEFAULT_PORT == door_settings().port
    assert driver_settings().port is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"host": "a b"},
        {"host": "http://x"},
        {"host": "x/y"},
        {"host": "user@host"},
        {"port": 0},
        {"currencies": ["EURO"]},
        {"currency": "XXX1"},
        {"search": ["10.0.0.0/16"]},
        {"search": ["10.0.0.0/x"]},
        {"search": ["x y"]},
        {"search": ["10.0.0.0/25", "10.0.1.0/25", "10.0.2.0/28"]},
        {"unknown": 1},
        {"terminal_id": ""},
    ],
    ids=str,
)
def test_a_wrong_setting_of_a_terminal_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        driver_settings(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70000},
        {"name": "A B"},
        {"personality": {"busy": "perhaps"}},
        {"patience": -1},
        {"confirm_seconds": 0},
        {"personality": {"confirm": "absent", "early_result": "refused"}},
        {"allow_from": ["10.0.0.300"]},
        {"bind": "192.168.1.5"},
        {"host": "::"},
    ],
    ids=str,
)
def test_a_wrong_setting_of_a_door_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        door_settings(**wrong)


@pytest.mark.parametrize("host", ["192.168.1.50", "terminal.local", "fe80::1", "t"])
def test_hosts(host: str) -> None:
    assert driver_settings(host=host).host == host


def test_networks_become_addresses() -> None:
    assert addresses(("10.0.0.0/30", "till.local", "10.0.0.1")) == ("10.0.0.1", "10.0.0.2", "till.local")
    assert len(addresses(("192.168.1.0/24",))) == 254
    assert addresses(("10.0.0.7/32",)) == ("10.0.0.7",)


def test_the_password_is_never_shown() -> None:
    settings = driver_settings(secret="topsecret")
    assert "topsecret" not in repr(settings)
    assert "topsecret" not in settings.model_dump_json()


class Strange(BaseModel):
    """Settings of something else."""


def test_other_settings_are_refused() -> None:
    async def main() -> None:
        strange = Strange()
        with pytest.raises(BridgeError, match="not the settings of a touch-screen"):
            DRIVER.connect(strange, manual_runtime())
        with pytest.raises(BridgeError, match="not the settings of a touch-screen"):
            DOOR.open(strange, VirtualTerminal(runtime=manual_runtime()), manual_runtime())

    run_manual(main())


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        gone = tmp_path / "gone.toml"
        with pytest.raises(BridgeError) as error:
            DRIVER.connect(DriverSettings(host="terminal", profile=gone), manual_runtime())
        assert (error.value.code, error.value.place) == (Code.SETTINGS_INVALID, str(gone))

    run_manual(main())
