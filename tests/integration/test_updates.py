"""Updates over HTTP, from a repository that is honest and from servers that are not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from tuf.api.metadata import Metadata, Timestamp  # type: ignore[attr-defined]

from tests.support.releases import Answer, LyingServer, Publisher, TillComputer, days, served, set_clock, till_computer
from tillbridge.connector.publishing.keys import RoleName
from tillbridge.connector.publishing.packing import read_packed
from tillbridge.connector.updates import fetching
from tillbridge.connector.updates.layout import PROGRAM
from tillbridge.connector.updates.naming import this_computer
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.manual import EPOCH


class House:
    """All there is in one test."""

    def __init__(self, publisher: Publisher, server: LyingServer, till: TillComputer) -> None:
        self.publisher = publisher
        self.server = server
        self.till = till

    async def update(self) -> str | None:
        prepared = await self.till.updater().prepare()
        return None if prepared is None else prepared.version

    async def refusal(self, code: Code) -> str:
        """The update is refused so, and nothing of it is in the way of the version in use."""
        with pytest.raises(BridgeError) as refused:
            await self.till.updater().prepare()
        assert refused.value.code is code, str(refused.value)
        assert self.till.layout.current() == "1.0"
        assert (self.till.updater().outcome() or "").startswith("The last update failed on")
        return refused.value.detail

    def metadata(self, name: str) -> Path:
        return self.publisher.folder / "metadata" / name

    def archive(self, version: str) -> Path:
        (found,) = (self.publisher.folder / "targets").rglob(f"*.tillbridge-{version}-*")
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    publisher = Publisher(tmp_path / "publisher", set_clock()).begin()
    async with served(publisher.folder) as server:
        yield House(publisher, server, till_computer(tmp_path, publisher, server.url))


def says(body: bytes, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return answer


# ---------------------------------------------------------------- the honest way


async def test_a_newer_version_is_prepared_beside_the_running_one(house: House) -> None:
    house.publisher.publish("1.1")
    prepared = await house.till.updater().prepare()
    assert prepared is not None
    assert (prepared.version, prepared.program) == ("1.1", house.till.layout.program("1.1"))
    assert house.till.whole("1.1")
    assert house.till.layout.current() == "1.0"
    assert house.till.versions() == ["1.0", "1.1"]
    assert house.till.updater().outcome() == "Version 1.1 is ready and waits until no payment runs."


async def test_what_was_prepared_is_not_fetched_again(house: House) -> None:
    house.publisher.publish("1.1")
    assert await house.update() == "1.1"
    house.server.asked.clear()
    assert await house.update() == "1.1"
    assert not [path for path in house.server.asked if path.endswith(".tar.xz")]


async def test_once_switched_there_is_nothing_newer_and_the_one_before_stays(house: House) -> None:
    for before, version in (("1.0", "1.1"), ("1.1", "1.2"), ("1.2", "1.10")):
        house.publisher.publish(version)
        updater = house.till.updater(before)
        prepared = await updater.prepare()
        assert prepared is not None
        assert prepared.version == version
        house.till.layout.switch(version)
        updater.switched(version)
        updater.switched(version)  # told twice, as after a power cut
        assert (updater.outcome() or "").startswith(f"Updated from version {before} to {version} on 2026-01-02")
        assert await house.till.updater(version).prepare() is None
        assert house.till.versions() == sorted([before, version])


async def test_a_version_that_was_taken_back_is_never_prepared_again(house: House) -> None:
    house.publisher.publish("1.1")
    assert await house.update() == "1.1"
    house.till.updater().refused("1.1", "it did not answer within a minute")
    assert await house.update() is None
    assert house.till.versions() == ["1.0"]
    assert "it did not answer within a minute. 1.0 stays until a newer one" in (house.till.updater().outcome() or "")
    house.publisher.publish("1.2")
    assert await house.update() == "1.2"


@pytest.mark.parametrize("offered", ["1.0", "0.9", "1.0rc1"])
async def test_it_never_goes_downwards(house: House, offered: str) -> None:
    house.publisher.publish(offered)
    assert await house.update() is None
    assert house.till.versions() == ["1.0"]


async def test_a_channel_has_its_own_versions(house: House) -> None:
    house.publisher.publish("2.0rc1", channel="testing")
    assert await house.update() is None
    assert "there is no version for this computer" in (house.till.updater().outcome() or "")


# ---------------------------------------------------------------- the self-test


async def test_a_self_test_that_fails_three_times_gives_the_version_up(house: House) -> None:
    house.publisher.publish("1.1", "#!/bin/sh\necho the journal is not readable\nexit 1\n")
    for _ in range(3):
        said = await house.refusal(Code.UPDATE_FAILED)
        assert said == "version 1.1 did not pass its self-test: the journal is not readable"
    assert await house.update() is None
    assert "failed 3 times" in (house.till.updater().outcome() or "")


async def test_what_this_computer_is_to_blame_for_is_tried_for_ever(house: House, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.touch()
    house.publisher.publish("1.1", f"#!/bin/sh\nif [ -e {full} ]; then echo the disk is full; exit 3; fi\n")
    for _ in range(5):
        assert "the disk is full" in await house.refusal(Code.UPDATE_FAILED)
    full.unlink()
    assert await house.update() == "1.1"


async def test_the_self_test_reads_the_settings_of_this_computer(house: House, tmp_path: Path) -> None:
    told = tmp_path / "told"
    house.publisher.publish("1.1", f'#!/bin/sh\necho "$@" > {told}\n')
    house.till.config = tmp_path / "connector.yml"
    assert await house.update() == "1.1"
    assert told.read_text() == f"self-test --config {house.till.config}\n"


# ---------------------------------------------------------------- attacks of the specification


async def test_arbitrary_package(house: House) -> None:
    house.publisher.publish("1.1")
    house.archive("1.1").write_bytes(b"x" * house.archive("1.1").stat().st_size)
    assert "right signatures" in await house.refusal(Code.UPDATE_UNTRUSTED)
    assert house.till.versions() == ["1.0"]


async def test_wrong_key(house: House, tmp_path: Path) -> None:
    thief = Publisher(tmp_path / "thief", house.publisher.clock).begin()
    thief.publish("9.0")
    house.publisher.publish("1.1")
    house.server.folder = thief.folder
    assert "right signatures" in await house.refusal(Code.UPDATE_UNTRUSTED)


async def test_rollback_of_the_timestamp(house: House) -> None:
    house.publisher.publish("1.1")
    old = house.metadata("timestamp.json").read_bytes()
    house.publisher.publish("1.2")
    assert await house.update() == "1.2"
    house.server.lies["timestamp.json"] = says(old)
    assert "BadVersionNumber" in await house.refusal(Code.UPDATE_UNTRUSTED)


async def test_a_rollback_by_the_publisher_itself_goes_nowhere(house: House) -> None:
    house.publisher.publish("1.2")
    with pytest.raises(BridgeError, match=r"1\.1 is not newer than 1\.2"):
        house.publisher.publish("1.1")


async def test_freeze(house: House) -> None:
    house.publisher.publish("1.1")
    assert await house.update() == "1.1"
    house.till.clock.set(EPOCH + days(8))
    assert "has run out" in await house.refusal(Code.UPDATE_UNTRUSTED)


@pytest.mark.parametrize("role", ["targets", "snapshot"])
async def test_mix_and_match(house: House, role: str) -> None:
    house.publisher.publish("1.1")
    house.publisher.publish("1.2")
    house.server.lies[f"3.{role}.json"] = says(house.metadata(f"2.{role}.json").read_bytes())
    assert "BadVersionNumber" in await house.refusal(Code.UPDATE_UNTRUSTED)
    assert house.till.versions() == ["1.0"]


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json", ".tar.xz", "latest.json"])
async def test_truncated_file(house: House, name: str) -> None:
    house.publisher.publish("1.1")
    (path,) = [one for one in house.publisher.folder.rglob("*") if one.name.endswith(name)]
    house.server.lies[name] = says(path.read_bytes()[:-7])
    await house.refusal(Code.UPDATE_UNTRUSTED)
    assert house.till.versions() == ["1.0"]
    house.server.lies.clear()
    assert await house.update() == "1.1"


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json", ".tar.xz", "2.root.json"])
async def test_endless_file(house: House, name: str) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65536)
            sent += 65536

    house.publisher.publish("1.1")
    house.server.lies[name] = endless
    assert "more than was signed for" in await house.refusal(Code.UPDATE_UNTRUSTED)
    assert sent < 32 * 1024 * 1024


async def test_slow_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await house.server.over.wait()
        return response

    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.05)
    house.publisher.publish("1.1")
    house.server.lies[".tar.xz"] = silent
    assert "could not be reached" in await house.refusal(Code.UPDATE_UNREACHABLE)


async def test_fast_forward_is_got_over_by_new_keys(house: House) -> None:
    house.publisher.publish("1.1")
    path = house.metadata("timestamp.json")
    honest = path.read_bytes()
    forged = Metadata[Timestamp].from_bytes(honest)
    forged.signed.version = 2**31
    forged.signed.expires = forged.signed.expires + days(20000)
    forged.signed.unrecognized_fields["x-tillbridge-signed-at"] = int((EPOCH + days(19000)).timestamp())
    (thief,) = [key for key in house.publisher.online if key.role is RoleName.TIMESTAMP]
    forged.sign(thief.signer)
    path.write_bytes(forged.to_bytes())
    assert await house.update() == "1.1"
    path.write_bytes(honest)
    house.publisher.publish("1.2")
    await house.refusal(Code.UPDATE_UNTRUSTED)
    house.publisher.rotate(RoleName.TIMESTAMP, RoleName.SNAPSHOT)
    assert await house.update() == "1.2"
    house.publisher.repository.refresh(house.publisher.online)
    assert await house.update() == "1.2"


@pytest.mark.parametrize("role", list(RoleName))
async def test_every_role_can_have_new_keys(house: House, role: RoleName) -> None:
    house.publisher.publish("1.1")
    assert await house.update() == "1.1"
    house.publisher.rotate(role)
    house.publisher.publish("1.2")
    assert await house.update() == "1.2"


async def test_a_root_of_strangers_is_not_taken(house: House, tmp_path: Path) -> None:
    thief = Publisher(tmp_path / "thief", house.publisher.clock).begin()
    thief.rotate(RoleName.ROOT)
    house.publisher.publish("1.1")
    house.server.lies["2.root.json"] = says((thief.folder / "metadata" / "2.root.json").read_bytes())
    assert "right signatures" in await house.refusal(Code.UPDATE_UNTRUSTED)


# ---------------------------------------------------------------- what a signed archive may still get wrong


async def test_an_archive_of_another_version(house: House) -> None:
    archive = house.publisher.archive("1.1")
    house.publisher.repository.publish(
        archive,
        read_packed(archive).latest("stable").model_copy(update={"version": "1.2"}),
        "stable",
        house.publisher.online,
    )
    assert "holds another one" in await house.refusal(Code.UPDATE_UNTRUSTED)
    assert not house.till.layout.folder("1.2").exists()
    house.publisher.publish("1.3")
    assert await house.update() == "1.3"
    assert house.till.versions() == ["1.0", "1.3"]


# ---------------------------------------------------------------- clocks


async def test_a_clock_that_is_behind_is_told(house: House) -> None:
    house.till.clock.set(EPOCH - days(365))
    house.publisher.publish("1.0.1")
    house.publisher.publish("1.0.2")
    updater = house.till.updater("1.0.2")
    assert await updater.prepare() is None
    assert "This computer's clock is wrong: it is certainly later than 2026-01-02" in (updater.outcome() or "")


async def test_a_list_that_had_run_out_by_a_moment_that_was_seen_is_refused_though_the_clock_stands_back(
    house: House,
) -> None:
    house.publisher.publish("1.1")
    held = house.metadata("timestamp.json").read_bytes()
    house.publisher.clock.set(EPOCH + days(30))
    house.publisher.repository.refresh(house.publisher.online)
    house.till.clock.set(EPOCH + days(30))
    assert await house.update() == "1.1"
    # The clock goes back a year, and somebody takes away what shows that this list is older than the last one.
    house.till.clock.set(EPOCH - days(335))
    (house.till.layout.updates / "metadata" / "timestamp.json").unlink()
    house.server.lies["timestamp.json"] = says(held)
    assert "has run out" in await house.refusal(Code.UPDATE_UNTRUSTED)


async def test_a_day_forward_changes_nothing_and_a_year_forward_stops_updates_until_the_clock_is_right(
    house: House,
) -> None:
    house.publisher.publish("1.1")
    house.till.clock.set(EPOCH + days(1))
    assert await house.update() == "1.1"
    house.till.clock.set(EPOCH + days(365))
    assert "this computer's clock is ahead" in await house.refusal(Code.UPDATE_UNTRUSTED)
    house.till.clock.set(EPOCH)
    assert await house.update() == "1.1"


# ---------------------------------------------------------------- the server that is not there


async def test_a_server_that_is_down(house: House) -> None:
    house.till.source = type(house.till.source)("http://127.0.0.1:9", house.till.source.root, "stable", this_computer())
    assert "could not be reached" in await house.refusal(Code.UPDATE_UNREACHABLE)


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_a_server_that_answers_otherwise(house: House, status: int) -> None:
    house.publisher.publish("1.1")
    house.server.lies["timestamp.json"] = says(b"", status)
    assert f"answered {status}" in await house.refusal(Code.UPDATE_UNREACHABLE)


async def test_nobody_waits_for_a_download_that_is_not_wanted_any_more(house: House) -> None:
    begun = asyncio.Event()

    async def hanging(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        begun.set()
        await house.server.over.wait()
        return response

    house.publisher.publish("1.1")
    house.server.lies[".tar.xz"] = hanging
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(house.till.updater().prepare())
        await begun.wait()
        asking.cancel()
    assert asking.cancelled()
    house.server.lies.clear()
    assert await house.update() == "1.1"


def test_the_fake_program_has_the_name_of_the_real_one() -> None:
    assert PROGRAM == "tillbridge"
