"""Reads what a round of wishes is decided on: every row of it with a few statements, locked in one order.

The order of locks is the same everywhere: actions by location and key, then what was guessed, then vouchers by id, then
new keys by location and key. So two processes never wait for each other in a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.model import Account, Lot, Original
from tillbridge.portal.vouchers import operations as store
from tillbridge.portal.vouchers.guessing import Window
from tillbridge.portal.vouchers.model import KeptOperation, Place, Undoing, Voucher, Wish, scope_of
from tillbridge.portal.vouchers.operations import Scope

BOOKED: Final = frozenset({OperationState.INTERIM, OperationState.CONFIRMED, OperationState.LOADED})
"""States of an action whose money was moved and not taken back."""

TAKEN_BACK: Final = frozenset({OperationState.PUT_BACK, OperationState.REVERSED})


@dataclass(slots=True)
class Known:
    """What is known in a round; deciding a wish changes it, so that the next one sees what came before.

    `numbers` leads from a system and a number to a voucher; `balances_back` has the balance after what took an action
    back, by the action's id.
    """

    operations: dict[Scope, KeptOperation] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    windows: dict[Scope, Window] = field(default_factory=dict)
    vouchers: dict[str, Voucher] = field(default_factory=dict)
    numbers: dict[Scope, str] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    originals: dict[str, Original] = field(default_factory=dict)
    balances_back: dict[str, int] = field(default_factory=dict)
    lots: tuple[Lot, ...] = ()


async def know(connection: AsyncConnection, wishes: Sequence[Wish], now: datetime) -> Known:
    """Reads and locks what these wishes are about."""
    known = Known()
    undoing = {scope_of(one) for one in wishes if isinstance(one, Undoing)}
    doing = {scope_of(one) for one in wishes} - undoing
    known.operations |= await store.find(connection, doing)
    known.operations |= await store.find(connection, undoing, locked=True)
    numbers = await _places(connection, known, wishes, now)
    of_actions = [known.operations[scope] for scope in undoing if scope in known.operations]
    await _vouchers(connection, known, numbers, of_actions)
    return known


async def _places(connection: AsyncConnection, known: Known, wishes: Sequence[Wish], now: datetime) -> set[Scope]:
    """Reads where the new wishes come from; returns the numbers that they name, with the system of each."""
    fresh = [one for one in wishes if not isinstance(one, Undoing) and scope_of(one) not in known.operations]
    where = {one.at.location_id for one in fresh}
    known.places |= await store.places(connection, where)
    known.windows |= await store.windows(connection, where, now, locked=True)
    numbers: set[Scope] = set()
    for one in fresh:
        place = known.places.get(one.at.location_id)
        if place is not None and place.system is not None:
            known.zones[place.system.id] = place.system.time_zone
            numbers.add((place.system.id, one.asked.number))
    return numbers


async def _vouchers(
    connection: AsyncConnection, known: Known, numbers: set[Scope], of_actions: Sequence[KeptOperation]
) -> None:
    booked = {one.id: one.voucher_id for one in of_actions if one.state in BOOKED and one.voucher_id is not None}
    taken_back = {one.id for one in of_actions if one.state in TAKEN_BACK}
    found = await store.vouchers(connection, numbers, set(booked.values()), locked=True)
    days = await ledger.last_days(connection, {one.id for one in found if one.written_off})
    known.vouchers |= {one.id: replace(one, expired_on=days.get(one.id)) for one in found}
    known.numbers |= {(one.system_id, one.number): one.id for one in found}
    known.zones |= await store.zones(connection, {one.system_id for one in found} - known.zones.keys())
    known.originals |= await ledger.originals(connection, booked.keys())
    known.balances_back |= await ledger.last_reversals(connection, taken_back)
    touched = {lot_id for original in known.originals.values() for lot_id in original.net}
    lots = await ledger.open_lots(connection, known.vouchers.keys(), touched)
    known.lots = tuple(lot for of_one in lots.values() for lot in of_one)
    known.accounts |= {
        one.id: Account(one.id, one.balance, one.seq, lots.get(one.id, ())) for one in known.vouchers.values()
    }
