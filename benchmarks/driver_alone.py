"""Our Concert V2 driver against the published client pypostelium, on the same pty and the same terminal.

Both are programs that do nothing else; they take turns, round by round. The terminal is the fastest one that there is
(`wire_terminal`), so that what is compared is the clients. Ours reads, checks and returns the outcome; the other one
returns whether it has sent the request.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.figures import Bench, Figure
from benchmarks.programs import HERE, Program, own, program
from benchmarks.rounds import Spread, in_turns, ratios

ROUNDS: Final = 15
PAYMENTS: Final = 400
WARM_UP: Final = 50
GOAL: Final = 1.0


def _round(client: Program, payments: int) -> dict[str, float]:
    taken: dict[str, float] = json.loads(client.ask(str(payments)))
    return taken


def _figure(what: str, over: list[float], under: list[float], opening: float) -> Figure:
    spread = Spread.of(ratios(over, under))
    ours, theirs = (1e6 * Spread.of(side).median for side in (over, under))
    detail = f"{spread}; {ours:.0f} us over {theirs:.0f} us, of which it opens the port for {1e6 * opening:.0f} us"
    return Figure(
        "driver_alone", f"driver alone, {what} per payment, over pypostelium", spread.median, "x", GOAL, detail
    )


def _compare(bench: Bench, peer: Path) -> Iterator[Figure]:
    rounds, payments = bench.choose(ROUNDS, 2), bench.choose(PAYMENTS, 20)
    with program(own("wire_terminal", bench.folder / "terminal")) as terminal:
        port = terminal.hear()
        with program(own("our_till", port)) as ours, program([peer, HERE / "peer_till.py", port]) as theirs:
            for client in (ours, theirs):
                _round(client, WARM_UP)
            results = list(in_turns(rounds, [lambda: _round(ours, payments), lambda: _round(theirs, payments)]))
            opening = json.loads(theirs.ask(f"open {payments}"))
        went_through = int(terminal.last_words())
    if went_through != 2 * (WARM_UP + rounds * payments):
        raise RuntimeError(f"the terminal saw {went_through} whole payments")
    for measure, what in (("wall", "time"), ("cpu", "processor time")):
        over, under = ([side[measure] for side in sides] for sides in zip(*results, strict=True))
        yield _figure(what, over, under, opening[measure])


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    if bench.peer is None:
        raise SystemExit("the driver is measured against a published client: give its Python with --peer")
    return _compare(bench, bench.peer)
