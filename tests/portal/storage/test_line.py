"""Statements that are sent together: what each found, and what is known when one of them fails."""

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tillbridge.portal.house import House
from tillbridge.portal.ledger import sets
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.storage.line import Line

NAMES = ("first", "second")


def _row(house: House, name: str) -> dict[str, object]:
    values = {"id": house.runtime.ids.new(), "name": name, "created_at": house.runtime.clock.now()}
    return {column.name: values[column.name] for column in tenant.c if column.name in values}


async def test_each_statement_has_its_rows_and_its_count(house: House) -> None:
    rows = [_row(house, name) for name in NAMES]
    async with house.database.writing() as connection:
        line = Line(connection)
        added = sets.ask_add(line, tenant, rows, unless=("id",))
        found = line.ask(_NAMES, {})
        again = sets.ask_add(line, tenant, rows, unless=("id",))
        await line.run()
        assert added is not None
        assert again is not None
        assert (added.count, again.count) == (2, 0)
        assert {row["name"] for row in found.rows} >= set(NAMES)


async def test_what_went_before_a_failure_has_its_count_and_nothing_of_it_stays(house: House) -> None:
    row = _row(house, "once")
    counts: list[int | None] = []
    with pytest.raises(IntegrityError):
        await _twice(house, row, counts)
    assert counts == [1]
    async with house.database.reading() as connection:
        assert "once" not in set(await connection.scalars(select(tenant.c.name)))


async def _twice(house: House, row: dict[str, object], counts: list[int | None]) -> None:
    """Adds the same row twice, and notes what is known of the first time."""
    async with house.database.writing() as connection:
        line = Line(connection)
        added = sets.ask_add(line, tenant, [row], unless=("id",))
        sets.ask_add(line, tenant, [row])
        try:
            await line.run()
        finally:
            counts.append(None if added is None else added.count)


async def test_the_transaction_of_the_caller_is_the_lines_own(house: House) -> None:
    row = _row(house, "kept")
    async with house.database.writing() as connection:
        line = Line(connection)
        sets.ask_add(line, tenant, [row])
        await line.run()
        seen = set(await connection.scalars(select(tenant.c.name)))
        await connection.execute(insert(tenant), [_row(house, "beside")])
    assert "kept" in seen
    async with house.database.reading() as connection:
        assert {"kept", "beside"} <= set(await connection.scalars(select(tenant.c.name)))


async def test_a_wrong_statement_is_a_fault_of_the_database_as_ever(house: House) -> None:
    async with house.database.reading() as connection:
        line = Line(connection)
        line.ask(text("select nothing from nowhere"), {})
        with pytest.raises(DBAPIError):
            await line.run()


_NAMES = select(tenant.c.name)
