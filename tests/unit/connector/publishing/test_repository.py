"""The signed repository in a folder."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, Root, Timestamp  # type: ignore[attr-defined]

from tests.support.releases import Hands, Publisher, keys_for
from tillbridge.connector.publishing.keys import ONLINE, RoleName
from tillbridge.connector.publishing.packing import read_packed
from tillbridge.connector.publishing.repository import TIMESTAMP_DAYS, Repository
from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.manual import EPOCH


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path, Hands()).begin()


def names(publisher: Publisher) -> list[str]:
    return sorted(path.name for path in (publisher.folder / "metadata").iterdir())


def timestamp(publisher: Publisher) -> Timestamp:
    return Metadata[Timestamp].from_bytes((publisher.folder / "metadata/timestamp.json").read_bytes()).signed


def test_a_new_repository_has_the_first_of_everything(publisher: Publisher) -> None:
    assert names(publisher) == ["1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json"]
    assert (publisher.folder / "metadata/1.root.json").stat().st_mode & 0o004
    with pytest.raises(BridgeError, match="there is a repository already"):
        publisher.repository.create([*publisher.root_keys, *publisher.online])


def test_each_release_is_a_new_version_of_everything_but_the_root(publisher: Publisher) -> None:
    publisher.publish("1.0")
    publisher.publish("1.1")
    assert names(publisher)[-4:] == ["2.targets.json", "3.snapshot.json", "3.targets.json", "timestamp.json"]
    assert (timestamp(publisher).version, timestamp(publisher).snapshot_meta.version) == (3, 3)


def test_a_refresh_signs_the_timestamp_alone(publisher: Publisher) -> None:
    publisher.publish("1.0")
    before = names(publisher)
    publisher.clock.set(EPOCH + timedelta(days=3))
    until = publisher.repository.refresh(publisher.online)
    assert until == EPOCH + timedelta(days=3 + TIMESTAMP_DAYS)
    assert names(publisher) == before
    assert timestamp(publisher).unrecognized_fields["x-tillbridge-signed-at"] == (EPOCH + timedelta(3)).timestamp()


def test_a_refresh_renews_what_runs_out_within_half_of_its_time(publisher: Publisher) -> None:
    publisher.clock.set(EPOCH + timedelta(days=200))
    publisher.repository.refresh(publisher.online)
    assert {"2.snapshot.json", "2.targets.json"} <= set(names(publisher))


def test_a_publication_needs_the_trusted_keys(publisher: Publisher, tmp_path: Path) -> None:
    strangers = keys_for(tmp_path / "strangers", ONLINE)
    before = {path: path.read_bytes() for path in publisher.folder.rglob("*") if path.is_file()}
    with pytest.raises(BridgeError, match=r"1 trusted key\(s\) must sign timestamp"):
        publisher.repository.refresh(strangers)
    assert {path: path.read_bytes() for path in publisher.folder.rglob("*") if path.is_file()} == before


def test_a_root_of_two_of_three(tmp_path: Path) -> None:
    root, online = keys_for(tmp_path / "root", (RoleName.ROOT,), 3), keys_for(tmp_path / "online", ONLINE)
    repository = Repository(tmp_path / "repository", EPOCH)
    with pytest.raises(BridgeError, match="4 of 3 keys"):
        repository.create([*root, *online], {RoleName.ROOT: 4})
    repository.create([*root, *online], {RoleName.ROOT: 2})
    new = keys_for(tmp_path / "new", (RoleName.TIMESTAMP,))
    others = [key for key in online if key.role is not RoleName.TIMESTAMP]
    with pytest.raises(BridgeError, match=r"2 trusted key\(s\) must sign root"):
        repository.rotate(RoleName.TIMESTAMP, root[:1], new, others)
    repository.rotate(RoleName.TIMESTAMP, root[1:], new, others)
    found = Metadata[Root].from_bytes(repository.trusted_root()).signed
    assert (found.version, found.roles["root"].threshold) == (2, 2)
    assert found.roles["timestamp"].keyids == [new[0].public.keyid]


def test_a_package_of_another_repository_is_known(publisher: Publisher, tmp_path: Path) -> None:
    other = Publisher(tmp_path / "other", publisher.clock).begin()
    first = publisher.repository.trusted_root()
    publisher.rotate(RoleName.ROOT)
    assert publisher.repository.knows_root(first)
    assert publisher.repository.knows_root(publisher.repository.trusted_root())
    assert not publisher.repository.knows_root(other.repository.trusted_root())


class PowerCut(BaseException):
    """Nothing happens after it."""


def test_a_publication_that_is_cut_off_anywhere_leaves_a_repository(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish("1.0")
    publisher.archive("1.1")
    step = 0
    while _cut(publisher, monkeypatch, step):
        assert timestamp(publisher).version == 2 + step
        publisher.repository.refresh(publisher.online)
        step += 1
    assert step > 4, "nothing was ever cut off"
    with pytest.raises(BridgeError, match=r"1\.1 is not newer than 1\.1"):
        publisher.publish("1.1")


def _cut(publisher: Publisher, monkeypatch: pytest.MonkeyPatch, at: int) -> bool:
    """Whether the power went at this replacing of a file, before the publication was done."""
    archive = publisher.home / "1.1.tar.xz"
    latest = read_packed(archive).latest("stable")
    done = 0

    def replaced(deed: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done > at:
                raise PowerCut
            return deed(*arguments, **named)

        return counted

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replaced(os.replace))
        try:
            publisher.repository.publish(archive, latest, "stable", publisher.online)
        except PowerCut:
            return True
    return False
