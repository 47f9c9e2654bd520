"""The support bundle: what is in it, and that nothing gets out that nobody may see, wherever it lies."""

import base64
import json
import os
import sqlite3
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.connector.doctor import scenes
from tests.unit.connector.doctor.test_searching import card_numbers
from tillbridge.connector.doctor.bundle import pack, write_bundle
from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.doctor.searching import Secrets, search
from tillbridge.connector.tracing.files import TRACE_FILE
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.schema import migrate
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.runtime.data_folder import KEY_FILE
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import FILE_NAME

MEMBERS = ["report.json", "settings.json", "versions.json", "state.json", "journal.json", "log.jsonl", "trace.jsonl"]
HOOK = "whsec_" + base64.b64encode(bytes(range(100, 124))).decode()
CONSOLE_KEY = "console-key-that-nobody-may-have"
PLACES = ("log", "trace", "settings", "journal_detail", "journal_notes", "journal_order", "file_name", "ticket")


def planted(folder: Path, **where: str) -> Path:
    """A connector whose files hold these texts."""
    folder.mkdir(exist_ok=True)
    data = folder / "kept"
    data.mkdir(exist_ok=True)
    receiver = {"kind": "webhook", "url": "https://hook.example/T0/secret-path", "secret": {"env": "HOOK"}}
    content = scenes.settings(upstream={"receivers": [receiver]})
    if "settings" in where:
        content["receipts"] = {"header": [where["settings"][:60]]}
    (data / KEY_FILE).write_text(CONSOLE_KEY)
    (data / FILE_NAME).write_text(json.dumps({"event": where.get("log", "")}, ensure_ascii=False) + "\n")
    (data / TRACE_FILE).write_text(json.dumps({"terminal": "front", "text": where.get("trace", "")}) + "\n")
    _journal(data / JOURNAL_FILE, where)
    if "file_name" in where:
        (data / "".join(one for one in where["file_name"] if one.isalnum())[:50]).touch()
    return scenes.write(folder, content)


def _journal(path: Path, where: dict[str, str]) -> None:
    path.unlink(missing_ok=True)
    migrate(path)
    outcome = {"reason": "unspecified", "detail": where.get("journal_detail", ""), "ticket": where.get("ticket", "")}
    notes = {"customer": where.get("journal_notes", "Jana Nováková")}
    row: dict[str, Any] = {
        "id": Runtime().ids.new(),
        "kind": "sale",
        "stage": "declined",
        "terminal": "front",
        "door": "hipay",
        "caller": "hipay:log",
        "register": "01",
        "order_id": where.get("journal_order"),
        "business_day": "2026-11-22",
        "currency": "EUR",
        "asked_minor": 1250,
        "online": 0,
        "partial_allowed": 0,
        "keyless": 0,
        "outcome": json.dumps(outcome),
        "notes": json.dumps(notes),
        "warnings": "[]",
        "accepted_at": 1_795_000_000_123_456,
        "closed_at": 1_795_000_000_123_456,
    }
    with sqlite3.connect(path) as connection:
        names = ", ".join(row)
        connection.execute(
            f"INSERT INTO operation ({names}) VALUES ({', '.join('?' * len(row))})",  # noqa: S608  # names of this test
            list(row.values()),
        )
        detail = json.dumps({"detail": where.get("journal_detail", ""), "by": "Jana Nováková"})
        connection.execute(
            "INSERT INTO event (operation_id, terminal, type, at, cause, detail)"
            " VALUES (?, 'front', 'outcome', ?, ?, ?)",
            (row["id"], row["accepted_at"], "answer", detail),
        )
    connection.close()


