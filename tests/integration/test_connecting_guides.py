"""The pages on how to connect tills and terminals, followed with this test's addresses: they take payments."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.integration.raw_till import RawLine, sale, v3_sale
from tests.integration.simulators import Simulator, simulated
from tests.integration.wire_tills import Touch, pay, values
from tests.support.guide import blocks, run
from tests.support.shop import free_port
from tests.support.warm import command
from tillbridge.runtime.settings.secret_values import hash_password
from tillbridge.virtual.ledger_file import read_rows

CONCERT = "how-to/connect-a-concert-till.md"
TOUCH = "how-to/connect-a-touch-screen-terminal.md"
MYPOS = "how-to/connect-a-mypos-terminal.md"
TILLS = "how-to/connect-a-till-of-a-terminal-maker.md"
MANY = "how-to/many-terminals-and-tills.md"

SIMULATED = {
    "touchscreen": ("touchscreen", "--port", "0"),
    "mypos-xml": ("mypos", "--port", "0"),
    "concert-v3": ("concert", "--dialect", "v3", "--tcp", "127.0.0.1:0"),
}


class Shop:
    """A page's settings at work in a folder; terminals by name are simulators with books."""

    def __init__(self, folder: Path, settings: dict[str, Any], terminals: dict[str, Simulator]) -> None:
        self.folder = folder
        self.settings = settings
        self.terminals = terminals

    def books(self, terminal: str) -> list[tuple[str, int]]:
        return [(row.movement, row.minor) for row in read_rows(self.folder / f"{terminal}.jsonl")]

    def at(self, door: str) -> str:
        """Where this door listens."""
        (found,) = (one["settings"] for one in self.settings["doors"] if one["name"] == door)
        return f"127.0.0.1:{found['port']}"

    def command(self, words: str) -> list[str]:
        return run(words, self.folder)


Change = Callable[[dict[str, Any]], None]


