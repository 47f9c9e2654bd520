"""The statements about actions, the vouchers that they are about, and what was guessed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import RowMapping, delete, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger import sets
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.ledger.tables import operation
from tillbridge.portal.locations.tables import location
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.country_digits import NUMERIC
from tillbridge.portal.vouchers.guessing import Guess, PinGuard, Window
from tillbridge.portal.vouchers.model import KeptOperation, OperationKind, Place, Voucher
from tillbridge.portal.vouchers.systems_model import Life, Scheme
from tillbridge.portal.vouchers.tables import voucher, voucher_guessing, voucher_location, voucher_system

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Scope = tuple[str, str]
"""A location and a key, or a system and a number, or a location and what is guessed there."""

VoucherRow = dict[str, object]
"""A voucher as it was read and as it ends."""


class KeysTaken(Exception):  # what happened: another process was faster with one of these keys
    """One of these keys has been used since it was looked up. Nothing may be committed."""


class KeysBusy(Exception):  # what happened
    """One of these keys is being used by another process, and is taking long."""


LOCK_SECONDS: Final = "2"
"""How long a key may be in use elsewhere before whoever repeats it is told so."""

_LOCKED: Final = frozenset({"55P03", "40P01"})


# ------------------------------------------------------------ actions


async def find(
    connection: AsyncConnection, scopes: Collection[Scope], *, locked: bool = False
) -> Mapping[Scope, KeptOperation]:
    """The actions of these keys. `locked` keeps others from changing what becomes of them."""
    if not scopes:
        return {}
    where = sets.pairs_among(connection, operation.c.location_id, operation.c.key, scopes)
    statement = select(operation).where(where).order_by(operation.c.location_id, operation.c.key)
    rows = await connection.execute(statement.with_for_update() if locked else statement)
    return {one.scope: one for one in map(_kept, rows.mappings())}


async def add(connection: AsyncConnection, made: Iterable[KeptOperation]) -> None:
    """Writes actions down, in the order of their keys. It waits for whoever is using one of them.

    `KeysTaken` if one was used meanwhile, `KeysBusy` if one is still in use after `LOCK_SECONDS`.
    """
    rows = [_row(one) for one in sorted(made, key=lambda one: one.scope)]
    try:
        added = await sets.add(connection, operation, rows, unless=("location_id", "key"))
    except OperationalError as error:
        if is_lock_timeout(error):
            raise KeysBusy from error
        raise
    if added != len(rows):
        raise KeysTaken


async def set_out(connection: AsyncConnection) -> None:
    """Lets this transaction wait at most `LOCK_SECONDS` for a lock, and find every row by an index.

    A planner that knows nothing yet of a young table reads all of it, and goes on so while it grows. SQLite has one
    writer and nothing to wait for.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(_SET_OUT, {"patience": f"{LOCK_SECONDS}s"})


_SET_OUT: Final = text(
    "select set_config('lock_timeout', cast(:patience as text), true), set_config('enable_seqscan', 'off', true)"
)


