"""Customers of 2.0: finding, making, changing, merging and erasing them (docs/explanation/customer-base.md)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Entry, Facts
from tillbridge.portal.customers import numbers, old_store, store
from tillbridge.portal.customers.model import Customer, CustomerState, Event, Fields, Movement, MovementKind
from tillbridge.portal.customers.normal import PHONE_DIGITS, digits, folded, words
from tillbridge.portal.customers.places import place_for, require_v2
from tillbridge.portal.customers.planning import merged_fields
from tillbridge.portal.customers.sealing import Sealer, packed
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person

LONGEST_QUERY: Final = 100
MOST_LOOKS: Final = 20
"""How often a search fetches candidates: 10,000 records that begin as it was typed and then go on otherwise."""


class Customers:
    """The customers of the merchant that a person works on, as far as that person's right reaches."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def search(self, person: Person, text: str, after: str = "") -> list[Customer]:
        """Customers by number, name, e-mail, telephone or an old number; all of them, page by page, for no text."""
        if not person.may_somewhere(Area.CUSTOMERS):
            person.require(Area.CUSTOMERS, Action.VIEW)
        sealer = self._sealer(person)
        where = store.within(person.home, person.reach(Area.CUSTOMERS, Action.VIEW))
        text = text.strip()[:LONGEST_QUERY]
        async with self._house.database.reading() as connection:
            if not text:
                return await store.page_after(connection, sealer, where, after)
            found = await store.by_number(connection, sealer, where, person.home, text)
            known = {one.id for one in found}
            async for one in self._candidates(connection, sealer, where, text):
                if one.id not in known and _fits(one.fields, text):
                    found.append(one)
                if len(found) >= store.PER_PAGE:
                    break
        return sorted(found, key=lambda one: one.number)[: store.PER_PAGE]

    @staticmethod
    async def _candidates(
        connection: AsyncConnection, sealer: Sealer, where: ColumnElement[bool], text: str
    ) -> AsyncIterator[Customer]:
        """Customers that may be meant, by number: at most as many as somebody waits for."""
        sets, after = _token_sets(sealer, text), ""
        for _ in range(MOST_LOOKS if sets else 0):
            part = await store.by_tokens(connection, sealer, where, sets, after)
            for one in part:
                yield one
            if len(part) < store.CANDIDATES_AT_ONCE:
                return
            after = part[-1].number

    async def one(self, person: Person, customer_id: str) -> Customer:
        """The customer with this id. `BridgeError(RECORD_UNKNOWN)` where this person may see none."""
        async with self._house.database.reading() as connection:
            return await self._known(connection, person, customer_id, Action.VIEW)

    async def history(self, person: Person, customer_id: str) -> Sequence[Movement]:
        """What moved this customer's balance, the first one first."""
        async with self._house.database.reading() as connection:
            await self._known(connection, person, customer_id, Action.VIEW)
            return await store.movements(connection, customer_id)

    async def create(self, person: Person, location_id: str, fields: Fields) -> Customer:
        """A new customer with a new number. `BridgeError`: CONVERSION_REQUIRED or RECORD_CONFLICT without a 2.0."""
        house, sealer = self._house, self._sealer(person)
        customer_id, now = house.runtime.ids.new(), house.runtime.clock.now()
        async with house.database.writing() as connection:
            place = await place_for(connection, person, location_id, Action.EDIT)
            require_v2(place)
            (number,) = await numbers.draw(connection, place.tenant_id, 1)
            key, stored = sealer.fresh_key(customer_id)
            sealed, tokens = sealer.seal(packed(fields), key, customer_id), sealer.tokens(fields)
            row = store.NewCustomer(customer_id, number, 0, 0, stored, sealed, tokens, (), ())
            await store.add_all(connection, (place.tenant_id, place.id), [row], now, ())
            await self._note(connection, person, Event.CREATED, (place.id, customer_id), {"number": number})
            return await self._known(connection, person, customer_id, Action.EDIT)

    async def change(self, person: Person, customer_id: str, revision: int, fields: Fields) -> Customer:
        """Writes other fields down. `BridgeError(RECORD_CONFLICT)` if somebody else changed it since `revision`."""
        house, sealer = self._house, self._sealer(person)
        async with house.database.writing() as connection:
            one = await self._living(connection, person, customer_id)
            if one.revision != revision:
                raise BridgeError(Code.RECORD_CONFLICT, "somebody else changed this customer meanwhile")
            kept = replace(fields, legacy=one.fields.legacy)
            # A new key, so that what was sealed before opens with nothing that is still there.
            key, stored = sealer.fresh_key(customer_id)
            await store.replace_key(connection, customer_id, stored)
            sealed = sealer.seal(packed(kept), key, customer_id)
            await store.change_fields(connection, one, sealed, sealer.tokens(kept), house.runtime.clock.now())
            # The log outlives an erasure, so it says which fields were changed and never what they say.
            changed = sorted(name for name, value in asdict(kept).items() if value != asdict(one.fields)[name])
            await self._note(connection, person, Event.CHANGED, (one.location_id, one.id), {"fields": changed})
            return await self._known(connection, person, customer_id, Action.EDIT)

    async def find_number(self, person: Person, number: str) -> Customer:
        """The customer with this number, or the only one who had it before. `BridgeError(RECORD_UNKNOWN)`."""
        async with self._house.database.reading() as connection:
            found = await store.exactly(connection, person.home, number)
            if found is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            return await self._known(connection, person, found, Action.VIEW)

    async def merge(self, person: Person, winner_id: str, loser_id: str) -> Customer:
        """Makes one customer of two: sums are added, the loser's numbers become aliases. There is no way back.

        Both or neither: `BridgeError(RECORD_CONFLICT)` if one of them is not living any more or both are the same.
        """
        if winner_id == loser_id:
            raise BridgeError(Code.RECORD_CONFLICT, "a customer cannot be merged with itself")
        async with self._house.database.writing() as connection:
            # In the order of ids, so that two merges of the same pair wait for each other instead of for ever.
            both = {one: await self._living(connection, person, one) for one in sorted((winner_id, loser_id))}
            winner, loser = both[winner_id], both[loser_id]
            if winner.location_id != loser.location_id:
                raise BridgeError(Code.RECORD_CONFLICT, "only customers of one location can be merged")
            await self._join(connection, person, winner, loser)
            facts = {"number": winner.number, "merged": loser.number, "balance_minor": loser.balance_minor}
            facts |= {"points": loser.points}
            await self._note(connection, person, Event.MERGED, (winner.location_id, winner.id), facts)
            return await self._known(connection, person, winner_id, Action.EDIT)

    async def _join(self, connection: AsyncConnection, person: Person, winner: Customer, loser: Customer) -> None:
        house, sealer, now = self._house, self._sealer(person), self._house.runtime.clock.now()
        fields = merged_fields(winner.fields, loser.fields, f"{loser.number} ")
        await store.end(connection, loser.id, CustomerState.MERGED, now, merged_into=winner.id)
        fresh = {loser.number, *loser.aliases} - {winner.number, *winner.aliases}
        await store.add_aliases(connection, winner.tenant_id, [(winner.id, alias) for alias in sorted(fresh)])
        await store.add_to(connection, winner, loser.balance_minor, loser.points, list(loser.v1_positions))
        moved = Movement(now, MovementKind.MERGE, loser.balance_minor, loser.points)
        away = Movement(now, MovementKind.MERGE, -loser.balance_minor, -loser.points)
        await store.add_movement(connection, house.runtime.ids.new(), winner.id, moved, loser.id)
        await store.add_movement(connection, house.runtime.ids.new(), loser.id, away, winner.id)
        key, stored = sealer.fresh_key(winner.id)
        await store.replace_key(connection, winner.id, stored)
        sealed = sealer.seal(packed(fields), key, winner.id)
        await store.change_fields(connection, winner, sealed, sealer.tokens(fields), now)

    async def erase(self, person: Person, customer_id: str, typed_number: str, reason: str) -> None:
        """Destroys the customer's key, and the rows of 1.0 that it came from. There is no way back.

        Number, balance, its history and the audit log stay. `BridgeError(FIELD_INVALID)` if the number that was typed
        as a confirmation is another one, or there is no reason.
        """
        async with self._house.database.writing() as connection:
            one = await self._living(connection, person, customer_id)
            if typed_number != one.number:
                raise BridgeError(Code.FIELD_INVALID, "the number that was typed is another one", place="number")
            if not reason.strip():
                raise BridgeError(Code.FIELD_INVALID, "an erasure needs its reason", place="reason")
            await store.end(connection, one.id, CustomerState.ERASED, self._house.runtime.clock.now())
            await old_store.remove_positions(connection, one.location_id, one.v1_positions)
            facts = {"number": one.number}
            await self._note(connection, person, Event.ERASED, (one.location_id, one.id), facts, reason.strip())

    async def export_one(self, person: Person, customer_id: str) -> Mapping[str, Any]:
        """Everything that is kept about one customer, for that customer."""
        async with self._house.database.writing() as connection:
            one = await self._known(connection, person, customer_id, Action.VIEW)
            moved = await store.movements(connection, customer_id)
            await self._note(connection, person, Event.EXPORTED, (one.location_id, one.id), {"number": one.number})
        return {
            "number": one.number,
            "earlier_numbers": list(one.aliases),
            **asdict(one.fields),
            "balance_minor": one.balance_minor,
            "points": one.points,
            "state": one.state.value,
            "created_at": one.created_at.isoformat(),
            "changed_at": one.changed_at.isoformat(),
            "movements": [
                {"at": m.at.isoformat(), "kind": m.kind, "balance_minor": m.balance_minor, "points": m.points}
                for m in moved
            ],
        }

    async def _known(self, connection: AsyncConnection, person: Person, customer_id: str, action: Action) -> Customer:
        found = await store.find(connection, self._sealer(person), customer_id, tenant_id=person.home)
        return self._allowed(person, found, action)

    async def _living(self, connection: AsyncConnection, person: Person, customer_id: str) -> Customer:
        """The customer, locked, for a change."""
        sealer = self._sealer(person)
        found = await store.find(connection, sealer, customer_id, tenant_id=person.home, locked=True)
        one = self._allowed(person, found, Action.EDIT)
        if one.state is not CustomerState.LIVE:
            raise BridgeError(Code.RECORD_CONFLICT, f"this customer is {one.state}")
        return one

    @staticmethod
    def _allowed(person: Person, found: Customer | None, action: Action) -> Customer:
        if found is None or not person.may(Area.CUSTOMERS, Action.VIEW, found.location_id):
            raise BridgeError(Code.RECORD_UNKNOWN)
        person.require(Area.CUSTOMERS, action, found.location_id)
        return found

    def _sealer(self, person: Person) -> Sealer:
        return Sealer(self._house.vault, person.home)

    async def _note(
        self,
        connection: AsyncConnection,
        person: Person,
        event: Event,
        whose: tuple[str, str],
        facts: Facts,
        reason: str = "",
    ) -> None:
        location_id, customer_id = whose
        entry = Entry(event, person.home, location_id, subject=customer_id, after=facts, reason=reason)
        await self._house.audit.note(connection, person.actor, entry)


def _token_sets(sealer: Sealer, text: str) -> list[set[int]]:
    """One set of tokens for each thing that was typed; a customer is a candidate with one of each."""
    if "@" in text:
        return [sealer.email_tokens(text)]
    typed = words(text)
    number = digits(text)
    if len(number) >= PHONE_DIGITS and not any(one.isalpha() for one in text):
        return [sealer.phone_tokens(number)]
    return [sealer.word_tokens(word) for word in typed]


def _fits(fields: Fields, text: str) -> bool:
    """Whether everything that was typed is there: tokens hold only the beginnings of words."""
    if "@" in text:
        return folded(fields.email) == folded(text)
    number = digits(text)
    if len(number) >= PHONE_DIGITS and not any(one.isalpha() for one in text):
        # Without the zero before the area code, which the number with its country's code does not have.
        return digits(fields.phone).endswith(number.lstrip("0")) or number.endswith(digits(fields.phone).lstrip("0"))
    names, legacy = words(f"{fields.name} {fields.contact}"), words(" ".join(fields.legacy.values()))
    return all(any(one.startswith(word) for one in names) or word in legacy for word in words(text))
