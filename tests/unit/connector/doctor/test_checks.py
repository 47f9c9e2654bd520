"""Each check of the doctor against what it is for: a thing that is right, and the ways in which it goes wrong."""

import asyncio
import sqlite3
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from tests.unit.connector.doctor import scenes
from tillbridge.connector.doctor.doors import look_at_door
from tillbridge.connector.doctor.examination import examine, scene_of
from tillbridge.connector.doctor.findings import Check, Finding, Part, Saw
from tillbridge.connector.doctor.journal import FUTURE, journal_facts
from tillbridge.connector.doctor.lines import look_at_port, speaks_7e1
from tillbridge.connector.doctor.reach import Reached, Step
from tillbridge.connector.doctor.report import report_of
from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.doctor.servers import Server, certificates, compared, ends, reached
from tillbridge.connector.doctor.terminals import refused_frames
from tillbridge.connector.portal.checks import Verdict
from tillbridge.connector.reaching import Listening
from tillbridge.domain.cashier_texts import Language
from tillbridge.engine.journal.records import to_micros
from tillbridge.engine.journal.schema import VERSION, migrate
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.runtime.data_folder import KEY_FILE, LOCK_FILE
from tillbridge.runtime.effects import Runtime
from tillbridge.transports.serial_line import SerialSettings
from tillbridge.web.listening import bind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = [Part.SETTINGS, Part.SECRETS, Part.FOLDER, Part.DISK, Part.JOURNAL, Part.CLOCK]


def shop(folder: Path, **more: object) -> Path:
    (folder / "kept").mkdir(exist_ok=True)
    return scenes.write(folder, scenes.settings(**more))


def even_parity(text: bytes) -> bytes:
    """What a line of 7E1 puts on the wire, as eight bits read it."""
    return bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in text)


# ---------------------------------------------------------------- settings, folder, secrets


def test_a_missing_settings_file_is_a_finding_and_no_fault(tmp_path: Path) -> None:
    found = scenes.findings_of(tmp_path / "connector.yml")
    assert found[0].saw is Saw.SETTINGS_MISSING
    assert {one.part for one in found} == {Part.SETTINGS, Part.VERSION}


def test_everything_that_is_wrong_in_the_settings_is_told(tmp_path: Path) -> None:
    file = scenes.write(tmp_path, scenes.settings(console={"port": 0}, receipts={"colour": "red"}))
    told = [one.facts["detail"] for one in scenes.findings_of(file, parts=[Part.SETTINGS])]
    assert any("console.port" in one for one in told)
    assert any("receipts.colour" in one for one in told)


def test_a_healthy_folder_without_a_connector(tmp_path: Path) -> None:
    found = scenes.findings_of(shop(tmp_path), parts=HERE)
    assert {Saw.SETTINGS_RIGHT, Saw.SECRETS_SAFE, Saw.CONNECTOR_RESTS, Saw.JOURNAL_NONE} <= scenes.saw(found)
    assert [one for one in found if one.verdict is Verdict.WRONG] == []


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    file = scenes.write(tmp_path, scenes.settings())
    assert Saw.FOLDER_MISSING in scenes.saw(scenes.findings_of(file, parts=HERE))
    assert not (tmp_path / "kept").exists()


def test_a_folder_that_somebody_has_is_left_alone(tmp_path: Path) -> None:
    file = shop(tmp_path)
    with FileLock(tmp_path / "kept" / LOCK_FILE):
        found = scenes.findings_of(file)
    assert Saw.FOLDER_HELD in scenes.saw(found)
    assert Part.TERMINAL not in {one.part for one in found}


def test_a_secret_that_others_may_read(tmp_path: Path) -> None:
    file = shop(tmp_path)
    key = tmp_path / "kept" / KEY_FILE
    key.write_text("a key")
    key.chmod(0o644)
    found = [one for one in scenes.findings_of(file, parts=[Part.SECRETS]) if one.saw is Saw.SECRET_FILE_OPEN]
    assert [one.command for one in found] == [f"chmod 600 '{key}'"]
    key.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert scenes.saw(scenes.findings_of(file, parts=[Part.SECRETS])) == {Saw.SECRETS_SAFE}


# ---------------------------------------------------------------- the journal and the clock


def journal(folder: Path, at: datetime | None = None, version: int | None = None) -> Path:
    path = folder / "kept" / JOURNAL_FILE
    path.parent.mkdir(exist_ok=True)
    migrate(path)
    with sqlite3.connect(path) as connection:
        if at is not None:
            connection.execute(
                "INSERT INTO event (terminal, type, at, detail) VALUES ('front', 'moved', ?, '{}')", (to_micros(at),)
            )
        if version is not None:
            connection.execute("INSERT INTO readable_by VALUES (?)", (version,))
            connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    return path


