"""Any till language drives any terminal language: every cell of docs/reference/matrix.md, judged by the ledger.

The cells of a pair run at the same time, because most of them wait for something that does not come. What each one
answers is kept in answers.json; `MATRIX_ANSWERS=write` writes it anew, and the page is drawn from it.
"""

import asyncio
import functools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.matrix.backs import DRIVERS
from tests.matrix.cells import Cell, Result, cells, check, kinds, rows, run, words
from tests.matrix.tills import ASKS, PROFILES
from tillbridge.domain.operation import Kind
from tillbridge.protocols import registry

ANSWERS: Final = Path(__file__).with_name("answers.json")
AT_ONCE: Final = 14
"""Cells at the same time: with more of them a busy machine would miss the drivers' short waits."""

pytestmark = pytest.mark.timeout(180)


@functools.cache
def known() -> dict[str, str]:
    """What each cell answers, as it is committed."""
    return dict(json.loads(ANSWERS.read_text(encoding="utf-8"))) if ANSWERS.exists() else {}


@functools.cache
def played(front: str, driver: str) -> Mapping[Cell, Result | BaseException]:
    """Every cell of a pair, once."""

    results: dict[Cell, Result | BaseException] = {}

    async def one(cell: Cell, room: asyncio.Semaphore) -> None:
        async with room:
            try:
                results[cell] = await run(cell)
            except Exception as error:  # noqa: BLE001 - raised again by the cell's own test
                results[cell] = error

    async def all_of_them() -> None:
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for cell in cells(front, driver):
                group.create_task(one(cell, room))

    asyncio.run(all_of_them())
    return results


def every_cell() -> Iterator[Cell]:
    for front, driver in rows():
        yield from cells(front, driver)


@pytest.mark.parametrize("cell", list(every_cell()), ids=str)
def test_cell(cell: Cell) -> None:
    result = played(cell.front, cell.driver)[cell]
    if isinstance(result, BaseException):
        raise result
    check(cell, result)
    if os.environ.get("MATRIX_ANSWERS") == "write":
        known()[str(cell)] = words(cell, result)
        ANSWERS.write_text(json.dumps(known(), indent=0, sort_keys=True) + "\n", encoding="utf-8")
    assert words(cell, result) == known().get(str(cell)), result


def test_nothing_is_kept_of_cells_that_do_not_exist() -> None:
    assert set(known()) == set(map(str, every_cell()))


def test_every_wire_and_every_operation_is_in_it() -> None:
    assert {"native", *registry.names(registry.DOORS), *PROFILES} == set(ASKS)
    assert set(registry.names(registry.DRIVERS)) == set(DRIVERS)
    assert kinds() == frozenset(Kind)
