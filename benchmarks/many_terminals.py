"""Fifty terminals of all wires with payments at once on one connector: what it adds to each, and who waits for whom.

Each terminal has a till of its own, whose customers come by chance and take two seconds each, so that most terminals
are at work at any moment. What is added is counted as in `wires`. In every other round one terminal goes silent in the
middle of a payment and another one says a byte every fiftieth of a second: the times of all others are compared with
those of the rounds between. Last, all customers come in the same moment, which no shop sees, but a connector may after
a break of the network: there each waits for the processor.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from benchmarks.bridge import bridge, over_tcp
from benchmarks.figures import Bench, Figure
from benchmarks.programs import Program, own, program
from benchmarks.rounds import Spread, percentile
from benchmarks.turns import Noted, share

MANY: Final = 50
WIRES: Final = ("concert-v3", "concert-v2", "touchscreen", "mypos-xml")
"""In turn, so that every fourth terminal is of the same wire."""

CUSTOMER_SECONDS: Final = 2
SECONDS: Final = 8
"""Of a round."""

ROUNDS: Final = 8
"""Half of them with two terminals in trouble."""

BURSTS: Final = 8
SLOWEST: Final = 25.0
"""Milliseconds."""

SILENT: Final = 0
SLOW: Final = 3
"""The terminals in trouble: one that never answers (Concert V3), one that drips (myPOS)."""

Payment = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Round:
    """`added` is milliseconds per payment, by terminal; `at_once` how many payments ran at a time, on average."""

    added: dict[int, list[float]]
    at_once: float

    @property
    def times(self) -> list[float]:
        """Of all terminals."""
        return [one for times in self.added.values() for one in times]

    @property
    def others(self) -> list[float]:
        """Of all terminals but those that have trouble in some rounds."""
        return [one for terminal, times in self.added.items() if terminal not in (SILENT, SLOW) for one in times]


@dataclass(frozen=True, slots=True)
class _Shop:
    tap: Program
    tills: Program

    def round(self, seconds: int, manner: str) -> _Round:
        """A round without trouble."""
        return self._round(json.loads(self.tills.ask(f"{seconds} {manner}")))

    def troubled(self, seconds: int) -> _Round:
        """A round with two terminals in trouble, which are freed once all the others are over."""
        self.tap.ask(f"silent {SILENT}")
        self.tap.ask(f"slow {SLOW}")
        self.tills.ask(f"{seconds} apart {SILENT} {SLOW}")
        self.tap.ask("free")
        payments = json.loads(self.tills.hear())
        for terminal in (SILENT, SLOW):
            # Each of them had one customer or two, and nothing of their time says anything about the bridge.
            payments[terminal] = []
        return self._round(payments)

    def _round(self, payments: list[list[Payment]]) -> _Round:
        noted: list[list[Noted]] = json.loads(self.tap.ask("noted"))
        added = {
            terminal: [share(noted[terminal], asked, answered).added for asked, answered in own_payments]
            for terminal, own_payments in enumerate(payments)
        }
        moments = [one for own_payments in payments for one in own_payments]
        whole = max(answered for _, answered in moments) - min(asked for asked, _ in moments)
        return _Round(added, sum(answered - asked for asked, answered in moments) / whole)


@dataclass(frozen=True, slots=True)
class _Result:
    calm: list[_Round]
    troubled: list[_Round]
    bursts: list[_Round]


def _measured(bench: Bench) -> _Result:
    number, seconds = bench.choose(MANY, 8), bench.choose(SECONDS, 4)
    wires = [WIRES[place % len(WIRES)] for place in range(number)]
    with ExitStack() as stack:
        simulators = stack.enter_context(program(own("simulators", str(CUSTOMER_SECONDS), *wires)))
        tap = stack.enter_context(program(own("tcp_tap", *map(str, json.loads(simulators.hear())))))
        ports = json.loads(tap.hear())
        entries = [over_tcp(f"terminal-{place}", wire, ports[place]) for place, wire in enumerate(wires)]
        connector = stack.enter_context(bridge(bench.folder, entries))
        asked = (str(connector.api_port), connector.key, str(number))
        tills = stack.enter_context(program(own("many_tills", *asked)))
        tills.hear()
        shop = _Shop(tap, tills)
        shop.round(seconds, "apart")
        calm, troubled = [], []
        for _ in range(bench.choose(ROUNDS // 2, 1)):
            calm.append(shop.round(seconds, "apart"))
            troubled.append(shop.troubled(seconds))
        return _Result(calm, troubled, [shop.round(0, "together") for _ in range(bench.choose(BURSTS, 1))])


def _together(rounds: list[_Round], *, others: bool) -> list[float]:
    return [one for turn in rounds for one in (turn.others if others else turn.times)]


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    result = _measured(bench)
    number = len(result.calm[0].added)
    times = _together(result.calm, others=False)
    at_once = Spread.of([turn.at_once for turn in result.calm]).median
    detail = f"of {len(times)} payments, {at_once:.0f} at a time; p50 {percentile(times, 0.5):.2f} ms"
    what = f"added time of the bridge, p99, {number} terminals at once"
    yield Figure("many_terminals", what, percentile(times, 0.99), "ms", SLOWEST, detail)
    troubled, calm = _together(result.troubled, others=True), _together(result.calm, others=True)
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        over, under = percentile(troubled, part), percentile(calm, part)
        what = f"added time, {name}, of {number - 2} terminals while one is silent and one slow, over that without"
        detail = f"{over:.2f} ms of {len(troubled)} payments over {under:.2f} ms of {len(calm)}"
        yield Figure("many_terminals", what, over / under, "x", None, detail)
    burst = _together(result.bursts, others=False)
    what = f"added time, p99, {number} payments asked for in the same moment"
    detail = f"of {len(burst)}; p50 {percentile(burst, 0.5):.2f} ms"
    yield Figure("many_terminals", what, percentile(burst, 0.99), "ms", None, detail)
