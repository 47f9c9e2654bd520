"""The statements about customers of 2.0. What they seal and find is `sealing.py`'s."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.customers.bulk import ROWS_AT_ONCE, insert_rows
from tillbridge.portal.customers.model import Customer, CustomerState, Fields, Movement, MovementKind
from tillbridge.portal.customers.sealing import Sealer
from tillbridge.portal.customers.tables import (
    customer,
    customer_alias,
    customer_key,
    customer_movement,
    customer_token,
)
from tillbridge.portal.rights import Reach

PER_PAGE: Final = 50
CANDIDATES_AT_ONCE: Final = 500
"""Records that a search opens at a time to compare the rest of what was typed: about 10 ms of work."""


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer to be written, already sealed. `tokens` find it."""

    id: str
    number: str
    balance_minor: int
    points: int
    key: bytes
    sealed: bytes
    tokens: Collection[int]
    aliases: Collection[str]
    v1_positions: Sequence[int]


def within(tenant_id: str, reach: Reach) -> ColumnElement[bool]:
    """The customers of this merchant that somebody reaches."""
    own = customer.c.tenant_id == tenant_id
    return own if reach.everywhere else own & customer.c.location_id.in_(sorted(reach.locations))


async def find(
    connection: AsyncConnection, sealer: Sealer, customer_id: str, *, tenant_id: str, locked: bool = False
) -> Customer | None:
    """The customer of this merchant with this id, with aliases; `locked` keeps others from changing it meanwhile."""
    own = (customer.c.id == customer_id) & (customer.c.tenant_id == tenant_id)
    if locked:
        # A statement of its own: what waited for the lock sees the new row, but of joined tables still the old ones.
        await connection.execute(select(customer.c.id).where(own).with_for_update())
    statement = select(customer, customer_key.c.sealed.label("key")).where(own)
    joined = statement.join_from(customer, customer_key, customer.c.id == customer_key.c.customer_id, isouter=True)
    row = (await connection.execute(joined)).mappings().one_or_none()
    if row is None:
        return None
    aliases = select(customer_alias.c.alias).where(customer_alias.c.customer_id == customer_id)
    return read(row, sealer, tuple(sorted(await connection.scalars(aliases))))


async def page_after(
    connection: AsyncConnection, sealer: Sealer, where: ColumnElement[bool], after: str = "", limit: int = PER_PAGE
) -> list[Customer]:
    """Living customers by number, those behind that number."""
    statement = _opened(where & (customer.c.state == CustomerState.LIVE) & (customer.c.number > after))
    rows = await connection.execute(statement.order_by(customer.c.number).limit(limit))
    return [read(row, sealer) for row in rows.mappings()]


async def by_tokens(
    connection: AsyncConnection,
    sealer: Sealer,
    where: ColumnElement[bool],
    sets: Sequence[Collection[int]],
    after: str = "",
) -> list[Customer]:
    """Living customers that have one token of each set, some hundred by number behind that number."""
    wanted = where & (customer.c.state == CustomerState.LIVE) & (customer.c.number > after)
    for one in sets:
        owners = select(customer_token.c.customer_id).where(customer_token.c.token.in_(list(one)))
        wanted &= customer.c.id.in_(owners)
    rows = await connection.execute(_opened(wanted).order_by(customer.c.number).limit(CANDIDATES_AT_ONCE))
    return [read(row, sealer) for row in rows.mappings()]


async def by_number(
    connection: AsyncConnection, sealer: Sealer, where: ColumnElement[bool], tenant_id: str, text: str
) -> list[Customer]:
    """Living customers whose number begins so or who had this number before, by number."""
    old = select(customer_alias.c.customer_id).where(
        customer_alias.c.tenant_id == tenant_id, customer_alias.c.alias == text
    )
    fits = customer.c.number.startswith(text, autoescape=True) | customer.c.id.in_(old)
    rows = await connection.execute(
        _opened(where & (customer.c.state == CustomerState.LIVE) & fits).order_by(customer.c.number).limit(PER_PAGE)
    )
    return [read(row, sealer) for row in rows.mappings()]


