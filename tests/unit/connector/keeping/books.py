"""Journals for tests: rows as the engine writes them, at whatever moment, without an engine."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt, Outcome
from tillbridge.engine.journal import schema
from tillbridge.engine.journal.journal import Acceptance, Journal
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.manual import EPOCH
from tillbridge.runtime.sqlite import InlineCommitter, connect_writing

START = EPOCH
DAY = timedelta(days=1)
DOUBT = InDoubt(DoubtReason.NO_ANSWER)


def paid(minor: int = 1000) -> Approved:
    """An approval."""
    return Approved(Money(minor, EUR), authorization_code="A1", ticket="Thank you")


class Books:
    """A journal in a folder, written through the engine's own statements."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_FILE
        schema.migrate(self.path)
        self.committer = InlineCommitter(lambda: connect_writing(self.path))
        self.journal = Journal(self.committer)
        self.count = 0

    async def payment(
        self, at: datetime, outcome: Outcome | None, *, accepted_only: bool = False, keyless: bool = False, **more: Any
    ) -> Payment:
        """A payment that was accepted then and ended a minute later; without an outcome it still runs."""
        self.count += 1
        usual = Payment(
            id=f"{self.count:032x}",
            kind=Kind.SALE,
            stage=Stage.ACCEPTED,
            amount=Money(1000, EUR),
            terminal="t1",
            caller="till",
            door="door",
            register="01",
            accepted_at=at,
        )
        payment = replace(usual, **more)
        day = f"{at:%Y-%m-%d}"
        await self.journal.accept(
            Acceptance(payment, day, f"print-{payment.id}", partial_allowed=False, keyless=keyless)
        )
        if accepted_only:
            await self.journal.probe()
            return payment
        await self.journal.sending(payment, payment.id, at)
        if outcome is not None:
            cause = Cause.NO_ANSWER if isinstance(outcome, InDoubt) else Cause.ANSWER
            await self.journal.close(payment, outcome, cause, at + timedelta(minutes=1), {})
        return payment

    async def do(self, statement: str, *bound: object) -> None:
        """A statement of somebody else's tables."""
        await self.committer.submit(lambda connection: connection.execute(statement, bound).fetchall(), durable=True)

    async def close(self) -> None:
        """Closes the file."""
        await self.journal.shut()


def rows(path: Path, statement: str, *bound: object) -> list[tuple[Any, ...]]:
    """What a question to a journal gives."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement, bound).fetchall()
