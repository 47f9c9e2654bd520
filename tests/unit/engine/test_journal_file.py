"""The journal's file: what is kept of an outcome, questions and pages, and releases that come and go."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage, stage_of
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.engine.journal import schema
from tillbridge.engine.journal.outcomes import read_outcome, write_outcome
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.protocols.contract import Totals
from tillbridge.runtime.manual import EPOCH, run_manual

_text = st.text(max_size=20)
_maybe = st.none() | _text
_card = st.builds(
    CardUse,
    masked_pan=st.sampled_from([None, "497010######7890", "########"]),
    entry_mode=st.none() | st.sampled_from(EntryMode),
    application=_maybe,
    aid=_maybe,
)
_money = st.builds(Money, st.integers(0, 10**12), st.just(EUR))
_outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Approved, _money, st.none() | _card, _maybe, _maybe, _maybe),
    st.builds(Declined, st.sampled_from(DeclineReason), _maybe, _maybe),
    st.builds(Aborted, st.sampled_from(AbortedBy), _maybe, _maybe),
    st.builds(NotStarted, st.sampled_from(NotStartedReason), _text),
    st.builds(InDoubt, st.sampled_from(DoubtReason), _text),
)


@given(_outcomes)
def test_an_outcome_is_read_as_it_was_written(outcome: Outcome) -> None:
    assert read_outcome(stage_of(outcome), write_outcome(outcome)) == outcome


def test_running_stages_have_no_outcome() -> None:
    with pytest.raises(ValueError, match="no outcome"):
        read_outcome(Stage.SENDING, "{}")


def test_pages_are_newest_first_and_do_not_overlap(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            ids = []
            for number in range(7):
                puppet.answers.put_nowait(PAID)
                payment = await engine.start(ask(order_id=f"{number}", notes={"cart": [1, "é"]}))
                ids.append((await engine.wait(payment.id, 60)).id)
                await asyncio.sleep(1)
            first = engine.payments(limit=4)
            second = engine.payments(before=first[-1].id, limit=4)
            assert [payment.id for payment in first + second] == ids[::-1]
            assert first[0].notes == {"cart": [1, "é"]}
            totals = await engine.totals(EPOCH)
            assert totals == [Totals("t1", Kind.SALE, EUR, 7, 7000)]

    run_manual(main())


def test_a_newer_journal_is_refused_unless_it_says_that_we_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL_FILE
    schema.migrate(path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.commit()
    schema.migrate(path)
    connection.execute("UPDATE readable_by SET version = ?", (schema.VERSION + 1,))
    connection.commit()
    connection.close()
    with pytest.raises(BridgeError) as refusal:
        schema.migrate(path)
    assert refusal.value.code is Code.JOURNAL_TOO_NEW


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(b"somebody's shopping list, long enough to be looked at by a database" * 20)
    before = path.read_bytes()
    with pytest.raises(BridgeError) as refusal:
        schema.migrate(path)
    assert refusal.value.code is Code.FOLDER_UNUSABLE
    assert path.read_bytes() == before
