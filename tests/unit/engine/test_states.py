"""The table of states: complete, drawn in the docs, and the only way that the journal moves."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.operation import OPEN, RUNNING, Stage, stage_of
from tillbridge.domain.outcome import Aborted, Declined, InDoubt, NotStarted, NotStartedReason, Outcome
from tillbridge.engine.journal import schema
from tillbridge.engine.journal.journal import Acceptance, Journal, MoveRefused
from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.engine.states import MOVES, Cause, allowed_from, diagram
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.runtime.sqlite import InlineCommitter, connect_writing

OUTCOMES: tuple[Outcome, ...] = (PAID, Declined(), Aborted(), NotStarted(NotStartedReason.TERMINAL_SILENT), LOST)
DOC = Path(__file__).parents[3] / "docs" / "reference" / "states.md"


def test_nothing_leads_out_of_a_closed_stage() -> None:
    assert {stage for stage, _ in MOVES} == OPEN
    assert {Stage(stage) for targets in MOVES.values() for stage in targets} | {Stage.ACCEPTED} == set(Stage)


def test_in_doubt_is_left_only_by_evidence_or_a_person() -> None:
    causes = {cause for stage, cause in MOVES if stage is Stage.IN_DOUBT}
    assert causes == {Cause.LATE_ANSWER, Cause.INQUIRY, Cause.PERSON, Cause.REVERSAL}


def test_the_diagram_in_the_docs_is_the_table() -> None:
    assert f"```mermaid\n{diagram()}```" in DOC.read_text(encoding="utf-8")


def _payment(payment_id: str, terminal: str) -> Payment:
    runtime = manual_runtime()
    request = ask()
    return Payment(
        payment_id,
        request.kind,
        Stage.ACCEPTED,
        request.amount,
        terminal,
        request.caller,
        request.door,
        request.register,
        runtime.clock.now(),
    )


async def _reach(journal: Journal, payment: Payment, stage: Stage) -> None:
    now = payment.accepted_at
    await journal.accept(Acceptance(payment, "2026-01-02", "", partial_allowed=False, keyless=False))
    if stage is Stage.ACCEPTED:
        return
    await journal.sending(payment, payment.id, now)
    if stage is Stage.SENDING:
        return
    outcome = next(outcome for outcome in OUTCOMES if stage_of(outcome) is stage)
    cause = next(cause for cause in Cause if Stage.SENDING in allowed_from(cause, stage))
    await journal.close(payment, outcome, cause, now, {})


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.INTENT_ON_DISK])
@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_the_journal_makes_exactly_the_moves_of_the_table(
    tmp_path: Path, stage: Stage, cause: Cause, outcome: Outcome
) -> None:
    async def main() -> None:
        path = tmp_path / JOURNAL_FILE
        schema.migrate(path)
        journal = Journal(InlineCommitter(lambda: connect_writing(path)))
        payment = _payment("p", "t1")
        await _reach(journal, payment, stage)
        move = journal.close(payment, outcome, cause, payment.accepted_at, {})
        allowed = stage_of(outcome) in MOVES.get((stage, cause), ())
        if allowed:
            await move
        else:
            with pytest.raises(MoveRefused):
                await move
        await journal.shut()
        stored = Reading(path).payment("p")
        assert stored is not None
        assert stored.stage is (stage_of(outcome) if allowed else stage)

    run_manual(main())


def test_the_database_itself_keeps_the_laws(tmp_path: Path) -> None:
    async def main() -> None:
        puppet = Puppet()
        async with house(tmp_path, puppet) as engine:
            puppet.answers.put_nowait(PAID)
            await engine.wait((await engine.start(ask())).id, 60)
            await engine.start(ask())
            await asyncio.sleep(1)

    run_manual(main())
    connection = sqlite3.connect(tmp_path / JOURNAL_FILE)
    for breach, words in (
        ("UPDATE event SET type = 'x'", "never changed"),
        ("DELETE FROM event", "never deleted"),
        ("UPDATE operation SET stage = 'in_doubt', outcome = '{}', approved_minor = NULL, terminal = 't1'", "UNIQUE"),
        ("UPDATE operation SET approved_minor = 1 WHERE stage = 'sending'", "CHECK"),
        ("UPDATE operation SET asked_minor = 1.5", "INTEGER"),
    ):
        with pytest.raises(sqlite3.Error, match=words):
            connection.execute(breach)
    connection.close()


def test_stages_that_run_have_no_outcome() -> None:
    assert {stage_of(outcome) for outcome in OUTCOMES} == set(Stage) - RUNNING
    assert stage_of(InDoubt(LOST.reason)) is Stage.IN_DOUBT
