"""The command line itself: help, version, and how a command says that it cannot."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import tillbridge
import tillbridge.connector
import tillbridge.runtime.settings
from tests.support.shop import free_port
from tillbridge.cli.exits import Exit
from tillbridge.cli.main import app


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No connector of this computer is found, and what a command sets for its process is undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    before = os.umask(0o077)
    yield
    os.umask(before)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), prog_name="tillbridge")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("pay", "12.505"), Exit.USAGE, "has more decimals than the 2 of EUR"),
        (("pay", "twelve"), Exit.USAGE, "'twelve' is not an amount such as 10.23 or 10,23"),
        (("pay", "0"), Exit.USAGE, "AMOUNT: the least amount is 0.01 EUR"),
        (("pay", "0.00"), Exit.USAGE, "AMOUNT: the least amount is 0.01 EUR"),
        (("pay", "0", "--currency", "jpy"), Exit.USAGE, "AMOUNT: the least amount is 1 JPY"),
        (("pay", "9999999999999999"), Exit.USAGE, "AMOUNT: an amount lies between 0 and"),
        (("pay", "12.50", "--currency", "XYZ"), Exit.USAGE, "--currency: 'XYZ' is not an ISO 4217 currency code"),
        (("pay", "12.50", "--order-id", ""), Exit.USAGE, "--order-id: it must be at least 1 characters long"),
        (("pay", "12.50", "--order-id", "x" * 65), Exit.USAGE, "--order-id: it must be at most 64 characters long"),
        (("pay", "12.50", "--order-id", "a\nb"), Exit.USAGE, "--order-id: control characters and lone surrogates"),
        (("pay", "12.50", "--terminal", ""), Exit.USAGE, "--terminal: it must be at least 1 characters long"),
        (("pay", "12.50", "--driver", "unheard", "--tcp", "x:1"), Exit.USAGE, "--driver: there is no driver named"),
        (("pay", "1", "--driver", "concert", "--tcp", "x:1x"), Exit.USAGE, "--tcp: 'x:1x' is not HOST:PORT"),
        (("demo", "--port-offset", "60000"), Exit.USAGE, "--port-offset: it goes from 0 to 36647"),
        (("simulate", "concert"), Exit.USAGE, "--pty: give --pty LINK or --tcp HOST:PORT"),
        (("pay", "12.50", "--driver", "concert-v3"), Exit.USAGE, "give --serial PORT or --tcp HOST:PORT"),
        (("pay", "1", "--driver", "concert", "--tcp", "x:1"), Exit.USAGE, "in which folder the payment is journalled"),
        (("pay", "12.50"), Exit.REFUSED, "no connector of this user runs"),
        (("pay", "12.50", "--data", "empty"), Exit.REFUSED, "no connector runs on this data folder"),
        (("pay", "12.50", "--config", "gone.yml"), Exit.REFUSED, "gone.yml: the file cannot be read: No such file"),
        (("pay", "12.50", "--url", "nonsense"), Exit.USAGE, "'nonsense' is no address such as http://127.0.0.1:8380"),
        (
            ("pay", "12.50", "--url", "http://[::1"),
            Exit.REFUSED,
            "'http://[::1' is no address such as http://127.0.0.1",
        ),
        (("pay", "12.50", "--url", "http://127.0.0.1:9"), Exit.REFUSED, "no connector answers at http://127.0.0.1:9"),
        (("pay", "12.50", "--config", "a.yml", "--data", "d"), Exit.USAGE, "give --config or --data, not both"),
        (("pay",), Exit.USAGE, "AMOUNT: a sale needs an amount"),
        (("pay", "--kind", "authorization"), Exit.USAGE, "authorization needs an amount"),
        (("pay", "--kind", "refund"), Exit.USAGE, "AMOUNT: a refund needs an amount"),
        (("pay", "--kind", "capture"), Exit.USAGE, "--parent: a capture goes back to a payment"),
        (("pay", "5", "--kind", "void"), Exit.USAGE, "--parent: a void goes back to a payment"),
        (("pay", "5", "--kind", "reconciliation"), Exit.USAGE, "AMOUNT: a reconciliation has no amount"),
        (("pay", "5", "--parent", "0" * 32), Exit.USAGE, "--parent: a sale goes back to no earlier payment"),
        (("pay", "--kind", "void", "--parent", "that one"), Exit.USAGE, "--parent: 'that one' is no id of a payment"),
        (("pay", "--kind", "theft"), Exit.USAGE, "Invalid value for '--kind'"),
        (
            ("pay", "1", "--driver", "touchscreen", "--serial", "COM3"),
            Exit.USAGE,
            "--serial: touchscreen has no serial",
        ),
        (("pay", "1", "--driver", "virtual", "--tcp", "x:1"), Exit.USAGE, "--tcp: virtual has no TCP line"),
        (("payments", "list", "--since", "yesterday"), Exit.USAGE, "--since: 'yesterday' is no moment such as"),
        (("payments", "list", "--since", "0001-01-01"), Exit.USAGE, "--since: '0001-01-01' is no moment such as"),
        (("payments", "list", "--search", ""), Exit.USAGE, "--search: it must be at least 1 characters long"),
        (("payments", "list", "--order", "x" * 65), Exit.USAGE, "--order: it must be at most 64 characters long"),
        (("payments", "list", "--stage", "lost"), Exit.USAGE, "Invalid value for '--stage'"),
        (("simulate", "touchscreen", "--busy", "hm"), Exit.USAGE, "--busy: it must be one of: not_started, conflict"),
        (
            ("simulate", "touchscreen", "--confirm", "absent", "--early-result", "refused"),
            Exit.USAGE,
            "--confirm: without a confirmation nothing would ever give the result",
        ),
        (("simulate", "touchscreen", "--host", "192.0.2.1"), Exit.USAGE, "--host: a door without a password"),
        (("simulate", "touchscreen", "--allow-from", "here"), Exit.USAGE, "--allow-from: "),
        (("simulate", "touchscreen", "--port", "65536"), Exit.USAGE, "'--port'"),
        (("simulate", "touchscreen", "--confirm-seconds", "0"), Exit.USAGE, "--confirm-seconds: "),
        (("simulate", "touchscreen", "--scenario", "x"), Exit.USAGE, "--scenario: there is no scenario 'x'"),
        (("simulate", "mypos", "--currency", "XXY"), Exit.USAGE, "--currency: 'XXY' is not an ISO 4217 currency"),
        (("simulate", "mypos", "--decimals", "3"), Exit.USAGE, "EUR has only 2 decimals"),
        (("simulate", "mypos", "--button", "broken"), Exit.USAGE, "--button: it must be one of: pressed, each_time"),
        (("simulate", "mypos", "--preauth-refusal", "4"), Exit.USAGE, "--preauth-refusal: "),
        (("simulate", "mypos", "--pty", "x", "--channel", "1"), Exit.USAGE, "--channel: give --pty or --channel"),
        (("simulate", "mypos", "--channel", "31"), Exit.USAGE, "--channel: "),
        (("simulate", "mypos", "--host", "192.0.2.1"), Exit.USAGE, "--host: a door without a password"),
        (("payments", "list"), Exit.FAILED, "no connector of this user runs"),
        (("payments", "list", "--data", "gone"), Exit.FAILED, "gone: there is no such data folder"),
        (("connector", "run"), Exit.FAILED, "connector.yml: the file cannot be read"),
        (("connector", "console"), Exit.FAILED, "no connector of this user runs"),
        (("nonsense",), Exit.USAGE, "No such command"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    arguments: tuple[str, ...], code: Exit, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILLBRIDGE_KEY", "k" * 43)
    told = run(*arguments)
    assert told.exit_code == code, told.output
    assert words in re.sub(r"[\s│]+", " ", told.stderr)
    assert "Traceback" not in told.output
    assert told.stdout == ""


def test_check_warns_of_a_door_on_the_network_and_names_whom_it_serves(tmp_path: Path) -> None:
    port, console = free_port(), free_port()
    (tmp_path / "connector.yml").write_text(
        f"""data: data
