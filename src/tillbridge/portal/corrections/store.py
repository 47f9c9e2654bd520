"""The statements about corrections."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.corrections.model import Correction, Kind, Listed, Reversible, State
from tillbridge.portal.corrections.tables import voucher_correction
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import entry, operation
from tillbridge.portal.locations.tables import location
from tillbridge.portal.vouchers.systems_model import Life
from tillbridge.portal.vouchers.tables import voucher

MOST_ENTRIES: Final = 100
"""The newest loads or redemptions of a voucher, among which one is chosen: nobody mends what is older."""

_target = voucher.alias("target")


async def add(connection: AsyncConnection, one: Correction) -> None:
    """Writes a request down. `BridgeError(RECORD_CONFLICT)` if one of this voucher is open already."""
    values = asdict(one) | {"kind": one.kind.value, "state": one.state.value}
    try:
        async with connection.begin_nested():
            await connection.execute(insert(voucher_correction).values(values))
    except IntegrityError as error:
        raise BridgeError(Code.RECORD_CONFLICT, "a correction of this voucher waits already") from error


async def find(connection: AsyncConnection, correction_id: str, *, locked: bool = False) -> Correction | None:
    """The request with this id, of whichever system; `locked` lets nobody else decide on it meanwhile."""
    statement = select(voucher_correction).where(voucher_correction.c.id == correction_id)
    rows = (await connection.execute(statement.with_for_update() if locked else statement)).mappings()
    row = rows.one_or_none()
    return None if row is None else _correction(row)


async def open_of(connection: AsyncConnection, voucher_id: str) -> Correction | None:
    """The request of this voucher that nobody has decided on, also one whose time is over; locked."""
    waits = (voucher_correction.c.voucher_id == voucher_id) & (voucher_correction.c.state == State.OPEN.value)
    row = (await connection.execute(select(voucher_correction).where(waits).with_for_update())).mappings().one_or_none()
    return None if row is None else _correction(row)


async def decide(connection: AsyncConnection, one: Correction) -> None:
    """Writes down what became of a request."""
    names = ("decided_by", "decided_name", "decided_at", "decision", "failure", "entry_id")
    values = {name: getattr(one, name) for name in names} | {"state": one.state.value}
    await connection.execute(update(voucher_correction).where(voucher_correction.c.id == one.id).values(values))


async def of_system(
    connection: AsyncConnection, system_id: str, most: int, *, waiting: bool, now: datetime
) -> tuple[Listed, ...]:
    """A system's requests that wait, the oldest first; or those that are done, the newest first, at most `most`."""
    waits = (voucher_correction.c.state == State.OPEN.value) & (voucher_correction.c.expires_at > now)
    order = voucher_correction.c.requested_at if waiting else voucher_correction.c.requested_at.desc()
    statement = _listed().where(voucher_correction.c.system_id == system_id, waits if waiting else ~waits)
    rows = await connection.execute(statement.order_by(order, voucher_correction.c.id).limit(most))
    return tuple(_listing(row) for row in rows.mappings())


async def of_voucher(connection: AsyncConnection, voucher_id: str, most: int) -> tuple[Listed, ...]:
    """A voucher's requests, also those by which it took over from another; the newest first."""
    about = or_(voucher_correction.c.voucher_id == voucher_id, voucher_correction.c.target_id == voucher_id)
    newest = (voucher_correction.c.requested_at.desc(), voucher_correction.c.id.desc())
    rows = await connection.execute(_listed().where(about).order_by(*newest).limit(most))
    return tuple(_listing(row) for row in rows.mappings())


async def listed(connection: AsyncConnection, correction_id: str) -> Listed | None:
    """One request with the words around it."""
    rows = await connection.execute(_listed().where(voucher_correction.c.id == correction_id))
    row = rows.mappings().one_or_none()
    return None if row is None else _listing(row)


async def scope_of(connection: AsyncConnection, entry_id: str) -> tuple[str, str] | None:
    """The location and the key of the till's action that an entry is the effect of."""
    statement = (
        select(operation.c.location_id, operation.c.key)
        .join(entry, entry.c.operation_id == operation.c.id)
        .where(entry.c.id == entry_id)
    )
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else (row.location_id, row.key)


