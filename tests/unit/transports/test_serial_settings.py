import re

import pytest
from pydantic import ValidationError

from tillbridge.transports.serial_line import LONGEST_PORT, SerialSettings, is_pty, list_ports


def test_the_usual_line_is_the_default() -> None:
    assert SerialSettings(port="/dev/ttyUSB0").line == "9600 8N1"
    assert SerialSettings(port="COM3", baud_rate=1200, data_bits=7, parity="even").line == "1200 7E1"
    assert SerialSettings(port="COM3", parity="odd", stop_bits=2).line == "9600 8O2"


@pytest.mark.parametrize("port", ["", "socket://10.0.0.1:99", "a\0b", "x" * (LONGEST_PORT + 1)])
def test_a_port_is_a_path_or_a_name(port: str) -> None:
    with pytest.raises(ValidationError, match="a port is a path"):
        SerialSettings(port=port)


@pytest.mark.parametrize(
    "wrong", [{"baud_rate": 9601}, {"data_bits": 6}, {"parity": "mark"}, {"stop_bits": 3}, {"xonxoff": True}]
)
def test_other_lines_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SerialSettings.model_validate({"port": "/dev/ttyUSB0", **wrong})


def test_settings_are_a_value() -> None:
    assert SerialSettings(port="a") == SerialSettings(port="a")
    assert hash(SerialSettings(port="a")) == hash(SerialSettings(port="a"))


@pytest.mark.parametrize("port", ["/dev/null", "/nowhere", "/dev", "COM3", "a\0b"])
def test_what_is_not_a_pty(port: str) -> None:
    assert not is_pty(port)


def test_the_ports_of_this_computer_are_listed_by_name() -> None:
    paths = [port.path for port in list_ports()]
    assert paths == sorted(paths)
    assert not any(re.match(r"/dev/(pts/|ptmx)", path) for path in paths)
    assert all(port.description for port in list_ports())
