"""Whatever is paid, refunded and settled, wherever the power is cut: tidying up changes no answer and loses nothing.

After every step each key gives the payment that it always gave, what is open is what was open, what is left of a sale
is what was left, and every payment with all of its history is in the journal or in an archive, and there once.
"""

import asyncio
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.connector.keeping.books import DOUBT, START, Books, paid, rows
from tillbridge.connector.keeping.archive import FOLDER, known_files, read_archive
from tillbridge.connector.keeping.compacting import Compactor
from tillbridge.connector.keeping.settings import KeepingSettings
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, Declined
from tillbridge.engine.books import OutboxAccess
from tillbridge.engine.journal.journal import Journal
from tillbridge.engine.journal.reading import Reading
from tillbridge.engine.parents import COUNTS
from tillbridge.engine.rules import OrderIdsRepeat
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.sqlite import InlineCommitter, Job, connect_writing


class PowerCut(BaseException):
    """The computer is off."""


class Fuse:
    """A committer whose power is cut at job number `at`: before it, or (`late`) when it ran and is not flushed."""

    def __init__(self, path: Path, at: int | None, *, late: bool) -> None:
        self.inner = InlineCommitter(lambda: connect_writing(path))
        self.left = at
        self.late = late

    def submit(self, job: Job, *, durable: bool) -> "asyncio.Future[Any]":
        if self.left == 0:
            if self.late:
                self.inner.submit(job, durable=False).add_done_callback(lambda done: done.exception())
            self.inner.lose()
            raise PowerCut
        self.left = None if self.left is None else self.left - 1
        return self.inner.submit(job, durable=durable)

    async def close(self) -> None:
        await self.inner.close()


class Hands:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> Any:
        return self.at

    def monotonic(self) -> float:
        return 0.0


