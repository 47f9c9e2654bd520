"""A secret in the settings is a reference, or a hash; it is never repeated."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pydantic import BaseModel, SecretStr

from tillbridge.runtime.settings.secret_values import (
    LARGEST_FILE,
    NoSecret,
    hash_password,
    resolve_secret,
    secret_places,
)


class Inner(BaseModel):
    token: SecretStr | None = None


class Outer(BaseModel):
    name: str
    api_password_hash: str = ""
    passphrase: SecretStr
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()


def resolve(written: object, folder: Path, *, reference_only: bool = True) -> object:
    return resolve_secret(written, reference_only=reference_only, folder=folder, environment={"SET": "x", "EMPTY": ""})


def test_every_place_of_a_secret_is_found() -> None:
    written = {
        "name": "a",
        "api_password_hash": "b",
        "passphrase": "c",
        "inner": {"token": "d"},
        "several": [{"token": "e"}, {}],
    }
    assert set(secret_places(Outer, written, ("top",))) == {
        (("top", "api_password_hash"), False),
        (("top", "passphrase"), True),
        (("top", "inner", "token"), True),
        (("top", "several", 0, "token"), True),
    }


def test_a_reference_is_followed(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("  opensesame\n")
    assert resolve({"env": "SET"}, tmp_path) == "x"
    assert resolve({"file": "word"}, tmp_path) == "opensesame"
    assert resolve({"file": str(tmp_path / "word")}, Path("/")) == "opensesame"
    assert resolve(None, tmp_path) is None


@pytest.mark.parametrize(
    "written",
    [
        "opensesame",
        5,
        {"env": "EMPTY"},
        {"env": "GONE"},
        {"file": "gone"},
        {"file": "."},
        {"file": "empty"},
        {"file": "large"},
        {"file": "binary"},
        {"env": "SET", "file": "x"},
        {"env": 3},
        {},
    ],
    ids=str,
)
def test_anything_else_is_refused_without_repeating_it(tmp_path: Path, written: object) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * (LARGEST_FILE + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(NoSecret) as caught:
        resolve(written, tmp_path)
    assert "opensesame" not in str(caught.value)


def test_where_a_hash_stands_the_model_judges_it(tmp_path: Path) -> None:
    assert resolve("anything", tmp_path, reference_only=False) == "anything"


def test_a_hash_belongs_to_its_password_alone() -> None:
    made = hash_password("pwd")
    assert made.startswith("$argon2id$")
    assert PasswordHasher().verify(made, "pwd")
    assert hash_password("pwd") != made
