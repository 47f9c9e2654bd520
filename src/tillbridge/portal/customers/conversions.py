"""Asks for dry runs and conversions, and says whether a location may be paired (docs/explanation/customer-base.md)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Actor, Entry
from tillbridge.portal.customers import job_store, old_store
from tillbridge.portal.customers.model import Base, Event, Job, JobKind, JobState, Licensed, Remedy, Stage
from tillbridge.portal.customers.places import place_for
from tillbridge.portal.customers.tables import customer_acceptance
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.locations.model import CustomerBase, Location
from tillbridge.portal.rights import Action, Person

FUNCTIONS: Final = ("offline_edit", "long_numbers", "free_fields", "local_file", "other_number_ranges")
"""What works with 1.0 and does not with 2.0: keys of the texts `customers.function.*`."""

EDITION: Final = 1
"""Counts up with each change of `FUNCTIONS`: a longer table must be accepted anew."""


_ONLINE: Final = frozenset({CustomerBase.V1_ONLINE, CustomerBase.V2})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a location's customer base means for its pairing.

    `refusal` None: it may be paired. `conversion_needed`: its 1.0 must then be converted as part of it.
    `acceptance_needed`: before a PIN is made, somebody must accept the table of functions.
    """

    refusal: Code | None = None
    conversion_needed: bool = False
    acceptance_needed: bool = False
    sales_contact: str = ""

    @property
    def may_pair(self) -> bool:
        """Whether nothing of the customer base stands in the way."""
        return self.refusal is None

    @property
    def error(self) -> BridgeError | None:
        """The refusal with what to do about it, if there is one."""
        if self.refusal is None:
            return None
        return BridgeError(self.refusal, f"ask {self.sales_contact}" if self.sales_contact else "")

    def require(self) -> None:
        """Raises the refusal, if there is one."""
        if (error := self.error) is not None:
            raise error


NO_REMEDIES: Final[frozenset[Remedy]] = frozenset()