async def exactly(connection: AsyncConnection, tenant_id: str, number: str) -> str | None:
    """The id of the living customer with this number; else of the only one who had it before."""
    live = (customer.c.tenant_id == tenant_id) & (customer.c.state == CustomerState.LIVE)
    own = await connection.scalar(select(customer.c.id).where(live, customer.c.number == number))
    if own is not None:
        return str(own)
    old = select(customer.c.id).join(customer_alias, customer_alias.c.customer_id == customer.c.id)
    ids = list(await connection.scalars(old.where(live, customer_alias.c.alias == number).limit(2)))
    return ids[0] if len(ids) == 1 else None


async def taken(connection: AsyncConnection, tenant_id: str) -> set[str]:
    """Every number that a customer of this merchant has or ever had."""
    return set(await connection.scalars(select(customer.c.number).where(customer.c.tenant_id == tenant_id)))


async def add_all(
    connection: AsyncConnection,
    place: tuple[str, str],
    rows: Sequence[NewCustomer],
    now: datetime,
    movements: Sequence[tuple[str, str, int, int, str, str]],
) -> None:
    """Writes customers of this merchant and location (`place`) with their keys, tokens, aliases and movements.

    A movement is (id, customer, balance, points, kind, origin).
    """
    tenant_id, location_id = place
    live = CustomerState.LIVE.value
    heads = [
        (*(row.id, tenant_id, location_id, row.number, row.balance_minor, row.points, row.sealed, live),
         *(list(row.v1_positions), 0, now, now))
        for row in rows
    ]  # fmt: skip
    await insert_rows(connection, customer, _HEAD, heads)
    await insert_rows(connection, customer_key, ("customer_id", "sealed"), [(row.id, row.key) for row in rows])
    await add_aliases(connection, tenant_id, [(row.id, alias) for row in rows for alias in row.aliases])
    await add_tokens(connection, [(token, row.id) for row in rows for token in row.tokens])
    moved = [(one[0], one[1], now, *one[2:]) for one in movements]
    await insert_rows(
        connection, customer_movement, ("id", "customer_id", "at", "balance_minor", "points", "kind", "origin"), moved
    )


