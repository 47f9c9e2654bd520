"""The database itself keeps the ledger: rows stay as they are, entries follow each other, balances are theirs."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.portal.vouchers.floor import Floor
from tillbridge.portal.storage.database import Dialect

REFUSED = (
    "update ledger_entry set amount = amount + 1",
    "update ledger_entry set station = 'X'",
    "delete from ledger_entry",
    "update ledger_allocation set amount = amount + 1",
    "delete from ledger_allocation",
    "update ledger_lot set amount = amount + 1",
    "update ledger_lot set location_id = null",
    "update ledger_lot set remaining = -1",
    "update ledger_lot set remaining = amount + 1",
    "delete from ledger_lot",
    "delete from voucher_operation",
    "update voucher_operation set answer = null",
    "update voucher_operation set taken = taken + 1",
    "update voucher set balance = balance + 1",
    "update voucher set balance = -1",
    "update voucher set seq = seq + 1",
    "update voucher set life = 'retired'",
)

TRUNCATED = tuple(
    f"truncate {table} cascade" for table in ("ledger_entry", "ledger_allocation", "ledger_lot", "voucher_operation")
)

FORGED_ENTRY = (
    "insert into ledger_entry (id, voucher_id, seq, kind, amount, balance_after, business_day, booked_at)"
    " select :id, voucher_id, :seq, 'adjust', :amount, :after, business_day, booked_at"
    " from ledger_entry where voucher_id = :voucher and seq = 1"
)

ALLOWED = (
    "update voucher_operation set state = 'confirmed'",
    "update voucher set blocked = true, block_reason = 'lost'",
)


async def test_the_ledger_is_only_ever_appended_to(floor: Floor, dialect: Dialect) -> None:
    number = await floor.voucher(loaded=1_000)
    await floor.redeem(number, 100)
    every = TRUNCATED if dialect is Dialect.POSTGRESQL else ()
    for statement in (*REFUSED, *every):
        with pytest.raises(DBAPIError):
            await _run(floor, statement)
    assert (await floor.balance(number), await floor.entries()) == (900, 2)
    await floor.sound()
    for statement in ALLOWED:
        assert await _run(floor, statement), statement


async def test_an_entry_follows_the_one_before_it(floor: Floor) -> None:
    number = await floor.voucher(loaded=1_000)
    await floor.redeem(number, 100)
    voucher_id = (await floor.row(number))["id"]
    for seq, amount, after in ((4, 5, 905), (3, 5, 904), (3, 5, 5), (1, 5, 5), (2, 5, 905)):
        values = {"voucher": voucher_id, "seq": seq, "amount": amount, "after": after, "id": floor.key()}
        with pytest.raises(DBAPIError):
            await _run(floor, FORGED_ENTRY, **values)
    await floor.sound()


async def test_a_voucher_begins_empty(floor: Floor) -> None:
    with pytest.raises(DBAPIError):
        await floor.vouchers(1, balance=100, seq=1)


async def _run(floor: Floor, statement: str, **values: object) -> int:
    async with floor.house.database.writing() as connection:
        return (await connection.execute(text(statement), values)).rowcount
