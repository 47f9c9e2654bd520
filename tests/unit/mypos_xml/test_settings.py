"""What can be set, and what cannot."""

from typing import Any

import pytest
from pydantic import ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Recovery
from tillbridge.protocols.mypos_xml.settings import DoorSettings, DriverSettings
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.terminal import VirtualTerminal

ANYWHERE = "::"


@pytest.mark.parametrize(
    "given",
    [
        {"host": "192.168.1.20"},
        {"bluetooth": {"terminal": "00:11:22:AA:BB:CC"}},
        {"bluetooth": {"terminal": "myPOS Carbon", "channel": 3}},
        {"serial": {"port": "COM5"}},
        {"host": "x", "keep_alive": True, "layout": "lines", "receipt": "ON", "custrcpt": "AFTER_CONFIRMATION"},
    ],
)
def test_a_terminal_is_on_one_line(given: dict[str, Any]) -> None:
    settings = DriverSettings.model_validate({"currency": "EUR"} | given)
    assert settings.port == 51042
    assert (settings.refund_enabled, settings.preauth_enabled, settings.probe_by_connecting) == (False, False, False)
    driver = registry.driver("mypos-xml")
    assert driver.connect(settings, Runtime()).capabilities.recovery is Recovery.NONE


@pytest.mark.parametrize(
    "given",
    [
        {"currency": "EUR"},
        {"host": "x"},
        {"host": "x", "currency": "EURO"},
        {"host": "x", "currency": "XAU"},
        {"host": "x", "serial": {"port": "COM5"}, "currency": "EUR"},
        {"host": "x", "currency": "EUR", "decimals": 3},
        {"host": "x", "currency": "JPY", "decimals": 2},
        {"host": "x", "currency": "EUR", "half_close": True, "keep_alive": True},
        {"serial": {"port": "COM5"}, "currency": "EUR", "half_close": True},
        {"bluetooth": {"terminal": "x", "channel": 31}, "currency": "EUR"},
        {"bluetooth": {"terminal": "a\nb"}, "currency": "EUR"},
        {"host": "x", "currency": "EUR", "receipt": "MAYBE"},
        {"host": "x", "currency": "EUR", "unknown": 1},
    ],
    ids=str,
)
def test_a_terminal_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DriverSettings.model_validate(given)


def test_a_door_is_for_this_computer_unless_it_names_its_tills() -> None:
    assert DoorSettings(currency="HUF").host == "127.0.0.1"
    assert (
        DoorSettings.model_validate({"currency": "EUR", "bind": ANYWHERE, "allow_from": ["10.0.0.0/24"]}).port == 51042
    )
    with pytest.raises(ValidationError, match="allow_from"):
        DoorSettings.model_validate({"currency": "EUR", "host": ANYWHERE})
    DoorSettings.model_validate({"currency": "EUR", "host": ANYWHERE, "bluetooth": {"channel": 4}})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"currency": "EUR", "pty": "x", "serial": {"port": "COM1"}},
        {"currency": "EUR", "bluetooth": {"channel": 0}},
        {"currency": "EUR", "bluetooth": {"adapter": "hci0"}},
        {"currency": "EUR", "personality": {"preauth_refusal": 2}},
        {"currency": "EUR", "name": "Till 1"},
        {"currency": "EUR", "patience": 0},
    ],
    ids=str,
)
def test_a_door_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DoorSettings.model_validate(given)


def test_another_wires_settings_are_refused() -> None:
    with pytest.raises(BridgeError) as caught:
        registry.driver("mypos-xml").connect(DoorSettings(currency="EUR"), Runtime())
    assert caught.value.code is Code.SETTINGS_INVALID
    driver = DriverSettings(currency="EUR", host="x")
    with pytest.raises(BridgeError) as caught:
        registry.door("mypos-xml").open(driver, VirtualTerminal(runtime=Runtime()), Runtime())
    assert caught.value.code is Code.SETTINGS_INVALID