def bundled(file: Path, target: Path, without: tuple[str, ...] = ()) -> dict[str, str]:
    """The members of the bundle of this connector."""

    def look(scene: Scene) -> None:
        write_bundle(target, scene, scenes.empty_report(scene.runtime), without)

    scenes.in_scene(file, look, {"HOOK": HOOK})
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_it_has_what_a_supporter_needs_and_no_more(tmp_path: Path) -> None:
    file = planted(tmp_path, ticket="DEBIT 12,50 EUR", journal_order="order-of-jana", log="a line of the log")
    members = bundled(file, tmp_path / "bundle.zip")
    assert list(members) == MEMBERS
    journal = json.loads(members["journal.json"])
    assert [one["stage"] for one in journal["payments"]] == ["declined"]
    assert len(journal["events"]) == 1
    written = json.loads(members["settings.json"])
    assert written["terminals"][0]["name"] == "front"
    assert "a line of the log" in members["log.jsonl"]
    together = "\n".join(members.values())
    for private in ("Nováková", "order-of-jana", "DEBIT", "secret-path", HOOK, CONSOLE_KEY, "$argon2"):
        assert private not in together
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "bundle.zip").stat().st_mode) == 0o600


def test_a_member_can_be_left_out(tmp_path: Path) -> None:
    members = bundled(planted(tmp_path), tmp_path / "bundle.zip", ("log", "trace"))
    assert list(members) == [name for name in MEMBERS if not name.endswith(".jsonl")]


@pytest.mark.parametrize(("target", "without"), [("bundle.tar", ()), ("bundle.zip", ("wallet",))])
def test_what_is_asked_wrongly_writes_nothing(tmp_path: Path, target: str, without: tuple[str, ...]) -> None:
    with pytest.raises(BridgeError) as refused:
        bundled(planted(tmp_path), tmp_path / target, without)
    assert refused.value.code is Code.FIELD_INVALID
    assert not (tmp_path / target).exists()


def test_a_finding_names_member_and_kind_and_never_the_value(tmp_path: Path) -> None:
    coded = base64.b64encode(b"track 4111111111111111 ").decode()
    with pytest.raises(BridgeError) as refused:
        bundled(planted(tmp_path, log=coded), tmp_path / "bundle.zip")
    assert (refused.value.code, refused.value.place) == (Code.BUNDLE_UNSAFE, "log.jsonl")
    assert "card number" in str(refused.value)
    assert coded not in str(refused.value)
    assert not (tmp_path / "bundle.zip").exists()
    assert "log.jsonl" not in bundled(planted(tmp_path, log=coded), tmp_path / "bundle.zip", ("log",))


def test_the_gate_holds_what_no_masking_has_seen() -> None:
    report = scenes.empty_report(Runtime())
    for content in (b"4111 1111 1111 1111", HOOK.encode(), HOOK.encode().hex().encode()):
        with pytest.raises(BridgeError) as refused:
            pack([("a.txt", b"well"), ("b.txt", content)], Secrets.of([HOOK]), report)
        assert refused.value.place == "b.txt"
    with pytest.raises(BridgeError):
        pack([(f"{HOOK}.txt", b"well")], Secrets.of([HOOK]), report)


def test_settings_that_a_person_broke_still_hide_a_password_in_clear(tmp_path: Path) -> None:
    file = planted(tmp_path, log="the password hunter22 was typed")
    content = scenes.settings()
    content["doors"][0]["settings"]["api_password_hash"] = "hunter22"
    scenes.write(tmp_path, content | {"unknown": 1})
    members = bundled(file, tmp_path / "bundle.zip")
    assert "hunter22" not in "\n".join(members.values())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), st.one_of(card_numbers(), st.sampled_from([HOOK, CONSOLE_KEY])), st.booleans())
def test_nothing_planted_anywhere_gets_out(tmp_path: Path, place: str, value: str, coded: bool) -> None:
    text = base64.b64encode(value.encode()).decode() if coded else value
    target = tmp_path / "bundle.zip"
    target.unlink(missing_ok=True)
    refused: BridgeError | None = None
    members: dict[str, str] = {}
    try:
        members = bundled(planted(tmp_path / "shop", **{place: text}), target)
    except BridgeError as error:
        refused = error
    if refused is not None:
        assert refused.code is Code.BUNDLE_UNSAFE
        assert value not in str(refused)
        assert not target.exists()
    known = Secrets.of([HOOK, CONSOLE_KEY])
    for name, content in members.items():
        assert value not in content, name
        assert text not in content, name
        assert search(content.encode(), known) is None, name
