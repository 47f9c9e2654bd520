"""The statements about the lines of carts and orders."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.shop import store
from tillbridge.portal.shop.model import Line, OrderState, Wish
from tillbridge.portal.shop.tables import line, link, order


async def of_order(connection: AsyncConnection, order_id: str) -> tuple[Line, ...]:
    """What is bought with an order, in the order in which it was chosen."""
    statement = select(line).where(line.c.order_id == order_id).order_by(line.c.line)
    return tuple(_line(row) for row in (await connection.execute(statement)).mappings())


async def by_form(connection: AsyncConnection, shop_id: str, key: str) -> tuple[str, int] | None:
    """The order and the number of the line that this form has made."""
    one = (order.c.shop_id == shop_id) & (line.c.form_key == key)
    found = select(line.c.order_id, line.c.line).join(order, order.c.id == line.c.order_id).where(one)
    row = (await connection.execute(found)).one_or_none()
    return None if row is None else (row.order_id, row.line)


async def put(connection: AsyncConnection, order_id: str, one: Line) -> None:
    """Writes a line of a cart down, which the caller has locked, or changes it."""
    this = (line.c.order_id == order_id) & (line.c.line == one.number)
    changed = await connection.execute(update(line).where(this).values(_values(one)))
    if not changed.rowcount:
        await connection.execute(insert(line).values({"order_id": order_id, "line": one.number, **_values(one)}))


async def remove(connection: AsyncConnection, order_id: str, number: int) -> None:
    """Takes a line out of a cart, which the caller has locked."""
    await connection.execute(delete(line).where(line.c.order_id == order_id, line.c.line == number))


async def forget(connection: AsyncConnection, order_ids: Sequence[str]) -> None:
    """Removes carts that the caller has locked."""
    for table in (line, link):
        await connection.execute(delete(table).where(table.c.order_id.in_(order_ids)))
    await connection.execute(delete(order).where(order.c.id.in_(order_ids)))


async def forget_carts(connection: AsyncConnection, now: datetime) -> None:
    """Removes carts that never became an order: they hold names, and nobody needs them."""
    old = (order.c.state == OrderState.CART.value) & (order.c.expires_at <= now)
    await forget(
        connection, list(await connection.scalars(select(order.c.id).where(old).with_for_update(skip_locked=True)))
    )


async def take_stock(connection: AsyncConnection, lines: Sequence[Line]) -> bool:
    """Sets aside what these lines need of limited designs: all of it, or nothing and False."""
    taken: list[tuple[str, int]] = []
    for design_id, quantity in _by_design(lines).items():
        if not await store.take_stock(connection, design_id, quantity):
            for given, back in taken:
                await store.give_stock_back(connection, given, back)
            return False
        taken.append((design_id, quantity))
    return True


async def give_stock_back(connection: AsyncConnection, lines: Sequence[Line]) -> None:
    """Puts back what these lines had set aside."""
    for design_id, quantity in _by_design(lines).items():
        await store.give_stock_back(connection, design_id, quantity)


def _by_design(lines: Sequence[Line]) -> Mapping[str, int]:
    """How many of each design, in the order of ids: whoever locks several locks them in the same order."""
    wanted: dict[str, int] = {}
    for one in sorted(lines, key=lambda each: each.wish.design_id):
        wanted[one.wish.design_id] = wanted.get(one.wish.design_id, 0) + one.wish.quantity
    return wanted


def _values(one: Line) -> dict[str, object]:
    wish = one.wish
    return {
        "form_key": one.key,
        "design_id": wish.design_id,
        "version": wish.version,
        "value": wish.value,
        "persons": wish.persons,
        "quantity": wish.quantity,
        "unit_amount": wish.unit_amount,
        "recipient": wish.recipient,
        "message": wish.message,
        "sender": wish.sender,
        "send_to": wish.send_to,
        "send_on": "" if wish.send_on is None else wish.send_on.isoformat(),
    }


def _line(row: RowMapping) -> Line:
    wish = Wish(
        design_id=row["design_id"],
        version=row["version"],
        value=row["value"],
        persons=row["persons"],
        quantity=row["quantity"],
        recipient=row["recipient"],
        message=row["message"],
        sender=row["sender"],
        send_to=row["send_to"],
        send_on=date.fromisoformat(row["send_on"]) if row["send_on"] else None,
    )
    return Line(row["line"], row["form_key"], wish)
