"""The secrets' file: for its owner alone, whole or not at all, and never shown."""

import asyncio
import os
import random
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.manual import EPOCH
from tillbridge.upstream.secret_file import OVERLAP, SECRETS_FILE, SecretFile
from tillbridge.web.webhooks.signing import is_secret, new_secret

ONE, TWO, THREE = (new_secret(random.Random(seed)) for seed in range(3))


async def test_secrets_survive_a_restart_and_are_their_owners_alone(tmp_path: Path) -> None:
    file = SecretFile(tmp_path)
    await file.keep("a", ONE)
    until = await file.rotate("a", TWO, EPOCH)
    assert until == EPOCH + OVERLAP
    assert stat.S_IMODE((tmp_path / SECRETS_FILE).stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [SECRETS_FILE]  # noqa: PTH208  # its names, without a path to compare
    again = SecretFile(tmp_path)
    assert again.valid("a", EPOCH) == [TWO, ONE]
    assert again.valid("a", until - timedelta(microseconds=1)) == [TWO, ONE]
    assert again.valid("a", until) == [TWO]
    assert again.valid("unknown", EPOCH) == []


async def test_a_second_rotation_keeps_the_secret_that_was_current(tmp_path: Path) -> None:
    file = SecretFile(tmp_path)
    await file.keep("a", ONE)
    await file.rotate("a", TWO, EPOCH)
    await file.rotate("a", THREE, EPOCH)
    assert file.valid("a", EPOCH) == [THREE, TWO]


async def test_changes_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    file = SecretFile(tmp_path)
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(file.keep(f"{number}", new_secret(random.Random(number))))
    assert all(SecretFile(tmp_path).valid(f"{number}", EPOCH) for number in range(20))
    await file.keep_only({"3", "4"})
    await file.forget("4")
    found = SecretFile(tmp_path)
    assert [number for number in range(20) if found.valid(f"{number}", EPOCH)] == [3]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 1}', '{"a": {}}', '{"a": {"current": "whsec_x", "previous": null, "until": null}}']
)
def test_a_file_that_is_none_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    (tmp_path / SECRETS_FILE).write_text(text)
    with pytest.raises(BridgeError) as refusal:
        SecretFile(tmp_path)
    assert refusal.value.code is Code.FOLDER_UNUSABLE
    assert refusal.value.__suppress_context__
    assert "whsec_" not in str(refusal.value)


async def test_where_it_cannot_be_written_the_old_secrets_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    file = SecretFile(folder)
    await file.keep("a", ONE)
    (folder / SECRETS_FILE).unlink()
    folder.rmdir()
    with pytest.raises(BridgeError) as refusal:
        await file.rotate("a", TWO, EPOCH)
    assert refusal.value.code is Code.JOURNAL_UNAVAILABLE
    assert file.valid("a", EPOCH) == [ONE]


def test_a_secret_is_long_and_never_the_same() -> None:
    secrets = {new_secret(random.SystemRandom()) for _ in range(100)}
    assert len(secrets) == 100
    assert all(is_secret(secret) and len(secret) == 6 + 44 for secret in secrets)
    assert not is_secret("whsec_short")
