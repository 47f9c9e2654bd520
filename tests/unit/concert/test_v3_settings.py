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


BOTH_LINES = {"host": "h", "serial": {"port": "/dev/ttyUSB0"}}
NO_LINE_ENDS = {"serial": {"port": "/dev/ttyUSB0"}, "trailing_crlf": True}


@pytest.mark.parametrize(
    ("values", "place", "words"),
    [
        ({}, (), "give either host (and port) or serial"),
        (BOTH_LINES, (), "give either host (and port) or serial"),
        (NO_LINE_ENDS, (), "trailing_crlf is for TCP"),
        ({"host": ""}, ("host",), "at least 1 character"),
        ({"host": "h", "port": 0}, ("port",), "greater than or equal to 1"),
        ({"host": "h", "port": "serial"}, ("port",), "integer"),
        ({"host": "h", "version": "0400"}, ("version",), "'0300', '0301', '0310' or '0320'"),
        ({"host": "h", "protocol_id": "123"}, ("protocol_id",), "[0-9]{12}"),
        ({"host": "h", "currencies": ["EUR", "XXX"]}, (), "not ISO 4217 currency codes: XXX"),
        ({"host": "h", "application": "1"}, ("application",), "[0-9A-Z]{3}"),
        ({"host": "h", "ticket": "yes"}, ("ticket",), "'none', 'customer', 'merchant' or 'both'"),
        ({"host": "h", "quiet_time": 0}, ("quiet_time",), "0.05"),
        ({"host": "h", "connect_timeout": 0}, ("connect_timeout",), "greater than 0"),
        ({"host": "h", "answer_timeout": 901}, ("answer_timeout",), "900"),
        ({"host": "h", "service_timeout": 61}, ("service_timeout",), "60"),
        ({"serial": {}}, ("serial", "port"), "required"),
        ({"host": "h", "surprise": 1}, ("surprise",), "not permitted"),
    ],
)
def test_a_wrong_driver_setting_is_refused_by_name(values: dict[str, Any], place: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _driver(**values)
    _assert_named(caught.value, place, words)


@pytest.mark.parametrize(
    ("values", "place", "words"),
    [
        (
            {"serial": {"port": "/dev/ttyUSB0"}, "pty": "/tmp/line"},  # noqa: S108 - a name that nothing opens
            (),
            "give either serial or pty",
        ),
        ({"host": ""}, ("host",), "at least 1 character"),
        ({"port": 70000}, ("port",), "65535"),
        ({"personality": "nobody"}, ("personality",), "'plain'"),
        ({"name": "Till One"}, ("name",), "a-z0-9"),
        ({"proof_of_delivery": "hope"}, ("proof_of_delivery",), "'close' or 'write'"),
        ({"quiet_time": 10}, ("quiet_time",), "less than or equal to 5"),
        ({"incomplete_time": 0}, ("incomplete_time",), "0.1"),
        ({"surprise": 1}, ("surprise",), "not permitted"),
    ],
)
def test_a_wrong_door_setting_is_refused_by_name(values: dict[str, Any], place: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DoorSettings.model_validate(values)
    _assert_named(caught.value, place, words)


def _assert_named(refusal: ValidationError, place: tuple[str, ...], words: str) -> None:
    """One wrong place is one error, which says where it is and what would be right."""
    (error,) = refusal.errors()
    assert error["loc"] == place
    assert words in error["msg"]


def test_a_door_listens_on_the_loopback_unless_told_otherwise() -> None:
    settings = DoorSettings()
    assert (settings.host, settings.port, settings.personality) == ("127.0.0.1", 8888, PersonalityName.PLAIN)


def test_every_personality_is_described() -> None:
    assert set(PERSONALITIES) == set(PersonalityName)


def test_the_settings_choose_the_line() -> None:
    async def main() -> None:
        assert isinstance(line_of(_driver(host="h"))[0], TcpLine)
        assert isinstance(line_of(_driver(serial={"port": "/dev/ttyUSB0"}))[0], SerialLine)
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
