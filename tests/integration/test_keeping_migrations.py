"""A journal that a newer release migrated: the one before still works with it, and no power cut leaves half a step."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from tillbridge.engine.journal import schema
from tillbridge.runtime.sqlite import connect_writing

STEPS: Final = sorted((Path(schema.__file__).parent / "migrations").glob("*.sql"))
FROZEN: Final = json.loads((Path(__file__).parents[1] / "golden" / "journal" / "step_0003.json").read_text())
OLD: Final = 3


def old_journal(path: Path) -> None:
    """A journal as the release with step 0003 leaves it."""
    with closing(connect_writing(path)) as connection:
        for number, step in enumerate(STEPS[:OLD], start=1):
            script = step.read_text(encoding="utf-8")
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def bound(values: list[Any], number: int) -> list[Any]:
    return [one.format(id=f"{number:032x}", n=number) if isinstance(one, str) else one for one in values]


def write(path: Path, number: int) -> None:
    with closing(connect_writing(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement, values in FROZEN["writes"]:
            connection.execute(statement, bound(values, number))
        connection.execute("COMMIT")


def read(path: Path, number: int) -> list[list[dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [
            [dict(row) for row in connection.execute(statement, bound(values, number))]
            for statement, values in FROZEN["reads"]
        ]


def described(path: Path) -> tuple[int, list[tuple[str, str]]]:
    """The version, and every table, index and trigger as it was written."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return int(version), found


def test_the_release_before_reads_and_writes_a_migrated_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    old_journal(path)
    write(path, 1)
    before = read(path, 1)
    schema.migrate(path)
    assert described(path)[0] == schema.VERSION > OLD
    after = read(path, 1)
    for was, now in zip(before, after, strict=True):
        # A column more does not disturb a release that asks for its columns by name; one less would.
        assert [{name: row[name] for name in old} for row, old in zip(now, was, strict=True)] == was
    write(path, 2)
    assert all(read(path, 2)[number] for number in (0, 1, 2, 4, 5, 6, 9, 11))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT max(version) FROM readable_by").fetchone()[0] <= OLD


def statements(script: str) -> list[str]:
    """The statements of a step; those of a trigger count as one."""
    text = re.sub(r"--[^\n]*", "", script)
    found, waiting = [], ""
    for part in text.split(";"):
        waiting += f"{part};"
        if sqlite3.complete_statement(waiting):
            found.append(" ".join(waiting.split()))
            waiting = ""
    return [one for one in found if one != ";"]


def breach(step: list[str]) -> str | None:
    """The first statement that takes something away from an older release; None for none."""
    for number, one in enumerate(step):
        words = one.upper()
        dropped = re.match(r"DROP TRIGGER (?:IF EXISTS )?(\w+)", one, re.IGNORECASE)
        if dropped is not None:
            # A guard may be put in the place of a guard.
            again = rf"CREATE TRIGGER {dropped[1]}\b"
            if not any(re.match(again, later, re.IGNORECASE) for later in step[number + 1 :]):
                return one
        elif words.startswith("ALTER TABLE"):
            added = re.match(r"ALTER TABLE \w+ ADD (?:COLUMN )?", words)
            if added is None or ("NOT NULL" in words and "DEFAULT" not in words):
                return one
        elif not re.match(r"(CREATE (TABLE|INDEX|UNIQUE INDEX|TRIGGER|VIEW)|INSERT INTO)\b", words) or (
            re.match(r"INSERT INTO READABLE_BY", words) is not None
        ):
            return one
    return None


@pytest.mark.parametrize("step", STEPS[OLD:], ids=lambda step: step.stem)
def test_a_step_only_adds(step: Path) -> None:
    assert breach(statements(step.read_text(encoding="utf-8"))) is None


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE key;",
        "DROP INDEX operation_day;",
        "DROP TRIGGER event_is_never_changed;",
        "ALTER TABLE operation RENAME TO payment;",
        "ALTER TABLE operation RENAME COLUMN door TO entrance;",
        "ALTER TABLE operation DROP COLUMN door;",
        "ALTER TABLE operation ADD COLUMN more TEXT NOT NULL;",
        "UPDATE operation SET door = '';",
        "DELETE FROM event;",
        "INSERT INTO readable_by VALUES (9);",
    ],
)
def test_what_is_more_than_adding_is_seen(statement: str) -> None:
    assert breach(statements(f"CREATE TABLE more (id INTEGER);\n{statement}")) == statement


def whole_steps(path: Path, folder: Path) -> dict[int, list[tuple[str, str]]]:
    """How the journal looks before, and after each step that is whole."""
    wholes = {OLD: described(path)[1]}
    for number in range(OLD + 1, schema.VERSION + 1):
        copy = folder / f"whole-{number}.sqlite"
        shutil.copy(path, copy)
        with closing(connect_writing(copy)) as connection:
            for step in STEPS[OLD:number]:
                connection.executescript(step.read_text(encoding="utf-8"))
        wholes[number] = described(copy)[1]
    return wholes


def test_a_power_cut_at_any_statement_leaves_a_whole_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.sqlite"
    old_journal(path)
    write(path, 1)
    wholes = whole_steps(path, tmp_path)
    cuts: list[Path] = []

    def cut(_: str) -> None:
        there = tmp_path / f"cut-{len(cuts)}"
        there.mkdir()
        for file in tmp_path.glob("journal.sqlite*"):
            if not file.name.endswith("-shm"):  # memory: gone with the power
                shutil.copy(file, there / file.name)
        cuts.append(there / path.name)

    def traced(file: Path) -> sqlite3.Connection:
        connection = connect_writing(file)
        connection.set_trace_callback(cut)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(schema, "connect_writing", traced)
        schema.migrate(path)
    found = []
    for file in cuts:
        version, there = described(file)
        assert there == wholes[version], f"half of a step after statement {cuts.index(file)}"
        found.append(version)
        schema.migrate(file)
        assert described(file) == (schema.VERSION, wholes[schema.VERSION])
        assert read(file, 1) == read(path, 1)
    assert found == sorted(found)
    assert set(range(OLD, schema.VERSION)) <= set(found)
    assert len(found) > 20
