"""Takes write-offs back: one voucher's by a person, a run's batch by batch. The very lots get their credit again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import Occasion, Original
from tillbridge.portal.validity import due_store, store
from tillbridge.portal.validity.model import Run, RunState, ValidityEvent
from tillbridge.portal.vouchers import operations
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.following import onward
from tillbridge.portal.vouchers.systems_model import Life, VoucherSystem

LONGEST_OPERATOR: Final = 64

log = structlog.get_logger(__name__)


class Giver:
    """Gives back in one transaction of its caller, who holds the row of the run."""

    def __init__(self, house: House, connection: AsyncConnection, system: VoucherSystem) -> None:
        self._house = house
        self._connection = connection
        self._system = system

    async def batch(self, run: Run, most: int) -> bool:
        """Gives the next vouchers of a run back; the last batch ends it. Returns whether something may follow."""
        found = await due_store.next_written(self._connection, run.id, run.position, most)
        await self.give(dict(found), run.reversed_by, run.reason)
        more = len(found) == most
        now = self._house.runtime.clock.now()
        after = replace(
            run,
            position=found[-1][0] if found else run.position,
            state=RunState.REVERSING if more else RunState.REVERSED,
            reversed_at=None if more else now,
        )
        await store.change_run(self._connection, after)
        if not more:
            back = await due_store.given_back(self._connection, run.id)
            facts = {"date": run.on, "vouchers": back.vouchers, "money": back.money}
            subject = f"{self._system.name} · {run.on}"
            entry = Entry(
                ValidityEvent.GIVEN_BACK, self._system.tenant_id, subject=subject, after=facts, reason=run.reason
            )
            await self._house.audit.note(self._connection, PORTAL, entry)
        return True

    async def give(self, written: Mapping[str, str], by: str, reason: str) -> int:
        """Takes these entries back, by voucher; returns how much that was. One that was taken back before is left.

        What comes back to a voucher that was replaced goes on to the one in its place. `KeysTaken`: one was replaced
        meanwhile, and nothing of it may be committed.
        """
        successors = await ledger.successors(self._connection, written.keys())
        clerk = await Clerk.open(self._connection, {*written, *successors.values()})
        ends = {one.id for one in clerk.vouchers.values() if one.life is Life.RETIRED} - successors.keys()
        if await ledger.successors(self._connection, ends):
            raise operations.KeysTaken
        originals = await clerk.originals(list(written.values()))
        now = self._house.runtime.clock.now()
        at = Occasion(
            location_id=None,
            business_day=business_day(now, self._system.time_zone),
            booked_at=now,
            operator=by.partition(" <")[0][:LONGEST_OPERATOR],
            reason=reason,
        )
        taken_back = 0
        for voucher_id, entry_id in sorted(written.items()):
            taken_back += self._one(clerk, successors, voucher_id, originals[entry_id], at)
        await clerk.write()
        return taken_back

    def _one(  # what is known of one voucher
        self, clerk: Clerk, successors: Mapping[str, str], voucher_id: str, original: Original, at: Occasion
    ) -> int:
        left, new_id = original.left, self._house.runtime.ids.new
        if not left:
            return 0
        try:
            posting = book.take_back(clerk.account(voucher_id), original, left, at, new_id())
        except ValueError as fault:
            # As for a write-off: one voucher whose books do not add up keeps nobody else's money back.
            log.error("voucher_books", voucher=voucher_id, fault=str(fault))  # noqa: TRY400  # nothing to trace
            return 0
        clerk.post(posting)
        accounts = {one: clerk.account(one) for one in clerk.vouchers}
        passed = onward(voucher_id, clerk.vouchers, accounts, successors, at, new_id)
        for one in passed.postings:
            clerk.post(one)
        if passed.revived is not None:
            clerk.keep(replace(clerk.vouchers[passed.revived], life=Life.ACTIVE))
        return left
