"""What a simulator spoils in its answers: `contract.Fault`, as far as it makes sense on Concert V3."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.domain.money import BY_NUMERIC, EUR
from tillbridge.protocols.concert.tlv import Tlv, encode
from tillbridge.protocols.concert.v3.messages import MAX_AMOUNT_DIGITS, read_amount
from tillbridge.protocols.contract import Fault

GARBAGE: Final = b"\x00\xff?!"
"""Bytes that can begin no element."""

OTHER_CURRENCY: Final = BY_NUMERIC["840"]

Strikes = Callable[[Fault], bool]
"""Asks whether a fault happens now; each call uses up one strike."""


class Ending(StrEnum):
    """What becomes of the line after the last piece."""

    ANSWERED = "answered"  # as the wire has it
    DROPPED = "dropped"  # it dies
    HELD = "held"  # it stays up until the till gives up


@dataclass(frozen=True, slots=True)
class Delivery:
    """What goes out: pieces, one write each, and the line's end. `whole` says whether the till can read the answer."""

    pieces: tuple[bytes, ...]
    ending: Ending
    whole: bool


NOTHING: Final = Delivery((), Ending.DROPPED, whole=False)
"""No answer: the line ends without one."""


def spoil(elements: Sequence[Tlv], strikes: Strikes) -> tuple[Tlv, ...]:
    """The elements with what the faults do to them."""
    spoiled = [changed for element in elements for changed in _spoilt(element, strikes)]
    if strikes(Fault.UNKNOWN_TAG):
        spoiled.insert(1, Tlv("ZZ", "UNKNOWN"))
    if strikes(Fault.DUPLICATE_TAG):
        spoiled.append(spoiled[-1])
    return tuple(spoiled)


def _spoilt(element: Tlv, strikes: Strikes) -> Iterator[Tlv]:
    if element.tag == "CA" and strikes(Fault.WRONG_REGISTER):
        yield Tlv("CA", "98" if element.value == "99" else "99")
    elif element.tag == "CE" and strikes(Fault.WRONG_CURRENCY):
        yield Tlv("CE", EUR.numeric if element.value == OTHER_CURRENCY.numeric else OTHER_CURRENCY.numeric)
    elif element.tag == "CB":
        yield from _spoilt_amount(element, strikes)
    else:
        yield element


def _spoilt_amount(element: Tlv, strikes: Strikes) -> Iterator[Tlv]:
    minor = read_amount(element.value) or 0
    if strikes(Fault.AMOUNT_ABSENT):
        return
    if strikes(Fault.WRONG_AMOUNT):
        minor += 1
    if strikes(Fault.AMOUNT_ZERO):
        minor = 0
    width = MAX_AMOUNT_DIGITS if strikes(Fault.AMOUNT_PADDED) else len(element.value)
    yield Tlv("CB", f"{minor:0{width}d}")


def deliver(elements: Sequence[Tlv], strikes: Strikes) -> Delivery:
    """How these elements go out."""
    if strikes(Fault.NEVER_ANSWER):
        return Delivery((), Ending.HELD, whole=False)
    if strikes(Fault.DROP_BEFORE_ANSWER):
        return NOTHING
    raw = encode(elements)
    if strikes(Fault.DROP_IN_ANSWER):
        return Delivery((raw[: len(raw) // 2],), Ending.DROPPED, whole=False)
    if strikes(Fault.DROP_LAST_BYTE):
        return Delivery((raw[:-1],), Ending.DROPPED, whole=False)
    readable = not strikes(Fault.GARBAGE_BEFORE_ANSWER)
    pieces = _cut(elements, raw, strikes)
    if strikes(Fault.TRAILING_CRLF):
        pieces = (*pieces, b"\r\n")
    ending = Ending.HELD if strikes(Fault.HOLD_OPEN) else Ending.ANSWERED
    return Delivery(pieces if readable else (GARBAGE, *pieces), ending, readable)


def _cut(elements: Sequence[Tlv], raw: bytes, strikes: Strikes) -> tuple[bytes, ...]:
    if strikes(Fault.SPLIT_BETWEEN_TAGS):
        return tuple(element.encoded() for element in elements)
    if strikes(Fault.BYTE_BY_BYTE):
        return tuple(raw[place : place + 1] for place in range(len(raw)))
    return (raw,)