console: {{port: {console}}}
engine: {{routes: [{{terminal: counter}}]}}
terminals:
  - name: counter
    driver: virtual
doors:
  - name: till
    door: touchscreen
    settings: {{host: 0.0.0.0, port: {port}, allow_from: [192.168.1.0/24]}}
  - name: cable
    door: concert-v3
    settings: {{pty: line}}
"""
    )
    told = run("connector", "check")
    lines = {" ".join(line.split()) for line in told.stdout.splitlines()}
    care = f"0.0.0.0:{port} is free; on the network without a password, for 192.168.1.0/24 alone"
    assert f"door touchscreen till take care {care}" in lines
    assert "door concert-v3 cable not checked its line is opened when the connector runs" in lines
    assert f"console well 127.0.0.1:{console} is free" in lines
    assert told.exit_code == 0


def test_check_finds_a_rule_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "connector.yml").write_text(
        f"data: data\nconsole: {{port: {free_port()}}}\nengine: {{routes: [{{terminal: countre}}]}}\n"
        "terminals: [{name: counter, driver: virtual}]\n"
    )
    told = run("connector", "check")
    assert told.exit_code == Exit.FAILED
    assert "engine.routes[0].terminal: there is no terminal 'countre'; did you mean 'counter'?" in told.stderr


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    run("payments", "list", "--data", "gone")
    assert not (tmp_path / "gone").exists()


def test_looking_makes_no_journal_in_another_folder(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    told = run("payments", "list", "--data", "photos")
    assert "photos: there is no journal in this folder" in told.stderr
    assert list(photos.iterdir()) == []


def test_a_fault_of_our_own_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("the card number 4970101234567890")

    monkeypatch.setattr("tillbridge.cli.looking.list_page", broken)
    told = run("payments", "list", "--data", ".")
    assert told.exit_code == Exit.FAILED
    assert told.stderr.startswith("tillbridge: a fault of tillbridge itself: ValueError.")
    assert "4970101234567890" not in told.output


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is imported anew below would stay behind as an attribute of these packages, apart from `sys.modules`.
    monkeypatch.setattr(tillbridge, "connector", tillbridge.connector)
    monkeypatch.setattr(tillbridge.runtime, "settings", tillbridge.runtime.settings)
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "tillbridge.cli.looking", raising=False)
    for name in [
        name for name in sys.modules if name.startswith(("tillbridge.connector", "tillbridge.runtime.settings"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "tillbridge.cli.finding", raising=False)
    told = run("payments", "list", "--data", ".")
    assert told.exit_code == Exit.FAILED
    assert "pip install 'tillbridge[connector]'" in told.stderr


@pytest.mark.parametrize("command", [(), ("pay",), ("payments",), ("connector",), ("simulate",), ("demo",)])
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    told = run(*command, "--help")
    assert told.exit_code == 0
    assert "Usage: " in told.stdout


def test_it_knows_its_version() -> None:
    assert run("--version").stdout == f"tillbridge {tillbridge.__version__}\n"


def test_a_reader_who_has_seen_enough_hears_of_no_fault() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tillbridge", "pay", "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
