"""What the wire tester's page shows of the terminal under test."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tillbridge.connector.console.views import (
    Badge,
    PaymentRow,
    abortable,
    awaits_signature,
    onward_from,
    payment_row,
    sentence,
    unoccupied,
)
from tillbridge.connector.console.words import Moment, Words
from tillbridge.connector.wiretest.saying import said
from tillbridge.connector.wiretest.session import LineUnderTest
from tillbridge.connector.wiretest.trace import Piece
from tillbridge.domain.money import EUR
from tillbridge.domain.operation import Kind
from tillbridge.protocols.contract import HealthState, Payment
from tillbridge.runtime.scrubbing import scrub_text

LATEST: Final = 10
"""Test payments that are listed; the tester's journal has all of them."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A piece of what passed, with its time."""

    piece: Piece
    at: Moment


@dataclass(frozen=True, slots=True)
class Tried:
    """A test payment and what can be done with it now, each with its key. `detail` is for a technician."""

    row: PaymentRow
    sentence: str
    detail: str
    running: bool
    in_doubt: bool
    abortable: bool
    signing: bool
    keys: Mapping[Kind, str]


@dataclass(frozen=True, slots=True)
class Board:
    """The terminal under test."""

    name: str
    wire: str
    badge: Badge
    why: str
    detail: str
    asked_at: Moment | None
    kinds: list[Kind]
    units: list[str]
    unit: str
    tried: list[Tried]
    passed: list[Passed]
    busy: bool


async def dashboard(line: LineUnderTest, words: Words) -> Board:
    """Everything that the page shows."""
    statuses = await line.engine.terminals()
    found = line.engine.payments(None, LATEST)
    occupant = statuses[0].occupied_by
    if occupant is not None and occupant.id not in [one.id for one in found]:
        found.insert(0, occupant)  # accepted a moment ago, and on its way to the disk
    sign = line.sign
    badge, why = unoccupied(HealthState.UNKNOWN if sign is None else sign.health.state, words)
    able = line.capabilities
    units = sorted(able.currencies) if able.currencies is not None else []
    return Board(
        name=line.name,
        wire=line.wire,
        badge=badge,
        why=why,
        detail="" if sign is None else scrub_text(sign.health.detail),
        asked_at=None if sign is None else words.moment(sign.at),
        kinds=[kind for kind in Kind if kind in able.kinds - able.linked and kind is not Kind.VOID],
        units=units,
        unit=units[0] if units and EUR.code not in units else EUR.code,
        tried=[_tried(payment, line, words, can_stop=abortable(payment, statuses)) for payment in found],
        passed=[Passed(piece, words.moment(piece.at)) for piece in line.trace.pieces()],
        busy=line.engine.busy,
    )


def _tried(payment: Payment, line: LineUnderTest, words: Words, *, can_stop: bool) -> Tried:
    return Tried(
        row=payment_row(payment, words),
        sentence=sentence(payment, words),
        detail="" if payment.outcome is None else said(payment.outcome),
        running=payment.running,
        in_doubt=payment.open and not payment.running,
        abortable=can_stop,
        signing=awaits_signature(payment),
        keys={kind: stable_key(line, payment.id, kind) for kind in onward_from(payment, line.capabilities)},
    )


def stable_key(line: LineUnderTest, *parts: str) -> str:
    """The key of what a button starts: the same until something new was started, however often the page is drawn."""
    newest = line.engine.payments(None, 1)
    generation = newest[0].id if newest else ""
    return hashlib.sha256("\n".join((generation, *parts)).encode()).hexdigest()[:32]
