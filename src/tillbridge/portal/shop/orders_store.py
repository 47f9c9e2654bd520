"""The statements about orders, their payments, their links and what happened to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.house import House
from tillbridge.portal.rights import Reach
from tillbridge.portal.shop.model import Case, Happening, Order, OrderState, Payment, Unit
from tillbridge.portal.shop.tables import event, link, order, payment, refund_unit, unit
from tillbridge.portal.vouchers.tables import voucher


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to an order. `actor` is "" where nobody did it."""

    kind: Happening
    actor: str
    facts: Mapping[str, Any]
    at: datetime


# ------------------------------------------------------------ orders


async def find(connection: AsyncConnection, order_id: str, *, locked: bool = False) -> Order | None:
    """The order with this id; `locked` keeps others from changing it meanwhile."""
    statement = select(order).where(order.c.id == order_id)
    found = await connection.execute(statement.with_for_update() if locked else statement)
    row = found.mappings().one_or_none()
    return None if row is None else _order(row)


async def add(connection: AsyncConnection, one: Order) -> None:
    """Writes a new cart down; its lines follow."""
    values = {
        "id": one.id,
        "shop_id": one.shop_id,
        "form_key": one.form_key,
        "state": one.state.value,
        "location_id": one.location_id,
        "currency": one.currency,
        "amount": one.amount,
        "email": one.email,
        "language": one.language.value,
        "holds_stock": False,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
    }
    await connection.execute(insert(order).values(values))


async def set_order(connection: AsyncConnection, order_id: str, **values: object) -> None:
    """Changes an order that the caller has locked."""
    await connection.execute(update(order).where(order.c.id == order_id).values(**values))


async def waiting_until(connection: AsyncConnection, now: datetime, most: int) -> Sequence[str]:
    """Orders whose time to be paid is over."""
    waits = [state.value for state in OrderState if state.waits]
    due = order.c.state.in_(waits) & (order.c.expires_at <= now)
    return list(await connection.scalars(select(order.c.id).where(due).order_by(order.c.expires_at).limit(most)))


async def page_of(
    connection: AsyncConnection, shop_id: str, reach: Reach, page: int, per_page: int
) -> tuple[tuple[Order, ...], int]:
    """A page of a shop's orders, the newest first, within this reach; and how many there are. Carts are none."""
    one = (order.c.shop_id == shop_id) & (order.c.state != OrderState.CART.value)
    if not reach.everywhere:
        one &= order.c.location_id.in_(sorted(reach.locations))
    every = int(await connection.scalar(select(func.count()).select_from(order).where(one)) or 0)
    statement = select(order).where(one).order_by(order.c.created_at.desc(), order.c.id.desc())
    rows = await connection.execute(statement.limit(per_page).offset((page - 1) * per_page))
    return tuple(_order(row) for row in rows.mappings()), every


# ------------------------------------------------------------ what happened


async def note(
    connection: AsyncConnection,
    house: House,
    order_id: str,
    kind: Happening,
    actor: str = "",
    facts: Mapping[str, object] | None = None,
) -> None:
    """Appends what happened to an order, in this transaction."""
    runtime = house.runtime
    values = {
        "id": runtime.ids.new(),
        "order_id": order_id,
        "kind": kind.value,
        "actor": actor[:200],
        "facts": dict(facts or {}),
        "at": runtime.clock.now(),
    }
    await connection.execute(insert(event).values(values))


async def history(connection: AsyncConnection, order_id: str) -> tuple[Happened, ...]:
    """What happened to an order, the oldest first."""
    rows = await connection.execute(select(event).where(event.c.order_id == order_id).order_by(event.c.at, event.c.id))
    return tuple(Happened(Happening(row.kind), row.actor, row.facts, row.at) for row in rows)


async def counted(connection: AsyncConnection, order_id: str, kind: Happening, since: datetime) -> int:
    """How often this happened to an order since then."""
    one = (event.c.order_id == order_id) & (event.c.kind == kind.value) & (event.c.at > since)
    return int(await connection.scalar(select(func.count()).select_from(event).where(one)) or 0)


# ------------------------------------------------------------ links


async def add_link(  # what a link is made of
    connection: AsyncConnection, order_id: str, number: int, serial: int, secret_hash: str, ends_at: datetime
) -> None:
    """Keeps the hash of a link's secret; `number` is the line that it shows, 0 for the whole order."""
    values = {"order_id": order_id, "line": number, "serial": serial, "secret_hash": secret_hash, "ends_at": ends_at}
    await connection.execute(insert(link).values(values))


async def last_link(connection: AsyncConnection, order_id: str, line: int | None = None) -> int:
    """The serial of an order's newest link, or of the newest that shows this line; 0 for none."""
    of = link.c.order_id == order_id
    statement = select(func.max(link.c.serial)).where(of if line is None else of & (link.c.line == line))
    return int(await connection.scalar(statement) or 0)


async def linked(connection: AsyncConnection, secret_hash: str, now: datetime) -> str | None:
    """The order that a link opens now as a whole."""
    found = await linked_line(connection, secret_hash, now)
    return found[0] if found is not None and found[1] == 0 else None


