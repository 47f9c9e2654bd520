"""The section `portal:` of the settings, and the place that the console keeps where there is none."""

import subprocess
from pathlib import Path

import pytest

from tillbridge.connector.portal.addresses import checked_address, host_of, port_of
from tillbridge.connector.portal.places import PLACE_FILE, Places
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.settings_file import SettingsInvalid, load_settings
from tillbridge.domain.errors import BridgeError, Code

FILE = """data: data
terminals: [{name: counter, driver: virtual}]
portal:
  address: %s
  location_number: %s
"""


def written(folder: Path, address: str = "https://portal.example", number: str = "10047110", more: str = "") -> Path:
    path = folder / "connector.yml"
    path.write_text(FILE % (address, number) + more)
    return path


def test_a_portal_of_the_settings(tmp_path: Path) -> None:
    found = load_settings(written(tmp_path, "https://Portal.Example:443/")).portal
    assert found is not None
    assert (found.address, found.location_number) == ("https://portal.example", "10047110")
    assert (found.accept_configuration, found.accept_payments) == (False, False)


def test_a_number_that_begins_with_zeros_is_taken_as_it_is_written(tmp_path: Path) -> None:
    found = load_settings(written(tmp_path, number="00000000")).portal
    assert found is not None
    assert found.location_number == "00000000"


def test_without_the_section_there_is_no_portal(tmp_path: Path) -> None:
    path = tmp_path / "connector.yml"
    path.write_text("data: data\nterminals: [{name: counter, driver: virtual}]\n")
    assert load_settings(path).portal is None


@pytest.mark.parametrize(
    ("address", "number", "more", "line", "words"),
    [
        ("https://portal.example", "10047111", "", 5, "check digit"),
        ("https://portal.example", "1004711", "", 5, "8 digits"),
        ("https://portal.example", "1004711x", "", 5, "digits 0 to 9"),
        ("http://portal.example", "10047110", "", 4, "https"),
        ("portal.example", "10047110", "", 4, "such as https://portal.example"),
        ("https://portal.example/office", "10047110", "", 4, "behind the host name"),
        ("https://portal.example", "10047110", "  ca: nowhere.pem\n", 6, "cannot be read"),
        ("https://portal.example", "10047110", "  ca: connector.yml\n", 6, "no certificate"),
        ("https://portal.example", "10047110", "  pin_certificate: abc\n", 6, "64 hexadecimal digits"),
        ("https://portal.example", "10047110", "  accept_payment: true\n", 6, "did you mean 'accept_payments'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, address: str, number: str, more: str, line: int, words: str
) -> None:
    with pytest.raises(SettingsInvalid) as error:
        load_settings(written(tmp_path, address, number, more))
    (problem,) = error.value.problems
    assert problem.line == line
    assert words in problem.sentence


def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as error:
        load_settings(written(tmp_path, "https://ada:hunter2@portal.example"))
    assert "hunter2" not in str(error.value.sentences)


def test_the_file_of_an_authority_is_found_beside_the_settings(tmp_path: Path) -> None:
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made = ["-subj", "/CN=ours", "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ours.pem")]
    subprocess.run([*new, *made], check=True, capture_output=True)
    found = load_settings(written(tmp_path, more="  ca: ours.pem\n")).portal
    assert found is not None
    assert found.ca == (tmp_path / "ours.pem").resolve()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.53"])
def test_on_this_computer_a_portal_may_speak_without_tls(host: str) -> None:
    assert checked_address(f"http://{host}:8480") == f"http://{host}:8480"
    assert (host_of(f"http://{host}:8480"), port_of(f"http://{host}:8480")) == (host, 8480)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "https:portal.example",
        "ftp://portal.example",
        "https://portal.example:0",
        "https://portal.example:99999",
        "https://portal.example?x=1",
        "https://portal.example#x",
        "https://portal..example",
        "https://-portal.example",
        "https://por tal.example",
        "https://[::1]",
        "https://portal.example\\@evil.example",
        "https://evil.example\t",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "https://" + "a" * 64 + ".example",
    ],
)
def test_what_is_no_address_of_a_portal(text: str) -> None:
    with pytest.raises(BridgeError) as error:
        checked_address(text.rstrip("\t") + ("\x00" if text.endswith("\t") else ""))
    assert error.value.code is Code.FIELD_INVALID


def test_an_international_name_is_written_as_both_sides_bind_it() -> None:
    assert checked_address("https://Bäckerei.example") == "https://xn--bckerei-5wa.example"


def test_the_place_that_was_asked_for_is_kept_and_can_be_changed(tmp_path: Path) -> None:
    places = Places(None, tmp_path)
    assert places.place is None
    places.keep("https://one.example", "10047110")
    places.keep("https://two.example", "10047110")
    again = Places(None, tmp_path).place
    assert again is not None
    assert (again.address, again.from_settings) == ("https://two.example", False)


def test_the_settings_are_stronger_and_nothing_else_changes_them(tmp_path: Path) -> None:
    Places(None, tmp_path).keep("https://one.example", "10047110")
    places = Places(PortalSettings(address="https://two.example", location_number="10047110"), tmp_path)
    assert places.place is not None
    assert places.place.address == "https://two.example"
    with pytest.raises(BridgeError) as error:
        places.keep("https://three.example", "10047110")
    assert error.value.code is Code.SETTINGS_INVALID


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"address": "http://evil.example", "location_number": "10047110"}',
        '{"address": "https://one.example", "location_number": "10047111"}',
        '{"address": "https://one.example", "location_number": "10047110", "ca": "/etc/passwd"}',
        "x" * 10_000,
    ],
)
def test_a_place_that_cannot_be_read_is_asked_for_again(tmp_path: Path, content: str) -> None:
    (tmp_path / PLACE_FILE).write_text(content)
    assert Places(None, tmp_path).place is None