async def is_entry(connection: AsyncConnection, entry_id: str, voucher_id: str, kind: EntryKind) -> bool:
    """Whether this is an entry of this kind of this voucher."""
    one = (entry.c.id == entry_id) & (entry.c.voucher_id == voucher_id) & (entry.c.kind == kind.value)
    return (await connection.execute(select(entry.c.id).where(one))).first() is not None


async def original(connection: AsyncConnection, entry_id: str) -> Reversible | None:
    """An entry that is to be taken back, as pages show it."""
    rows = (await connection.execute(_entries().where(entry.c.id == entry_id))).mappings().all()
    found = await _reversible(connection, rows, {})
    return found[0] if found else None


async def reversible(connection: AsyncConnection, voucher_id: str, kind: EntryKind) -> tuple[Reversible, ...]:
    """The newest loads or redemptions of a voucher of which something can be taken back, the newest first."""
    wanted = _entries().where(entry.c.voucher_id == voucher_id, entry.c.kind == kind.value)
    rows = (await connection.execute(wanted.order_by(entry.c.seq.desc()).limit(MOST_ENTRIES))).mappings().all()
    held = await ledger.open_lots(connection, {voucher_id})
    remaining = {one.id: one.remaining for one in held.get(voucher_id, ())}
    return tuple(one for one in await _reversible(connection, rows, remaining) if one.free)


async def withdraw(connection: AsyncConnection, batch_id: str, first: int, last: int) -> int:
    """Retires what was never loaded from one position of a batch to another; returns how many that were."""
    ids = select(voucher.c.id).where(voucher.c.batch_id == batch_id).order_by(voucher.c.id)
    wanted = list(await connection.scalars(ids.limit(last - first + 1).offset(first - 1)))
    if not wanted:
        return 0
    unused = (
        (voucher.c.batch_id == batch_id)
        & voucher.c.id.between(wanted[0], wanted[-1])
        & (voucher.c.life != Life.RETIRED.value)
        & (voucher.c.seq == 0)
    )
    # Locked in the order of ids, as the till's desk does it: two that lock the same rows never wait for each other.
    await connection.execute(select(voucher.c.id).where(unused).order_by(voucher.c.id).with_for_update())
    return (await connection.execute(update(voucher).where(unused).values(life=Life.RETIRED.value))).rowcount


def _entries() -> Select[Any]:
    return select(entry, location.c.name.label("location_name")).outerjoin(
        location, location.c.id == entry.c.location_id
    )


async def _reversible(
    connection: AsyncConnection, rows: Sequence[RowMapping], remaining: Mapping[str, int]
) -> list[Reversible]:
    """These entries; `remaining` is what is left in the lots of their voucher."""
    originals = await ledger.originals_of(connection, [row["id"] for row in rows])
    found = []
    for row in rows:
        one = originals[row["id"]]
        unspent = sum(remaining.get(lot_id, 0) for lot_id in one.net)
        found.append(
            Reversible(
                entry_id=row["id"],
                seq=row["seq"],
                amount=abs(row["amount"]),
                free=min(one.left, unspent) if one.entry.kind is EntryKind.LOAD else one.left,
                location_id=row["location_id"],
                location=row["location_name"] or "",
                receipt=row["transaction_ref"],
                booked_at=row["booked_at"],
            )
        )
    return found


def _listed() -> Select[Any]:
    return (
        select(
            voucher_correction,
            voucher.c.number.label("number"),
            _target.c.number.label("target_number"),
            location.c.name.label("location_name"),
        )
        .join(voucher, voucher.c.id == voucher_correction.c.voucher_id)
        .outerjoin(_target, _target.c.id == voucher_correction.c.target_id)
        .outerjoin(location, location.c.id == voucher_correction.c.location_id)
    )


def _listing(row: RowMapping) -> Listed:
    return Listed(_correction(row), row["number"], row["target_number"] or "", row["location_name"] or "")


def _correction(row: RowMapping) -> Correction:
    values = {column.name: row[column.name] for column in voucher_correction.columns}
    return Correction(**values | {"kind": Kind(row["kind"]), "state": State(row["state"])})
