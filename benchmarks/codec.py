"""What the Concert codecs take: frames per second, and the cost of a byte when bytes come one at a time.

A serial line hands over single bytes, so that whatever is done again for each byte of a frame grows with its square.
The ratio is the cost of a byte in a long input over that in a short one of the same kind: 1 is linear.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Final

from benchmarks.figures import Bench, Figure
from benchmarks.rounds import Spread, in_turns, ratios
from tillbridge.protocols.concert.frames import Frame, FrameDecoder, encode
from tillbridge.protocols.concert.tlv import MAX_MESSAGE, Tlv, TlvReader
from tillbridge.protocols.concert.tlv import encode as encode_elements
from tillbridge.protocols.concert.v2.messages import Reply, Status, parse_reply

ROUNDS: Final = 15
BYTES: Final = 60_000
"""Fed one by one in a round."""

FRAMES: Final = 5_000
"""Decoded in a round."""

GOAL: Final = 1.2
"""A byte of a long input may cost no more than this of a byte of a short one: linear, with room for caches."""

Feed = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Growth:
    """A short and a long input of one kind, and what makes a decoder for each."""

    name: str
    short: bytes
    long: bytes
    decoder: Callable[[], Feed]


def _frames() -> Feed:
    return FrameDecoder().feed


def _elements() -> Feed:
    return TlvReader().feed


def _message(size: int) -> bytes:
    element = Tlv("ZZ", "x" * 45)
    return encode_elements([element] * (size // 50))


GROWTHS: Final = (
    Growth("V2, the longest frame over the shortest", encode(b"1" * 26), encode(b"1" * 512), _frames),
    Growth("V2, a stream of frames", encode(b"1" * 26) * 10, encode(b"1" * 26) * 2000, _frames),
    Growth("V2, noise that does not end", b"1" * 100, b"1" * 60_000, _frames),
    Growth("V3, the longest value over a short one", encode_elements([Tlv("ZZ", "x" * 20)]),
           encode_elements([Tlv("ZZ", "x" * 999)]), _elements),
    Growth("V3, the longest message over a usual one", _message(150), _message(MAX_MESSAGE - 50), _elements),
)  # fmt: skip


def _per_byte(stream: bytes, decoder: Callable[[], Feed], total: int) -> float:
    """Processor seconds per byte, over as many fresh decoders as it takes to feed so many bytes."""
    pieces = [stream[place : place + 1] for place in range(len(stream))]
    spent, fed = 0.0, 0
    while fed < total:
        feed = decoder()
        begin = process_time()
        for piece in pieces:
            feed(piece)
        spent += process_time() - begin
        fed += len(pieces)
    return spent / fed


def _linear(growth: Growth, rounds: int, total: int) -> Figure:
    def cost(stream: bytes) -> Callable[[], float]:
        return lambda: _per_byte(stream, growth.decoder, total)

    results = list(in_turns(rounds, [cost(growth.long), cost(growth.short)]))
    long, short = ([sides[place] for sides in results] for place in range(2))
    spread = Spread.of(ratios(long, short))
    detail = (
        f"{spread}; {1e9 * median(long):.0f} ns per byte of {len(growth.long):,}"
        f" over {1e9 * median(short):.0f} ns per byte of {len(growth.short):,}"
    )
    return Figure("codec", f"byte by byte: {growth.name}", spread.median, "x", GOAL, detail)


def _replies(count: int) -> float:
    """Frames per second from bytes to checked replies, as a line delivers them: one read per frame."""
    reply = Reply(register="01", status=Status.ACCEPTED, amount_minor=1250, currency="978")
    frame = encode(reply.encode())
    decoder = FrameDecoder()
    begin = process_time()
    for _ in range(count):
        (event,) = decoder.feed(frame)
        if not isinstance(event, Frame) or parse_reply(event.body).amount_minor != reply.amount_minor:
            raise RuntimeError("a frame of the benchmark was read wrongly")
    return count / (process_time() - begin)


def _answers(count: int) -> float:
    """Whole V3 messages per second, of some 150 characters in 15 elements."""
    message = encode_elements([Tlv("ZZ", "12345")] * 15)
    begin = process_time()
    for _ in range(count):
        if len(TlvReader().feed(message)) != 15:
            raise RuntimeError("a message of the benchmark was read wrongly")
    return count / (process_time() - begin)


def measure(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    rounds, count = bench.choose(ROUNDS, 2), bench.choose(FRAMES, 200)
    for what, contender in (("V2 replies", _replies), ("V3 messages", _answers)):
        rates = [one for (one,) in in_turns(rounds, [lambda contender=contender: contender(count)])]
        spread = Spread.of(rates)
        detail = f"median of {spread.rounds} rounds, {spread.low:,.0f} to {spread.high:,.0f}"
        yield Figure("codec", f"{what} decoded and checked", spread.median, "per second", None, detail)
    for growth in GROWTHS:
        yield _linear(growth, rounds, bench.choose(BYTES, 2_000))