def test_a_sound_journal(tmp_path: Path) -> None:
    path = journal(tmp_path, NOW)
    facts = asyncio.run(journal_facts(path))
    assert (facts.version, facts.damage, facts.newest) == (VERSION, "", NOW)
    assert Saw.JOURNAL_SOUND in scenes.saw(scenes.findings_of(shop(tmp_path), parts=[Part.JOURNAL]))


def test_reading_a_journal_leaves_it_as_it_is(tmp_path: Path) -> None:
    path = journal(tmp_path, NOW)
    before = path.read_bytes()
    asyncio.run(journal_facts(path))
    assert path.read_bytes() == before


def test_a_damaged_journal(tmp_path: Path) -> None:
    path = journal(tmp_path, NOW)
    content = bytearray(path.read_bytes())
    content[100:3000] = b"\x00" * 2900
    path.write_bytes(content)
    found = scenes.findings_of(shop(tmp_path), parts=[Part.JOURNAL])
    assert [one.verdict for one in found] == [Verdict.WRONG]
    assert scenes.saw(found) == {Saw.JOURNAL_DAMAGED}


def test_a_journal_of_a_newer_release(tmp_path: Path) -> None:
    journal(tmp_path, version=VERSION + 5)
    found = scenes.findings_of(shop(tmp_path), parts=[Part.JOURNAL])
    assert Saw.JOURNAL_TOO_NEW in scenes.saw(found)


def test_a_clock_that_was_set_back_shows_in_the_journal(tmp_path: Path) -> None:
    ahead = Runtime().clock.now() + timedelta(days=365)
    journal(tmp_path, ahead)
    found = scenes.findings_of(shop(tmp_path), parts=[Part.CLOCK])
    assert [(one.saw, one.verdict) for one in found] == [(Saw.CLOCK_WENT_BACK, Verdict.WRONG)]
    assert found[0].facts["moment"].startswith(f"{ahead:%Y-%m-%d}")


def test_a_journal_of_this_minute_says_nothing_of_the_clock(tmp_path: Path) -> None:
    journal(tmp_path, Runtime().clock.now() + FUTURE / 2)
    assert scenes.saw(scenes.findings_of(shop(tmp_path), parts=[Part.CLOCK])) == {Saw.CLOCK_UNCOMPARED}


@pytest.mark.parametrize(
    ("off", "saw"), [(59, Saw.CLOCK_RIGHT), (-60, Saw.CLOCK_RIGHT), (61, Saw.CLOCK_AHEAD), (-90, Saw.CLOCK_BEHIND)]
)
def test_a_clock_beside_a_servers(off: int, saw: Saw) -> None:
    assert compared("portal", timedelta(seconds=off)).saw is saw


# ---------------------------------------------------------------- lines


def line(**more: object) -> SerialSettings:
    return SerialSettings.model_validate({"port": "/dev/ttyUSB0"} | more)


def test_a_port_that_is_not_there() -> None:
    found = asyncio.run(look_at_port("front", line(port="/dev/tty-that-is-not-there")))
    assert [one.saw for one in found] == [Saw.PORT_MISSING]


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = asyncio.run(look_at_port("front", line(port=str(tmp_path / "file"))))
    assert [one.saw for one in found] == [Saw.PORT_IS_NONE]


@pytest.mark.parametrize("said", [b"\x02\x04\x15", b"\x04\x04", b"\x0201000012501978          \x03"])
def test_a_line_of_7e1_that_is_read_as_8n1(said: bytes) -> None:
    heard = even_parity(said)
    assert speaks_7e1(heard, line())
    assert not speaks_7e1(heard, line(data_bits=7, parity="even"))


@pytest.mark.parametrize("heard", [b"", b"\x05\x06", b"\x84", b"\x02\x84\x84", b"\x80\x80\x81", "déjà vu".encode()])
def test_what_proves_no_parity(heard: bytes) -> None:
    assert not speaks_7e1(heard, line())


