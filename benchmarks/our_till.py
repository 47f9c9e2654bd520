"""Our driver alone, as a program: for each number read from its input, so many payments, answered with what they took.

`python -m benchmarks.our_till PORT`. The loop is the connector's. The journal is left out, nothing else: the outcome is
read, checked against the request and returned.
"""

import asyncio
import json
import sys
from time import perf_counter, process_time

from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Operation, Progress
from tillbridge.domain.outcome import Approved, Outcome
from tillbridge.protocols import registry
from tillbridge.runtime.effects import Runtime


class NoJournal:
    """An `OperationLog` whose disk takes no time."""

    async def sending(self) -> None:
        """See `OperationLog.sending`."""

    def progress(self, progress: Progress) -> None:
        """See `OperationLog.progress`."""

    async def signature(self, approved: Approved) -> bool:
        """See `OperationLog.signature`."""
        raise AssertionError(f"nobody signs here: {approved}")

    async def outcome(self, outcome: Outcome) -> None:
        """See `OperationLog.outcome`."""


async def round_of(port: str, payments: int) -> dict[str, float]:
    """Opens the line, pays so often, closes the line; seconds per payment, of the clock and of the processor."""
    driver = registry.driver("concert-v2")
    settings = driver.settings.model_validate({"serial": {"port": port}})
    terminal = driver.connect(settings, Runtime())
    log = NoJournal()
    clock, processor = perf_counter(), process_time()
    for number in range(payments):
        amount = Money(100 + number, currency("EUR"))
        reference = f"{number:032x}"
        outcome = await terminal.perform(Operation(reference, Kind.SALE, amount, reference), log)
        if not isinstance(outcome, Approved) or outcome.amount != amount:
            raise RuntimeError(f"a payment of the benchmark ended as {outcome}")
    clock, processor = perf_counter() - clock, process_time() - processor
    await terminal.close()
    # The port is given back within the loop's next steps; the other client opens it next.
    for _ in range(3):
        await asyncio.sleep(0)
    return {"wall": clock / payments, "cpu": processor / payments}


def main() -> None:
    """See the module."""
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            print(json.dumps(runner.run(round_of(sys.argv[1], int(line)))), flush=True)


if __name__ == "__main__":
    main()
