"""What the command line's words mean, before anything is started."""

from pathlib import Path

import pytest
import typer

from tillbridge.cli.driver_options import terminal_from_options
from tillbridge.cli.places import Where, where
from tillbridge.domain.errors import BridgeError, Code


def test_a_terminal_on_a_serial_line() -> None:
    terminal = terminal_from_options("concert", "/dev/ttyUSB0", None, None)
    assert terminal is not None
    assert (terminal.name, terminal.wire) == ("counter", "concert-v2")
    assert terminal.settings.model_dump()["serial"]["port"] == "/dev/ttyUSB0"


@pytest.mark.parametrize("driver", ["concert", "concert-v2", "concert-v3"])
def test_a_terminal_on_tcp(driver: str) -> None:
    terminal = terminal_from_options(driver, None, "[2001:db8::1]:8888", "bar")
    assert terminal is not None
    assert terminal.name == "bar"
    settings = terminal.settings.model_dump()
    address = settings if driver == "concert-v3" else settings["tcp"]
    assert (address["host"], address["port"]) == ("2001:db8::1", 8888)


def test_no_driver_means_no_terminal() -> None:
    assert terminal_from_options(None, None, None, "bar") is None


@pytest.mark.parametrize(
    ("driver", "serial", "tcp", "words"),
    [
        (None, "COM3", None, "--driver: say which driver"),
        (None, None, "a:1", "--driver: say which driver"),
        ("concert", None, None, "--driver: give --serial PORT or --tcp HOST:PORT"),
        ("concert", "COM3", "a:1", "--driver: give --serial PORT or --tcp HOST:PORT"),
        ("concert", None, "nowhere", "--tcp: 'nowhere' is not HOST:PORT"),
        ("concert", None, "host:", "--tcp: 'host:' is not HOST:PORT"),
        ("concert", None, "host:99999", "--tcp: a port is at most 65535, not 99999"),
        ("concert", "tcp://x", None, "--serial: a port is a path such as /dev/ttyUSB0"),
        ("unheard", "COM3", None, "--driver: there is no driver named 'unheard'"),
    ],
)
def test_what_does_not_fit_is_refused(driver: str | None, serial: str | None, tcp: str | None, words: str) -> None:
    with pytest.raises(BridgeError) as caught:
        terminal_from_options(driver, serial, tcp, None)
    assert caught.value.code is Code.SETTINGS_INVALID
    assert words in str(caught.value)


def test_settings_in_the_own_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert where(None, None) == Where()
    (tmp_path / "connector.yml").write_text("")
    assert where(None, None) == Where(config=Path("connector.yml"))
    assert where(None, Path("d")) == Where(data=Path("d"))
    assert where(None, None, "http://localhost:1") == Where(url="http://localhost:1")


def test_settings_and_a_folder_contradict_each_other() -> None:
    with pytest.raises(typer.BadParameter):
        where(Path("a.yml"), Path("d"))
