"""The sealed keys of a publisher."""

import json
import os
import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.support.releases import PASSPHRASE, QUICK, keys_for
from tillbridge.connector.publishing.keys import ONLINE, USUAL_COST, RoleName, make_key, open_keys
from tillbridge.domain.errors import BridgeError


def test_what_was_sealed_opens_again(tmp_path: Path) -> None:
    made = keys_for(tmp_path, ONLINE)
    found = open_keys(tmp_path, ONLINE, PASSPHRASE)
    assert {key.public.keyid for key in found} == {key.public.keyid for key in made}
    assert {key.role for key in found} == set(ONLINE)
    (one,) = open_keys(tmp_path, [RoleName.SNAPSHOT], PASSPHRASE)
    one.public.verify_signature(one.signer.sign(b"text"), b"text")


def test_nobody_else_reads_the_file_and_nothing_secret_stands_in_it(tmp_path: Path) -> None:
    seeds: list[bytes] = []

    def entropy(count: int) -> bytes:
        seeds.append(os.urandom(count))
        return seeds[-1]

    make_key(tmp_path, RoleName.ROOT, PASSPHRASE, entropy, QUICK)
    (path,) = tmp_path.glob("*.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert seeds[0].hex() not in path.read_text()
    assert PASSPHRASE not in path.read_text()


def test_a_wrong_passphrase_names_the_file_and_shows_nothing(tmp_path: Path) -> None:
    keys_for(tmp_path, (RoleName.TARGETS,))
    with pytest.raises(BridgeError, match="does not open this key") as refused:
        open_keys(tmp_path, ONLINE, "another passphrase")
    assert ".key" in str(refused.value)
    assert "another passphrase" not in repr(refused.value)


@pytest.mark.parametrize("field", ["role", "public", "salt", "nonce", "sealed"])
def test_a_changed_file_does_not_open(tmp_path: Path, field: str) -> None:
    keys_for(tmp_path, (RoleName.TARGETS,))
    (path,) = tmp_path.glob("*.key")
    content = json.loads(path.read_text())
    content[field] = "snapshot" if field == "role" else ("0" if content[field][0] != "0" else "1") + content[field][1:]
    path.write_text(json.dumps(content))
    with pytest.raises(BridgeError, match="does not open this key"):
        open_keys(tmp_path, ONLINE, PASSPHRASE)


@pytest.mark.parametrize("content", ["", "{}", "secret text", '{"version": 2}', "x" * 100_000])
def test_a_file_that_is_no_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "targets-1.key").write_text(content)
    with pytest.raises(BridgeError, match="no key file") as refused:
        open_keys(tmp_path, ONLINE, PASSPHRASE)
    assert "secret text" not in str(refused.value)


def test_no_key_at_all(tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="no key for snapshot, targets, timestamp"):
        open_keys(tmp_path, ONLINE, PASSPHRASE)


def test_a_passphrase_that_is_soon_guessed(tmp_path: Path) -> None:
    with pytest.raises(BridgeError, match="at least 12"):
        make_key(tmp_path, RoleName.ROOT, "short", os.urandom, QUICK)
    assert not list(tmp_path.iterdir())


def test_a_guess_costs_what_the_specification_says() -> None:
    assert (USUAL_COST.memory_kib, USUAL_COST.passes, USUAL_COST.lanes) == (65536, 3, 4)
    with pytest.raises(ValidationError):
        type(USUAL_COST)(memory_kib=2**30)
