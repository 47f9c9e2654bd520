"""`tillbridge connector key`: keys made, listed and taken away from the command line."""

import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tillbridge.cli.exits import Exit
from tillbridge.cli.main import app
from tillbridge.cli.native_keys import ScopeWord
from tillbridge.connector.api.scopes import Scope
from tillbridge.connector.keybook import KEYS_FILE, MARK, KeyBook, digest_of
from tillbridge.runtime.data_folder import DataFolder

SETTINGS = "data: data\nterminals:\n  - {name: counter, driver: concert-v3, settings: {host: 127.0.0.1, port: 8888}}\n"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connector of this computer is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["connector", "key", *arguments], prog_name="tillbridge")


def test_a_key_is_printed_alone_so_that_a_script_can_take_it(data: Path) -> None:
    made = run("add", "till-1", "--scope", "pay", "-s", "read", "--data", str(data))
    assert (made.exit_code, made.stdout.count("\n")) == (0, 1)
    assert made.stdout.startswith(MARK)
    (kept,) = KeyBook(DataFolder(data)).read()
    assert (kept.name, kept.scopes) == ("till-1", frozenset({Scope.PAY, Scope.READ}))
    assert kept.digest == digest_of(made.stdout.strip())
    assert "not shown again" in made.stderr


def test_a_list_says_who_may_what_and_no_key(data: Path) -> None:
    key = run("add", "till-1", "--scope", "settle", "-s", "pay", "--data", str(data)).stdout.strip()
    listed = run("list", "--data", str(data))
    assert re.search(r"^till-1 +pay, settle +\d{4}-\d\d-\d\d \d\d:\d\d *$", listed.stdout, re.MULTILINE)
    assert key not in listed.output
    assert digest_of(key) not in listed.output


def test_a_key_that_is_taken_away_is_gone(data: Path) -> None:
    run("add", "till-1", "--scope", "pay", "--data", str(data))
    assert run("remove", "till-1", "--data", str(data)).exit_code == 0
    assert KeyBook(DataFolder(data)).read() == ()


def test_the_settings_say_where_the_keys_are_also_before_the_first_start(tmp_path: Path) -> None:
    (tmp_path / "connector.yml").write_text(SETTINGS)
    assert run("add", "till-1", "--scope", "pay").exit_code == 0
    folder = tmp_path / "data"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / KEYS_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("add", "main", "--scope", "pay"), Exit.FAILED, "main is the name of the connector's own key"),
        (("add", "a b", "--scope", "pay"), Exit.FAILED, "name: "),
        (("add", "till-1"), Exit.USAGE, "Missing option"),
        (("add", "till-1", "--scope", "all"), Exit.USAGE, "'all' is not one of"),
        (("remove", "till-1"), Exit.FAILED, "there is no key named 'till-1'; there are: none"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(data: Path, arguments: tuple[str, ...], code: Exit, words: str) -> None:
    refused = run(*arguments, "--data", str(data))
    assert (refused.exit_code, refused.stdout) == (code, "")
    assert words in re.sub(r"[\s│]+", " ", refused.stderr)
    assert KeyBook(DataFolder(data)).read() == ()


def test_a_folder_that_is_not_there_is_not_made_by_a_slip_of_the_pen(tmp_path: Path) -> None:
    refused = run("add", "till-1", "--scope", "pay", "--data", str(tmp_path / "gone"))
    assert refused.exit_code == Exit.FAILED
    assert "there is no such data folder" in refused.stderr
    assert not (tmp_path / "gone").exists()


def test_the_words_of_the_command_line_are_the_scopes() -> None:
    assert [word.value for word in ScopeWord] == [scope.value for scope in Scope]
