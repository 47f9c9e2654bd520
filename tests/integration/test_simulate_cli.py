"""`tillbridge simulate`: a real process, real lines, a till of plain bytes, and books that outlive a kill."""

import json
import signal
import socket
import urllib.error
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest

from tests.integration.raw_till import (
    ACK,
    ENQ,
    EOT,
    NAK,
    LineEnded,
    RawLine,
    ask,
    framed,
    hear,
    request,
    sale,
    tags,
    timed_sale,
    v3_request,
    v3_sale,
)
from tests.integration.simulators import Simulator, refusal, simulated
from tillbridge.virtual.ledger_file import read_rows


def simulate(*words: str) -> AbstractContextManager[Simulator]:
    return simulated("concert", *words)


def refused(*words: str) -> str:
    return refusal("concert", *words)


def test_sales_over_a_pty_are_in_the_books_and_on_the_screen(tmp_path: Path) -> None:
    link, books = tmp_path / "line", tmp_path / "books.jsonl"
    words = ("--pty", str(link), "--delay", "0", "--ledger", str(books), "--control", "127.0.0.1:0")
    with simulate(*words) as one, RawLine.pty(link) as line:
        assert one.address == str(link)
        assert sale(line, 1250) == ("0", 1250)
        assert sale(line, 700, plus=False) == ("0", 700)
        assert sale(line, 1291)[0] == "7"
        shown = one.control("/terminals/concert")
        assert (shown["screen"], shown["payment"]["stage"], shown["undelivered"]) == ("ended", "declined", [])
        assert one.control("/terminals/concert/ledger")["balance"] == {"EUR": 1950}
        assert one.stop() == 0
        assert not link.is_symlink()
    assert [(row.asked_minor, row.stage, row.register_number) for row in read_rows(books)] == [
        (1250, "approved", "01"),
        (700, "approved", "01"),
        (1291, "declined", "01"),
    ]


def test_the_control_api_plays_the_customer_and_the_next_scenario(tmp_path: Path) -> None:
    link = tmp_path / "line"
    with simulate("--pty", str(link), "--control", "127.0.0.1:0", "--name", "till-3") as one, RawLine.pty(link) as line:
        one.control("/terminals/till-3/scenario", {"name": "manual"})
        ask(line, 1250)
        shown = one.control("/terminals/till-3")
        assert (shown["screen"], shown["amount"]["text"]) == ("waiting_for_card", "12.50 EUR")
        one.control("/terminals/till-3/card", method="POST")
        one.control("/terminals/till-3/pin", method="POST")
        assert hear(line) == ("0", 1250)
        with pytest.raises(urllib.error.HTTPError) as error:
            one.control("/terminals/till-3/scenario", {"name": "earthquake"})
        problem = json.load(error.value)
        error.value.close()
        assert (error.value.code, problem["code"], problem["place"]) == (400, "field_invalid", "name")


def test_a_scenario_for_all_payments_goes_before_the_amount(tmp_path: Path) -> None:
    link = tmp_path / "line"
    with simulate("--pty", str(link), "--scenario", "customer_cancels"), RawLine.pty(link) as line:
        assert [sale(line, minor)[0] for minor in (1250, 1299)] == ["7", "7"]


@pytest.mark.parametrize("pace", [(), ("--baud", "115200")])
def test_a_line_that_drops_comes_back_and_the_money_stays_taken(tmp_path: Path, pace: tuple[str, ...]) -> None:
    link, books = tmp_path / "line", tmp_path / "books.jsonl"
    words = ("--pty", str(link), "--delay", "0", "--ledger", str(books), "--control", "127.0.0.1:0")
    with simulate(*words, *pace) as one:
        assert one.address == str(link)
        with RawLine.pty(link) as line:
            ask(line, 1295)
            with pytest.raises(LineEnded):
                line.exactly(1)
        (row,) = read_rows(books)
        assert (row.minor, row.movement) == (1295, "taken")
        assert one.control("/terminals/concert")["undelivered"] == [row.payment_id]
        with RawLine.pty(link) as line:
            assert sale(line, 1250) == ("0", 1250)
        assert one.control("/terminals/concert/ledger")["balance"] == {"EUR": 1295 + 1250}


@pytest.mark.parametrize("dialect", ["e", "e+"])
def test_a_dialect_of_v2_is_spoken_over_tcp_and_the_other_one_refused(dialect: str) -> None:
    words = ("--tcp", "127.0.0.1:0", "--dialect", dialect, "--delay", "0")
    with simulate(*words) as one, RawLine.tcp(one.address) as line:
        assert sale(line, 1250, plus=dialect == "e+") == ("0", 1250)
        line.write(ENQ)
        line.expect(ACK)
        line.write(request(1250, plus=dialect == "e"))
        line.expect(NAK)
        line.write(EOT)


def test_v3_is_spoken_over_tcp() -> None:
    with simulate("--tcp", "127.0.0.1:0", "--dialect", "v3", "--delay", "0", "--control", "127.0.0.1:0") as one:
        answer = v3_sale(one.address, 1250)
        assert (answer["AE"], int(answer["CB"]), answer["CF"]) == ("10", 1250, "ref7")
        refusal = v3_sale(one.address, 1291)
        assert (refusal["AE"], refusal["AF"][:2]) == ("01", "04")
        (row, _) = one.control("/terminals/concert/ledger")["rows"]
        assert "ref7" in row["notes"].values()


def test_a_v3_terminal_has_the_manner_that_is_asked_for() -> None:
    words = ("--tcp", "127.0.0.1:0", "--dialect", "v3", "--delay", "0", "--personality", "payxpert")
    with simulate(*words) as one:
        answer = v3_sale(one.address, 1250)
        assert (answer["AE"], answer["AF"], answer["CZ"]) == ("10", "01", "0320")


