"""Which voucher a scan means, and which profile may be used."""

from pathlib import Path
from typing import Any

import pytest

from tillbridge.connector.settings_file import SettingsInvalid, load_settings
from tillbridge.connector.vouchers.providers.codes import Scanned, read_scan, with_pin
from tillbridge.connector.vouchers.providers.profile import PinRule, Profile, ProfileInvalid, read_profile, shipped
from tillbridge.domain.errors import BridgeError, Code

OURS = "27612345678904"


def profile(name: str = "no-way-back", **more: Any) -> Profile:
    return read_profile(name, Path()).model_copy(update=more)


def read(text: str, *profiles: Profile) -> tuple[str, str, str | None]:
    scanned = read_scan(text, profiles or (profile(), profile("tillbridge-portal")))
    return scanned.provider, scanned.code.number, scanned.code.pin


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5512345678901234", ("55", "5512345678901234", None)),
        ("  ]C05512 3456 7890 1234\r\n", ("55", "5512345678901234", None)),
        ("55123456789012340420", ("55", "5512345678901234", "0420")),
        (f"54{OURS}", ("54", OURS, None)),
        (f"54{OURS}0420", ("54", OURS, "0420")),
        (OURS, ("", OURS, None)),
        (f"{OURS}0420", ("", OURS, "0420")),
        (f"https://m.example/g?v={OURS}", ("", OURS, None)),
    ],
)
def test_the_first_two_digits_say_whose_it_is(text: str, found: tuple[str, str, str | None]) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("7712345678901234", Code.PROVIDER_PREFIX),
        ("551234", Code.PROVIDER_PREFIX),
        ("54", Code.PROVIDER_PREFIX),
        ("5" * 600, Code.VOUCHER_UNREADABLE),
        ("27612345678905", Code.VOUCHER_CHECK_DIGIT),
        ("\uff15\uff15" + "1" * 14, Code.VOUCHER_UNREADABLE),
        ("", Code.VOUCHER_UNREADABLE),
    ],
)
def test_what_is_nobodys_is_refused(text: str, code: Code) -> None:
    with pytest.raises(BridgeError) as refused:
        read(text)
    assert refused.value.code is code


def test_without_providers_a_scan_is_read_as_ever() -> None:
    with pytest.raises(BridgeError) as refused:
        read_scan("7712345678901234", ())
    assert refused.value.code is Code.VOUCHER_UNREADABLE
    assert read_scan(OURS, ()).provider == ""


@pytest.mark.parametrize(
    ("rule", "text", "pin", "found"),
    [
        (PinRule.OPTIONAL, "5512345678901234", None, None),
        (PinRule.OPTIONAL, "5512345678901234", " 0420 ", "0420"),
        (PinRule.REQUIRED, "55123456789012340420", None, "0420"),
        (PinRule.REQUIRED, "55123456789012340420", "0420", "0420"),
        (PinRule.NONE, "55123456789012340420", "1", None),
        (PinRule.REQUIRED, "5512345678901234", None, Code.VOUCHER_PIN_NEEDED),
        (PinRule.REQUIRED, "5512345678901234", "042", Code.VOUCHER_UNREADABLE),
        (PinRule.REQUIRED, "55123456789012340420", "0421", Code.VOUCHER_TWO_PINS),
    ],
)
def test_a_pin_is_asked_for_where_it_is_needed(rule: PinRule, text: str, pin: str | None, found: object) -> None:
    one = profile(pin=rule)
    if isinstance(found, Code):
        with pytest.raises(BridgeError) as refused:
            with_pin(read_scan(text, [one]), pin, one)
        assert refused.value.code is found
    else:
        assert with_pin(read_scan(text, [one]), pin, one).pin == found


def test_a_pin_of_our_own_is_read_as_ever() -> None:
    scanned: Scanned = read_scan(OURS, [profile()])
    assert with_pin(scanned, "0420", None).pin == "0420"


def test_every_shipped_profile_can_be_used() -> None:
    found = [read_profile(name, Path()) for name in shipped()]
    assert len({one.prefix for one in found}) == len(found) == 2
    # What a profile does not promise is not relied upon.
    careful = Profile.model_validate(
        {"name": "X", "prefix": "77", "adapter": "rest-form", "base_url": "https://x.example"}
    )
    assert (careful.partial, careful.reverse, careful.idempotent_reference) == (False, False, False)
    assert (careful.timeout.connect, careful.timeout.answer) == (2.0, 8.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "no TOML"),
        ('name = "X"', "adapter"),
        ("prefix = 54", "prefix"),
        ('prefix = "540"', "prefix"),
        ('base_url = "http://vouchers.example"', "https"),
        ('base_url = "https://user:pw@vouchers.example"', "login"),
        ('currency = "XXY"', "currency"),
        ("[timeout]\nanswer = 900", "timeout.answer"),
        ("secret = 1", "secret"),
        ("number_digits = 3", "number_digits"),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str) -> None:
    whole = {"name": '"X"', "prefix": '"77"', "adapter": '"rest-form"', "base_url": '"https://x.example"'}
    mine = {line.partition(" =")[0] for line in text.splitlines()}
    rest = "" if text.startswith('name = "X"') else "".join(f"{k} = {v}\n" for k, v in whole.items() if k not in mine)
    (tmp_path / "own.toml").write_text(f"{rest}{text}\n", encoding="utf-8")
    with pytest.raises(ProfileInvalid, match=r"own\.toml") as refused:
        read_profile("own.toml", tmp_path)
    assert said in str(refused.value)


def test_a_profile_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match="no-way-back"):
        read_profile("nowhere.toml", tmp_path)


SETTINGS = """data: data
terminals: [{name: counter, driver: virtual}]
vouchers:
  providers:
"""


def settings(folder: Path, *entries: str) -> Path:
    path = folder / "connector.yml"
    path.write_text(SETTINGS + "".join(f"    - {entry}\n" for entry in entries), encoding="utf-8")
    (folder / "lunch-card-key").write_text("the-key-of-this-branch", encoding="utf-8")
    return path


def test_the_settings_name_providers_with_their_keys(tmp_path: Path) -> None:
    entry = "{profile: no-way-back, prefix: '77', name: Lunch, base_url: 'https://l.example/', key: {env: LUNCH}}"
    found = load_settings(settings(tmp_path, entry), {"LUNCH": "the-key-of-this-branch"})
    (one,) = found.providers
    assert (one.prefix, one.name, one.profile.base_url) == ("77", "Lunch", "https://l.example")
    assert one.key.get_secret_value() == "the-key-of-this-branch"
    assert "the-key" not in repr(found)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["{profile: no-way-back, key: in-clear}"], "a password does not stand here in clear"),
        (["{profile: gone.toml, key: {file: lunch-card-key}}"], "cannot be read"),
        (["{profile: no-way-back, key: {file: lunch-card-key}}"] * 2, "the prefix 55 is already"),
        (["{profile: no-way-back}"], "key"),
        (["{profile: no-way-back, prefix: 5, key: {file: lunch-card-key}}"], "prefix"),
        (["{profile: no-way-back, base_url: 'http://l.example', key: {file: lunch-card-key}}"], "https"),
    ],
)
def test_settings_that_are_wrong_say_where(tmp_path: Path, entries: list[str], said: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(settings(tmp_path, *entries), {})
    assert any(said in str(one) for one in refused.value.problems)
    assert all("vouchers.providers" in str(one) for one in refused.value.problems)
