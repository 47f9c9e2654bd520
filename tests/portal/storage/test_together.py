"""Many who ask at the same time are answered by one reading, and nobody by one that began before he asked."""

import asyncio
from collections.abc import Collection, Mapping

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.house import House
from tillbridge.portal.storage.together import Together


class Readings:
    """Answers with the number of the reading; holds each one until it is let go."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.fault: Exception | None = None

    async def read(self, _: AsyncConnection, keys: Collection[str]) -> Mapping[str, int]:
        self.asked.append(sorted(keys))
        number = len(self.asked)
        self.begun.set()
        await self.go_on.wait()
        if self.fault is not None:
            raise self.fault
        return {key: number for key in keys if key != "nobody"}


async def test_those_who_come_while_it_reads_share_the_next_reading(house: House) -> None:
    readings = Readings()
    together = Together(house.database, readings.read)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(together.ask("a"))
        await readings.begun.wait()
        later = [group.create_task(together.ask(key)) for key in ("b", "a", "b", "nobody")]
        await asyncio.sleep(0)
        readings.go_on.set()
    assert readings.asked == [["a"], ["a", "b", "nobody"]]
    # Whoever asked for "a" after the first reading had begun is told what the second one found.
    assert (first.result(), [one.result() for one in later]) == (1, [2, 2, 2, None])


async def test_a_fault_is_told_to_everybody_of_that_reading_and_to_nobody_else(house: House) -> None:
    readings = Readings()
    readings.fault = RuntimeError("the database is away")
    readings.go_on.set()
    together = Together(house.database, readings.read)
    told = []
    for _ in range(2):
        with pytest.raises(RuntimeError, match="away"):
            await together.ask("a")
        told.append(True)
    readings.fault = None
    assert await together.ask("a") == 3
    assert len(told) == 2


async def test_when_whoever_reads_goes_away_the_next_one_reads_for_all(house: House) -> None:
    readings = Readings()
    together = Together(house.database, readings.read)
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(together.ask("a"))
        await readings.begun.wait()
        left = [group.create_task(together.ask(key)) for key in ("a", "b")]
        await asyncio.sleep(0)
        reader.cancel()
        readings.go_on.set()
    assert reader.cancelled()
    assert [one.result() for one in left] == [2, 2]
    assert await together.ask("c") == 3