def test_v3_is_spoken_in_the_frames_of_a_serial_line(tmp_path: Path) -> None:
    link = tmp_path / "line"
    with simulate("--pty", str(link), "--dialect", "v3", "--delay", "0"), RawLine.pty(link) as line:
        line.write(ENQ)
        line.expect(ACK)
        line.write(framed(v3_request(1250)))
        line.expect(ACK)
        line.write(EOT)
        line.expect(ENQ)
        line.write(ACK)
        answer = b""
        while not answer[:-1].endswith(b"\x03"):
            answer += line.exactly(1)
        line.write(ACK)
        line.expect(EOT)
        assert answer == framed(answer[1:-2])
        assert tags(answer[1:-2])["AE"] == "10"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_also_in_the_middle_of_a_payment(tmp_path: Path, how: signal.Signals) -> None:
    link = tmp_path / "line"
    with simulate("--pty", str(link), "--scenario", "manual") as one, RawLine.pty(link) as line:
        ask(line, 1250)
        assert one.stop(how) == 0
        assert one.process.stdout is not None
        assert one.process.stdout.read() == "Stopped.\n"
        assert not link.is_symlink()


def test_the_books_survive_a_kill_and_are_read_again(tmp_path: Path) -> None:
    link, books = tmp_path / "line", tmp_path / "books.jsonl"
    words = ("--pty", str(link), "--delay", "0", "--ledger", str(books), "--control", "127.0.0.1:0")
    with simulate(*words) as one, RawLine.pty(link) as line:
        assert sale(line, 1250) == ("0", 1250)
        ask(line, 1297)
        one.control("/terminals")
        one.stop(signal.SIGKILL)
    assert [row.minor for row in read_rows(books)] == [1250, 1297]
    with simulate(*words) as one, RawLine.pty(link) as line:
        assert sale(line, 100) == ("0", 100)
        assert one.control("/terminals/concert/ledger")["balance"] == {"EUR": 1250 + 1297 + 100}


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        assert where in refused("--tcp", where)
        assert where in refused("--tcp", where, "--dialect", "v3")
        assert where in refused("--tcp", where, "--baud", "9600")
        assert where in refused("--tcp", "127.0.0.1:0", "--control", where)


def test_a_ledger_that_another_simulator_uses_is_named(tmp_path: Path) -> None:
    books = tmp_path / "books.jsonl"
    with simulate("--tcp", "127.0.0.1:0", "--ledger", str(books)):
        assert str(books) in refused("--tcp", "127.0.0.1:0", "--ledger", str(books))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--pty LINK or --tcp"),
        (("--tcp", "127.0.0.1:0", "--pty", "x"), "--pty LINK or --tcp"),
        (("--tcp", "nowhere"), "--tcp: 'nowhere' is not HOST:PORT"),
        (("--tcp", "127.0.0.1:99999"), "--tcp: a port is at most 65535, not 99999"),
        (("--tcp", "::1:80"), "is not HOST:PORT"),
        (("--tcp", "127.0.0.1:0", "--control", "8680"), "--control: '8680' is not HOST:PORT"),
        (("--tcp", "127.0.0.1:0", "--scenario", "earthquake"), "--scenario: there is no scenario 'earthquake'"),
        (("--tcp", "127.0.0.1:0", "--delay", "-1"), "delay"),
        (("--tcp", "127.0.0.1:0", "--baud", "1"), "baud"),
        (("--tcp", "127.0.0.1:0", "--dialect", "v4"), "dialect"),
        (
            ("--tcp", "127.0.0.1:0", "--dialect", "v3", "--personality", "odd"),
            "--personality: it must be one of: plain",
        ),
        (("--tcp", "192.0.2.1:0"), "--tcp: a door without a password that listens beyond this computer"),
        (("--tcp", "192.0.2.1:0", "--allow-from", "10.0.0.0/33"), "--allow-from: "),
        (("--pty", "/nowhere/line"), "/nowhere/line"),
    ],
)
def test_a_wrong_word_is_told_and_nothing_starts(words: tuple[str, ...], told: str) -> None:
    assert told in refused(*words)


def test_a_file_in_the_place_of_the_link_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "line"
    link.write_text("mine")
    assert str(link) in refused("--pty", str(link))
    assert link.read_text() == "mine"


BAUD: Final = 9600
DIALOGUE_BYTES: Final = 1 + 1 + 37 + 1 + 1 + 1 + 1 + 28 + 1 + 1
"""ENQ, ACK, the request, ACK, EOT; then ENQ, ACK, the reply, ACK, EOT."""


@pytest.mark.parametrize("where", ["pty", "tcp"])
def test_a_slow_line_takes_the_time_of_its_bytes(tmp_path: Path, where: str) -> None:
    link = tmp_path / "line"
    words = ("--pty", str(link)) if where == "pty" else ("--tcp", "127.0.0.1:0")
    with (
        simulate(*words, "--delay", "0", "--baud", str(BAUD)) as one,
        RawLine.pty(link) if where == "pty" else RawLine.tcp(one.address) as line,
    ):
        ideal = DIALOGUE_BYTES * 10 / BAUD
        taken = [timed_sale(line, 1250) for _ in range(5)]
        # The till itself and the system's timers may add a little, but nothing may be quicker than the line. Of all of
        # them together: a sale makes up for what a busy computer was late with at the end of the one before.
        assert min(taken) < ideal * 1.25
        assert sum(taken) > len(taken) * ideal * 0.98
