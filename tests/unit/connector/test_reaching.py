"""Who reaches a door, and what `connector check` says of it."""

from pathlib import Path
from typing import Any

import pytest

from tillbridge.cli.checking import Line, Verdict, exposures
from tillbridge.connector.reaching import Listening, listening
from tillbridge.connector.settings_file import load_settings
from tillbridge.protocols import registry
from tillbridge.runtime.settings.secret_values import hash_password

TILLS = ["192.168.1.20", "10.0.0.0/24"]
NAMED = "on the network without a password, for 192.168.1.20/32, 10.0.0.0/24 alone"
LOGIN = {"api_username": "log", "api_password_hash": hash_password("pwd")}


@pytest.mark.parametrize(
    ("wire", "settings", "expected", "warning"),
    [
        ("concert-v2", {"tcp": {"port": 7}}, ("127.0.0.1", 7), ""),
        ("concert-v2", {"tcp": {"bind": "192.0.2.1", "port": 7, "allow_from": TILLS}}, ("192.0.2.1", 7), NAMED),
        ("concert-v2", {"pty": "x"}, None, ""),
        ("concert-v2", {"serial": {"port": "COM3"}}, None, ""),
        ("concert-v3", {}, ("127.0.0.1", 8888), ""),
        ("concert-v3", {"pty": "x"}, None, ""),
        ("concert-v3", {"host": "192.0.2.1", "allow_from": TILLS}, ("192.0.2.1", 8888), NAMED),
        ("touchscreen", {"host": "192.0.2.1", "allow_from": TILLS}, ("192.0.2.1", 33350), NAMED),
        ("mypos-xml", {"currency": "EUR"}, ("127.0.0.1", 51042), ""),
        ("mypos-xml", {"currency": "EUR", "bluetooth": {"channel": 3}}, None, ""),
        ("mypos-xml", {"currency": "EUR", "bind": "::", "allow_from": TILLS}, ("::", 51042), NAMED),
        ("hipay", LOGIN, ("localhost", 8080), ""),
        (
            "hipay",
            {"host": "192.0.2.1", **LOGIN},
            ("192.0.2.1", 8080),
            "on the network: login and payments travel there",
        ),
    ],
)
def test_where_a_door_listens_and_for_whom(
    wire: str, settings: dict[str, Any], expected: tuple[str, int] | None, warning: str
) -> None:
    at = listening(registry.door(wire).settings.model_validate(settings))
    assert (None if at is None else (at.host, at.port)) == expected
    if at is not None:
        assert at.warning.startswith(warning)
        assert bool(at.warning) is bool(warning)


def test_a_port_for_everybody_is_named_as_one() -> None:
    assert Listening("192.0.2.1", 80).warning == "on the network, for everybody who reaches it"


SETTINGS = """data: data
terminals:
  - {name: counter, driver: concert-v3, settings: {host: 192.168.1.50}}
doors:
  - {name: till, door: concert-v3, settings: {host: 192.0.2.1, allow_from: [192.168.1.20]}}
  - {name: here, door: touchscreen}
"""


def test_what_a_running_connector_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "connector.yml").write_text(SETTINGS)
    settings = load_settings(tmp_path / "connector.yml")
    care = "on the network without a password, for 192.168.1.20/32 alone"
    assert list(exposures(settings)) == [Line("door concert-v3", "till", Verdict.CARE, care)]
