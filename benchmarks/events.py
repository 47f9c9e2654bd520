"""What two hundred readers of the stream of events cost: the payments, the readers themselves, and the memory.

Payments come one after the other through the HiPay door, on a simulated Concert V2 terminal whose customers take no
time: without readers, with two hundred that read, and with two hundred that never read at all. An outcome's time to the
last reader begins with its moment in the journal, which is just before its commit. Rounds without readers lie between
the others. Those that never read are watched until the connector has given them all up.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.bridge import Bridge, bridge, over_tcp
from benchmarks.figures import Bench, Figure
from benchmarks.memory import megabytes
from benchmarks.programs import Program, own, program
from benchmarks.rounds import percentile
from benchmarks.wire_tills import HipayTill

READERS: Final = 200
ROUNDS: Final = 5
PAYMENTS: Final = 60
"""Per round, of each kind."""

WARM_UP: Final = 60
DEAF_SECONDS: Final = 90.0
"""For all that never read to be given up: their buffers have to fill first, then each is waited for half a minute."""


@dataclass(slots=True)
class _Result:
    """Milliseconds, and megabytes of the connector."""

    quiet: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    deaf: list[float] = field(default_factory=list)
    to_last: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    deaf_peak: float = 0.0
    buffered_peak: float = 0.0
    deaf_left: int = 0
    given_up_after: float = 0.0


@dataclass(slots=True)
class _Stage:
    connector: Bridge
    readers: Program
    till: HipayTill
    number: int = 0

    def pay(self) -> float:
        """The milliseconds of one payment."""
        self.number += 1
        return 1e3 * self.till.pay(self.number).seconds

    def memory(self) -> float:
        """Megabytes that the connector has in memory."""
        return megabytes(self.connector.program.pid)["Rss"]

    def buffered(self) -> float:
        """Megabytes that the system keeps for readers of the connector that have not taken them."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        port = f":{self.connector.api_port:04X}"
        return sum(int(line[4].split(":")[0], 16) for line in lines if line[1].endswith(port)) / 1e6

    def connections(self) -> int:
        """What the connector has open that is a socket."""
        descriptors = Path(f"/proc/{self.connector.program.pid}/fd")
        return sum(_is_socket(one) for one in descriptors.iterdir())


def _is_socket(descriptor: Path) -> bool:
    try:
        return descriptor.readlink().name.startswith("socket:")
    except FileNotFoundError:
        return False


def _readers_round(stage: _Stage, result: _Result, readers: int, payments: int) -> None:
    before = stage.memory()
    stage.readers.ask(f"open {readers}")
    result.opened.append(1000 * (stage.memory() - before) / readers)
    for _ in range(payments):
        result.read.append(stage.pay())
        result.to_last += [(last - filed) / 1e6 for filed, last in json.loads(stage.readers.ask("heard"))]
    stage.readers.ask("close")


def _deaf_round(stage: _Stage, result: _Result, readers: int, seconds: float) -> None:
    before, least = stage.memory(), stage.connections()
    stage.readers.ask(f"deaf {readers}")
    begin = perf_counter()
    while stage.connections() > least and perf_counter() < begin + seconds:
        result.deaf.append(stage.pay())
        result.deaf_peak = max(result.deaf_peak, stage.memory() - before)
        result.buffered_peak = max(result.buffered_peak, stage.buffered())
    result.given_up_after = perf_counter() - begin
    result.deaf_left = max(0, stage.connections() - least)
    stage.readers.ask("close")


def _until_gone(stage: _Stage, least: int) -> None:
    """Pays until the connector has noticed that its readers hung up."""
    for _ in range(PAYMENTS):
        stage.pay()
        if stage.connections() <= least:
            return
    raise RuntimeError("the connector keeps readers that hung up")


def _rounds(bench: Bench, stage: _Stage) -> _Result:
    result, readers = _Result(), bench.choose(READERS, 20)
    payments: Callable[[], int] = lambda: bench.choose(PAYMENTS, 5)  # noqa: E731
    for _ in range(bench.choose(WARM_UP, 5)):
        stage.pay()
    least = stage.connections()
    for _ in range(bench.choose(ROUNDS, 2)):
        result.quiet += [stage.pay() for _ in range(payments())]
        _readers_round(stage, result, readers, payments())
        _until_gone(stage, least)
    _deaf_round(stage, result, readers, DEAF_SECONDS if not bench.quick else 3.0)
    return result


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    with ExitStack() as stack:
        simulators = stack.enter_context(program(own("simulators", "0", "concert-v2")))
        (port,) = json.loads(simulators.hear())
        connector = stack.enter_context(bridge(bench.folder, [over_tcp("counter", "concert-v2", port)]))
        readers = stack.enter_context(program(own("event_readers", str(connector.api_port), connector.key)))
        stage = _Stage(connector, readers, HipayTill(connector.till_port))
        result = _rounds(bench, stage)
    yield from _figures(result, bench.choose(READERS, 20))


def _figures(result: _Result, readers: int) -> Iterator[Figure]:
    last = percentile(result.to_last, 0.99)
    half = f"of {len(result.to_last)} outcomes; p50 {percentile(result.to_last, 0.5):.2f} ms"
    yield Figure("events", f"an outcome to the last of {readers} readers, p99", last, "ms", None, half)
    for name, times in ((f"{readers} readers", result.read), (f"{readers} that never read", result.deaf)):
        for part, share in (("p50", 0.5), ("p99", 0.99)):
            over, under = percentile(times, share), percentile(result.quiet, share)
            detail = f"{over:.2f} ms of {len(times)} over {under:.2f} ms of {len(result.quiet)}"
            what = f"a payment, {part}, with {name}, over that without"
            yield Figure("events", what, over / under, "x", None, detail)
    opened = percentile(result.opened, 0.5)
    yield Figure("events", "memory for a reader", opened, "KB", None, f"of {readers} readers; median of rounds")
    system = f"{result.buffered_peak:.0f} MB in the system's buffers besides"
    gone = f"{system}; {result.deaf_left} left after {result.given_up_after:.0f} s and {len(result.deaf)} payments"
    what = f"memory for {readers} that never read, at the most"
    yield Figure("events", what, result.deaf_peak, "MB", None, gone)