@contextmanager
def shop(page: str, number: int, folder: Path, change: Change = lambda _: None) -> Iterator[Shop]:
    """The settings of this example, with simulators at the ends of their lines and ports of this computer."""
    text = re.sub(r"\bHASH\b", hash_password("pwd"), blocks(page, "yaml")[number])
    settings = yaml.safe_load(text)
    with ExitStack() as stack:
        terminals = {}
        for one in settings["terminals"]:
            if one["driver"] in SIMULATED:
                words = (*SIMULATED[one["driver"]], "--delay", "0", "--ledger", str(folder / f"{one['name']}.jsonl"))
                terminals[one["name"]] = stack.enter_context(simulated(*words))
                port = int(terminals[one["name"]].address.rpartition(":")[2])
                one["settings"] |= {"host": "127.0.0.1", "port": port}
        for one in settings["doors"]:
            if not one["settings"].keys() & {"pty", "serial"}:
                one["settings"] |= {"host": "127.0.0.1", "port": free_port()}
        settings["console"] = {"port": free_port()}
        change(settings)
        (folder / "connector.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
        yield Shop(folder, settings, terminals)


@contextmanager
def connector(one: Shop) -> Iterator[None]:
    """The connector of these settings, taking payments."""
    run = command("connector", "run", "--config", "connector.yml")
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(one.folder), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        run, cwd=one.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready: "):
                    break
            assert process.poll() is None, said
            yield
        finally:
            process.kill()


def test_a_concert_till_on_a_cable_and_one_on_the_network_drive_a_touch_screen_terminal(tmp_path: Path) -> None:
    till_end, door_end = os.openpty()

    def plug_in(settings: dict[str, Any]) -> None:
        settings["doors"][0]["settings"]["serial"]["port"] = os.ttyname(door_end)

    with shop(CONCERT, 0, tmp_path, plug_in) as one, connector(one), RawLine(till_end) as line:
        os.close(door_end)
        assert sale(line, 1250) == ("0", 1250)
        assert sale(line, 1291)[0] == "7"
        answer = v3_sale(one.at("new-till"), 700)
        assert (answer["AE"], int(answer["CB"])) == ("10", 700)
        assert one.books("counter") == [("taken", 1250), ("nothing", 0), ("taken", 700)]


def test_a_concert_till_on_the_same_computer_drives_a_mypos_terminal(tmp_path: Path) -> None:
    link = tmp_path / "till"

    def place(settings: dict[str, Any]) -> None:
        settings["doors"][0]["settings"]["pty"] = str(link)

    with shop(CONCERT, 1, tmp_path, place) as one, connector(one), RawLine.pty(link) as line:
        assert sale(line, 1250) == ("0", 1250)
        assert one.books("counter") == [("taken", 1250)]


def test_tills_of_terminal_makers_drive_a_concert_terminal(tmp_path: Path) -> None:
    with shop(TILLS, 0, tmp_path) as one, connector(one):
        paid = Touch(f"http://{one.at('touch-till')}").sale(1250)
        assert (paid["responseCode"], paid["amount"]) == ("OK", 1250)
        with RawLine.tcp(one.at("mypos-till")) as line:
            assert values(pay(line, 700))["result"] == "OK"
        assert one.books("counter") == [("taken", 1250), ("taken", 700)]


def followed(commands: str, payment_id: str = "") -> str:
    """A block of a page as a reader would type it."""
    return re.sub(r"\bID\b", payment_id, commands)


def newest(said: list[str]) -> str:
    (found,) = [line.split()[0] for line in said if re.match(r"[0-9a-f]{32} ", line)]
    return found


def test_whoever_follows_the_page_of_touch_screen_terminals_takes_a_payment_and_gives_it_back(tmp_path: Path) -> None:
    with shop(TOUCH, 0, tmp_path) as one:
        try_it, give_back, close = blocks(TOUCH)
        assert one.command(followed(try_it))[-1] == "approved"
        listing, voiding = give_back.splitlines()
        payment_id = newest(one.command(listing))
        assert one.command(followed(voiding, payment_id)) == ["approved"]
        assert one.command(close) == ["approved"]
        assert one.books("counter")[:2] == [("taken", 100), ("reversed", 100)]


def test_whoever_follows_the_page_of_mypos_terminals_takes_a_payment_and_a_hold(tmp_path: Path) -> None:
    def at_once(settings: dict[str, Any]) -> None:
        # A virtual customer is faster than any real one.
        settings["terminals"][0]["settings"]["fastest_approval"] = 0

    with shop(MYPOS, 0, tmp_path, at_once) as one:
        _, try_it, holding = blocks(MYPOS)
        assert one.command(try_it)[-1] == "approved"
        hold, listing, capture = holding.splitlines()
        assert one.command(hold) == ["approved"]
        payment_id = newest(one.command(listing))
        assert one.command(followed(capture, payment_id)) == ["approved"]
        assert one.books("counter") == [("taken", 100), ("held", 2000), ("captured", 1500)]


def test_rules_lead_each_payment_to_its_terminal(tmp_path: Path) -> None:
    def as_here(settings: dict[str, Any]) -> None:
        named = {one["name"]: one["settings"] for one in settings["terminals"]}
        # Nobody is at home at the bar's cable, and this network is not searched.
        named["bar"]["serial"]["port"] = str(tmp_path / "no-cable")
        del named["koruna"]["search"]
        del named["koruna"]["terminal_id"]
        settings["engine"]["wake_seconds"] = 0

    with shop(MANY, 0, tmp_path, as_here) as one, connector(one):
        for words in ("5", "6 --currency CZK", "7 --kind authorization"):
            assert one.command(f"tillbridge pay {words}") == ["approved"]
        assert v3_sale(one.at("tills"), 800)["AE"] == "10"
        assert one.books("counter") == [("taken", 500), ("taken", 800)]
        assert one.books("koruna") == [("taken", 600)]
        assert one.books("holds") == [("held", 700)]
        with RawLine.tcp(one.at("bar-till")) as line:
            assert values(pay(line, 900))["result"] == "ERROR"
        listed, doubts, close = blocks(MANY)[-1].splitlines()
        assert "not_started" in "".join(one.command(listed))
        assert one.command(doubts) == ["No payments."]
        assert one.command(close) == ["approved"]