def not_started(path: Path, reason: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO operation (id, kind, stage, terminal, door, caller, register, business_day, asked_minor,"
            " currency, online, partial_allowed, keyless, outcome, notes, warnings, accepted_at, closed_at)"
            " VALUES (?, 'sale', 'not_started', 'front', 'd', 'c', '01', '2026-11-22', 1, 'EUR', 0, 0, 0, ?, '{}',"
            " '[]', 1, 1)",
            (Runtime().ids.new(), f'{{"reason": "{reason}"}}'),
        )
    connection.close()


@pytest.mark.parametrize(
    ("reason", "parity", "saw"),
    [
        ("terminal_refused_message", "none", [Saw.TERMINAL_REFUSED_FRAMES]),
        ("terminal_refused_message", "even", [Saw.TERMINAL_SPEAKS_8N1]),
        ("terminal_busy", "none", []),
    ],
)
def test_a_terminal_that_answers_and_refuses_every_frame(
    tmp_path: Path, reason: str, parity: str, saw: Sequence[Saw]
) -> None:
    not_started(journal(tmp_path), reason)

    async def look(scene: Scene) -> list[Finding]:
        return await refused_frames(scene, "front", line(parity=parity))

    assert [one.saw for one in scenes.in_scene(shop(tmp_path), look)] == list(saw)


# ---------------------------------------------------------------- doors and servers


async def test_a_door_whose_port_is_free_or_taken(tmp_path: Path) -> None:
    file = shop(tmp_path)
    async with scene_of(file, Runtime(), {}) as scene:
        sockets, address = await bind("127.0.0.1", 0)
        taken = await look_at_door(scene, "till", Listening("127.0.0.1", address.port))
        for one in sockets:
            one.close()
        free = await look_at_door(scene, "till", Listening("127.0.0.1", address.port))
        lines = await look_at_door(scene, "till", None)
        exposed = await look_at_door(scene, "till", Listening("0.0.0.0", 0))  # noqa: S104  # nothing listens
    assert [one.saw for one in (*taken, *free, *lines)] == [Saw.DOOR_TAKEN, Saw.DOOR_FREE, Saw.DOOR_ON_LINE]
    assert str(address.port) in taken[0].command
    assert exposed[-1].saw is Saw.DOOR_EXPOSED


@pytest.mark.parametrize(
    ("found", "saw"),
    [
        (Reached("h", Step.NAME), Saw.NAME_UNKNOWN),
        (Reached("h", Step.CONNECTION, "refused"), Saw.NO_CONNECTION),
        (Reached("h", Step.TLS, "certificate has expired"), Saw.NO_TLS),
        (Reached("h", Step.HTTP, "closed"), Saw.NO_ANSWER),
        (Reached("h", Step.ANSWERED, status=401), Saw.PROVIDER_REACHED),
        (Reached("h", Step.ANSWERED, status=503), Saw.PROVIDER_FAILING),
    ],
)
def test_how_far_a_server_was_reached(found: Reached, saw: Saw) -> None:
    assert [one.saw for one in reached(Server(Part.PROVIDER, "https://h"), found)] == [saw]


@pytest.mark.parametrize(
    ("days", "saw"),
    [(-1, Saw.CERTIFICATE_OVER), (0, Saw.CERTIFICATE_OVER), (20, Saw.CERTIFICATE_ENDING), (22, Saw.CERTIFICATE_VALID)],
)
def test_the_end_of_a_certificate(days: int, saw: Saw) -> None:
    assert ends("h", NOW + timedelta(days=days), NOW).saw is saw


def test_a_certificate_with_another_key_than_the_settings_name() -> None:
    found = Reached("h", Step.ANSWERED, status=200, not_after=NOW + timedelta(days=99), key_digest="aa")
    assert [one.saw for one in certificates(Server(Part.PORTAL, "https://h", pinned="bb"), found, NOW)] == [
        Saw.CERTIFICATE_VALID,
        Saw.CERTIFICATE_OTHER,
    ]


# ---------------------------------------------------------------- the examination


async def test_one_look_that_breaks_or_hangs_takes_no_other_with_it() -> None:
    async def hangs() -> Sequence[Finding]:
        await asyncio.Event().wait()
        raise AssertionError

    async def breaks() -> Sequence[Finding]:
        raise ValueError("the secret is hunter22")

    async def well() -> Sequence[Finding]:
        return [Finding(Part.DISK, Verdict.OK, Saw.DISK_ROOMY, facts={"free": "1 MiB"})]

    told: list[Part] = []
    checks = [
        Check(Part.TERMINAL, "front", hangs, 0.01),
        Check(Part.JOURNAL, "", breaks, 1),
        Check(Part.DISK, "", well, 1),
    ]
    examined = await examine(checks, lambda one: told.append(one.check.part))
    assert [one.findings[0].saw for one in examined] == [Saw.DISK_ROOMY, Saw.LOOK_FAILED, Saw.LOOK_TIMED_OUT]
    assert sorted(told) == sorted(one.part for one in checks)
    report = report_of(examined, Language.DE, NOW)
    assert not report.well
    assert "hunter22" not in report.model_dump_json()
