"""The settings of both sides: what is right by default, and what is refused with a reason."""

from typing import Any

import pytest
from pydantic import ValidationError

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.concert.v3.door import DOOR, SerialDoor, TcpDoor
from tillbridge.protocols.concert.v3.driver import DRIVER, ConcertV3Terminal
from tillbridge.protocols.concert.v3.lines import TcpLine
from tillbridge.protocols.concert.v3.opening import line_of
from tillbridge.protocols.concert.v3.personalities import PERSONALITIES, PersonalityName
from tillbridge.protocols.concert.v3.serial_lines import SerialLine
from tillbridge.protocols.concert.v3.settings import DoorSettings, DriverSettings, Ticket
from tillbridge.protocols.registry import door, driver
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.terminal import VirtualTerminal


def _driver(**values: Any) -> DriverSettings:
    return DriverSettings.model_validate(values)


def test_a_host_is_enough() -> None:
    settings = _driver(host="192.0.2.7")
    assert (settings.port, settings.version, settings.protocol_id) == (8888, "0300", "012345678901")
    assert (settings.partial, settings.cancel, settings.trailing_crlf) == (False, False, False)
    assert settings.send_reference
    assert settings.ticket is Ticket.NONE
    assert (settings.connect_timeout, settings.answer_timeout, settings.quiet_time) == (5.0, 180.0, 0.3)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"host": "h", "serial": {"port": "/dev/ttyUSB0"}},
        {"serial": {"port": "/dev/ttyUSB0"}, "trailing_crlf": True},
        {"host": ""},
        {"host": "h", "port": 0},
        {"host": "h", "version": "0400"},
        {"host": "h", "protocol_id": "123"},
        {"host": "h", "currencies": ["EUR", "XXX"]},
        {"host": "h", "application": "1"},
        {"host": "h", "quiet_time": 0},
        {"host": "h", "surprise": 1},
    ],
)
def test_a_wrong_driver_setting_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _driver(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"serial": {"port": "/dev/ttyUSB0"}, "pty": "/tmp/line"},  # noqa: S108 - a name that nothing opens
        {"port": 70000},
        {"personality": "nobody"},
        {"name": "Till One"},
        {"proof_of_delivery": "hope"},
        {"surprise": 1},
    ],
)
def test_a_wrong_door_setting_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DoorSettings.model_validate(values)


def test_a_door_listens_on_the_loopback_unless_told_otherwise() -> None:
    settings = DoorSettings()
    assert (settings.host, settings.port, settings.personality) == ("127.0.0.1", 8888, PersonalityName.PLAIN)


def test_every_personality_is_described() -> None:
    assert set(PERSONALITIES) == set(PersonalityName)


def test_the_settings_choose_the_line() -> None:
    async def main() -> None:
        assert isinstance(line_of(_driver(host="h")), TcpLine)
        assert isinstance(line_of(_driver(serial={"port": "/dev/ttyUSB0"})), SerialLine)
        assert isinstance(DRIVER.connect(_driver(host="h"), Runtime()), ConcertV3Terminal)
        desk = VirtualTerminal()
        assert isinstance(DOOR.open(DoorSettings(), desk, Runtime()), TcpDoor)
        on_pty = DoorSettings.model_validate({"pty": "/tmp/line"})  # noqa: S108 - a name that nothing opens
        assert isinstance(DOOR.open(on_pty, desk, Runtime()), SerialDoor)

    run_manual(main())


def test_the_settings_of_another_wire_are_refused() -> None:
    with pytest.raises(BridgeError) as caught:
        DRIVER.connect(DoorSettings(), Runtime())
    assert caught.value.code is Code.SETTINGS_INVALID
    with pytest.raises(BridgeError) as caught:
        DOOR.open(_driver(host="h"), VirtualTerminal(), Runtime())
    assert caught.value.code is Code.SETTINGS_INVALID


def test_both_are_found_by_their_names() -> None:
    assert driver("concert-v3") is DRIVER
    assert door("concert-v3") is DOOR
