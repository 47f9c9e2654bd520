"""The p99 of a payment on a journal with a million payments of history, over the p99 with a thousand; and the start.

Engine and journal alone, on the loop of the connector: the terminal approves at once and there is no HTTP, so that
whatever history costs is not hidden behind something larger. The two journals take turns payment by payment. The start
is the whole connector's, from its command to the line that says "ready".
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.bridge import bridge, over_serial
from benchmarks.figures import Bench, Figure
from benchmarks.filled_journal import fill
from benchmarks.programs import own, program
from benchmarks.prompt_terminal import PromptTerminal
from benchmarks.rounds import Spread, percentile
from tillbridge.domain.money import Money, currency
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.engine import Engine, TerminalSetup
from tillbridge.engine.opening import open_engine
from tillbridge.engine.rules import EngineSettings
from tillbridge.protocols.contract import PaymentRequest
from tillbridge.runtime.effects import Runtime

LONG: Final = 1_000_000
SHORT: Final = 1_000
ROUNDS: Final = 9
PAYMENTS: Final = 400
"""Per round and journal: the four slowest of them are beyond the 99th percentile."""

STARTS: Final = 5
PATIENCE: Final = 30.0
GOAL: Final = 1.2
READY_GOAL: Final = 2.0
"""Seconds."""

DATA: Final = "data"
TERMINAL: Final = "counter"
DOOR: Final = "hipay"
CALLER: Final = "hipay:log"


@asynccontextmanager
async def _engine(folder: Path) -> AsyncIterator[Engine]:
    setups = [TerminalSetup(TERMINAL, "prompt", PromptTerminal())]
    async with open_engine(folder, setups, EngineSettings(probe_seconds=0), Runtime()) as engine:
        yield engine


async def _pay(engine: Engine, number: int) -> float:
    """One payment as the HiPay door asks for it; its seconds."""
    request = PaymentRequest(
        kind=Kind.SALE,
        amount=Money(100 + number, currency("EUR")),
        caller=CALLER,
        door=DOOR,
        order_id=f"now-{number:08d}",
        notes={"cart": [{"name": "coffee", "quantity": 1}]},
    )
    begin = perf_counter()
    started = await engine.start(request)
    ended = await engine.wait(started.id, PATIENCE)
    seconds = perf_counter() - begin
    if ended.stage is not Stage.APPROVED:
        raise RuntimeError(f"a payment of the benchmark ended as {ended.stage}")
    await engine.delivered(started.id, CALLER, reached=True)
    return seconds


async def _rounds(long: Path, short: Path, rounds: int, payments: int) -> list[tuple[list[float], list[float]]]:
    """Per round the seconds of each payment on the long and on the short history."""
    results: list[tuple[list[float], list[float]]] = []
    async with _engine(long) as old, _engine(short) as young:
        for turn in range(rounds + 1):
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(turn * payments, (turn + 1) * payments):
                pair = [(old, times[0]), (young, times[1])]
                for engine, kept in pair if number % 2 == 0 else reversed(pair):
                    kept.append(await _pay(engine, number))
            results.append(times)
    # The first round warms caches up, the same for both.
    return results[1:]


def _starts(shop: Path, number: int) -> Spread:
    """Seconds until the connector of this folder is ready."""
    with program(own("wire_terminal", shop / "terminal")) as terminal:
        entries = [over_serial(TERMINAL, terminal.hear())]
        seconds = []
        for _ in range(number):
            with bridge(shop, entries) as connector:
                seconds.append(connector.ready_after)
    return Spread.of(seconds)


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    history = bench.choose(LONG, 20_000)
    long, short = bench.folder / "long", bench.folder / "short"
    rows = fill(long / DATA, history, terminal=TERMINAL, door=DOOR, caller=CALLER)
    fill(short / DATA, SHORT, terminal=TERMINAL, door=DOOR, caller=CALLER)
    turns, payments = bench.choose(ROUNDS, 2), bench.choose(PAYMENTS, 20)
    results = asyncio.run(_rounds(long / DATA, short / DATA, turns, payments))
    pairs = [(percentile(old, 0.99), percentile(young, 0.99)) for old, young in results]
    spread = Spread.of([old / young for old, young in pairs])
    middle = Spread.of([percentile(old, 0.5) / percentile(young, 0.5) for old, young in results])
    p99 = [1000 * Spread.of(side).median for side in zip(*pairs, strict=True)]
    yield Figure(
        "history",
        f"p99 with {history:,} payments of history ({rows:,} rows), over p99 with {SHORT:,}",
        spread.median,
        "x",
        GOAL,
        f"{spread}; p99 {p99[0]:.2f} ms over {p99[1]:.2f} ms; p50 {middle.median:.2f} x",
    )
    ready, usual = (_starts(shop, bench.choose(STARTS, 1)) for shop in (long, short))
    detail = f"{ready}; with {SHORT:,} payments {usual.median:.2f} s"
    yield Figure("history", f"ready with {history:,} payments of history", ready.median, "s", READY_GOAL, detail)
