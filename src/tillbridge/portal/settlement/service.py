"""What people read of settlement: statements, claims, what is owed, sales, and postings."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.settlement import access, sales, store
from tillbridge.portal.settlement.claims import Pair, claims_of, net_of
from tillbridge.portal.settlement.closing import written
from tillbridge.portal.settlement.liability import Owed, ageing, owed
from tillbridge.portal.settlement.making import Statements
from tillbridge.portal.settlement.model import NOWHERE, Day, Form, Listed, SettlementEvent, days_of
from tillbridge.portal.settlement.postings import Accounts, postings_of
from tillbridge.portal.settlement.store import Place
from tillbridge.portal.settlement.tables import settlement_accounts
from tillbridge.portal.settlement.writing_out import Batch
from tillbridge.portal.storage.database import Dialect
from tillbridge.portal.vouchers import systems_store
from tillbridge.portal.vouchers.systems_model import VoucherSystem

PER_PAGE: Final = 50
CHART_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Overview:
    """A system with its last closed days; `days` is empty for whoever does not see all locations."""

    system: VoucherSystem
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class StatementList:
    """A part of the list of statements, with the places that this person may ask about."""

    system: VoucherSystem
    listed: tuple[Listed, ...]
    count: int
    places: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Claims:
    """What locations claim from each other in a month, and what is left of it."""

    system: VoucherSystem
    claims: Mapping[Pair, int]
    net: Mapping[Pair, int]
    places: Mapping[str, Place]
    last_closed: str


@dataclass(frozen=True, slots=True)
class Liability:
    """What is owed by location, and by age; `rest` adds up the locations that do not let themselves be seen."""

    system: VoucherSystem
    rows: tuple[Owed, ...]
    rest: Owed | None
    ages: Mapping[str, tuple[int, ...]]
    places: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class Sales:
    """What was sold and redeemed."""

    system: VoucherSystem
    days: tuple[sales.Turnover, ...]
    stations: tuple[sales.Turnover, ...]
    places: Mapping[str, Place]


class Settlement:
    """Reads for people, by their rights, and notes what leaves the portal."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._statements = Statements(house)

    async def overview(self, person: Person, system_id: str) -> Overview:
        """The system, and its last days for the charts."""
        async with self._house.database.reading() as connection:
            system = await access.settled_system(connection, person, system_id)
            charted = access.whole(person) and person.may_somewhere(Area.REPORTS)
            days = await store.days(connection, system.id, "", "9999", CHART_DAYS) if charted else ()
            return Overview(system, days)

    async def statements(self, person: Person, system_id: str, location_id: str, page: int) -> StatementList:
        """Frozen statements of the locations that this person reaches, the newest first."""
        async with self._house.database.reading() as connection:
            system = await access.settled_system(connection, person, system_id, Area.VOUCHER_SETTLEMENT)
            only = access.only(person, Area.VOUCHER_SETTLEMENT)
            begin = (page - 1) * PER_PAGE
            count, listed = await store.page(
                connection, system.id, only, location_id=location_id, begin=begin, most=PER_PAGE
            )
            known = await store.statement_places(connection, system.id)
            known |= await systems_store.location_ids(connection, system.id)
            mine = access.seen(person, Area.VOUCHER_SETTLEMENT, known)
            return StatementList(system, listed, count, await store.places(connection, mine))

    async def paper(self, person: Person, statement_id: str, form: Form) -> tuple[Listed, bytes]:
        """What a statement froze to; noted in the audit log before it leaves."""
        async with self._house.database.writing() as connection:
            found = await store.find(connection, statement_id)
            if found is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            system = await access.settled_system(connection, person, found.system_id, Area.VOUCHER_SETTLEMENT)
            if not person.may(Area.VOUCHER_SETTLEMENT, Action.VIEW, found.location_id):
                raise BridgeError(Code.RECORD_UNKNOWN)
            content, digest = await store.paper_of(connection, statement_id, form)
            after = {"form": form.value, "sha256": digest}
            entry = Entry(SettlementEvent.SAVED, system.tenant_id, found.location_id, found.number, after=after)
            await self._house.audit.note(connection, person.actor, entry)
        return found, content

    async def provisional(  # what a statement is about, and how it is read
        self, person: Person, system_id: str, location_id: str, period: str, asked: str, language: Language
    ) -> tuple[Form, bytes]:
        """A statement as it would be now: without a number, and kept by nobody."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            system = await access.settled_system(connection, person, system_id, Area.VOUCHER_SETTLEMENT)
            known = await store.statement_places(connection, system.id)
            known |= await systems_store.location_ids(connection, system.id)
            if location_id not in access.seen(person, Area.VOUCHER_SETTLEMENT, known):
                raise BridgeError(Code.RECORD_UNKNOWN)
            form = _form_of(asked)
            days_of(period)
            after = {"form": form.value, "period": period}
            entry = Entry(SettlementEvent.PROVISIONAL, system.tenant_id, location_id, system.name, after=after)
            await self._house.audit.note(connection, person.actor, entry)
        made = await self._statements.provisional(system, location_id, period, language, now)
        return form, (await asyncio.to_thread(written, made))[form][0]

    async def claims(self, person: Person, system_id: str, month: str) -> Claims:
        """The claims of a month, of the locations that this person reaches with any other."""
        first, last = days_of(month)
        async with self._house.database.reading() as connection:
            system = await access.settled_system(connection, person, system_id, Area.VOUCHER_SETTLEMENT)
            only = access.only(person, Area.VOUCHER_SETTLEMENT)
            sums = await store.sums(connection, system.id, first, last, only)
            closed = await store.last_day(connection, system.id)
            claims = claims_of(sums)
            places = await store.places(connection, {place for pair in claims for place in pair} - {NOWHERE})
        return Claims(system, claims, net_of(claims), places, "" if closed is None else min(closed.day, last))

    async def liability(self, person: Person, system_id: str, first: str, last: str) -> Liability:
        """What is owed, in one snapshot. `NotProven` if the ledger does not hold together."""
        async with self._house.database.reading() as connection:
            system = await access.settled_system(connection, person, system_id, Area.REPORTS)
        async with self._house.database.reading() as connection:
            if self._house.database.dialect is Dialect.POSTGRESQL:
                _ = await connection.execution_options(isolation_level="REPEATABLE READ")
            found = await owed(connection, system.id, first, last)
            ages = await ageing(connection, system, self._house.runtime.clock.now())
        shown = access.seen(person, Area.REPORTS, [one.owner_id for one in found])
        rest: Owed | None = None
        if access.whole(person):
            for one in found:
                if one.owner_id not in shown:
                    rest = Owed(NOWHERE).plus(one) if rest is None else rest.plus(one)
        async with self._house.database.reading() as connection:
            places = await store.places(connection, shown - {NOWHERE})
        rows = tuple(one for one in found if one.owner_id in shown)
        return Liability(system, rows, rest, {place: ages[place] for place in ages if place in shown}, places)

    async def sales(self, person: Person, system_id: str, first: str, last: str) -> Sales:
        """What was sold and redeemed at the locations of which this person sees reports."""
        async with self._house.database.reading() as connection:
            system = await access.settled_system(connection, person, system_id, Area.REPORTS)
            days = await sales.by_day(connection, system.id, first, last)
            stations = await sales.by_station(connection, system.id, first, last)
            shown = access.seen(person, Area.REPORTS, {one.location_id for one in days})
            places = await store.places(connection, shown - {NOWHERE})
        return Sales(
            system,
            tuple(one for one in days if one.location_id in shown),
            tuple(one for one in stations if one.location_id in shown),
            places,
        )

    # -------------------------------------------------------- postings

    async def accounts(self, person: Person, system_id: str) -> tuple[VoucherSystem, Accounts | None]:
        """The merchant's accounts for a system; None where they were never set."""
        async with self._house.database.reading() as connection:
            system = await self._booked(connection, person, system_id)
            return system, await _accounts(connection, system.id)

    async def set_accounts(self, person: Person, system_id: str, accounts: Accounts) -> None:
        """Sets them. `BridgeError`: the right, or FIELD_INVALID with the field."""
        async with self._house.database.writing() as connection:
            system = await self._booked(connection, person, system_id)
            person.require(Area.VOUCHER_SETTLEMENT, Action.EDIT)
            accounts.check()
            before = await _accounts(connection, system.id)
            values = _values(accounts)
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            statement = dialect.insert(settlement_accounts).values(system_id=system.id, **values)
            await connection.execute(statement.on_conflict_do_update(index_elements=["system_id"], set_=values))
            changed = {} if before is None else _values(before)
            entry = Entry(SettlementEvent.ACCOUNTS, system.tenant_id, subject=system.name, before=changed, after=values)
            await self._house.audit.note(connection, person.actor, entry)

    async def batch(self, person: Person, system_id: str, month: str, form: str) -> Batch:
        """The postings of a month's closed days; noted in the audit log before they leave.

        `BridgeError(RECORD_CONFLICT)` while no accounts are set.
        """
        async with self._house.database.writing() as connection:
            system = await self._booked(connection, person, system_id)
            first, last = month_days(month)
            accounts = await _accounts(connection, system.id)
            if accounts is None:
                raise BridgeError(Code.RECORD_CONFLICT, "no accounts are set", place="accounts")
            postings = postings_of(await store.sums(connection, system.id, first, last), accounts)
            ids = {place for one in postings for place in (one.location_id, one.other_id)} - {NOWHERE}
            places = await store.places(connection, ids)
            after = {"form": form, "month": month, "postings": len(postings)}
            entry = Entry(SettlementEvent.POSTINGS, system.tenant_id, subject=system.name, after=after)
            await self._house.audit.note(connection, person.actor, entry)
        return Batch(system, accounts, places, first, last, postings)

    async def _booked(self, connection: AsyncConnection, person: Person, system_id: str) -> VoucherSystem:
        system = await access.settled_system(connection, person, system_id, Area.VOUCHER_SETTLEMENT)
        person.require(Area.VOUCHER_SETTLEMENT, Action.VIEW)
        return system


def month_days(month: str) -> tuple[str, str]:
    """The first and the last day of a month. `BridgeError(FIELD_INVALID)` for anything else."""
    if len(month) != len("2026-11"):
        raise BridgeError(Code.FIELD_INVALID, "a month such as 2026-11", place="month")
    return days_of(month)


def _form_of(text: str) -> Form:
    if text not in set(Form):
        raise BridgeError(Code.FIELD_INVALID, "pdf or xlsx", place="form")
    return Form(text)


async def _accounts(connection: AsyncConnection, system_id: str) -> Accounts | None:
    statement = select(settlement_accounts).where(settlement_accounts.c.system_id == system_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else Accounts(**{one.name: row[one.name] for one in fields(Accounts)})


def _values(accounts: Accounts) -> dict[str, object]:
    return {one.name: getattr(accounts, one.name) for one in fields(accounts)}