async def linked_line(connection: AsyncConnection, secret_hash: str, now: datetime) -> tuple[str, int] | None:
    """The order and the line that a link opens now; line 0 is all of it."""
    one = (link.c.secret_hash == secret_hash) & (link.c.ends_at > now) & link.c.revoked_at.is_(None)
    row = (await connection.execute(select(link.c.order_id, link.c.line).where(one))).one_or_none()
    return None if row is None else (row.order_id, row.line)


async def revoke_links(connection: AsyncConnection, order_id: str, now: datetime) -> int:
    """Ends every link of an order; returns how many that were."""
    one = (link.c.order_id == order_id) & link.c.revoked_at.is_(None)
    return (await connection.execute(update(link).where(one).values(revoked_at=now))).rowcount


# ------------------------------------------------------------ payments


async def add_payment(connection: AsyncConnection, order_id: str, service: str, now: datetime) -> None:
    """Writes down that a payment is wanted, before the service is asked for it."""
    values = {"order_id": order_id, "service": service, "state": "pending", "begun_at": now}
    await connection.execute(insert(payment).values(values))


async def find_payment(connection: AsyncConnection, order_id: str) -> Payment | None:
    """What is known of an order's payment."""
    row = (await connection.execute(select(payment).where(payment.c.order_id == order_id))).mappings().one_or_none()
    return None if row is None else _payment(row)


async def by_reference(connection: AsyncConnection, service: str, reference: str) -> str | None:
    """The order whose payment the service calls so."""
    one = (payment.c.service == service) & (payment.c.reference == reference)
    found: str | None = await connection.scalar(select(payment.c.order_id).where(one))
    return found


async def set_payment(connection: AsyncConnection, order_id: str, **values: object) -> None:
    """Changes what is known of a payment; its order is locked by the caller."""
    await connection.execute(update(payment).where(payment.c.order_id == order_id).values(**values))


async def claim_due(connection: AsyncConnection, now: datetime, lease: timedelta, most: int) -> Sequence[str]:
    """Orders whose payment service is to be asked now; nobody else asks within the lease."""
    due = payment.c.next_ask_at <= now
    first = select(payment.c.order_id).where(due).order_by(payment.c.next_ask_at).limit(most)
    chosen = first.with_for_update(skip_locked=True)
    claimed = update(payment).where(payment.c.order_id.in_(chosen), due).values(next_ask_at=now + lease)
    return list(await connection.scalars(claimed.returning(payment.c.order_id)))


# ------------------------------------------------------------ vouchers


async def add_unit(  # what a unit is made of
    connection: AsyncConnection, order_id: str, number: int, place: int, voucher_id: str, entry_id: str
) -> None:
    """Writes down that a voucher was issued for the line of this number; `place` counts from 1."""
    values = {"order_id": order_id, "line": number, "unit": place, "voucher_id": voucher_id, "entry_id": entry_id}
    await connection.execute(insert(unit).values(values))


async def units(connection: AsyncConnection, order_id: str) -> tuple[Unit, ...]:
    """The vouchers of an order, in their order."""
    same = (
        (refund_unit.c.order_id == unit.c.order_id)
        & (refund_unit.c.line == unit.c.line)
        & (refund_unit.c.unit == unit.c.unit)
    )
    statement = (
        select(
            *(unit.c.line, unit.c.unit, unit.c.voucher_id, unit.c.entry_id),
            *(voucher.c.number, voucher.c.pin_sealed, voucher.c.balance, voucher.c.blocked),
            refund_unit.c.refund_id.is_not(None).label("refunded"),
        )
        .join(voucher, voucher.c.id == unit.c.voucher_id)
        .outerjoin(refund_unit, same)
        .where(unit.c.order_id == order_id)
        .order_by(unit.c.line, unit.c.unit)
    )
    return tuple(Unit(**row) for row in (await connection.execute(statement)).mappings())


async def add_voucher(connection: AsyncConnection, made: Mapping[str, object]) -> bool:
    """Stores an empty voucher; False if somebody has its number."""
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = make(voucher).values(**made).on_conflict_do_nothing().returning(voucher.c.id)
    return (await connection.execute(statement)).first() is not None


def _order(row: RowMapping) -> Order:
    return Order(
        id=row["id"],
        shop_id=row["shop_id"],
        form_key=row["form_key"],
        state=OrderState(row["state"]),
        location_id=row["location_id"],
        currency=row["currency"],
        amount=row["amount"],
        email=row["email"],
        language=Language(row["language"]),
        holds_stock=row["holds_stock"],
        open_case=Case(row["open_case"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        issued_at=row["issued_at"],
    )


def _payment(row: RowMapping) -> Payment:
    return Payment(
        order_id=row["order_id"],
        service=row["service"],
        reference=row["reference"],
        page=row["page"],
        state=row["state"],
        paid_amount=row["paid_amount"],
        paid_currency=row["paid_currency"],
        begun_at=row["begun_at"],
    )
