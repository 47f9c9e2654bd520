"""What a restored journal of vouchers believes of what another maker's provider was about to be asked for."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tillbridge.connector.keeping.marking import mark_vouchers
from tillbridge.connector.vouchers.schema import migrate

_ACTION = """
INSERT INTO action (key, kind, state, number, amount, currency, exact, station, operator, portal, begun_at, changed_at)
VALUES (?, 'redeem', ?, '5412345678', 500, 'EUR', 0, '', '', '', 1, 1)"""
_CLAIM = """
INSERT INTO claim (action_key, provider_prefix, provider_name, takes_back, idempotent, claimed_at)
VALUES (?, '54', 'Lunch', 0, 0, 1)"""


def _states(path: Path) -> dict[str, tuple[str, str | None]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT key, state, open_case FROM action").fetchall()
    return {key: (state, case) for key, state, case in rows}


def test_what_a_provider_was_about_to_be_asked_may_have_been_asked_since(tmp_path: Path) -> None:
    path = tmp_path / "vouchers.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for key, state in (("ours", "intent"), ("theirs", "intent"), ("over", "done")):
            connection.execute(_ACTION, (key, state))
        for key in ("theirs", "over"):
            connection.execute(_CLAIM, (key,))
    mark_vouchers(path)
    assert _states(path) == {
        "ours": ("intent", None),
        "theirs": ("unknown", "provider_unknown"),
        "over": ("done", None),
    }


def test_a_backup_of_before_there_were_providers_is_marked_as_well(tmp_path: Path) -> None:
    path = tmp_path / "vouchers.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE claim")
        connection.execute(_ACTION, ("ours", "intent"))
    mark_vouchers(path)
    assert _states(path) == {"ours": ("intent", None)}
