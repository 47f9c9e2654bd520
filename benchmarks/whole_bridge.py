"""The whole bridge: HTTP, journal and driver, from the till's request to its answer, on a terminal that takes no time.

The connector runs as a shop runs it, every commit flushed. Tills differ in how they use HTTP, so that each way is
measured: a new connection per payment, one that is kept, and one that is kept by a client which writes head and body
apart and leaves Nagle's algorithm on. There a server that does not acknowledge at once would cost 40 ms.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from benchmarks.bridge import bridge, over_serial
from benchmarks.figures import Bench, Figure
from benchmarks.http_till import HttpTill
from benchmarks.programs import own, program
from benchmarks.rounds import Spread, in_turns, percentile

ROUNDS: Final = 9
PAYMENTS: Final = 100
WARM_UP: Final = 60
"""Payments until the journal's write-ahead log has been around once, and everything is loaded."""

GOAL: Final = 2.0
"""Milliseconds."""


def _contender(till: HttpTill, numbers: Iterator[int], payments: int, *, keep: bool) -> Callable[[], list[float]]:
    def pay() -> list[float]:
        times = []
        for _ in range(payments):
            times.append(1000 * till.order(next(numbers)).seconds)
            if not keep:
                till.hang_up()
        till.hang_up()
        return times

    return pay


def _figure(way: str, rounds: list[list[float]]) -> Figure:
    spread = Spread.of([percentile(times, 0.5) for times in rounds])
    slow = percentile([one for times in rounds for one in times], 0.99)
    what = f"whole bridge, p50 of a payment, {way}"
    return Figure("whole_bridge", what, spread.median, "ms", GOAL, f"{spread}; p99 {slow:.2f} ms")


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    rounds, payments = bench.choose(ROUNDS, 2), bench.choose(PAYMENTS, 10)
    numbers = count()
    with (
        program(own("wire_terminal", bench.folder / "terminal")) as terminal,
        bridge(bench.folder, [over_serial("counter", terminal.hear())]) as connector,
    ):
        port = connector.till_port
        tills = {
            "on a kept connection": (HttpTill(port), True),
            "on a connection of its own": (HttpTill(port), False),
            "on a kept connection, head and body apart": (HttpTill(port, pieces=2, nagle=True), True),
        }
        ways = {way: _contender(till, numbers, payments, keep=keep) for way, (till, keep) in tills.items()}
        _contender(HttpTill(port), numbers, bench.choose(WARM_UP, 5), keep=True)()
        results = list(in_turns(rounds, list(ways.values())))
    for place, way in enumerate(ways):
        yield _figure(way, [sides[place] for sides in results])
