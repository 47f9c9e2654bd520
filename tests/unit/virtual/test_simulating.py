"""How the words of `tillbridge simulate` become a door and its settings."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tillbridge.cli.addresses import host_and_port
from tillbridge.cli.simulated_lines import ConcertLine, DoorLine
from tillbridge.cli.simulating import Simulation, simulator
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols import registry
from tillbridge.runtime.effects import Runtime


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8888", ("127.0.0.1", 8888)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_is_read(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text, "--tcp") == expected


@pytest.mark.parametrize("text", ["", ":", "host", "host:", ":80", "host:x", "host:-1", "host:65536", "::1:80", "h:٣"])
def test_what_is_no_address_is_refused_by_the_name_of_its_option(text: str) -> None:
    with pytest.raises(BridgeError) as error:
        host_and_port(text, "--control")
    assert (error.value.code, error.value.place) == (Code.SETTINGS_INVALID, "--control")


@pytest.mark.parametrize(
    ("words", "wire", "settings"),
    [
        ((Path("x"), None, None), "concert-v2", {"pty": Path("x")}),
        ((Path("x"), None, "e"), "concert-v2", {"pty": Path("x"), "dialect": "e"}),
        ((None, "[::1]:1", "e+"), "concert-v2", {"tcp": {"host": "::1", "port": 1}, "dialect": "e+"}),
        ((Path("x"), None, "v3"), "concert-v3", {"pty": Path("x")}),
        ((None, "localhost:1", "v3"), "concert-v3", {"host": "localhost", "port": 1}),
    ],
)
def test_each_line_has_the_settings_of_its_wire(
    words: tuple[Path | None, str | None, str | None], wire: str, settings: dict[str, Any]
) -> None:
    line = ConcertLine.from_words(*words)
    assert (line.wire, line.settings()) == (wire, settings)
    registry.door(wire).settings.model_validate(settings)


@pytest.mark.parametrize("words", [(None, None, None), (Path("x"), "h:1", None)])
def test_one_line_is_needed(words: tuple[Path | None, str | None, str | None]) -> None:
    with pytest.raises(BridgeError, match="one of them"):
        ConcertLine.from_words(*words)


def test_windows_is_told_plainly_that_it_has_no_ptys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(BridgeError, match="Linux or macOS") as error:
        ConcertLine.from_words(Path("x"), None, None)
    assert error.value.place == "--pty"
    assert ConcertLine.from_words(None, "h:1", None).tcp == ("h", 1)


def test_networks_and_a_manner_are_settings_of_the_door() -> None:
    v3 = ConcertLine.from_words(None, "192.0.2.1:1", "v3", allow_from=("10.0.0.0/8",), personality="i2200")
    assert v3.settings() == {"host": "192.0.2.1", "port": 1, "allow_from": ("10.0.0.0/8",), "personality": "i2200"}
    v2 = ConcertLine.from_words(None, "192.0.2.1:1", None, allow_from=("10.0.0.0/8",))
    assert v2.settings() == {"tcp": {"host": "192.0.2.1", "port": 1, "allow_from": ("10.0.0.0/8",)}}
    for line in (v2, v3):
        registry.door(line.wire).settings.model_validate(line.settings())


@pytest.mark.parametrize(
    ("words", "more", "place"),
    [
        ((Path("x"), None, None), {"allow_from": ("10.0.0.0/8",)}, "--allow-from"),
        ((None, "h:1", None), {"personality": "plain"}, "--personality"),
    ],
)
def test_what_means_nothing_on_a_line_is_refused(
    words: tuple[Path | None, str | None, str | None], more: dict[str, Any], place: str
) -> None:
    with pytest.raises(BridgeError) as error:
        ConcertLine.from_words(*words, **more)
    assert error.value.place == place


def test_settings_inside_another_are_put_there_and_what_was_not_given_is_left_out() -> None:
    line = DoorLine("w", "words", {"port": 0, "allow_from": None, "personality.busy": "locked", "bluetooth.channel": 3})
    assert line.settings() == {"port": 0, "personality": {"busy": "locked"}, "bluetooth": {"channel": 3}}


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        (("port",), "--port"),
        (("personality", "wrong_secret"), "--wrong-secret"),
        (("allow_from", 0, "IPvAnyNetwork"), "--allow-from"),
        (("personality",), "--wrong-secret"),
        ((), "--host"),
        (("name",), "--host"),
    ],
)
def test_a_setting_is_blamed_by_the_name_of_its_option(setting: tuple[int | str, ...], option: str) -> None:
    given = {"port": 0, "allow_from": ["x"], "personality.busy": None, "personality.wrong_secret": "x"}
    assert DoorLine("w", "words", given).option(setting) == option


def test_a_slowed_down_line_is_for_this_computer_alone() -> None:
    line = ConcertLine(tcp=("192.0.2.1", 0), allow_from=("10.0.0.0/8",))
    with (
        pytest.raises(BridgeError, match="this computer alone") as error,
        simulator(Simulation("one", line, baud_rate=9600), Runtime()),
    ):
        pass
    assert error.value.place == "--baud"


def test_a_wrong_scenario_leaves_the_books_to_the_next_simulator(tmp_path: Path) -> None:
    books = tmp_path / "books.jsonl"
    line = ConcertLine(tcp=("127.0.0.1", 0))
    for _ in range(2):
        with (
            pytest.raises(BridgeError, match="earthquake"),
            simulator(Simulation("one", line, scenario="earthquake", ledger=books), Runtime()),
        ):
            pass
