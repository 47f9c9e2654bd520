"""The statements about batches and the vouchers in them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, Select, and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.corrections.tables import voucher_grant
from tillbridge.portal.ledger.model import EntryKind
from tillbridge.portal.ledger.tables import entry
from tillbridge.portal.locations.tables import location
from tillbridge.portal.vouchers.batches_model import Batch, Counted, Happened, NewVoucher, OfficeVoucher
from tillbridge.portal.vouchers.states import shown_state
from tillbridge.portal.vouchers.systems_model import Life, Scheme
from tillbridge.portal.vouchers.tables import voucher, voucher_batch

AT_ONCE: Final = 1000
"""Rows of one statement: both databases bound how many values it may carry."""

_reversed = entry.alias("reversed")


async def made_in(connection: AsyncConnection, system_id: str, month: str) -> int:
    """How many codes the batches of this month have."""
    one = (voucher_batch.c.system_id == system_id) & (voucher_batch.c.month == month)
    return int(await connection.scalar(select(func.sum(voucher_batch.c.amount_of_codes)).where(one)) or 0)


async def granted_in(connection: AsyncConnection, system_id: str, month: str) -> int:
    """How many codes the portal's operator granted for this month, beyond the system's own."""
    one = (voucher_grant.c.system_id == system_id) & (voucher_grant.c.month == month)
    return int(await connection.scalar(select(func.sum(voucher_grant.c.codes)).where(one)) or 0)


async def made_for(connection: AsyncConnection, country: str) -> int:
    """How many codes were ever made for a country, by everybody."""
    made = select(func.sum(voucher_batch.c.amount_of_codes)).where(voucher_batch.c.country == country)
    return int(await connection.scalar(made) or 0)


async def add(connection: AsyncConnection, one: Batch) -> None:
    """Writes a batch down; its vouchers follow."""
    values = {
        "id": one.id,
        "system_id": one.system_id,
        "name": one.name,
        "country": one.country,
        "amount_of_codes": one.amount_of_codes,
        "month": one.month,
        "made_at": one.made_at,
        "made_by": one.made_by,
        "group_name": one.group,
    }
    await connection.execute(insert(voucher_batch).values(values))


async def add_vouchers(
    connection: AsyncConnection, batch: Batch, made: Sequence[NewVoucher], life: Life
) -> frozenset[str]:
    """Stores those whose number nobody has yet; returns the ids of the others, whose numbers are to be drawn again."""
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = make(voucher).on_conflict_do_nothing().returning(voucher.c.id)
    common = {
        "system_id": batch.system_id,
        "batch_id": batch.id,
        "country": batch.country,
        "scheme": Scheme.OWN.value,
        "life": life.value,
        "made_at": batch.made_at,
    }
    stored: set[str] = set()
    for begin in range(0, len(made), AT_ONCE):
        rows = [
            {"id": one.id, "number": one.number, "pin_sealed": one.pin_sealed, **common}
            for one in made[begin : begin + AT_ONCE]
        ]
        stored.update(await connection.scalars(statement, rows))
    return frozenset(one.id for one in made if one.id not in stored)


async def find(connection: AsyncConnection, batch_id: str) -> Batch | None:
    """The batch with this id, of whichever system."""
    row = (await connection.execute(select(voucher_batch).where(voucher_batch.c.id == batch_id))).mappings()
    found = row.one_or_none()
    return None if found is None else _batch(found)


async def of_system(connection: AsyncConnection, system_id: str) -> tuple[Counted, ...]:
    """A system's batches, the newest first, each with how its vouchers stand."""
    rows = await connection.execute(
        select(voucher_batch)
        .where(voucher_batch.c.system_id == system_id)
        .order_by(voucher_batch.c.made_at.desc(), voucher_batch.c.id.desc())
    )
    batches = [_batch(row) for row in rows.mappings()]
    counted = await _counts(connection, voucher.c.system_id == system_id)
    return tuple(Counted(one, counted.get(one.id, {})) for one in batches)


async def counted(connection: AsyncConnection, one: Batch) -> Counted:
    """How the vouchers of one batch stand."""
    return Counted(one, (await _counts(connection, voucher.c.batch_id == one.id)).get(one.id, {}))


async def page_of(connection: AsyncConnection, batch_id: str, page: int, per_page: int) -> tuple[OfficeVoucher, ...]:
    """A page of a batch's vouchers, in the order in which they were made; `page` counts from 1."""
    begin = (page - 1) * per_page
    statement = _office().where(voucher.c.batch_id == batch_id).order_by(voucher.c.id).limit(per_page).offset(begin)
    rows = (await connection.execute(statement)).mappings()
    return tuple(_voucher(row, position) for position, row in enumerate(rows, begin + 1))


async def among(connection: AsyncConnection, ids: Select[tuple[str]]) -> tuple[OfficeVoucher, ...]:
    """The vouchers with these ids, in the order in which they were made; their positions are not looked up."""
    statement = _office().where(voucher.c.id.in_(ids)).order_by(voucher.c.id)
    return tuple(_voucher(row, 0) for row in (await connection.execute(statement)).mappings())


async def sealed_pins(connection: AsyncConnection, batch_id: str) -> Mapping[str, bytes | None]:
    """The sealed PINs of a batch, by the voucher's id."""
    statement = select(voucher.c.id, voucher.c.pin_sealed).where(voucher.c.batch_id == batch_id)
    return {row.id: row.pin_sealed for row in await connection.execute(statement)}


