"""The statements about locations that change hands."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.locations.model import Move, MoveState
from tillbridge.portal.locations.tables import location, location_move, tenant

_giver = tenant.alias("giver")
_taker = tenant.alias("taker")


async def add(
    connection: AsyncConnection, move_id: str, location_id: str, tenants: tuple[str, str], at: datetime, by: str
) -> None:
    """Writes an offer down; `tenants` are the giving and the taking merchant."""
    giver, taker = tenants
    await connection.execute(
        insert(location_move).values(
            id=move_id,
            location_id=location_id,
            from_tenant_id=giver,
            to_tenant_id=taker,
            state=MoveState.OFFERED.value,
            offered_at=at,
            offered_by=by,
        )
    )


async def end(connection: AsyncConnection, move_id: str, state: MoveState, at: datetime, by: str) -> bool:
    """Ends an offer; False if somebody else has done so before."""
    statement = (
        update(location_move)
        .where(location_move.c.id == move_id, location_move.c.state == MoveState.OFFERED.value)
        .values(state=state.value, ended_at=at, ended_by=by)
        .returning(location_move.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def withdraw_open(connection: AsyncConnection, location_id: str, at: datetime, by: str) -> None:
    """Withdraws the open offer of a location, if there is one."""
    offer = await open_of(connection, location_id)
    if offer is not None:
        await end(connection, offer.id, MoveState.WITHDRAWN, at, by)


async def find(connection: AsyncConnection, move_id: str) -> Move | None:
    """The move with this id, of whichever merchants."""
    return await _one(connection, location_move.c.id == move_id)


async def open_of(connection: AsyncConnection, location_id: str) -> Move | None:
    """The open offer of a location."""
    return await _one(connection, (location_move.c.location_id == location_id) & _is_open())


async def open_for(connection: AsyncConnection, tenant_id: str) -> tuple[Move, ...]:
    """What other merchants offer to this one."""
    rows = await connection.execute(
        _moves((location_move.c.to_tenant_id == tenant_id) & _is_open()).order_by(location_move.c.offered_at)
    )
    return tuple(_read(row) for row in rows.mappings())


def _is_open() -> ColumnElement[bool]:
    return location_move.c.state == MoveState.OFFERED.value


async def _one(connection: AsyncConnection, where: ColumnElement[bool]) -> Move | None:
    row = (await connection.execute(_moves(where))).mappings().one_or_none()
    return None if row is None else _read(row)


def _moves(where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            location_move,
            location.c.number.label("location_number"),
            location.c.name.label("location_name"),
            _giver.c.name.label("from_tenant"),
            _taker.c.name.label("to_tenant"),
        )
        .join(location, location.c.id == location_move.c.location_id)
        .join(_giver, _giver.c.id == location_move.c.from_tenant_id)
        .join(_taker, _taker.c.id == location_move.c.to_tenant_id)
        .where(where)
    )


def _read(row: RowMapping) -> Move:
    return Move(
        id=row["id"],
        location_id=row["location_id"],
        location_number=row["location_number"],
        location_name=row["location_name"],
        from_tenant_id=row["from_tenant_id"],
        from_tenant=row["from_tenant"],
        to_tenant_id=row["to_tenant_id"],
        to_tenant=row["to_tenant"],
        state=MoveState(row["state"]),
        offered_at=row["offered_at"],
    )
