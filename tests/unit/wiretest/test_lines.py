"""When two settings lead to the same terminal, whatever wire each of them speaks."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from tillbridge.connector.wiretest.lines import line_at, lines_of, secrets_of
from tillbridge.protocols import registry


def of(wire: str, **settings: Any) -> frozenset[str]:
    return lines_of(registry.driver(wire).settings.model_validate(settings))


def test_another_computer_is_one_terminal_whatever_the_port_and_the_wire() -> None:
    assert of("concert-v3", host="10.0.0.5", port=8888) == of("concert-v2", tcp={"host": "10.0.0.5", "port": 9999})
    assert of("concert-v3", host="Till.Example.") == of("concert-v3", host="till.example")
    assert of("concert-v3", host="10.0.0.5") != of("concert-v3", host="10.0.0.6")


def test_on_this_computer_the_port_tells_terminals_apart() -> None:
    assert of("concert-v3", host="localhost", port=1) == of("concert-v3", host="127.0.0.1", port=1)
    assert of("concert-v3", host="localhost", port=1) != of("concert-v3", host="localhost", port=2)


def test_an_address_that_a_terminal_moved_to_is_spelled_alike() -> None:
    assert {line_at("Till.Example.:8888")} == of("concert-v3", host="till.example")
    assert {line_at("127.0.0.1:8888")} == of("concert-v3", host="localhost", port=8888)
    assert {line_at("[fe80::1%eth0]:8888")} == of("concert-v3", host="fe80::1%eth0")
    assert {line_at("[::1]:8888")} == of("concert-v3", host="::1", port=8888)


def test_a_serial_port_is_the_same_under_each_of_its_names(tmp_path: Path) -> None:
    real, link = tmp_path / "tty", tmp_path / "link"
    real.touch()
    link.symlink_to(real)
    assert of("concert-v2", serial={"port": str(real)}) == of("concert-v3", serial={"port": str(link)})


class Radio(BaseModel):
    bluetooth: str = "AA:BB:CC:00:11:22"
    url: str = "http://10.0.0.5:8080/x"
    token: SecretStr = SecretStr("t0ken")
    password: str = "word"
    register_number: str = "01"


def test_radio_and_web_addresses_are_lines_too() -> None:
    assert lines_of(Radio()) == {"bluetooth aa:bb:cc:00:11:22", "10.0.0.5"}


def test_passwords_are_found_wherever_they_stand() -> None:
    assert secrets_of(Radio()) == {"t0ken", "word"}


@pytest.mark.parametrize("wire", ["concert-v2", "concert-v3"])
def test_settings_without_passwords_have_none(wire: str) -> None:
    settings = {"concert-v2": {"serial": {"port": "/dev/ttyS0"}}, "concert-v3": {"host": "x"}}[wire]
    assert secrets_of(registry.driver(wire).settings.model_validate(settings)) == frozenset()
