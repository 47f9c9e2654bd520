"""Settings that the portal sends: few, harmless, and weaker than the settings file."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tillbridge.connector.portal.link_settings import (
    FILE,
    KeptSettings,
    PushedSettings,
    keep_pushed,
    kept_settings,
    read_pushed,
    with_pushed,
)
from tillbridge.connector.settings_file import load_settings
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.logging import Level

ID = "c" * 32
ALL: dict[str, Any] = {
    "receipt_header": ["Am Markt 1"],
    "receipt_footer": ["Danke"],
    "receipt_language": "cs",
    "console_language": "fr",
    "log_level": "debug",
}
PORTAL = "portal: {address: 'https://portal.example', location_number: 10047110, accept_configuration: %s}\n"


def settings_file(folder: Path, consent: str = "true", more: str = "") -> Path:
    path = folder / "connector.yml"
    text = "data: data\nterminals: [{name: front, driver: virtual}]\n" + PORTAL % consent + more
    path.write_text(text)
    (folder / "data").mkdir(exist_ok=True)
    return path


def keep(folder: Path, **settings: Any) -> None:
    (folder / "data").mkdir(exist_ok=True)
    keep_pushed(folder / "data", KeptSettings(command=ID, settings=read_pushed(settings)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"terminals": []},
        {"address": "https://elsewhere.example"},
        {"password": "x"},
        {"console_language": "it"},
        {"log_level": "off"},
        {"receipt_header": ["x" * 65]},
        {"receipt_header": ["line"] * 13},
        {"receipt_footer": ["\x1b@"]},
        {"receipt_footer": "not a list"},
        [],
        None,
        "receipt_header",
    ],
)
def test_nothing_but_what_is_on_the_list_is_taken(wrong: Any) -> None:
    with pytest.raises(BridgeError) as refused:
        read_pushed(wrong)
    assert refused.value.code is Code.FIELD_INVALID


def test_the_list_has_no_address_terminal_door_or_password() -> None:
    assert set(PushedSettings.model_fields) == set(ALL)


def test_what_was_kept_counts_at_the_next_start(tmp_path: Path) -> None:
    keep(tmp_path, **ALL)
    found = with_pushed(load_settings(settings_file(tmp_path)))
    assert (found.receipts.header, found.receipts.footer, found.receipts.language) == (
        ("Am Markt 1",),
        ("Danke",),
        Language.CS,
    )
    assert (found.console.language, found.log.level) == (Language.FR, Level.DEBUG)


def test_what_the_file_says_itself_is_stronger(tmp_path: Path) -> None:
    keep(tmp_path, **ALL)
    more = "receipts: {header: [Own], language: de}\nconsole: {language: en}\nlog: {level: info}\n"
    found = with_pushed(load_settings(settings_file(tmp_path, more=more)))
    assert (found.receipts.header, found.receipts.language) == (("Own",), Language.DE)
    assert (found.console.language, found.log.level) == (Language.EN, Level.INFO)
    assert found.receipts.footer == ("Danke",)


def test_without_consent_nothing_of_it_counts(tmp_path: Path) -> None:
    keep(tmp_path, **ALL)
    plain = load_settings(settings_file(tmp_path, consent="false"))
    assert with_pushed(plain) is plain


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 9}', b"\xff", b"x" * 70_000])
def test_a_file_that_cannot_be_read_does_not_keep_a_connector_from_starting(tmp_path: Path, content: bytes) -> None:
    plain = load_settings(settings_file(tmp_path))
    (tmp_path / "data" / FILE).write_bytes(content)
    assert with_pushed(plain) is plain


def test_the_command_is_kept_with_its_settings(tmp_path: Path) -> None:
    keep(tmp_path, receipt_footer=["Danke"])
    kept = kept_settings(tmp_path / "data")
    assert kept is not None
    assert (kept.command, kept.settings.receipt_footer) == (ID, ("Danke",))
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600


def test_the_same_settings_have_the_same_revision() -> None:
    one, two = read_pushed({"receipt_footer": ["a"]}), read_pushed({"receipt_footer": ["a"], "log_level": None})
    assert one.revision == two.revision != read_pushed({"receipt_footer": ["b"]}).revision
