"""`tillbridge release`, from new keys to an installer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.support.releases import GOOD, PASSPHRASE, QUICK
from tillbridge.cli.main import app
from tillbridge.connector.publishing import keys
from tillbridge.connector.publishing.packing import describe, pack
from tillbridge.connector.updates.layout import PROGRAM
from tillbridge.connector.updates.naming import this_computer
from tillbridge.connector.updates.release import Shipped

ROOT_PASSPHRASE = "quite another set of words"
SECRETS = {"TILLBRIDGE_RELEASE_PASSPHRASE": PASSPHRASE, "TILLBRIDGE_ROOT_PASSPHRASE": ROOT_PASSPHRASE}


class Desk:
    """A publisher's folder, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = dict(SECRETS)

    def release(self, *words: str, typed: str | None = None) -> Result:
        environment = {**dict.fromkeys(SECRETS), **self.secrets}
        given = [
            str(self.folder / word) if before in PLACES else word
            for before, word in zip(("", *words), words, strict=False)
        ]
        result = CliRunner().invoke(app, ["release", *given], env=environment, input=typed)
        assert PASSPHRASE not in result.output
        assert ROOT_PASSPHRASE not in result.output
        return result

    def well(self, *words: str) -> str:
        result = self.release(*words)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, *words: str) -> str:
        result = self.release(*words)
        assert result.exit_code == 1, result.output
        assert "The release was not made." in result.output or "Correct what is named" in result.output
        return " ".join(result.output.split())

    def archive(self, version: str, root: bytes | None = None) -> str:
        built = self.folder / f"built-{version}"
        built.mkdir()
        (built / PROGRAM).write_text(GOOD)
        (built / PROGRAM).chmod(0o755)
        newest = max((self.folder / "repository/metadata").glob("*.root.json")).read_bytes()
        describe(built, Shipped(version=version, kind=this_computer()), root or newest)
        pack(built, self.folder / f"{version}.tar.xz")
        return str(self.folder / f"{version}.tar.xz")


HERE = ("--repository", "repository", "--keys", "keys")
ROOT = ("--root-keys", "root")
PLACES = {"--repository", "--keys", "--root-keys"}


@pytest.fixture(scope="module", autouse=True)
def quick_keys() -> Iterator[None]:
    """One guess at a passphrase costs little here: these keys guard nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keys, "USUAL_COST", QUICK)
        yield


@pytest.fixture(scope="module")
def desk(quick_keys: None, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    del quick_keys
    made = Desk(tmp_path_factory.mktemp("publisher"))
    assert "trusts 2 root key(s)" in made.well("keys", *HERE, *ROOT)
    return made


def test_from_a_release_to_an_installer(desk: Desk) -> None:
    archive = desk.archive("1.0")
    assert f"stable offers version 1.0 for {this_computer()}" in desk.well("publish", archive, *HERE)
    assert "is not newer than 1.0" in desk.refused("publish", archive, *HERE)
    assert "testing offers version 1.0" in desk.well("publish", archive, *HERE, "--channel", "testing")
    assert re.search(r"good until \d{4}-\d\d-\d\d", desk.well("refresh", *HERE))
    assert "setup-concertv2-linux.zip" in desk.well("installer", archive, "--output", str(desk.folder / "dist"))
    assert ".deb (" in desk.well("installer", archive, "--os", "deb", "--output", str(desk.folder / "dist"))


def test_new_keys_for_the_timestamp(desk: Desk) -> None:
    said = desk.well("rotate", "timestamp", *HERE, *ROOT, "--new-keys", str(desk.folder / "new"))
    assert "timestamp is signed by the keys in" in said
    assert "must sign timestamp" in desk.refused("refresh", *HERE)
    for old in (desk.folder / "keys").glob("timestamp-*"):
        old.unlink()
    for new in (desk.folder / "new").iterdir():
        new.rename(desk.folder / "keys" / new.name)
    desk.well("refresh", *HERE)


def test_a_package_that_trusts_somebody_else_is_not_published(desk: Desk) -> None:
    assert "it trusts another repository" in desk.refused("publish", desk.archive("3.0", root=b"{}"), *HERE)


def test_keys_are_never_made_over_others(desk: Desk) -> None:
    assert "there are keys already" in desk.refused("keys", *HERE, *ROOT)


def test_both_passphrases_must_not_be_one(tmp_path: Path) -> None:
    other = Desk(tmp_path)
    other.secrets["TILLBRIDGE_ROOT_PASSPHRASE"] = PASSPHRASE
    assert "a passphrase of their own" in other.refused("keys", *HERE, *ROOT)
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_from_a_file_and_from_whoever_sits_here(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "words").write_text(f"{PASSPHRASE}\nand more\n")
    desk.secrets = {}
    try:
        assert "good until" in desk.well("refresh", *HERE, "--passphrase-file", str(tmp_path / "words"))
        assert "good until" in desk.release("refresh", *HERE, typed=f"{PASSPHRASE}\n").output
        (tmp_path / "words").write_text("\n")
        assert "no passphrase in the first line" in desk.refused(
            "refresh", *HERE, "--passphrase-file", str(tmp_path / "words")
        )
    finally:
        desk.secrets = dict(SECRETS)


def test_an_address_with_a_password_is_refused_before_anything_is_built(desk: Desk, tmp_path: Path) -> None:
    said = desk.refused("build", "--repository", "repository", "--url", "https://me:word@x/", "--output", str(tmp_path))
    assert "without a name, a password or a query" in said
    assert "word" not in said.replace("a password", "").replace("password or", "")
    assert list(tmp_path.iterdir()) == []


def test_no_repository_no_release(tmp_path: Path) -> None:
    assert "there is no repository here" in Desk(tmp_path).refused("build", "--repository", "repository")
    assert not (tmp_path / "repository").exists()


def test_a_shop_has_no_self_update_without_a_package() -> None:
    result = CliRunner().invoke(app, ["self-update"])
    assert result.exit_code == 1
    assert "updated by what installed it" in result.output


def test_the_public_part_holds_no_key(desk: Desk) -> None:
    root = json.loads(max((desk.folder / "repository/metadata").glob("*.root.json")).read_bytes())
    assert {key["scheme"] for key in root["signed"]["keys"].values()} == {"ed25519"}
    assert all(len(key["keyval"]["public"]) == 64 for key in root["signed"]["keys"].values())
    assert not list((desk.folder / "repository").rglob("*.key"))
    assert (desk.folder / "keys").stat().st_mode & 0o077 == 0