def is_lock_timeout(error: BaseException | None) -> bool:
    """Whether PostgreSQL gave up because somebody else held a lock, or because two waited for each other."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) in _LOCKED


async def change(connection: AsyncConnection, changed: Iterable[KeptOperation]) -> None:
    """Writes down what became of actions that were locked."""
    rows = [
        {"id": one.id, "state": one.state.value, "closed_at": one.closed_at, "contested_at": one.contested_at}
        for one in sorted(changed, key=lambda one: one.scope)
    ]
    await sets.change(connection, operation, rows, _OPERATION_CHANGES)


_OPERATION_CHANGES: Final = (("state", "{state}"), ("closed_at", "{closed_at}"), ("contested_at", "{contested_at}"))


# ------------------------------------------------------------ places and vouchers


async def places(connection: AsyncConnection, location_ids: Collection[str]) -> Mapping[str, Place]:
    """These locations with their voucher systems."""
    if not location_ids:
        return {}
    statement = (
        select(location.c.id.label("location_id"), location.c.country.label("location_country"), voucher_system)
        .outerjoin(voucher_location, voucher_location.c.location_id == location.c.id)
        .outerjoin(voucher_system, voucher_system.c.id == voucher_location.c.system_id)
        .where(sets.among(connection, location.c.id, location_ids))
    )
    return {
        row["location_id"]: Place(
            row["location_id"],
            NUMERIC[row["location_country"]],
            None if row["id"] is None else systems_store.read_system(row),
        )
        for row in (await connection.execute(statement)).mappings()
    }


async def vouchers(
    connection: AsyncConnection, numbers: Collection[Scope], ids: Collection[str] = (), *, locked: bool = False
) -> Sequence[Voucher]:
    """The vouchers of these systems and numbers, and those of these ids; `locked` in the order of their ids."""
    if not numbers and not ids:
        return ()
    if not numbers:
        where = sets.among(connection, voucher.c.id, ids)
    else:
        where = sets.pairs_among(connection, voucher.c.system_id, voucher.c.number, numbers)
        if ids:
            where = or_(where, sets.among(connection, voucher.c.id, ids))
    statement = select(voucher).where(where)
    if locked:
        # Nobody changes a voucher's id: so others may refer to it meanwhile.
        statement = statement.order_by(voucher.c.id).with_for_update(key_share=True)
    return [_voucher(row) for row in (await connection.execute(statement)).mappings()]


async def change_vouchers(connection: AsyncConnection, rows: Sequence[sets.Row]) -> None:
    """Writes vouchers as they end. `LedgerMoved` if one was not as it had been read, or would fall below zero."""
    changed = await sets.change(connection, voucher, rows, _VOUCHER_CHANGES, _VOUCHER_HOLDS)
    if changed != len(rows):
        raise LedgerMoved


def voucher_row(before: Voucher, after: Voucher) -> VoucherRow:
    """What `change_vouchers` needs to know of a voucher that was read as `before` and is to be `after`."""
    return {
        "id": before.id,
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


# ------------------------------------------------------------ guessing


async def windows(
    connection: AsyncConnection, location_ids: Collection[str], now: datetime, *, locked: bool = False
) -> Mapping[Scope, Window]:
    """What was guessed at these locations and still counts, by location and kind."""
    if not location_ids:
        return {}
    counting = sets.among(connection, voucher_guessing.c.location_id, location_ids) & (voucher_guessing.c.until > now)
    statement = select(voucher_guessing).where(counting)
    if locked:
        statement = statement.order_by(voucher_guessing.c.location_id, voucher_guessing.c.kind).with_for_update()
    return {
        (row["location_id"], row["kind"]): Window(
            tuple(_EPOCH + one * _MICROSECOND for one in row["moments"]), row["paused_until"]
        )
        for row in (await connection.execute(statement)).mappings()
    }


async def keep_windows(connection: AsyncConnection, changed: Mapping[Scope, Window]) -> None:
    """Writes down what was guessed.

    Two processes may begin the window of one location in the same moment, and then the later one counts: each voucher's
    own counter, which guards the money, is exact.
    """
    if not changed:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(voucher_guessing)
    statement = statement.on_conflict_do_update(
        index_elements=["location_id", "kind"],
        set_={name: statement.excluded[name] for name in ("moments", "paused_until", "until")},
    )
    rows = [
        {
            "location_id": location_id,
            "kind": kind,
            "moments": [(one - _EPOCH) // _MICROSECOND for one in window.moments],
            "paused_until": window.paused_until,
            "until": window.until,
        }
        for (location_id, kind), window in sorted(changed.items(), key=lambda item: item[0])
    ]
    await connection.execute(statement, rows)


async def release(connection: AsyncConnection, location_id: str, kind: Guess) -> None:
    """Lets a location that had to pause go on; what was guessed there is forgotten."""
    where = (voucher_guessing.c.location_id == location_id) & (voucher_guessing.c.kind == kind.value)
    await connection.execute(delete(voucher_guessing).where(where))


# ------------------------------------------------------------ rows


def _kept(row: RowMapping) -> KeptOperation:
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


def _voucher(row: RowMapping) -> Voucher:
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
