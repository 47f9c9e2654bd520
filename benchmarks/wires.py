"""The time that the bridge adds to a payment, on every wire to a terminal and behind every door for tills.

Added time = the till's whole time less that in which the terminal had the word: from each word of the bridge on the
wire to the terminal's last byte that answers it. So it holds what `added_time` measures, and the bridge's pauses within
the dialogue besides. Terminals are the shipped simulators, whose customers take no time, behind a tap with a clock.

Each wire is paid through the HiPay door, each door on a Concert V2 terminal, whose wire adds least. They take turns,
and what the computer itself takes at its worst is measured in between: two bare commits and an empty POST.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.bridge import Bridge, bridge, free_port, over_tcp
from benchmarks.figures import Bench, Figure
from benchmarks.http_till import HttpTill
from benchmarks.programs import Program, own, program
from benchmarks.rounds import percentile
from benchmarks.turns import Share, share
from benchmarks.wire_tills import (
    ConcertV2Till,
    ConcertV3Till,
    HipayTill,
    MyposTill,
    NativeTill,
    Till,
    TouchScreenTill,
)

ROUNDS: Final = 10
PAYMENTS: Final = 50
"""Per round and way: five hundred in all, of which the five slowest lie beyond the 99th percentile."""

WARM_UP: Final = 40
SLOWEST: Final = 10.0
"""Milliseconds."""

WIRES: Final = ("concert-v2", "concert-v3", "touchscreen", "mypos-xml")
DOORS: Final = ("native", "concert-v2", "concert-v3", "touchscreen", "mypos-xml")
NAMES: Final[Mapping[str, str]] = {
    "hipay": "HiPay",
    "native": "native",
    "concert-v2": "Concert V2",
    "concert-v3": "Concert V3",
    "touchscreen": "touch-screen",
    "mypos-xml": "myPOS",
}


@dataclass(frozen=True, slots=True)
class _Way:
    """A till, and which of the tap's cables its payments pass."""

    what: str
    till: Till
    cable: int


def _door(wire: str, port: int) -> dict[str, Any]:
    address: dict[str, Any] = {"host": "127.0.0.1", "port": port}
    settings = {
        "concert-v2": {"tcp": address},
        # This till closes its side at once, so that its close says nothing about whether it has read the answer.
        "concert-v3": {**address, "proof_of_delivery": "write"},
        "mypos-xml": {**address, "currency": "EUR"},
    }.get(wire, address)
    return {"name": f"door-{wire}", "door": wire, "settings": {**settings, "terminal": WIRES[0]}}


def _doors(ports: Mapping[str, int], connector: Bridge) -> Iterator[_Way]:
    tills: dict[str, Till] = {
        "native": NativeTill(connector.api_port, connector.authorization, WIRES[0]),
        "concert-v2": ConcertV2Till(ports["concert-v2"]),
        "concert-v3": ConcertV3Till(ports["concert-v3"]),
        "touchscreen": TouchScreenTill(ports["touchscreen"]),
        "mypos-xml": MyposTill(ports["mypos-xml"]),
    }
    for wire, till in tills.items():
        yield _Way(f"{NAMES[wire]} door", till, 0)


def _pay(way: _Way, tap: Program, first: int, payments: int) -> list[Share]:
    shares = []
    for number in range(first, first + payments):
        answered = way.till.pay(number)
        # The tap is only asked in between, where it disturbs nobody.
        noted = json.loads(tap.ask("noted"))
        shares.append(share(noted[way.cable], answered.asked, answered.answered))
    return shares


def _least(commits: Program, idler: HttpTill, number: int) -> list[float]:
    """Milliseconds of so many pairs of commits, each with an empty POST."""
    pairs = json.loads(commits.ask(str(number)))
    return [1e3 * (seconds + idler.post("/order").seconds) for seconds in pairs]


@dataclass(frozen=True, slots=True)
class _Result:
    shares: Mapping[str, list[Share]]
    least: list[float]


def _turns(ways: list[_Way], tap: Program, least: Callable[[int], list[float]], bench: Bench) -> _Result:
    result = _Result({way.what: [] for way in ways}, [])
    number = bench.choose(WARM_UP, 3)
    for way in ways:
        _pay(way, tap, 0, number)
    payments = bench.choose(PAYMENTS, 5)
    for _ in range(bench.choose(ROUNDS, 2)):
        for way in ways:
            result.shares[way.what].extend(_pay(way, tap, number, payments))
        result.least.extend(least(payments))
        number += payments
    return result


def _measured(bench: Bench) -> _Result:
    """Every wire has a connector of its own, with nothing else in it; the doors share the first one."""
    with ExitStack() as stack:
        simulators = stack.enter_context(program(own("simulators", "0", *WIRES)))
        tap = stack.enter_context(program(own("tcp_tap", *map(str, json.loads(simulators.hear())))))
        ports = dict(zip(WIRES, json.loads(tap.hear()), strict=True))
        doors = {wire: free_port() for wire in DOORS if wire != "native"}
        ways = []
        for cable, wire in enumerate(WIRES):
            folder = bench.folder / wire
            folder.mkdir()
            entries = [_door(name, port) for name, port in doors.items()] if cable == 0 else []
            connector = stack.enter_context(bridge(folder, [over_tcp(wire, wire, ports[wire])], entries))
            ways.append(_Way(f"{NAMES[wire]} terminal", HipayTill(connector.till_port), cable))
            if cable == 0:
                ways += _doors(doors, connector)
        (bench.folder / "bare").mkdir()
        commits = stack.enter_context(program(own("bare_commits", bench.folder / "bare")))
        idler = stack.enter_context(HttpTill(int(stack.enter_context(program(own("empty_door"))).hear())))
        return _turns(ways, tap, partial(_least, commits, idler), bench)


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    result = _measured(bench)
    for what, shares in result.shares.items():
        slow = percentile([one.added for one in shares], 0.99)
        parts = {
            name: percentile([getattr(one, name) for one in shares], 0.5)
            for name in ("added", "before", "between", "after")
        }
        said = ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in parts.items())
        detail = f"of {len(shares)} payments; p50 in ms: {said}"
        yield Figure("wires", f"added time of the bridge, p99, {what}", slow, "ms", SLOWEST, detail)
    slow, half = percentile(result.least, 0.99), percentile(result.least, 0.5)
    what = "two commits and an empty POST meanwhile, p99"
    yield Figure("wires", what, slow, "ms", None, f"of {len(result.least)}; p50 {half:.2f} ms")
