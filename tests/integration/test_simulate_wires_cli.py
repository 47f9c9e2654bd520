"""`tillbridge simulate touchscreen` and `simulate mypos`: real processes, tills of plain HTTP and plain XML."""

import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.integration.raw_till import PATIENCE, RawLine
from tests.integration.simulators import refusal, simulated
from tests.integration.wire_tills import BASE, IDS, Touch, pay, values
from tests.support.shop import free_port
from tillbridge.virtual.ledger_file import read_rows


def test_a_touch_screen_terminal_takes_money_and_writes_it_down(tmp_path: Path) -> None:
    books = tmp_path / "books.jsonl"
    words = ("--port", "0", "--delay", "0", "--ledger", str(books), "--control", "127.0.0.1:0")
    with simulated("touchscreen", *words) as one:
        assert one.address.startswith("http://127.0.0.1:")
        till = Touch(one.address)
        paid, declined = till.sale(1250), till.sale(1291)
        assert (paid["responseCode"], paid["amount"]) == ("OK", 1250)
        assert declined["responseCode"] != "OK"
        assert one.control("/terminals/touchscreen/ledger")["balance"] == {"EUR": 1250}
        assert one.stop() == 0
    assert [(row.asked_minor, row.stage) for row in read_rows(books)] == [(1250, "approved"), (1291, "declined")]


def test_its_switches_are_those_of_the_command_line() -> None:
    words = ("--port", "0", "--control", "127.0.0.1:0", "--name", "bar", "--versions", "v6", "--terminal-id", "T42")
    switches = ("--busy", "locked", "--wrong-secret", "forbidden", "--unknown-id", "bad_request")
    with simulated("touchscreen", *words, *switches) as one:
        one.control("/terminals/bar/scenario", {"name": "manual"})
        till = Touch(one.address)
        payment, status, _ = till.begin(1250)
        assert status == 200
        assert till.begin(700)[1] == 423
        assert till.post("status", secureString="wrong", transactionId=payment)[0] == 403
        assert till.post("status", transactionId=next(IDS))[0] == 400
        assert Touch(one.address, "/paya").begin(700)[1] == 404
        with urllib.request.urlopen(f"{one.address}{BASE}/info", timeout=PATIENCE) as reply:  # noqa: S310
            assert "T42" in reply.read().decode()


def test_a_second_charge_is_in_its_books_where_that_is_asked_for() -> None:
    words = ("--port", "0", "--delay", "0", "--control", "127.0.0.1:0", "--duplicate", "second_charge")
    with simulated("touchscreen", *words) as one:
        till = Touch(one.address)
        payment, *_ = till.begin(1250)
        till.ended(payment)
        till.begin(1250, payment)
        till.ended(payment)
        assert one.control("/terminals/touchscreen/ledger")["balance"] == {"EUR": 2500}


@pytest.mark.parametrize("where", ["tcp", "pty"])
def test_a_mypos_terminal_takes_money_and_writes_it_down(tmp_path: Path, where: str) -> None:
    books, link = tmp_path / "books.jsonl", tmp_path / "line"
    at = ("--port", "0") if where == "tcp" else ("--pty", str(link))
    with simulated("mypos", *at, "--delay", "0", "--ledger", str(books)) as one:
        for minor, expected in ((1250, ("OK", None)), (1291, ("ERROR", "2"))):
            with RawLine.tcp(one.address) if where == "tcp" else RawLine.pty(link) as line:
                found = values(pay(line, minor))
                assert (found["result"], found.get("status")) == expected
        assert one.stop() == 0
    assert [(row.asked_minor, row.stage) for row in read_rows(books)] == [(1250, "approved"), (1291, "declined")]


def test_a_mypos_terminal_without_what_has_to_be_asked_for() -> None:
    words = (
        "--port",
        "0",
        "--delay",
        "0",
        "--no-refund",
        "--no-preauth",
        "--currency",
        "huf",
        "--control",
        "127.0.0.1:0",
    )
    with simulated("mypos", *words) as one:
        for root in ("refund", "preauth"):
            with RawLine.tcp(one.address) as line:
                assert values(pay(line, 100000, root))["result"] == "ERROR"
        assert one.control("/terminals/mypos/ledger")["balance"] == {}
        with RawLine.tcp(one.address) as line:
            assert values(pay(line, 100000))["result"] == "OK"
        assert one.control("/terminals/mypos/ledger")["balance"] == {"HUF": 100000}


def test_a_mypos_terminal_whose_button_nobody_presses() -> None:
    port = free_port()
    with simulated("mypos", "--port", str(port), "--button", "not_pressed") as one:
        assert one.address == f"127.0.0.1:{port}"
        with pytest.raises(ConnectionRefusedError):
            RawLine.tcp(one.address)
        assert one.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("wire", ["touchscreen", "mypos"])
def test_a_taken_port_is_named(wire: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in refusal(wire, "--port", str(port))
