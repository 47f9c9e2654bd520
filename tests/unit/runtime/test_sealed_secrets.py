"""Stored secrets: whole or not at all, opened by their key alone, and never repeated by anything."""

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime import windows_sealing
from tillbridge.runtime.sealed_secrets import (
    ASIDE_FILE,
    LONGEST_SECRET,
    MOST_SECRETS,
    NAMES,
    SECRETS_FILE,
    SealedSecrets,
)
from tillbridge.runtime.sealing import WindowsSeal
from tillbridge.runtime.settings.reading import ModelReader, open_document

SECRET = "Test_qVpLbNOWemB7SCcnuqQoT3Yu"


def store(folder: Path, **environment: str) -> SealedSecrets:
    return SealedSecrets(folder, environment)


def refusal(secrets: SealedSecrets, name: str = "hipay-password") -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        secrets.reveal(name)
    assert caught.value.code is Code.SECRETS_UNREADABLE
    assert SECRET not in str(caught.value)
    return caught.value


def test_a_secret_is_kept_across_programs_and_stands_nowhere_in_clear(tmp_path: Path) -> None:
    store(tmp_path).keep("hipay-password", SECRET)
    assert store(tmp_path).reveal("hipay-password") == SECRET
    assert store(tmp_path).names() == ("hipay-password",)
    for file in tmp_path.iterdir():
        assert SECRET.encode() not in file.read_bytes()
        assert sys.platform == "win32" or file.stat().st_mode & 0o077 == 0
    assert SECRET not in repr(store(tmp_path))


def test_a_secret_is_replaced_and_forgotten(tmp_path: Path) -> None:
    secrets = store(tmp_path)
    secrets.keep("one", "first")
    secrets.keep("two", "second")
    secrets.keep("one", SECRET)
    assert (secrets.reveal("one"), secrets.reveal("two")) == (SECRET, "second")
    secrets.forget("one")
    secrets.forget("never-there")
    assert secrets.names() == ("two",)
    assert "two" in str(refusal(secrets, "one"))


