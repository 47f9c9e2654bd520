"""Settings of Concert V2: what is refused, and what the defaults are."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.concert_v2 import door_settings, driver_settings
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry
from tillbridge.protocols.concert.v2.door import DOOR
from tillbridge.protocols.concert.v2.driver import DRIVER
from tillbridge.protocols.concert.v2.machine import Count, Deadline
from tillbridge.protocols.concert.v2.messages import Dialect
from tillbridge.protocols.concert.v2.settings import DoorSettings, DriverSettings, Timers, turnaround
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.terminal import VirtualTerminal

PORT = {"port": "/dev/ttyS9"}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"serial": PORT, "tcp": {"host": "h", "port": 1}},
        {"tcp": {"host": "h"}},
        {"tcp": {"host": "h", "port": 0}},
        {"tcp": {"host": "", "port": 1}},
        {"serial": PORT, "register": "00"},
        {"serial": PORT, "register": "1"},
        {"serial": PORT, "dialect": "v3"},
        {"serial": PORT, "turnaround": 2},
        {"serial": PORT, "timers": {"ack": 0}},
        {"serial": PORT, "timers": {"enq_attempts": 0}},
        {"serial": PORT, "unknown": 1},
    ],
    ids=str,
)
def test_wrong_settings_of_a_driver(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DriverSettings.model_validate(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"pty": "line", "tcp": {"port": 1}},
        {"tcp": {"host": "127.0.0.1"}},
        {"tcp": {"port": 1}, "name": "has space"},
        {"tcp": {"port": 1}, "dialect": "x"},
    ],
    ids=str,
)
def test_wrong_settings_of_a_door(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DoorSettings.model_validate(wrong)


def test_defaults() -> None:
    settings = DriverSettings.model_validate({"serial": PORT})
    assert settings.dialect is Dialect.E_PLUS
    assert settings.serial is not None
    assert settings.serial.line == "9600 8N1"
    assert not settings.ask_card_report
    assert not settings.nepting_receipt
    assert settings.timers == Timers()
    door = DoorSettings.model_validate({"tcp": {"port": 0}})
    assert door.tcp is not None
    assert door.tcp.host == "127.0.0.1"


def test_every_wait_and_every_count_has_a_length() -> None:
    assert Timers().waits.keys() == set(Deadline)
    assert Timers().limits.keys() == set(Count)


def test_the_pause_before_answers_is_for_real_serial_ports() -> None:
    assert turnaround(DriverSettings.model_validate({"serial": PORT})) == 0.05
    assert turnaround(DriverSettings.model_validate({"serial": PORT, "turnaround": 0.2})) == 0.2
    assert turnaround(DriverSettings.model_validate({"serial": PORT, "turnaround": 0})) == 0
    assert turnaround(driver_settings()) == 0
    assert turnaround(door_settings()) == 0
    assert turnaround(DoorSettings(pty=Path("somewhere"))) == 0


def test_driver_and_door_are_found_by_name_and_take_their_own_settings_only() -> None:
    assert registry.driver("concert-v2") is DRIVER
    assert registry.door("concert-v2") is DOOR
    assert (DRIVER.settings, DOOR.settings) == (DriverSettings, DoorSettings)
    with pytest.raises(BridgeError) as wrong_driver:
        DRIVER.connect(Timers(), Runtime())
    with pytest.raises(BridgeError) as wrong_door:
        DOOR.open(Timers(), VirtualTerminal(), Runtime())
    assert wrong_driver.value.code is wrong_door.value.code is Code.SETTINGS_INVALID
