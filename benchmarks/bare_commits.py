"""The two durable commits of a payment and nothing else: the same rows, by the same journal and the same committer.

`python -m benchmarks.bare_commits FOLDER`: for each number read it makes so many pairs of commits and prints their
seconds. The rows that only ride along in a payment ride along here too.
"""

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Final

from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.engine.journal import schema
from tillbridge.engine.journal.journal import Acceptance, Journal
from tillbridge.engine.journal.records import EventType
from tillbridge.engine.opening import JOURNAL_FILE
from tillbridge.engine.states import Cause
from tillbridge.protocols.contract import Payment
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import CommittingThread, connect_writing

AMOUNT: Final = Money(1250, currency("EUR"))
CALLER: Final = "hipay:log"


class Bare:
    """A journal of its own on the same disk as the bridge's."""

    def __init__(self, folder: Path) -> None:
        path = folder / JOURNAL_FILE
        schema.migrate(path)
        self._journal = Journal(CommittingThread(lambda: connect_writing(path)))
        self._runtime = Runtime()

    async def pair(self) -> float:
        """One payment's commits; the seconds that somebody waited for them."""
        journal, clock = self._journal, self._runtime.clock
        payment = self._payment()
        begin = perf_counter()
        accepted = journal.accept(Acceptance(payment, "2026-01-01", "f" * 64, partial_allowed=True, keyless=False))
        await journal.sending(payment, payment.id, clock.now())
        between = perf_counter()
        riding = [
            journal.note(payment.id, payment.terminal, EventType.PROGRESS, clock.now(), {"progress": progress})
            for progress in (Progress.CONNECTING, Progress.WAITING_FOR_CARD)
        ]
        resumed = perf_counter()
        await journal.close(payment, Approved(AMOUNT), Cause.ANSWER, clock.now(), {})
        seconds = perf_counter() - resumed + between - begin
        riding.append(journal.deliver(payment, CALLER, "reached", clock.now(), {}, durable=False))
        for rider in (accepted, *riding):
            await rider
        return seconds

    def _payment(self) -> Payment:
        identity = self._runtime.ids.new()
        return Payment(
            id=identity,
            kind=Kind.SALE,
            stage=Stage.ACCEPTED,
            amount=AMOUNT,
            terminal="counter",
            caller=CALLER,
            door="hipay",
            register="01",
            accepted_at=self._runtime.clock.now(),
            order_id=identity,
        )


async def _pairs(bare: Bare, count: int) -> list[float]:
    return [await bare.pair() for _ in range(count)]


async def _open(folder: Path) -> Bare:
    return Bare(folder)


def main() -> None:
    """See the module."""
    with asyncio.Runner() as runner:
        bare = runner.run(_open(Path(sys.argv[1])))
        for line in sys.stdin:
            print(json.dumps(runner.run(_pairs(bare, int(line)))), flush=True)


if __name__ == "__main__":
    main()
