"""What pages show of corrections, to those who may see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.corrections import judging, people, store
from tillbridge.portal.corrections.model import TAKES_BACK, Kind, Listed, Reversible, State
from tillbridge.portal.house import House
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers import access, batches_store, systems_store
from tillbridge.portal.vouchers.batches_model import Happened, OfficeVoucher
from tillbridge.portal.vouchers.holding import require_going
from tillbridge.portal.vouchers.systems_model import Participant, VoucherSystem

MOST_LISTED: Final = 200
"""Requests of one list."""

EVIDENCE: Final = 10
"""The voucher's last entries, beside a request."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A voucher that may be corrected, with every request about it.

    `waiting` is the one that nobody has decided on; `alone`: there is nobody else who could approve another.
    """

    system: VoucherSystem
    voucher: OfficeVoucher
    requests: tuple[Listed, ...]
    waiting: Listed | None
    alone: bool
    may_edit: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What a kind of correction lets somebody choose from."""

    subject: Subject
    reversible: tuple[Reversible, ...]
    places: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A system's requests: those that wait, the oldest first, and those that are done, the newest first."""

    system: VoucherSystem
    waiting: Sequence[Listed]
    done: Sequence[Listed]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A request with what the second person needs to decide. `own`: this reader has asked for it."""

    system: VoucherSystem
    voucher: OfficeVoucher
    listed: Listed
    state: State
    original: Reversible | None
    history: tuple[Happened, ...]
    own: bool
    may_decide: bool


class Reading:
    """The corrections of every merchant, for pages."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def subject(self, person: Person, voucher_id: str) -> Subject:
        """A voucher with what was ever asked for it."""
        async with self._house.database.reading() as connection:
            return await self._subject(connection, person, voucher_id)

    async def choice(self, person: Person, voucher_id: str, kind: Kind) -> Choice:
        """What may be chosen for a correction of this kind. `BridgeError`: RIGHT_MISSING, STEP_UP_NEEDED."""
        async with self._house.database.reading() as connection:
            found = await self._subject(connection, person, voucher_id)
            await judging.require_somewhere(connection, person, found.system.id)
            person.require_step_up(self._house.runtime.clock.now())
            require_going(found.system)
            kind_back = TAKES_BACK.get(kind)
            entries = await store.reversible(connection, voucher_id, kind_back) if kind_back else ()
            places = await systems_store.participants(connection, found.system.id) if kind is Kind.MORE else ()
        return Choice(
            found,
            tuple(one for one in entries if judging.may(person, one.location_id)),
            tuple(one for one in places if judging.may(person, one.location_id)),
        )

    async def of_system(self, person: Person, system_id: str) -> Listing:
        """A system's requests."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            system = await access.system_for(connection, person, system_id)
            await judging.require_view(connection, person, system.id)
            waiting = await store.of_system(connection, system.id, MOST_LISTED, waiting=True, now=now)
            done = await store.of_system(connection, system.id, MOST_LISTED, waiting=False, now=now)
        return Listing(system, waiting, done)

    async def evidence(self, person: Person, correction_id: str) -> Evidence:
        """A request with the voucher's last entries."""
        async with self._house.database.reading() as connection:
            listed = await store.listed(connection, correction_id)
            if listed is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            one = listed.one
            system, voucher = await judging.known(connection, person, one.voucher_id)
            history = await batches_store.history(connection, voucher.id, EVIDENCE)
            original = None if one.original_id is None else await store.original(connection, one.original_id)
        place = one.location_id if original is None else original.location_id
        state, own = one.state_at(self._house.runtime.clock.now()), one.requested_by == person.id
        may_decide = state is State.OPEN and not own and judging.may(person, place)
        return Evidence(system, voucher, listed, state, original, history, own=own, may_decide=may_decide)

    async def _subject(self, connection: AsyncConnection, person: Person, voucher_id: str) -> Subject:
        system, voucher = await judging.known(connection, person, voucher_id)
        requests = await store.of_voucher(connection, voucher.id, MOST_LISTED)
        now = self._house.runtime.clock.now()
        waits = [one for one in requests if one.one.voucher_id == voucher.id and one.one.state_at(now) is State.OPEN]
        members = await systems_store.location_ids(connection, system.id)
        may_edit = access.may_at_one(person, Area.VOUCHER_CORRECT, Action.EDIT, members)
        places = [None] if judging.may(person, None) else [one for one in sorted(members) if judging.may(person, one)]
        alone = may_edit and not any(
            [await people.somebody_else(connection, system.tenant_id, person.id, one) for one in places]
        )
        return Subject(system, voucher, requests, waits[0] if waits else None, alone, may_edit)