class Conversions:
    """`licensed` knows who has the licence for 2.0; `wake` tells the worker that there is something to do."""

    def __init__(self, house: House, licensed: Licensed, wake: Callable[[], None] = lambda: None) -> None:
        self._house = house
        self._licensed = licensed
        self._wake = wake

    async def pairing_precondition(self, connection: AsyncConnection, location_id: str, now: datetime) -> Verdict:
        """Whether this location may be paired; asked when a PIN is made and again at the finish."""
        place = await locations.find(connection, location_id)
        if place is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        if place.customer_base is not CustomerBase.V1_ONLINE:
            return Verdict()
        missing = not await self.accepted(connection, location_id)
        contact = self._house.settings.operator.sales_contact
        if not await self._licensed(connection, location_id, now):
            return Verdict(Code.CONVERSION_LICENCE, conversion_needed=True, sales_contact=contact)
        return Verdict(conversion_needed=True, acceptance_needed=missing, sales_contact=contact)

    async def accept_functions(self, connection: AsyncConnection, location_id: str, person: Person) -> None:
        """Notes that this person accepts what does not work with 2.0."""
        place = await place_for(connection, person, location_id, Action.EDIT)
        if await self.accepted(connection, place.id):
            return
        await connection.execute(
            insert(customer_acceptance).values(
                location_id=place.id,
                edition=EDITION,
                person_id=person.id,
                person_name=person.name[:200],
                at=self._house.runtime.clock.now(),
            )
        )
        entry = Entry(Event.FUNCTIONS_ACCEPTED, place.tenant_id, place.id, after={"edition": EDITION})
        await self._house.audit.note(connection, person.actor, entry)

    async def accepted(self, connection: AsyncConnection, location_id: str) -> bool:
        """Whether the table of functions, as it is now, was accepted for this location."""
        return await old_store.accepted_edition(connection, location_id) >= EDITION

    async def declare(self, person: Person, location_id: str, state: CustomerBase) -> None:
        """Says which base a location has, or begins with an empty 2.0. What is online already is never given up so.

        `BridgeError`: CONVERSION_LICENCE for 2.0 without a licence; RECORD_CONFLICT if the location has a base online,
        or for 1.0 online, which begins with an import.
        """
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            place = await place_for(connection, person, location_id, Action.EDIT)
            if place.customer_base in _ONLINE or state is CustomerBase.V1_ONLINE:
                raise BridgeError(Code.RECORD_CONFLICT, "this cannot be chosen", place="customer_base")
            if state is CustomerBase.V2 and not await self._licensed(connection, location_id, now):
                raise BridgeError(Code.CONVERSION_LICENCE)
            if not await old_store.switch(connection, location_id, place.customer_base, state):
                raise BridgeError(Code.RECORD_CONFLICT, "the customer base was changed meanwhile")
            before, after = {"customer_base": place.customer_base}, {"customer_base": state}
            entry = Entry(Event.BASE_DECLARED, place.tenant_id, place.id, before=before, after=after)
            await self._house.audit.note(connection, person.actor, entry)

    async def dry_run(self, person: Person, location_id: str, remedies: frozenset[Remedy]) -> Job:
        """Asks for a report on what a conversion with these remedies would do; as often as somebody likes.

        `BridgeError`: RECORD_CONFLICT where there is no 1.0 online, CONVERSION_RUNNING.
        """
        async with self._house.database.writing() as connection:
            place = await place_for(connection, person, location_id, Action.EDIT)
            return await self.queue_dry_run(connection, place, person.actor, remedies)

    async def queue_dry_run(
        self, connection: AsyncConnection, place: Location, actor: Actor, remedies: frozenset[Remedy] = NO_REMEDIES
    ) -> Job:
        """The same for whoever was let in already; the portal itself asks at a pairing. It begins when this commits."""
        base = await self._free_base(connection, place)
        latest = await job_store.latest(connection, place.id, JobKind.DRY_RUN)
        if latest is not None and not latest.over:
            raise BridgeError(Code.CONVERSION_RUNNING)
        job = self._job(actor, place, JobKind.DRY_RUN, remedies, base.revision)
        await job_store.add(connection, job)
        await self._note(connection, actor, job, Event.DRY_RUN_ASKED)
        self._wake()
        return job

    async def convert(self, person: Person, location_id: str, dry_run_id: str) -> Job:
        """Freezes 1.0 and asks for its conversion, just as that dry run reported it. Needs a fresh proof of identity.

        `BridgeError`: STEP_UP_NEEDED, CONVERSION_LICENCE, CONVERSION_BLOCKED, CONVERSION_CHANGED, CONVERSION_RUNNING;
        RECORD_CONFLICT where there is no 1.0 online, or the functions that 2.0 lacks were not accepted.
        """
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            place = await place_for(connection, person, location_id, Action.EDIT)
            person.require_step_up(now)
            return await self.queue_conversion(connection, place, person.actor, dry_run_id)

    async def queue_conversion(
        self, connection: AsyncConnection, place: Location, actor: Actor, dry_run_id: str
    ) -> Job:
        """The same for whoever was let in already; the portal itself asks at a pairing. It begins when this commits."""
        base = await self._free_base(connection, place)
        if not await self._licensed(connection, place.id, self._house.runtime.clock.now()):
            contact = self._house.settings.operator.sales_contact
            raise BridgeError(Code.CONVERSION_LICENCE, f"ask {contact}" if contact else "")
        if not await self.accepted(connection, place.id):
            raise BridgeError(Code.RECORD_CONFLICT, "the table of functions is not accepted", place="functions")
        dry_run = await self._usable(connection, place.id, dry_run_id, base)
        job = self._job(actor, place, JobKind.CONVERSION, dry_run.remedies, base.revision, dry_run)
        await job_store.add(connection, job)
        if not await old_store.hold(connection, place.id, job.id):
            raise BridgeError(Code.CONVERSION_RUNNING)
        await self._note(connection, actor, job, Event.CONVERSION_ASKED)
        self._wake()
        return job

    async def _free_base(self, connection: AsyncConnection, place: Location) -> Base:
        """The location's 1.0, locked. `BridgeError` where there is none, or a conversion holds it."""
        base = await old_store.find_base(connection, place.id, locked=True)
        if base is None or place.customer_base is not CustomerBase.V1_ONLINE:
            raise BridgeError(Code.RECORD_CONFLICT, "this location has no customer base 1.0 online")
        if base.conversion_id is not None:
            raise BridgeError(Code.CONVERSION_RUNNING)
        return base

    @staticmethod
    async def _usable(connection: AsyncConnection, location_id: str, dry_run_id: str, base: Base) -> Job:
        dry_run = await job_store.find(connection, dry_run_id)
        if dry_run is None or dry_run.location_id != location_id or dry_run.kind is not JobKind.DRY_RUN:
            raise BridgeError(Code.RECORD_UNKNOWN)
        if dry_run.state is not JobState.DONE or dry_run.report is None:
            raise BridgeError(Code.RECORD_CONFLICT, "this dry run has no report")
        if dry_run.base_revision != base.revision:
            raise BridgeError(Code.CONVERSION_CHANGED)
        if dry_run.report.blockers:
            raise BridgeError(Code.CONVERSION_BLOCKED, f"the report {dry_run.id} names {dry_run.report.blockers}")
        return dry_run

    def _job(
        self,
        actor: Actor,
        place: Location,
        kind: JobKind,
        remedies: frozenset[Remedy],
        revision: int,
        dry_run: Job | None = None,
    ) -> Job:
        return Job(
            id=self._house.runtime.ids.new(),
            tenant_id=place.tenant_id,
            location_id=place.id,
            kind=kind,
            state=JobState.QUEUED,
            stage=Stage.WAITING,
            rows_total=0,
            rows_done=0,
            remedies=remedies,
            base_revision=revision,
            source_hash="" if dry_run is None else dry_run.source_hash,
            dry_run_id=None if dry_run is None else dry_run.id,
            report=None,
            fault=None,
            person_id=actor.id,
            person_name=actor.name[:200],
            made_at=self._house.runtime.clock.now(),
            ended_at=None,
        )

    async def _note(self, connection: AsyncConnection, actor: Actor, job: Job, event: Event) -> None:
        facts = {"remedies": sorted(job.remedies), "dry_run": job.dry_run_id or ""}
        entry = Entry(event, job.tenant_id, job.location_id, subject=job.id, after=facts)
        await self._house.audit.note(connection, actor, entry)
