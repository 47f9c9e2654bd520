"""Puts statements together from what is closed, or for a look beforehand from the ledger itself."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.house import House
from tillbridge.portal.settlement import movements, store
from tillbridge.portal.settlement.claims import claims_of, of_location
from tillbridge.portal.settlement.model import NOWHERE, Line, Span, Statement, Sum, Waiting, days_of
from tillbridge.portal.settlement.sheets import Heading
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem

T = TypeVar("T", Sum, Line)

MOST_LINES: Final = 5_000
"""Bookings that a statement lists one by one; of a day with more it has the sums."""

AT_ONCE: Final = 20_000
"""Lines that are kept in memory together."""


@dataclass(frozen=True, slots=True)
class Made:
    """A statement with what its papers say besides. `agrees`: its lines are those that its day was closed with."""

    statement: Statement
    heading: Heading
    agrees: bool


class Statements:
    """Reads what stands on statements."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def of(self, taken: Sequence[Waiting]) -> AsyncIterator[tuple[Waiting, Made]]:
        """The statements that are to be frozen, which are of one system and one period."""
        one = taken[0]
        first, last = days_of(one.period)
        ids = frozenset(each.location_id for each in taken)
        async with self._house.database.reading() as connection:
            system = await _system(connection, one.system_id)
            sums = await store.sums(connection, system.id, first, last, ids)
        for some in _portions(taken, sums):
            async with self._house.database.reading() as connection:
                singles = await _singles(connection, one, some, sums)
                names = await store.places(connection, _named(sums))
            for waiting in some:
                own = _own(sums, waiting.location_id)
                listed = one.span is Span.DAY and sum(each.parts for each in own) <= MOST_LINES
                lines = _own(singles, waiting.location_id) if listed else None
                statement = Statement(system.id, waiting.location_id, one.span, one.period, waiting.number, own, lines)
                heading = Heading(system, names, waiting.language, waiting.made_at)
                yield waiting, Made(statement, heading, lines is None or agrees(lines, own))

    async def provisional(
        self, system: VoucherSystem, location_id: str, period: str, language: Language, now: datetime
    ) -> Made:
        """What a statement would say if it were made now; it has no number and is kept by nobody."""
        first, last = days_of(period)
        span = Span.DAY if first == last else Span.MONTH
        where = movements.within(system.id, first, last)
        async with self._house.database.reading() as connection:
            sums = _own(await movements.sums(connection, where), location_id)
            lines: tuple[Line, ...] | None = None
            if span is Span.DAY and sum(each.parts for each in sums) <= MOST_LINES:
                lines = await movements.lines(connection, where, [location_id])
            names = await store.places(connection, {location_id, *_named(sums)})
        statement = Statement(system.id, location_id, span, period, "", sums, lines)
        return Made(statement, Heading(system, names, language, now), agrees=True)


def claimed_and_owed(statement: Statement) -> tuple[int, int]:
    """What the location claims from all others, and what they claim from it."""
    found = of_location(claims_of(statement.sums), statement.location_id).values()
    return sum(ours for ours, _ in found), sum(theirs for _, theirs in found)


def agrees(lines: Collection[Line], sums: Collection[Sum]) -> bool:
    """Whether single bookings add up to the sums."""
    by_line: dict[tuple[str, str, str], int] = {}
    for one in lines:
        key = (one.place_id, one.owner_id, one.kind.value)
        by_line[key] = by_line.get(key, 0) + one.amount
    return by_line == {(one.place_id, one.owner_id, one.kind.value): one.amount for one in sums}


async def _system(connection: AsyncConnection, system_id: str) -> VoucherSystem:
    system = await systems_store.find(connection, system_id)
    if system is None:
        raise LookupError(system_id)
    return system


async def _singles(
    connection: AsyncConnection, one: Waiting, some: Sequence[Waiting], sums: Sequence[Sum]
) -> tuple[Line, ...]:
    if one.span is Span.MONTH:
        return ()
    ids = [each.location_id for each in some if _parts(sums, each.location_id) <= MOST_LINES]
    return (
        await movements.lines(connection, movements.within(one.system_id, one.period, one.period), ids) if ids else ()
    )


def _portions(taken: Sequence[Waiting], sums: Sequence[Sum]) -> Iterator[list[Waiting]]:
    """Statements whose lines fit into memory together."""
    some: list[Waiting] = []
    lines = 0
    for one in taken:
        parts = _parts(sums, one.location_id)
        if some and lines + parts > AT_ONCE:
            yield some
            some, lines = [], 0
        some.append(one)
        lines += parts if parts <= MOST_LINES else 0
    yield some


def _parts(sums: Sequence[Sum], location_id: str) -> int:
    return sum(one.parts for one in _own(sums, location_id))


def _named(sums: Sequence[Sum]) -> set[str]:
    return {place for one in sums for place in (one.place_id, one.owner_id)} - {NOWHERE}


def _own(all_of_them: Sequence[T], location_id: str) -> tuple[T, ...]:
    """What concerns a location: booked there, or of its credit."""
    return tuple(one for one in all_of_them if location_id in {one.place_id, one.owner_id})