async def add_aliases(connection: AsyncConnection, tenant_id: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Keeps old numbers valid; a pair is (customer, alias)."""
    rows = [(tenant_id, alias, customer_id) for customer_id, alias in pairs]
    await insert_rows(connection, customer_alias, ("tenant_id", "alias", "customer_id"), rows)


async def add_tokens(connection: AsyncConnection, pairs: Iterable[tuple[int, str]]) -> None:
    """Makes customers findable; a pair is (token, customer). In the order of the index, which halves its cost."""
    ordered = sorted(pairs)
    step = ROWS_AT_ONCE * 10
    for begin in range(0, len(ordered), step):
        await insert_rows(connection, customer_token, ("token", "customer_id"), ordered[begin : begin + step])


async def change_fields(
    connection: AsyncConnection, one: Customer, sealed: bytes, tokens: Collection[int], now: datetime
) -> bool:
    """Writes other fields down; False if somebody else changed the customer since `one` was read."""
    same = (customer.c.id == one.id) & (customer.c.revision == one.revision) & (customer.c.state == CustomerState.LIVE)
    done = await connection.execute(
        update(customer).where(same).values(sealed=sealed, revision=one.revision + 1, changed_at=now)
    )
    if done.rowcount != 1:
        return False
    await connection.execute(delete(customer_token).where(customer_token.c.customer_id == one.id))
    await add_tokens(connection, [(token, one.id) for token in tokens])
    return True


async def replace_key(connection: AsyncConnection, customer_id: str, sealed: bytes) -> None:
    """Puts another key in the place of a customer's."""
    mine = customer_key.c.customer_id == customer_id
    await connection.execute(update(customer_key).where(mine).values(sealed=sealed))


async def end(
    connection: AsyncConnection, customer_id: str, state: CustomerState, now: datetime, merged_into: str | None = None
) -> None:
    """Ends a customer: the key, what was sealed, what it was found by and its aliases are gone; the number stays."""
    values: dict[str, Any] = {"state": state.value, "sealed": b"", "merged_into": merged_into, "changed_at": now}
    await connection.execute(delete(customer_key).where(customer_key.c.customer_id == customer_id))
    await connection.execute(delete(customer_token).where(customer_token.c.customer_id == customer_id))
    await connection.execute(delete(customer_alias).where(customer_alias.c.customer_id == customer_id))
    if state is CustomerState.MERGED:
        values |= {"balance_minor": 0, "points": 0}
    await connection.execute(update(customer).where(customer.c.id == customer_id).values(values))


async def add_to(connection: AsyncConnection, one: Customer, balance: int, points: int, positions: list[int]) -> None:
    """Adds to a balance and to the points, and to the lines of 1.0 that the customer came from."""
    await connection.execute(
        update(customer)
        .where(customer.c.id == one.id)
        .values(
            balance_minor=customer.c.balance_minor + balance,
            points=customer.c.points + points,
            v1_positions=[*one.v1_positions, *positions],
        )
    )


async def add_movement(
    connection: AsyncConnection, movement_id: str, customer_id: str, one: Movement, origin: str
) -> None:
    """Notes what moved a balance."""
    await connection.execute(
        insert(customer_movement).values(
            id=movement_id,
            customer_id=customer_id,
            at=one.at,
            kind=one.kind.value,
            balance_minor=one.balance_minor,
            points=one.points,
            origin=origin,
        )
    )


async def movements(connection: AsyncConnection, customer_id: str) -> tuple[Movement, ...]:
    """What moved this customer's balance, the first one first."""
    rows = await connection.execute(
        select(customer_movement).where(customer_movement.c.customer_id == customer_id).order_by(customer_movement.c.id)
    )
    return tuple(
        Movement(row["at"], MovementKind(row["kind"]), row["balance_minor"], row["points"]) for row in rows.mappings()
    )


async def count_of(connection: AsyncConnection, where: ColumnElement[bool]) -> int:
    """How many living customers there are."""
    live = where & (customer.c.state == CustomerState.LIVE)
    return int((await connection.execute(select(func.count()).select_from(customer).where(live))).scalar_one())


async def aliases_of(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The aliases of these customers."""
    found: dict[str, list[str]] = {}
    statement = select(customer_alias).where(customer_alias.c.customer_id.in_(ids)).order_by(customer_alias.c.alias)
    for row in (await connection.execute(statement)).mappings():
        found.setdefault(row["customer_id"], []).append(row["alias"])
    return {customer_id: tuple(aliases) for customer_id, aliases in found.items()}


def read(row: Mapping[Any, Any], sealer: Sealer, aliases: tuple[str, ...] = ()) -> Customer:
    """A row as a customer. `ValueError` if the record or its key was tampered with."""
    fields = Fields()
    if row["key"] is not None:
        fields = sealer.open(row["sealed"], sealer.key(row["id"], row["key"]), row["id"])
    return Customer(
        id=row["id"],
        tenant_id=row["tenant_id"],
        location_id=row["location_id"],
        number=row["number"],
        balance_minor=row["balance_minor"],
        points=row["points"],
        fields=fields,
        state=CustomerState(row["state"]),
        merged_into=row["merged_into"],
        v1_positions=tuple(row["v1_positions"]),
        revision=row["revision"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        aliases=aliases,
    )


async def written(connection: AsyncConnection, location_id: str, first: str, last: str) -> Sequence[Mapping[str, Any]]:
    """The rows of customers with ids from `first` to `last`, still sealed, with their keys as `key`."""
    between = (customer.c.location_id == location_id) & customer.c.id.between(first, last)
    found: list[Any] = list((await connection.execute(_opened(between))).mappings())
    return found


async def aliases_between(connection: AsyncConnection, first: str, last: str) -> Mapping[str, Sequence[str]]:
    """The aliases of customers with ids from `first` to `last`."""
    found: dict[str, list[str]] = {}
    statement = select(customer_alias).where(customer_alias.c.customer_id.between(first, last))
    for row in (await connection.execute(statement)).mappings():
        found.setdefault(row["customer_id"], []).append(row["alias"])
    return found


async def tokens_between(connection: AsyncConnection, first: str, last: str) -> int:
    """How many tokens customers with ids from `first` to `last` are found by."""
    counted = select(func.count()).select_from(customer_token).where(customer_token.c.customer_id.between(first, last))
    return int((await connection.execute(counted)).scalar_one())


_HEAD: Final = (
    *("id", "tenant_id", "location_id", "number", "balance_minor", "points", "sealed", "state"),
    *("v1_positions", "revision", "created_at", "changed_at"),
)


def _opened(where: ColumnElement[bool]) -> Any:  # noqa: ANN401  # a select whose row type nobody relies on
    statement = select(customer, customer_key.c.sealed.label("key"))
    return statement.join_from(customer, customer_key, customer.c.id == customer_key.c.customer_id).where(where)
