"""A payment on a line of 9600 baud, over the time that its bytes and the terminal take there by themselves.

The simulator paces the line. A payment is what the till waits for: from its HTTP request to the answer. Its bytes are
those that pass until the terminal's reply is read, at ten bits each; what follows them (ACK and EOT) the till does not
wait for, so they are not counted in its favour. What the bytes and the terminal take is measured in turns with it, on a
second simulator of the same pace, by a till that does nothing but read and write.
"""

import os
import tty
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.bridge import TILLBRIDGE, bridge, over_serial
from benchmarks.figures import Bench, Figure
from benchmarks.http_till import HttpTill
from benchmarks.programs import program
from benchmarks.rounds import Spread, in_turns, percentile
from tillbridge.protocols.concert.frames import encode

BAUD: Final = 9600
BITS: Final = 10
"""Start, eight of data, stop (or seven, parity, stop)."""

ROUNDS: Final = 9
PAYMENTS: Final = 8
GOAL: Final = 1.05

ENQ: Final = b"\x05"
ACK: Final = b"\x06"
EOT: Final = b"\x04"
REQUEST: Final = encode(b"0100001250010978          A010B010")
"""Protocol E+, a debit of 12.50 in euros (protocols/concert/README.md)."""

REPLY_LENGTH: Final = 28
BYTES: Final = len(ENQ + ACK + REQUEST + ACK + EOT + ENQ + ACK) + REPLY_LENGTH


class RawTill:
    """A till that only reads and writes."""

    def __init__(self, port: Path) -> None:
        self._line = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._line)

    def pay(self) -> float:
        """One payment; the seconds until its reply is there."""
        begin = perf_counter()
        for word, answer in ((ENQ, 1), (REQUEST, 1), (EOT, 1), (ACK, REPLY_LENGTH)):
            os.write(self._line, word)
            self._read(answer)
        seconds = perf_counter() - begin
        os.write(self._line, ACK)
        self._read(1)
        return seconds

    def close(self) -> None:
        """Gives up the line."""
        os.close(self._line)

    def _read(self, length: int) -> None:
        while length > 0:
            length -= len(os.read(self._line, length))


def _rounds(bench: Bench) -> list[tuple[float, float]]:
    """Per round the median seconds of a payment through the bridge, and of one without it."""
    turns, payments = bench.choose(ROUNDS, 1), bench.choose(PAYMENTS, 2)
    bridged, bare = bench.folder / "bridged", bench.folder / "bare"
    simulate = [*TILLBRIDGE, "simulate", "concert", "--delay", "0", "--baud", str(BAUD), "--pty"]
    with program([*simulate, bridged]) as first, program([*simulate, bare]) as second:
        for simulator, link in ((first, bridged), (second, bare)):
            simulator.hear_until(str(link))
        terminals = [over_serial("counter", bridged)]
        with bridge(bench.folder, terminals) as connector, HttpTill(connector.till_port) as till:
            raw, numbers = RawTill(bare), count()

            def through_bridge() -> float:
                return percentile([till.order(next(numbers)).seconds for _ in range(payments)], 0.5)

            def alone() -> float:
                return percentile([raw.pay() for _ in range(payments)], 0.5)

            list(in_turns(1, [through_bridge, alone]))
            results = [(whole, least) for whole, least in in_turns(turns, [through_bridge, alone])]
            raw.close()
            return results


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    results = _rounds(bench)
    spread = Spread.of([whole / least for whole, least in results])
    whole, least = (1000 * Spread.of(side).median for side in zip(*results, strict=True))
    wire = 1000 * BYTES * BITS / BAUD
    detail = f"{spread}; {whole:.1f} ms over {least:.1f} ms, of which {BYTES} bytes are {wire:.1f} ms"
    what = f"a payment at {BAUD} baud, over its bytes and the terminal"
    yield Figure("paced_line", what, spread.median, "x", GOAL, detail)
