"""Holds the database against what the tills were told."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from tests.portal.storm.book import Book, Told
from tillbridge.portal.house import House
from tillbridge.portal.ledger.tables import entry, operation
from tillbridge.portal.vouchers.tables import voucher


async def reckon(house: House, book: Book, numbers: Sequence[str]) -> None:
    """Every action has the entries that its answer says and no others, and every voucher what is left then."""
    places = {number: place for place, number in enumerate(numbers)}
    back = entry.alias("back")
    asked = (
        select(
            operation.c.key,
            voucher.c.number,
            entry.c.amount,
            entry.c.balance_after,
            back.c.amount.label("back"),
        )
        .outerjoin(entry, entry.c.operation_id == operation.c.id)
        .outerjoin(voucher, voucher.c.id == entry.c.voucher_id)
        .outerjoin(back, back.c.reverses == entry.c.id)
        .where(operation.c.key.like("storm-%"))
    )
    # An action with two entries, or one that was taken back twice, would come twice.
    left = set(book.told)
    async with house.database.reading() as connection:
        async with connection.stream(asked) as rows:
            async for row in rows:
                left.remove(row.key)
                told = book.told[row.key]
                assert _kept(row, places) == _must(told, back=book.is_back(row.key)), row
        assert not left, f"{len(left)} actions that were answered are lost, such as {min(left)}"
        sums = select(entry.c.voucher_id, func.sum(entry.c.amount).label("sum")).group_by(entry.c.voucher_id).subquery()
        kept = select(voucher.c.number, voucher.c.balance, sums.c.sum).outerjoin(
            sums, sums.c.voucher_id == voucher.c.id
        )
        found = {row.number: (row.balance, int(row.sum)) for row in await connection.execute(kept)}
    must = {number: (balance, balance) for number, balance in zip(numbers, book.balances(), strict=True)}
    assert found == must
    assert min(book.balances()) >= 0


def _kept(row: Any, places: dict[str, int]) -> tuple[object, ...]:
    if row.amount is None:
        return None, 0, 0, None
    return places[row.number], row.amount, row.balance_after, row.back


def _must(told: Told, *, back: bool) -> tuple[object, ...]:
    if told.status != 200:
        return None, 0, 0, None
    return told.voucher, told.moved, told.balance, -told.moved if back else None