class Keeping(RuleBasedStateMachine):
    """A shop over the years."""

    @initialize(never=st.booleans())
    def open(self, never: bool) -> None:
        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name)
        self.books = Books(self.folder)
        self.clock = Hands()
        self.repeat = OrderIdsRepeat.NEVER if never else OrderIdsRepeat.DAILY
        self.made: dict[str, Payment] = {}
        self.lines: Counter[str] = Counter()
        self.held_seq = 0

    def teardown(self) -> None:
        if hasattr(self, "books"):
            asyncio.run(self.books.close())
            self.home.cleanup()

    # ------------------------------------------------------------ what happens in a shop

    @rule(
        keyed=st.booleans(),
        order=st.booleans(),
        keyless=st.booleans(),
        terminal=st.sampled_from(["t1", "t2"]),
        how=st.sampled_from([paid(), paid(), Declined(), None]),
    )
    def pay(self, keyed: bool, order: bool, keyless: bool, terminal: str, how: Approved | Declined | None) -> None:
        if self.locked(terminal):
            return
        number = self.books.count + 1
        key = f"k{number}" if keyed else None
        order_id = f"o{number % 4}" if order else None
        self.make(how, keyless=keyless and not keyed, key=key, order_id=order_id, terminal=terminal)

    @precondition(lambda self: any(isinstance(one.outcome, Approved) for one in self.made.values()))
    @rule(choice=st.randoms(use_true_random=False), keyed=st.booleans())
    def refund(self, choice: Any, keyed: bool) -> None:
        there = [one for one in self.read_all() if isinstance(one.outcome, Approved) and one.kind is Kind.SALE]
        there = [one for one in there if not self.locked(one.terminal)]
        if there:
            parent = choice.choice(there)
            key = f"k{self.books.count + 1}" if keyed else None
            self.make(paid(1), kind=Kind.REFUND, parent=parent.id, terminal=parent.terminal, key=key)

    @precondition(lambda self: self.open_ones())
    @rule(choice=st.randoms(use_true_random=False))
    def settle(self, choice: Any) -> None:
        payment = choice.choice(self.open_ones())
        asyncio.run(self._close(payment))

    @rule(days=st.sampled_from([1, 30, 200, 401]))
    def wait(self, days: int) -> None:
        self.clock.at += timedelta(days=days)

    @rule(days=st.sampled_from([-700, -365, 400]))
    def set_the_clock(self, days: int) -> None:
        self.clock.at += timedelta(days=days)

    @rule(steps=st.integers(1, 12), at=st.none() | st.integers(0, 6), late=st.booleans())
    def tidy_up(self, steps: int, at: int | None, late: bool) -> None:
        asyncio.run(self._tidy(steps, at, late=late))

    # ------------------------------------------------------------ what must be true

    @invariant()
    def keys_give_what_they_gave(self) -> None:
        if not hasattr(self, "books"):
            return
        reading = Reading(self.books.path)
        for payment in self.made.values():
            if payment.key is not None:
                found = reading.by_key(payment.caller, payment.key)
                assert found is not None
                assert found[0] == f"print-{payment.id}"
                assert found[1].id == payment.id
                assert (found[1].outcome, found[1].notes) == (payment.outcome, payment.notes)
            if payment.order_id is not None and self.repeat is OrderIdsRepeat.NEVER:
                assert reading.payment(payment.id) is not None
        reading.close()

    @invariant()
    def what_is_open_is_open(self) -> None:
        if hasattr(self, "books"):
            reading = Reading(self.books.path)
            assert {one.id for one, _ in reading.open()} == {one.id for one in self.open_ones()}
            reading.close()

    @invariant()
    def what_is_left_is_left(self) -> None:
        if not hasattr(self, "books"):
            return
        reading = Reading(self.books.path)
        for sale in self.read_all():
            known = {one.id for one in self.made.values() if one.parent == sale.id and one.stage in COUNTS}
            assert {one.id for one in reading.children(sale.id) if one.stage in COUNTS} == known
        reading.close()

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        if not hasattr(self, "books"):
            return
        there = {row[0] for row in rows(self.books.path, "SELECT id FROM operation")}
        lines = Counter(row[0] for row in rows(self.books.path, "SELECT operation_id FROM event"))
        archived: set[str] = set()
        for name, size in known_files(self.books.path).items():
            for one in read_archive(self.folder / FOLDER / name, size):
                archived.add(one["payment"]["id"])
                lines[one["payment"]["id"]] += len(one["events"])
        assert lines == self.lines
        assert there | archived == set(self.made)

    # ------------------------------------------------------------ hands

    def make(self, how: Approved | Declined | None, *, keyless: bool = False, **more: Any) -> None:
        payment = asyncio.run(self.books.payment(self.clock.at, how or DOUBT, keyless=keyless, **more))
        reading = Reading(self.books.path)
        stored = reading.payment(payment.id)
        reading.close()
        assert stored is not None
        self.made[stored.id] = stored
        self.lines[stored.id] = 3

    def open_ones(self) -> list[Payment]:
        return [one for one in self.made.values() if one.stage is Stage.IN_DOUBT]

    def locked(self, terminal: str) -> bool:
        return any(one.terminal == terminal for one in self.open_ones())

    def read_all(self) -> list[Payment]:
        reading = Reading(self.books.path)
        found = reading.payments(limit=200)
        reading.close()
        return found

    async def _close(self, payment: Payment) -> None:
        await self.books.journal.close(payment, paid(), Cause.PERSON, self.clock.at, {})
        reading = Reading(self.books.path)
        stored = reading.payment(payment.id)
        reading.close()
        assert stored is not None
        self.made[payment.id] = stored
        self.lines[payment.id] += 1

    async def _tidy(self, steps: int, at: int | None, *, late: bool) -> None:
        await self.books.journal.shut()
        fuse = Fuse(self.books.path, at, late=late)
        access = OutboxAccess(self.books.path, fuse)
        compactor = Compactor(self.folder, access, KeepingSettings(), self.repeat, self.clock, lambda: False)
        try:
            today = compactor.todays_rule()
            for _ in range(steps if today is not None else 0):
                if today is not None:
                    await compactor.step(today)
        except PowerCut:
            pass
        finally:
            await fuse.close()
            self.books.committer = InlineCommitter(lambda: connect_writing(self.books.path))
            self.books.journal = Journal(self.books.committer)


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)


@pytest.mark.soak
class TestKeepingForLong(Keeping.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis when it is read
    """The same for longer."""

    settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
