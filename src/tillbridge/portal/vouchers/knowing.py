"""Reads what a round of wishes is decided on: every row of it with a few statements, locked in one order.

The order of locks is the same everywhere: actions by location and key, then what was guessed, then vouchers by id, then
new keys by location and key. So two processes never wait for each other in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.model import Account, Lot, Original
from tillbridge.portal.risk import store as risk
from tillbridge.portal.storage.line import Line
from tillbridge.portal.vouchers import guessing_store as guesses
from tillbridge.portal.vouchers import operations as store
from tillbridge.portal.vouchers.guessing import Window
from tillbridge.portal.vouchers.model import KeptOperation, Loading, Place, Redeeming, Undoing, Voucher, Wish, scope_of
from tillbridge.portal.vouchers.operations import Scope
from tillbridge.portal.vouchers.systems_model import Life

BOOKED: Final = frozenset({OperationState.INTERIM, OperationState.CONFIRMED, OperationState.LOADED})
"""States of an action whose money was moved and not taken back."""

TAKEN_BACK: Final = frozenset({OperationState.PUT_BACK, OperationState.REVERSED})


@dataclass(slots=True)
class Known:
    """What is known in a round; deciding a wish changes it, so that the next one sees what came before.

    `numbers` leads from a system and a number to a voucher; `balances_back` has the balance after what took an action
    back, by the action's id; `successors` leads from a replaced voucher, of which an action may be taken back, to the
    one that has taken its place; `merchants` are systems with the numbers that name their merchants, where a code names
    one.
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
    successors: Mapping[str, str] = field(default_factory=dict)
    merchants: frozenset[tuple[str, str]] = frozenset()


async def know(connection: AsyncConnection, wishes: Sequence[Wish], now: datetime) -> Known:
    """Reads and locks what these wishes are about."""
    known, line = Known(), Line(connection)
    undoing = {scope_of(one) for one in wishes if isinstance(one, Undoing)}
    doing = [one for one in wishes if not isinstance(one, Undoing)]
    where = {one.at.location_id for one in doing}
    store.ask_set_out(line)
    before = store.ask_find(line, {scope_of(one) for one in doing} - undoing)
    undone = store.ask_find(line, undoing, locked=True)
    places, windows = store.ask_places(line, where), guesses.ask_windows(line, where, now, locked=True)
    await line.run()
    known.operations |= store.found_in(before)
    known.operations |= store.found_in(undone)
    known.places |= store.places_in(places)
    known.windows |= guesses.windows_in(windows)
    numbers = await _numbers(connection, known, [one for one in doing if scope_of(one) not in known.operations])
    of_actions = [known.operations[scope] for scope in undoing if scope in known.operations]
    await _vouchers(connection, known, numbers, of_actions)
    return known


async def _numbers(connection: AsyncConnection, known: Known, fresh: Sequence[Redeeming | Loading]) -> set[Scope]:
    """The numbers that new wishes name, with the system of each."""
    numbers: set[Scope] = set()
    if any(one.asked.merchant is not None for one in fresh):
        systems = {place.system.id for place in known.places.values() if place.system is not None}
        known.merchants = await risk.numbers_of_systems(connection, systems)
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
    known.successors = await ledger.successors(connection, booked.values())
    subjects = {*booked.values(), *known.successors.values()}
    line = Line(connection)
    vouchers, unspent = (
        store.ask_vouchers(line, numbers, subjects, locked=True),
        store.ask_lots(line, numbers, subjects),
    )
    await line.run()
    found = store.vouchers_in(vouchers)
    last = {one.id for one in found if one.id in subjects and one.life is Life.RETIRED} - known.successors.keys()
    if await ledger.successors(connection, last):
        # Replaced since they were looked for: only now is nobody able to replace one any more.
        raise store.KeysTaken
    days = await ledger.last_days(connection, {one.id for one in found if one.written_off})
    known.vouchers |= {one.id: replace(one, expired_on=days.get(one.id)) for one in found}
    known.numbers |= {(one.system_id, one.number): one.id for one in found}
    known.zones |= await store.zones(connection, {one.system_id for one in found} - known.zones.keys())
    known.originals |= await ledger.originals(connection, booked.keys())
    known.balances_back |= await ledger.last_reversals(connection, taken_back)
    lots = dict(ledger.lots_in(() if unspent is None else unspent.rows))
    touched = {lot_id for original in known.originals.values() for lot_id in original.net}
    for voucher_id, more in (await ledger.lots(connection, touched)).items():
        both = {one.id: one for one in (*lots.get(voucher_id, ()), *more)}
        lots[voucher_id] = tuple(sorted(both.values(), key=lambda one: one.age))
    known.lots = tuple(lot for of_one in lots.values() for lot in of_one)
    known.accounts |= {
        one.id: Account(one.id, one.balance, one.seq, lots.get(one.id, ())) for one in known.vouchers.values()
    }
