"""The statements about actions, and about the vouchers that they are about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger import sets
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.ledger.tables import lot, operation
from tillbridge.portal.locations.tables import location
from tillbridge.portal.storage.database import is_held
from tillbridge.portal.storage.line import Asked, Line, Row
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.country_digits import NUMERIC
from tillbridge.portal.vouchers.guessing import PinGuard
from tillbridge.portal.vouchers.model import KeptOperation, OperationKind, Place, Voucher
from tillbridge.portal.vouchers.systems_model import Life, Scheme
from tillbridge.portal.vouchers.tables import voucher, voucher_location, voucher_system

Scope = tuple[str, str]
"""A location and a key, or a system and a number, or a location and what is guessed there."""

VoucherRow = dict[str, object]
"""A voucher as it was read and as it ends."""


class KeysTaken(Exception):  # what happened: another process was faster
    """One of these keys was used, or its voucher replaced, since it was looked up. Nothing may be committed."""


class KeysBusy(Exception):  # what happened
    """One of these keys is being used by another process, and is taking long."""


LOCK_SECONDS: Final = "2"
"""How long a key may be in use elsewhere before whoever repeats it is told so."""


# ------------------------------------------------------------ actions


async def find(
    connection: AsyncConnection, scopes: Collection[Scope], *, locked: bool = False
) -> Mapping[Scope, KeptOperation]:
    """The actions of these keys. `locked` keeps others from changing what becomes of them."""
    line = Line(connection)
    asked = ask_find(line, scopes, locked=locked)
    await line.run()
    return found_in(asked)


def ask_find(line: Line, scopes: Collection[Scope], *, locked: bool = False) -> Asked | None:
    """Will find the actions of these keys, for `found_in`."""
    if not scopes:
        return None
    statement = _find(locked=locked, postgresql=line.postgresql)
    return line.ask(statement, sets.pairs("scopes", scopes, postgresql=line.postgresql))


def found_in(asked: Asked | None) -> Mapping[Scope, KeptOperation]:
    """The actions by their keys."""
    return {} if asked is None else {one.scope: one for one in map(_kept, asked.rows)}


@cache
def _find(*, locked: bool, postgresql: bool) -> Select[Any]:
    where = sets.one_pair_of(operation.c.location_id, operation.c.key, "scopes", postgresql=postgresql)
    statement = select(operation).where(where).order_by(operation.c.location_id, operation.c.key)
    return statement.with_for_update() if locked else statement


async def add(connection: AsyncConnection, made: Iterable[KeptOperation]) -> None:
    """Writes actions down at once; see `ask_add`. `KeysTaken` if one was used meanwhile, `KeysBusy` if one still is."""
    line, new = Line(connection), list(made)
    asked = ask_add(line, new)
    try:
        await line.run()
    except DBAPIError as error:
        if is_held(error):
            raise KeysBusy from error
        raise
    if asked is not None and asked.count != len(new):
        raise KeysTaken


def ask_add(line: Line, made: Iterable[KeptOperation]) -> Asked | None:
    """Will write actions down, in the order of their keys; those whose key is used already are not counted.

    It waits for whoever is using one of them.
    """
    rows = [_row(one) for one in sorted(made, key=lambda one: one.scope)]
    return sets.ask_add(line, operation, rows, unless=("location_id", "key"))


async def set_out(connection: AsyncConnection) -> None:
    """Does so at once. See `ask_set_out`."""
    line = Line(connection)
    ask_set_out(line)
    await line.run()


def ask_set_out(line: Line) -> None:
    """Lets this transaction wait at most `LOCK_SECONDS` for a lock, and find every row by an index.

    A planner that knows nothing yet of a young table reads all of it, and goes on so while it grows. SQLite has one
    writer and nothing to wait for.
    """
    if line.postgresql:
        line.ask(_SET_OUT, {"patience": f"{LOCK_SECONDS}s"})


_SET_OUT: Final = text(
    "select set_config('lock_timeout', cast(:patience as text), true), set_config('enable_seqscan', 'off', true)"
)


def ask_change(line: Line, changed: Iterable[KeptOperation]) -> None:
    """Will write down what became of actions that were locked."""
    rows = [
        {"id": one.id, "state": one.state.value, "closed_at": one.closed_at, "contested_at": one.contested_at}
        for one in sorted(changed, key=lambda one: one.scope)
    ]
    sets.ask_change(line, operation, rows, _OPERATION_CHANGES)


_OPERATION_CHANGES: Final = (("state", "{state}"), ("closed_at", "{closed_at}"), ("contested_at", "{contested_at}"))


# ------------------------------------------------------------ places and vouchers


async def places(connection: AsyncConnection, location_ids: Collection[str]) -> Mapping[str, Place]:
    """These locations with their voucher systems."""
    line = Line(connection)
    asked = ask_places(line, location_ids)
    await line.run()
    return places_in(asked)


def ask_places(line: Line, location_ids: Collection[str]) -> Asked | None:
    """Will read locations with their voucher systems, for `places_in`."""
    if not location_ids:
        return None
    return line.ask(_places(postgresql=line.postgresql), {"locations": sorted(location_ids)})


def places_in(asked: Asked | None) -> Mapping[str, Place]:
    """The locations by their ids."""
    return {} if asked is None else {row["location_id"]: _place(row) for row in asked.rows}


@cache
def _places(*, postgresql: bool) -> Select[Any]:
    return (
        select(location.c.id.label("location_id"), location.c.country.label("location_country"), voucher_system)
        .outerjoin(voucher_location, voucher_location.c.location_id == location.c.id)
        .outerjoin(voucher_system, voucher_system.c.id == voucher_location.c.system_id)
        .where(sets.one_of(location.c.id, "locations", postgresql=postgresql))
    )


async def vouchers(
    connection: AsyncConnection, numbers: Collection[Scope], ids: Collection[str] = (), *, locked: bool = False
) -> Sequence[Voucher]:
    """The vouchers of these systems and numbers, and those of these ids; `locked` in the order of their ids."""
    line = Line(connection)
    asked = ask_vouchers(line, numbers, ids, locked=locked)
    await line.run()
    return vouchers_in(asked)


def ask_vouchers(
    line: Line, numbers: Collection[Scope], ids: Collection[str] = (), *, locked: bool = False
) -> Asked | None:
    """Will read vouchers, for `vouchers_in`."""
    if not numbers and not ids:
        return None
    statement = _vouchers(by_number=bool(numbers), by_id=bool(ids), locked=locked, postgresql=line.postgresql)
    return line.ask(statement, wanted(numbers, ids, postgresql=line.postgresql))


def vouchers_in(asked: Asked | None) -> Sequence[Voucher]:
    """The vouchers, where they are locked in the order of their ids."""
    return () if asked is None else [_voucher(row) for row in asked.rows]


def ask_lots(line: Line, numbers: Collection[Scope], ids: Collection[str]) -> Asked | None:
    """Will read the lots with something left of the vouchers that `ask_vouchers` with the same words locks before."""
    if not numbers and not ids:
        return None
    statement = _lots(by_number=bool(numbers), by_id=bool(ids), postgresql=line.postgresql)
    return line.ask(statement, wanted(numbers, ids, postgresql=line.postgresql))


@cache
def _vouchers(*, by_number: bool, by_id: bool, locked: bool, postgresql: bool) -> Select[Any]:
    statement = select(voucher).where(_these(by_number=by_number, by_id=by_id, postgresql=postgresql))
    # Nobody changes a voucher's id: so others may refer to it meanwhile.
    return statement.order_by(voucher.c.id).with_for_update(key_share=True) if locked else statement


@cache
def _lots(*, by_number: bool, by_id: bool, postgresql: bool) -> Select[Any]:
    these = select(voucher.c.id).where(_these(by_number=by_number, by_id=by_id, postgresql=postgresql))
    return select(lot).where(lot.c.voucher_id.in_(these), lot.c.remaining > 0)


def _these(*, by_number: bool, by_id: bool, postgresql: bool) -> ColumnElement[bool]:
    parts = []
    if by_number:
        parts.append(sets.one_pair_of(voucher.c.system_id, voucher.c.number, "numbers", postgresql=postgresql))
    if by_id:
        parts.append(sets.one_of(voucher.c.id, "ids", postgresql=postgresql))
    return or_(*parts)


def wanted(numbers: Collection[Scope], ids: Collection[str], *, postgresql: bool) -> dict[str, Any]:
    """The values of a statement about vouchers."""
    values = sets.pairs("numbers", numbers, postgresql=postgresql) if numbers else {}
    return values | ({"ids": sorted(ids)} if ids else {})


def ask_change_vouchers(line: Line, rows: Sequence[sets.Row]) -> Asked | None:
    """Will write vouchers as they end; one that is not as it had been read is not counted, nor changed."""
    return sets.ask_change(line, voucher, rows, _VOUCHER_CHANGES, _VOUCHER_HOLDS)


async def change_vouchers(connection: AsyncConnection, rows: Sequence[sets.Row]) -> None:
    """Writes vouchers as they end. `LedgerMoved` if one was not as it had been read, or would fall below zero."""
    line = Line(connection)
    asked = ask_change_vouchers(line, rows)
    await line.run()
    if asked is not None and asked.count != len(rows):
        raise LedgerMoved


def voucher_row(before: Voucher, after: Voucher) -> VoucherRow:
    """What `change_vouchers` needs to know of a voucher that was read as `before` and is to be `after`."""
    return {
        "id": before.id,
        "life": after.life.value,
        "balance": before.balance,
        "seq": before.seq,
        "moved": after.balance - before.balance,
        "entries": after.seq - before.seq,
        "written_off": after.written_off,
        "loaded_once": after.loaded_once,
        "last_activity": after.last_activity,
        "pin_misses": after.guard.misses,
        "pin_locked_until": after.guard.locked_until,
        "pin_blocked": after.guard.blocked,
    }


_VOUCHER_CHANGES: Final = (
    ("balance", "voucher.balance + {moved}"),
    ("seq", "voucher.seq + {entries}"),
    ("life", "{life}"),
    *((name, f"{{{name}}}") for name in ("written_off", "loaded_once", "last_activity")),
    *((name, f"{{{name}}}") for name in ("pin_misses", "pin_locked_until", "pin_blocked")),
)
# The second lock: whatever happened to the first, what is not there is not taken.
_VOUCHER_HOLDS: Final = "voucher.seq = {seq} and voucher.balance = {balance} and voucher.balance + {moved} >= 0"


async def zones(connection: AsyncConnection, system_ids: Collection[str]) -> Mapping[str, str]:
    """The time zones of voucher systems."""
    if not system_ids:
        return {}
    statement = select(voucher_system.c.id, voucher_system.c.time_zone)
    rows = await connection.execute(statement.where(voucher_system.c.id.in_(sorted(system_ids))))
    return {row.id: row.time_zone for row in rows}


# ------------------------------------------------------------ rows


def _place(row: Row) -> Place:
    system = None if row["id"] is None else systems_store.read_system(row)
    return Place(row["location_id"], NUMERIC[row["location_country"]], system)


def _kept(row: Row) -> KeptOperation:
    return KeptOperation(
        id=row["id"],
        location_id=row["location_id"],
        key=row["key"],
        kind=OperationKind(row["kind"]),
        body_mac=row["body_mac"],
        state=OperationState(row["state"]),
        voucher_id=row["voucher_id"],
        taken=row["taken"],
        transaction_ref=row["transaction_ref"],
        status=row["status"],
        answer=row["answer"],
        created_at=row["created_at"],
        closed_at=row["closed_at"],
        contested_at=row["contested_at"],
    )


def _row(one: KeptOperation) -> sets.Row:
    return {
        "id": one.id,
        "location_id": one.location_id,
        "key": one.key,
        "kind": one.kind.value,
        "body_mac": one.body_mac,
        "state": one.state.value,
        "voucher_id": one.voucher_id,
        "taken": one.taken,
        "transaction_ref": one.transaction_ref,
        "status": one.status,
        "answer": one.answer,
        "created_at": one.created_at,
        "closed_at": one.closed_at,
        "contested_at": one.contested_at,
    }


def _voucher(row: Row) -> Voucher:
    return Voucher(
        id=row["id"],
        system_id=row["system_id"],
        number=row["number"],
        pin_sealed=row["pin_sealed"],
        country=row["country"],
        scheme=Scheme(row["scheme"]),
        life=Life(row["life"]),
        blocked=row["blocked"],
        balance=row["balance"],
        seq=row["seq"],
        written_off=row["written_off"],
        loaded_once=row["loaded_once"],
        guard=PinGuard(row["pin_misses"], row["pin_locked_until"], row["pin_blocked"]),
        last_activity=row["last_activity"],
    )
