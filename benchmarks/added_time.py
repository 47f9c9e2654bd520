"""The time that the bridge adds to a payment, over the least that it could be.

Added time = (the till's request goes out -> the first byte of the payment is on the wire) + (the check byte of the
terminal's reply is put on the wire -> the till has the whole answer). What the terminal takes is not in it. The least
is the bare cost of the two durable commits, made by the same journal and committer on the same disk, plus an empty POST
through the same server, guard and login. All of them take turns, payment by payment.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.bridge import TILLBRIDGE, bridge, over_serial
from benchmarks.figures import Bench, Figure
from benchmarks.http_till import HttpTill
from benchmarks.programs import Program, own, program
from benchmarks.rounds import Spread, percentile

ROUNDS: Final = 9
PAYMENTS: Final = 100
WARM_UP: Final = 60
"""Payments until the journal's write-ahead log has been around once, and everything is loaded."""

GOAL: Final = 2.0
SLOWEST: Final = 10.0
"""Milliseconds."""


@dataclass(slots=True)
class _Round:
    """Milliseconds, one of each per payment."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)

    @property
    def added(self) -> list[float]:
        return [before + after for before, after in zip(self.before, self.after, strict=True)]

    @property
    def ratio(self) -> float:
        return percentile(self.added, 0.5) / (percentile(self.commits, 0.5) + percentile(self.posts, 0.5))


@dataclass(frozen=True, slots=True)
class _Stage:
    tap: Program
    commits: Program
    till: HttpTill
    idler: HttpTill

    def round(self, first: int, payments: int) -> _Round:
        result = _Round()
        for number in range(first, first + payments):
            answered = self.till.order(number)
            # The tap is only asked in between, where it disturbs nobody.
            ((sent, replied),) = json.loads(self.tap.ask("noted"))
            result.before.append((sent - answered.asked) / 1e6)
            result.after.append((answered.answered - replied) / 1e6)
            (seconds,) = json.loads(self.commits.ask("1"))
            result.commits.append(1e3 * seconds)
            result.posts.append(1e3 * self.idler.post("/order").seconds)
        return result


def _measured(bench: Bench) -> list[_Round]:
    turns, payments = bench.choose(ROUNDS, 2), bench.choose(PAYMENTS, 10)
    folder = bench.folder
    terminal: list[str | Path] = [*TILLBRIDGE, "simulate", "concert", "--delay", "0", "--pty", folder / "terminal"]
    (folder / "bare").mkdir()
    with program(terminal) as simulator:
        simulator.hear_until(str(folder / "terminal"))
        with (
            program(own("line_tap", folder / "terminal", folder / "till")) as tap,
            program(own("bare_commits", folder / "bare")) as commits,
            program(own("empty_door")) as door,
            bridge(folder, [over_serial("counter", tap.hear())]) as connector,
            HttpTill(connector.till_port) as till,
            HttpTill(int(door.hear())) as idler,
        ):
            stage = _Stage(tap, commits, till, idler)
            warm_up = bench.choose(WARM_UP, 5)
            stage.round(0, warm_up)
            return [stage.round(warm_up + turn * payments, payments) for turn in range(turns)]


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    rounds = _measured(bench)
    spread = Spread.of([one.ratio for one in rounds])
    parts = {
        name: median(value for one in rounds for value in getattr(one, name))
        for name in ("before", "after", "commits", "posts")
    }
    detail = ", ".join(f"{name} {milliseconds:.2f} ms" for name, milliseconds in parts.items())
    what = "added time of the bridge, p50, over its two commits and an empty POST"
    yield Figure("added_time", what, spread.median, "x", GOAL, f"{spread}; {detail}")
    added = [value for one in rounds for value in one.added]
    slow = percentile(added, 0.99)
    yield Figure("added_time", "added time of the bridge, p99", slow, "ms", SLOWEST, f"of {len(added)} payments")
