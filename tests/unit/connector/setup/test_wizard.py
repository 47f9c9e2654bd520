"""A whole setup on a screen of lines: what a person reads and types, in one process."""

import io
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.setup.checks import Around
from tillbridge.connector.setup.finding import Watch
from tillbridge.connector.setup.front import Back, Choice, Prompt, Stopped
from tillbridge.connector.setup.language import texts
from tillbridge.connector.setup.plain import PlainFront
from tillbridge.connector.setup.progress import FOLDER, Progress
from tillbridge.connector.setup.prompts import can_prompt
from tillbridge.connector.setup.wizard import Wizard, show
from tillbridge.connector.setup.writing import Writer, Written
from tillbridge.domain.cashier_texts import Language
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.transports.serial_line import PortDescription

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def sitting(folder: Path, typed: list[str], *, resume: bool = False) -> tuple[Written | None, str]:
    """One sitting at the screen: what was written, and what was shown. With nothing left to type the person leaves."""
    said = texts(Language.EN, {})
    out = io.StringIO()
    config = folder / "connector.yml"
    front = PlainFront(said, io.StringIO("".join(f"{line}\n" for line in typed)), out)

    def writer(path: Path) -> Writer:
        return Writer(path, NOW, said, {})

    async def listen(port: str, baud_rate: int) -> str:
        return "even_parity" if (port, baud_rate) == ("/dev/ttyNOTHING9", 1200) else "silent"

    progress = Progress(config)
    wizard = Wizard(front, said, progress, config, Around(folder, windows=False), writer, listen)
    try:
        with progress.own():
            done = wizard.run(resume=resume)
    except Stopped:
        return None, out.getvalue()
    if done is not None:
        show(front, said, done)
    return done, out.getvalue()


START = ["", "", "@type", "/dev/ttyNOTHING9", "SN", "8080", "log", "till-password", "", "03:00", "none"]
"""No HiPay, this folder, a port that is typed in, and on to the contracts."""

CABLE = [*START, "concert-v2", "@find", "", "daily", ""]
NETWORK = [
    *["", "", "network", "SN", "8080", "log", "till-password", "", "", "none"],
    *["2", "127.0.0.1", "1", "", "", "", "yes", ""],
]
"""The second kind in the network is the touch screen; it has a password and a currency."""


def test_a_terminal_on_a_cable_is_found_and_set_up(tmp_path: Path) -> None:
    done, shown = sitting(tmp_path, [*CABLE, "write"])
    assert done is not None, shown
    assert "There is no such port at the moment" in shown
    assert "Asking at /dev/ttyNOTHING9 with 1200 baud" in shown
    assert "The terminal sends 1200 7E1: its own bytes have shown it." in shown
    assert "till-password" not in shown
    (terminal,) = load_settings(done.path, {}).terminals
    serial = terminal.settings.model_dump()["serial"]
    assert (serial["port"], serial["baud_rate"], serial["parity"]) == ("/dev/ttyNOTHING9", 1200, "even")
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {"answers.json", "lock"}


def test_a_terminal_is_asked_for_a_sign_of_life_and_one_may_go_back(tmp_path: Path) -> None:
    done, shown = sitting(tmp_path, [*NETWORK, "probe", "<", "https://portal.example", "10047110", "write"])
    assert done is not None, shown
    assert "The terminal does not answer" in shown
    settings = load_settings(done.path, {})
    assert settings.portal is not None
    assert settings.portal.location_number == "10047110"
    assert settings.terminals[0].wire == "touchscreen"


def test_who_leaves_finds_everything_again(tmp_path: Path) -> None:
    assert sitting(tmp_path, CABLE[:9])[0] is None
    assert not (tmp_path / "connector.yml").exists()
    done, shown = sitting(tmp_path, [*CABLE[9:], "write"], resume=True)
    assert done is not None, shown
    (door,) = load_settings(done.path, {}).doors
    assert isinstance(door.settings, HipaySettings)
    assert (door.settings.api_username, door.settings.serial_number) == ("log", "SN")


def test_the_next_setup_offers_what_was_answered_and_no_secret(tmp_path: Path) -> None:
    first, _ = sitting(tmp_path, [*CABLE, "write"])
    assert first is not None
    kept = (tmp_path / FOLDER / "answers.json").read_text()
    assert "argon2" not in kept
    enter = ["", "", "", "", "", "", "second-password", "", "", "", "", "", "", "never", "", "write"]
    done, shown = sitting(tmp_path, enter)
    assert done is not None, shown
    assert done.copy is not None
    now, before = load_settings(done.path, {}), load_settings(done.copy, {})
    assert now.engine.order_ids_repeat == "never"
    assert now.terminals == before.terminals
    assert now.doors != before.doors


def test_who_begins_anew_is_asked_everything(tmp_path: Path) -> None:
    assert sitting(tmp_path, CABLE[:9])[0] is None
    _, shown = sitting(tmp_path, ["no"])
    assert "An earlier setup was not finished" in shown
    assert "[1/" in shown
    _, shown = sitting(tmp_path, [], resume=True)
    assert "There is no setup to go on with" in shown


def test_who_stops_at_the_end_loses_nothing(tmp_path: Path) -> None:
    done, _ = sitting(tmp_path, [*CABLE, "stop"])
    assert done is None
    done, shown = sitting(tmp_path, ["write"], resume=True)
    assert done is not None, shown


def test_a_password_that_is_stored_is_kept_by_enter_alone(tmp_path: Path) -> None:
    first = ["shop", "hipay-password", "<", ""]
    assert sitting(tmp_path, first)[0] is None
    progress = Progress(tmp_path / "connector.yml")
    answers = progress.load()
    assert answers is not None
    assert list(progress.revealed(answers).values()) == ["hipay-password"]


@pytest.mark.parametrize(
    ("typed", "answer"), [("2", "b"), ("b", "b"), ("", "a"), ("<", Back.BACK), ("9\nx\nb", "b")], ids=repr
)
def test_a_choice_is_a_number_or_a_word(typed: str, answer: object) -> None:
    def check(text: str) -> str | None:
        return None if text in "ab" else "no"

    front = PlainFront(texts(Language.EN, {}), io.StringIO(f"{typed}\n"), io.StringIO())
    assert front.ask(Prompt("?", usual="a", choices=[Choice("a", "A"), Choice("b", "B")], check=check)) == answer


def test_the_first_question_has_no_way_back() -> None:
    out = io.StringIO()
    front = PlainFront(texts(Language.EN, {}), io.StringIO("<\nhere\n"), out)
    assert front.ask(Prompt("?", may_go_back=False)) == "here"
    assert "This is the first question." in out.getvalue()


def test_a_plug_is_noticed_on_a_screen_of_lines() -> None:
    port = PortDescription("/dev/ttyUSB0", "Ingenico Move")
    listed: list[list[PortDescription]] = [[], [port]]
    front = PlainFront(texts(Language.EN, {}), io.StringIO("\n"), io.StringIO())
    assert front.wait_for(Watch(partial(listed.pop, 0)), "now") == port


def test_a_screen_that_can_do_no_more_gets_lines() -> None:
    assert can_prompt({"TERM": "xterm"}, interactive=True, windows=False)
    assert not can_prompt({"TERM": "dumb"}, interactive=True, windows=False)
    assert not can_prompt({}, interactive=True, windows=False)
    assert can_prompt({}, interactive=True, windows=True)
    assert not can_prompt({"TERM": "xterm"}, interactive=False)
