"""The statements about letters of orders that are to be written, and those that were."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.mail.tables import letter
from tillbridge.portal.shop.model import Dispatch, DispatchState
from tillbridge.portal.shop.tables import dispatch


async def add(connection: AsyncConnection, one: Dispatch) -> None:
    """Writes down that a letter is to be written."""
    values = {
        "id": one.id,
        "order_id": one.order_id,
        "line": one.line,
        "recipient": one.recipient,
        "state": one.state.value,
        "due_at": one.due_at,
        "next_at": one.due_at,
    }
    await connection.execute(insert(dispatch).values(values))


async def claim(connection: AsyncConnection, now: datetime, lease: timedelta) -> Dispatch | None:
    """Takes the letter that is due longest, so that nobody else writes it within the lease; None for none."""
    due = (dispatch.c.state == DispatchState.WAITING.value) & (dispatch.c.next_at <= now)
    first = select(dispatch.c.id).where(due).order_by(dispatch.c.next_at, dispatch.c.id).limit(1)
    chosen = first.with_for_update(skip_locked=True).scalar_subquery()
    taken = update(dispatch).where(dispatch.c.id == chosen, due).values(next_at=now + lease).returning(dispatch.c.id)
    found = await connection.scalar(taken)
    return None if found is None else await find(connection, found)


async def find(connection: AsyncConnection, dispatch_id: str) -> Dispatch | None:
    """The letter of this id."""
    row = (await connection.execute(_all().where(dispatch.c.id == dispatch_id))).mappings().one_or_none()
    return None if row is None else _read(row)


async def of_order(connection: AsyncConnection, order_id: str) -> tuple[Dispatch, ...]:
    """An order's letters, by the day on which they are due."""
    statement = _all().where(dispatch.c.order_id == order_id).order_by(dispatch.c.due_at, dispatch.c.id)
    return tuple(_read(row) for row in (await connection.execute(statement)).mappings())


async def finish(connection: AsyncConnection, one: Dispatch, state: DispatchState, letter_id: str | None) -> bool:
    """Ends a letter's waiting; False if another process has done it."""
    waits = (dispatch.c.id == one.id) & (dispatch.c.state == DispatchState.WAITING.value)
    values = {"state": state.value, "letter_id": letter_id}
    return bool((await connection.execute(update(dispatch).where(waits).values(values))).rowcount)


def _all() -> Select[Any]:
    post = (letter.c.state.label("post"), letter.c.fault.label("fault"))
    return select(dispatch, *post).outerjoin(letter, letter.c.id == dispatch.c.letter_id)


def _read(row: RowMapping) -> Dispatch:
    return Dispatch(
        id=row["id"],
        order_id=row["order_id"],
        line=row["line"],
        recipient=row["recipient"],
        state=DispatchState(row["state"]),
        due_at=row["due_at"],
        post=row["post"] or "",
        fault=row["fault"] or "",
    )
