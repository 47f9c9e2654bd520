"""How the words of `tillbridge simulate` become a door and its settings."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tillbridge.cli.addresses import host_and_port
from tillbridge.cli.simulating import Line, Simulation, simulator
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
        ((None, "h:1", "e+"), "concert-v2", {"tcp": {"host": "h", "port": 1}, "dialect": "e+"}),
        ((Path("x"), None, "v3"), "concert-v3", {"pty": Path("x")}),
        ((None, "h:1", "v3"), "concert-v3", {"host": "h", "port": 1}),
    ],
)
def test_each_line_has_the_settings_of_its_wire(
    words: tuple[Path | None, str | None, str | None], wire: str, settings: dict[str, Any]
) -> None:
    line = Line.from_words(*words)
    assert (line.wire, line.settings()) == (wire, settings)
    registry.door(wire).settings.model_validate(settings)


@pytest.mark.parametrize("words", [(None, None, None), (Path("x"), "h:1", None)])
def test_one_line_is_needed(words: tuple[Path | None, str | None, str | None]) -> None:
    with pytest.raises(BridgeError, match="one of them"):
        Line.from_words(*words)


def test_windows_is_told_plainly_that_it_has_no_ptys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(BridgeError, match="Linux or macOS") as error:
        Line.from_words(Path("x"), None, None)
    assert error.value.place == "--pty"
    assert Line.from_words(None, "h:1", None).tcp == ("h", 1)


def test_a_wrong_scenario_leaves_the_books_to_the_next_simulator(tmp_path: Path) -> None:
    books = tmp_path / "books.jsonl"
    line = Line(tcp=("127.0.0.1", 0))
    for _ in range(2):
        with (
            pytest.raises(BridgeError, match="earthquake"),
            simulator(Simulation("one", line, scenario="earthquake", ledger=books), Runtime()),
        ):
            pass