@pytest.mark.parametrize("name", ["", "A", "../up", "a b", "x" * 64, "ä"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        store(tmp_path).keep(name, SECRET)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_is_none_or_too_large_is_refused(tmp_path: Path) -> None:
    for secret in ("", "x" * (LONGEST_SECRET + 1)):
        with pytest.raises(ValueError, match="secret"):
            store(tmp_path).keep("one", secret)
    for number in range(MOST_SECRETS):
        store(tmp_path).keep(f"n{number}", "x")
    with pytest.raises(ValueError, match=str(MOST_SECRETS)):
        store(tmp_path).keep("one-more", "x")
    assert len(store(tmp_path).names()) == MOST_SECRETS


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
def test_what_comes_out_is_what_went_in(tmp_path: Path, secret: str) -> None:
    store(tmp_path).keep("any", secret)
    assert store(tmp_path).reveal("any") == secret


def test_a_copy_without_its_key_is_locked_and_says_so(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    store(here).keep("hipay-password", SECRET)
    shutil.copy(here / SECRETS_FILE, elsewhere)
    assert "locked" in refusal(store(elsewhere)).detail
    # Another key does not open it either, and nothing is written over what cannot be read.
    (elsewhere / NAMES.key_file).write_bytes(bytes(32))
    assert "another key" in refusal(store(elsewhere)).detail
    with pytest.raises(BridgeError):
        store(elsewhere).keep("new", "x")
    assert (elsewhere / SECRETS_FILE).read_bytes() == (here / SECRETS_FILE).read_bytes()


def test_every_broken_file_is_a_plain_sentence(tmp_path: Path) -> None:
    store(tmp_path).keep("hipay-password", SECRET)
    whole = (tmp_path / SECRETS_FILE).read_bytes()
    for cut in range(0, len(whole) - 1, 7):
        (tmp_path / SECRETS_FILE).write_bytes(whole[:cut])
        refusal(store(tmp_path))
    for place in range(0, len(whole) - 1, 5):
        changed = bytearray(whole)
        changed[place] ^= 1
        (tmp_path / SECRETS_FILE).write_bytes(changed)
        refusal(store(tmp_path))


def test_what_cannot_be_read_is_put_aside_and_not_destroyed(tmp_path: Path) -> None:
    assert store(tmp_path).put_aside() is None
    store(tmp_path).keep("hipay-password", SECRET)
    assert store(tmp_path).put_aside() is None
    key = (tmp_path / NAMES.key_file).read_bytes()
    (tmp_path / NAMES.key_file).write_bytes(b"short")
    assert store(tmp_path).put_aside() == tmp_path / ASIDE_FILE
    store(tmp_path).keep("hipay-password", "another")
    assert store(tmp_path).reveal("hipay-password") == "another"
    # The old one comes to life again with its old key.
    (tmp_path / NAMES.key_file).write_bytes(key)
    (tmp_path / ASIDE_FILE).replace(tmp_path / SECRETS_FILE)
    assert store(tmp_path).reveal("hipay-password") == SECRET


def test_a_folder_that_cannot_be_written_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BridgeError) as caught:
        store(tmp_path / "file").keep("one", SECRET)
    assert caught.value.code is Code.FOLDER_UNUSABLE
    assert SECRET not in str(caught.value)


def test_systemd_seals_where_it_gives_a_credential(tmp_path: Path) -> None:
    home, given_ = tmp_path / "home", tmp_path / "credentials"
    home.mkdir()
    given_.mkdir()
    store(home).keep("one", "first")
    (given_ / NAMES.credential).write_bytes(b"a credential of 32 bytes or more, made by a person")
    service = {"CREDENTIALS_DIRECTORY": str(given_)}
    assert store(home, **service).reveal("one") == "first"
    store(home, **service).keep("two", SECRET)
    assert not (home / NAMES.key_file).exists()
    assert store(home, **service).reveal("one") == "first"
    assert "systemd" in refusal(store(home), "two").detail


def test_systemd_may_hand_over_a_secret_itself(tmp_path: Path) -> None:
    (tmp_path / "tillbridge.hipay-password").write_text(f"{SECRET}\n")
    service = store(tmp_path / "nowhere", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert service.reveal("hipay-password") == SECRET
    assert service.names() == ("hipay-password",)
    (tmp_path / "tillbridge.hipay-password").write_bytes(b"\xff")
    assert "UTF-8" in refusal(service).detail
    (tmp_path / "tillbridge.hipay-password").write_bytes(b"")
    assert "empty" in refusal(service).detail


def test_windows_seals_the_key_for_this_purpose_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for DPAPI: what is asked of it, and what is stored. Windows itself is not here."""
    monkeypatch.setattr(windows_sealing, "protect", lambda plain, purpose: purpose + plain[::-1])
    monkeypatch.setattr(windows_sealing, "unprotect", lambda sealed, purpose: sealed.removeprefix(purpose)[::-1])
    source = WindowsSeal(tmp_path, NAMES)
    key = source.made(lambda count: bytes(range(count)))
    assert source.key() == key
    assert (tmp_path / NAMES.windows_file).read_bytes().startswith(NAMES.purpose)


class Upstream(BaseModel):
    login: str
    password: SecretStr


def read(folder: Path, written: str) -> tuple[Upstream | None, list[str]]:
    path = folder / "connector.yml"
    path.write_text(f"login: shop\npassword: {written}\n")
    reader = ModelReader(open_document(path), folder, {})
    return reader.check(Upstream, ()), [str(problem) for problem in reader.problems]


def test_settings_name_a_sealed_secret(tmp_path: Path) -> None:
    store(tmp_path).keep("hipay-password", SECRET)
    found, problems = read(tmp_path, "{sealed: hipay-password}")
    assert found is not None
    assert problems == []
    assert found.password.get_secret_value() == SECRET


def test_a_reference_that_leads_nowhere_names_its_line(tmp_path: Path) -> None:
    (problem,) = read(tmp_path, "{sealed: hipay-password}")[1]
    assert problem.startswith("line 2: password: the stored secret 'hipay-password' cannot be read: no secret ")
    assert problem.endswith(f"kept are: none ({tmp_path / SECRETS_FILE})")
    store(tmp_path).keep("hipay-password", SECRET)
    (tmp_path / NAMES.key_file).unlink()
    (problem,) = read(tmp_path, "{sealed: hipay-password}")[1]
    assert problem.startswith("line 2: password: the stored secret 'hipay-password' cannot be read: locked: ")
    assert read(tmp_path, "{sealed: hipay-password, env: X}")[0] is None
