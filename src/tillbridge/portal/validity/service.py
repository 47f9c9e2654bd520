"""The rule of a voucher system, what is due by it, and its runs (docs/reference/voucher-validity.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import masked
from tillbridge.portal.audit.log import Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.validity import access, due_store, store
from tillbridge.portal.validity.dates import Due, Rule, dates
from tillbridge.portal.validity.giving_back import Giver
from tillbridge.portal.validity.model import (
    PER_PAGE,
    DueVoucher,
    Forecast,
    Outcome,
    Run,
    RunState,
    Setting,
    Share,
    Tally,
    ValidityEvent,
    said_text,
)
from tillbridge.portal.validity.running import begin_due
from tillbridge.portal.vouchers.holding import require_going
from tillbridge.portal.vouchers.operations import KeysTaken
from tillbridge.portal.vouchers.systems_model import VoucherSystem

AREAS: Final = access.SEES_VALIDITY


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is due next: a page of the list, and what was announced of it by how many days before."""

    due: Due
    forecast: Forecast
    shares: Sequence[Share]
    vouchers: Sequence[DueVoucher]
    page: int
    pages: int
    announced: Mapping[int, Tally]


@dataclass(frozen=True, slots=True)
class Seen:
    """The validity of a system; `ahead` None: nothing is written off."""

    system: VoucherSystem
    setting: Setting | None
    ahead: Ahead | None
    runs: Sequence[Run]
    may_edit: bool


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run with a page of what it did. `back`: what of it was given back."""

    system: VoucherSystem
    run: Run
    shares: Sequence[Share]
    back: Tally
    vouchers: Sequence[DueVoucher]
    page: int
    pages: int
    may_reverse: bool


@dataclass(frozen=True, slots=True)
class SeenOne:
    """What a run did with one voucher."""

    system: VoucherSystem
    run: Run
    voucher: DueVoucher
    entry_id: str


class Validity:
    """The write-offs of every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    # ------------------------------------------------------------ the rule

    async def seen(self, person: Person, system_id: str, page: int = 1) -> Seen:
        """The rule of a system, what is due next by it, and its runs."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            system = await access.system_for(connection, person, system_id, AREAS)
            setting = await store.setting(connection, system.id)
            ahead = None
            if setting is not None:
                _, due = dates(setting.rule, setting.since, now, system.time_zone)
                ahead = await _ahead(connection, system.id, due, page)
            runs = await store.runs_of(connection, system.id)
        return Seen(system, setting, ahead, runs, person.may(Area.VOUCHER_SETTINGS, Action.EDIT))

    async def change(self, person: Person, system_id: str, rule: Rule) -> None:
        """Sets the rule. It holds from now on; a date that has come already is still done by the rule before.

        `BridgeError`: RIGHT_MISSING; FIELD_INVALID (place `years` or `date`).
        """
        async with self._house.database.writing() as connection:
            system, old = await self._for_edit(connection, person, system_id)
            rule.check()
            if old is not None and old.rule == rule:
                return
            now = self._house.runtime.clock.now()
            if old is not None:
                await begin_due(self._house, connection, system, old, now)
            await store.put(connection, Setting(system.id, rule, now))
            event = ValidityEvent.ON if old is None else ValidityEvent.CHANGED
            before = {} if old is None else _facts(old.rule)
            entry = Entry(event, system.tenant_id, subject=system.name, before=before, after=_facts(rule))
            await self._house.audit.note(connection, person.actor, entry)

    async def switch_off(self, person: Person, system_id: str) -> None:
        """Nothing is written off any more; a run that has begun comes to its end, unless it is taken back."""
        async with self._house.database.writing() as connection:
            system, old = await self._for_edit(connection, person, system_id)
            if old is None:
                return
            await store.remove(connection, system.id)
            entry = Entry(ValidityEvent.OFF, system.tenant_id, subject=system.name, before=_facts(old.rule))
            await self._house.audit.note(connection, person.actor, entry)

    async def _for_edit(
        self, connection: AsyncConnection, person: Person, system_id: str
    ) -> tuple[VoucherSystem, Setting | None]:
        # The system's own row is the lock of a setting that is not there yet.
        system = await access.system_for(connection, person, system_id, AREAS, locked=True)
        person.require(Area.VOUCHER_SETTINGS, Action.EDIT)
        return system, await store.setting(connection, system.id, locked=True)

    # ------------------------------------------------------------ runs

    async def run(self, person: Person, run_id: str, page: int = 1) -> SeenRun:
        """A run with what it did."""
        async with self._house.database.reading() as connection:
            system, run = await self._known(connection, person, run_id)
            pages = max(1, -(-(run.vouchers + run.skipped) // PER_PAGE))
            page = min(max(page, 1), pages)
            return SeenRun(
                system,
                run,
                await due_store.shares_written(connection, run.id),
                await due_store.given_back(connection, run.id),
                await due_store.page_written(connection, run.id, page, PER_PAGE),
                page,
                pages,
                may_reverse=person.may(Area.VOUCHER_CORRECT, Action.EDIT),
            )

    async def one(self, person: Person, run_id: str, voucher_id: str) -> SeenOne:
        """What a run did with one voucher, for somebody who may take it back.

        `BridgeError`: RIGHT_MISSING; RECORD_UNKNOWN if it was not written off; STEP_UP_NEEDED.
        """
        async with self._house.database.reading() as connection:
            return await self._one(connection, person, run_id, voucher_id)

    async def take_back(self, person: Person, run_id: str, reason: str) -> None:
        """Takes a whole run back: what it has not written off yet it leaves, and the timer gives the rest back.

        `BridgeError`: RIGHT_MISSING; STEP_UP_NEEDED; FIELD_INVALID (place `reason`); RECORD_CONFLICT if that was done;
        MAINTENANCE in recovery.
        """
        async with self._house.database.writing() as connection:
            system, run = await self._known(connection, person, run_id, locked=True)
            self._require(person)
            require_going(system)
            why = said_text(reason, "reason")
            if run.state in {RunState.REVERSING, RunState.REVERSED}:
                raise BridgeError(Code.RECORD_CONFLICT, "this write-off is taken back already")
            state, by = RunState.REVERSING, person.actor.name
            await store.change_run(connection, replace(run, state=state, position="", reversed_by=by, reason=why))
            facts = {"date": run.on, "vouchers": run.vouchers, "money": run.money}
            subject = f"{system.name} · {run.on}"
            entry = Entry(ValidityEvent.TAKEN_BACK, system.tenant_id, subject=subject, before=facts, reason=why)
            await self._house.audit.note(connection, person.actor, entry)

    async def take_one_back(self, person: Person, run_id: str, voucher_id: str, reason: str) -> None:
        """Takes the write-off of one voucher back.

        `BridgeError` as `one` and `take_back` have it; RECORD_CONFLICT if it was taken back before.
        """
        async with self._house.database.writing() as connection:
            await self._known(connection, person, run_id, locked=True)
            seen = await self._one(connection, person, run_id, voucher_id)
            why, system = said_text(reason, "reason"), seen.system
            require_going(system)
            giver = Giver(self._house, connection, system)
            try:
                given = await giver.give({voucher_id: seen.entry_id}, person.actor.name, why)
            except KeysTaken as moved:
                raise BridgeError(Code.RECORD_CONFLICT, "this voucher was replaced a moment ago") from moved
            if not given:
                raise BridgeError(Code.RECORD_CONFLICT, "this write-off is taken back already")
            subject = f"{system.name} · {masked(seen.voucher.number)}"
            after = {"date": seen.run.on, "money": given}
            entry = Entry(ValidityEvent.ONE_TAKEN_BACK, system.tenant_id, subject=subject, after=after, reason=why)
            await self._house.audit.note(connection, person.actor, entry)

    async def _known(
        self, connection: AsyncConnection, person: Person, run_id: str, *, locked: bool = False
    ) -> tuple[VoucherSystem, Run]:
        run = await store.find_run(connection, run_id, locked=locked)
        if run is None:
            if not any(person.may_somewhere(area) for area in AREAS):
                person.require(AREAS[0], Action.VIEW)
            raise BridgeError(Code.RECORD_UNKNOWN)
        return await access.system_for(connection, person, run.system_id, AREAS), run

    async def _one(self, connection: AsyncConnection, person: Person, run_id: str, voucher_id: str) -> SeenOne:
        system, run = await self._known(connection, person, run_id)
        self._require(person)
        found = await due_store.one_written(connection, run_id, voucher_id)
        if found is None or found[0].outcome is not Outcome.WRITTEN_OFF or found[1] is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return SeenOne(system, run, found[0], found[1])

    def _require(self, person: Person) -> None:
        person.require(Area.VOUCHER_CORRECT, Action.EDIT)
        person.require_step_up(self._house.runtime.clock.now())


async def _ahead(connection: AsyncConnection, system_id: str, due: Due, page: int) -> Ahead:
    forecast = await due_store.forecast(connection, system_id, due.cut)
    pages = max(1, -(-(forecast.due.vouchers + forecast.left_alone.vouchers) // PER_PAGE))
    page = min(max(page, 1), pages)
    return Ahead(
        due,
        forecast,
        await due_store.shares_due(connection, system_id, due.cut),
        await due_store.page_due(connection, system_id, due.cut, page, PER_PAGE),
        page,
        pages,
        await store.announced(connection, system_id, due.on),
    )


def _facts(rule: Rule) -> Facts:
    return {"years": rule.years, "date": f"{rule.month:02d}-{rule.day:02d}"}