async def activate(connection: AsyncConnection, batch_id: str, first: int, last: int) -> int:
    """Activates what is only produced from one position of a batch to another; returns how many that were."""
    ids = select(voucher.c.id).where(voucher.c.batch_id == batch_id).order_by(voucher.c.id)
    wanted = list(await connection.scalars(ids.limit(last - first + 1).offset(first - 1)))
    if not wanted:
        return 0
    between = (voucher.c.batch_id == batch_id) & voucher.c.id.between(wanted[0], wanted[-1])
    produced = and_(between, voucher.c.life == Life.PRODUCED.value)
    # Locked in the order of ids, as the till's desk does it: two that lock the same rows never wait for each other.
    await connection.execute(select(voucher.c.id).where(produced).order_by(voucher.c.id).with_for_update())
    changed = await connection.execute(update(voucher).where(produced).values(life=Life.ACTIVE.value))
    return changed.rowcount


async def find_voucher(connection: AsyncConnection, voucher_id: str) -> OfficeVoucher | None:
    """The voucher with this id, of whichever system."""
    row = (await connection.execute(_office().where(voucher.c.id == voucher_id))).mappings().one_or_none()
    if row is None:
        return None
    if row["batch_id"] is None:
        return _voucher(row, 0)
    return _voucher(row, await _position(connection, row["batch_id"], voucher_id))


async def find_number(connection: AsyncConnection, system_ids: Sequence[str], number: str) -> tuple[str, ...]:
    """The ids of the vouchers with this number in these systems."""
    statement = select(voucher.c.id).where(voucher.c.number == number, voucher.c.system_id.in_(system_ids))
    return tuple(await connection.scalars(statement.order_by(voucher.c.id)))


async def position_of(connection: AsyncConnection, batch_id: str, number: str) -> int | None:
    """Where in its batch the voucher with this number stands; None if it is not of this batch."""
    one = (voucher.c.batch_id == batch_id) & (voucher.c.number == number)
    voucher_id = await connection.scalar(select(voucher.c.id).where(one))
    return None if voucher_id is None else await _position(connection, batch_id, voucher_id)


async def set_blocked(connection: AsyncConnection, voucher_id: str, *, blocked: bool, reason: str) -> bool:
    """Blocks or unblocks; False if it was so already."""
    one = (voucher.c.id == voucher_id) & (voucher.c.blocked != blocked)
    statement = update(voucher).where(one).values(blocked=blocked, block_reason=reason)
    return (await connection.execute(statement.returning(voucher.c.id))).first() is not None


async def unblock_pin(connection: AsyncConnection, voucher_id: str) -> None:
    """Forgets the wrong PINs of a voucher, and what followed from them."""
    fresh = {"pin_misses": 0, "pin_locked_until": None, "pin_blocked": False}
    await connection.execute(update(voucher).where(voucher.c.id == voucher_id).values(fresh))


async def history(connection: AsyncConnection, voucher_id: str, most: int) -> tuple[Happened, ...]:
    """The newest entries of a voucher's ledger, the newest first; at most `most`."""
    statement = (
        select(entry, location.c.name.label("location_name"), _reversed.c.seq.label("reversed_seq"))
        .outerjoin(location, location.c.id == entry.c.location_id)
        .outerjoin(_reversed, _reversed.c.id == entry.c.reverses)
        .where(entry.c.voucher_id == voucher_id)
        .order_by(entry.c.seq.desc())
        .limit(most)
    )
    return tuple(_happened(row) for row in (await connection.execute(statement)).mappings())


def _office() -> Select[Any]:
    return select(voucher, shown_state().label("state"))


async def _position(connection: AsyncConnection, batch_id: str, voucher_id: str) -> int:
    before = (voucher.c.batch_id == batch_id) & (voucher.c.id <= voucher_id)
    return int(await connection.scalar(select(func.count()).select_from(voucher).where(before)) or 0)


async def _counts(connection: AsyncConnection, where: Any) -> dict[str, dict[VoucherState, int]]:  # noqa: ANN401  # a condition, of whichever type
    shown = shown_state()
    statement = select(voucher.c.batch_id, shown.label("state"), func.count().label("vouchers"))
    rows = await connection.execute(
        statement.where(where, voucher.c.batch_id.is_not(None)).group_by(voucher.c.batch_id, shown)
    )
    found: dict[str, dict[VoucherState, int]] = {}
    for row in rows:
        found.setdefault(row.batch_id, {})[VoucherState(row.state)] = row.vouchers
    return found


def _batch(row: RowMapping) -> Batch:
    return Batch(
        id=row["id"],
        system_id=row["system_id"],
        name=row["name"],
        country=row["country"],
        amount_of_codes=row["amount_of_codes"],
        month=row["month"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        group=row["group_name"],
    )


def _voucher(row: RowMapping, position: int) -> OfficeVoucher:
    return OfficeVoucher(
        id=row["id"],
        system_id=row["system_id"],
        batch_id=row["batch_id"],
        position=position,
        number=row["number"],
        country=row["country"],
        state=VoucherState(row["state"]),
        balance=row["balance"],
        entries=row["seq"],
        last_activity=row["last_activity"],
        blocked=row["blocked"],
        block_reason=row["block_reason"],
        pin_locked_until=row["pin_locked_until"],
        pin_blocked=row["pin_blocked"],
    )


def _happened(row: RowMapping) -> Happened:
    return Happened(
        seq=row["seq"],
        kind=EntryKind(row["kind"]),
        amount=row["amount"],
        balance_after=row["balance_after"],
        location=row["location_name"] or "",
        station=row["station"],
        operator=row["operator"],
        receipt=row["transaction_ref"],
        reason=row["reason"],
        reverses=row["reversed_seq"],
        booked_at=row["booked_at"],
    )
