"""Books what connectors told after a backup was restored (docs/reference/voucher-sealing.md, section 4).

What was answered is booked whole and once. Where the credit for it is not there, it waits: another till may yet tell of
the load. Only when all have told, or a person says so, what is there is taken and the rest is an open case.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.recovery_messages import ToldKind, ToldState
from tillbridge.link.voucher_messages import Booked, OperationState
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind, Occasion, Posting
from tillbridge.portal.recovery import store
from tillbridge.portal.recovery.model import Line, Recovery, Verdict
from tillbridge.portal.vouchers import answers
from tillbridge.portal.vouchers import operations as actions
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.model import KeptOperation, OperationKind
from tillbridge.portal.vouchers.systems_model import Life

LATE: Final = "told late after a backup was restored"
"""Why an entry stands in the ledger that no action has."""

_KIND = {ToldKind.LOAD: OperationKind.LOAD, ToldKind.REDEEM: OperationKind.REDEEM}
_BOOKED = frozenset({OperationState.INTERIM, OperationState.CONFIRMED, OperationState.LOADED})


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of a line: how it is kept, what is booked for it, and what is short."""

    verdict: Verdict
    kept: KeptOperation | None = None
    posting: Posting | None = None
    short: int = 0


class Booker:
    """Books the waiting lines of one recovery, in one transaction of its caller. `final`: nothing waits any more."""

    def __init__(self, house: House, connection: AsyncConnection, recovery: Recovery, zone: str) -> None:
        self._house = house
        self._connection = connection
        self._recovery = recovery
        self._zone = zone
        self._now = house.runtime.clock.now()

    async def book(self, numbers: Iterable[str] | None, *, final: bool) -> int:
        """Those of these vouchers, or of all; returns how many were judged.

        `KeysTaken`, `LedgerMoved`: another process was faster, and nothing may be committed.
        """
        wanted = None if numbers is None else set(numbers)
        lines = await store.waiting_lines(self._connection, self._recovery.id, wanted)
        if not lines:
            return 0
        kept = await actions.find(self._connection, {one.scope for one in lines}, locked=True)
        by_number = await self._vouchers({one.number for one in lines})
        clerk = await Clerk.open(self._connection, set(by_number.values()))
        made: list[KeptOperation] = []
        count = 0
        # Loads first: what was spent afterwards is taken from them, whichever till told first.
        for one in sorted(lines, key=lambda one: (one.kind is not ToldKind.LOAD, one.answered_at, one.id)):
            found = self._judged(one, kept.get(one.scope), clerk, by_number.get(one.number), final=final)
            if found.verdict is Verdict.WAITING:
                continue
            count += 1
            if found.kept is not None:
                made.append(found.kept)
            await store.judge(self._connection, one.id, found.verdict, found.short)
        await self._make_up(clerk, by_number)
        await actions.add(self._connection, made)
        await clerk.write()
        return count

    async def _make_up(self, clerk: Clerk, by_number: Mapping[str, str]) -> None:
        """What was told late goes to what had been short of it first: else it could be spent a second time."""
        for one in await store.short_lines(self._connection, self._recovery.id, by_number):
            voucher_id = by_number[one.number]
            amount = min(one.short, clerk.account(voucher_id).balance)
            if not amount:
                continue
            # The action has its entry already, or has none for ever: this one stands beside it.
            at = replace(self._occasion(one, ""), operation_id=None, reason=LATE)
            account, entry_id = clerk.account(voucher_id), self._house.runtime.ids.new()
            clerk.post(book.take(account, EntryKind.REDEEM, amount, at, entry_id))
            left = one.short - amount
            await store.judge(self._connection, one.id, Verdict.SHORT if left else Verdict.BOOKED, left)

    async def _vouchers(self, numbers: set[str]) -> dict[str, str]:
        """The vouchers of these numbers; for one that was replaced the one in its place."""
        scopes = {(self._recovery.system_id, one) for one in numbers}
        found = {one.number: one.id for one in await actions.vouchers(self._connection, scopes)}
        successors = await ledger.successors(self._connection, found.values())
        return {number: _last(voucher_id, successors) for number, voucher_id in found.items()}

    def _judged(
        self, one: Line, kept: KeptOperation | None, clerk: Clerk, voucher_id: str | None, *, final: bool
    ) -> _Found:
        if kept is not None:
            return _Found(_compared(one, kept))
        if one.state is ToldState.TAKEN_BACK:
            # Booked and taken back: its key is marked, so that nothing of it can be carried out any more.
            return _Found(Verdict.TAKEN_BACK, self._kept(one, OperationState.VOIDED))
        if voucher_id is None or voucher_id not in clerk.vouchers:
            void = self._kept(one, OperationState.VOIDED)
            return _Found(Verdict.UNKNOWN_VOUCHER, void, short=one.taken) if final else _Found(Verdict.WAITING)
        if one.kind is ToldKind.LOAD:
            return self._load(one, clerk, voucher_id)
        return self._redeem(one, clerk, voucher_id, final=final)

    def _load(self, one: Line, clerk: Clerk, voucher_id: str) -> _Found:
        ids = self._house.runtime.ids
        operation_id = ids.new()
        occasion = self._occasion(one, operation_id)
        posting = book.put_on(clerk.account(voucher_id), EntryKind.LOAD, one.taken, occasion, (ids.new(), ids.new()))
        return self._booked(one, clerk, posting, operation_id)

    def _redeem(self, one: Line, clerk: Clerk, voucher_id: str, *, final: bool) -> _Found:
        account = clerk.account(voucher_id)
        if account.balance < one.taken and not final:
            return _Found(Verdict.WAITING)
        amount = min(one.taken, account.balance)
        if not amount:
            return _Found(Verdict.SHORT, self._kept(one, OperationState.VOIDED), short=one.taken)
        ids = self._house.runtime.ids
        operation_id = ids.new()
        posting = book.take(account, EntryKind.REDEEM, amount, self._occasion(one, operation_id), ids.new())
        return self._booked(one, clerk, posting, operation_id)

    def _booked(self, one: Line, clerk: Clerk, posting: Posting, operation_id: str) -> _Found:
        clerk.post(posting)
        voucher = clerk.vouchers[posting.entry.voucher_id]
        if voucher.life is not Life.ACTIVE:
            # It was in use, whatever the backup says of it.
            clerk.keep(replace(voucher, life=Life.ACTIVE))
        match one.kind, one.state:
            case ToldKind.LOAD, _:
                state = OperationState.LOADED
            case _, ToldState.CONFIRMED:
                state = OperationState.CONFIRMED
            case _:
                state = OperationState.INTERIM
        short = one.taken - abs(posting.entry.amount)
        kept = self._kept(one, state, posting, operation_id)
        return _Found(Verdict.SHORT if short else Verdict.BOOKED, kept, posting, short)

    def _occasion(self, one: Line, operation_id: str) -> Occasion:
        return Occasion(
            location_id=one.location_id,
            # Booked now: a day that was closed stays as it was.
            business_day=business_day(self._now, self._zone),
            booked_at=self._now,
            station=one.station,
            operator=one.operator,
            transaction_ref=one.transaction_ref,
            operation_id=operation_id,
        )

    def _kept(
        self, one: Line, state: OperationState, posting: Posting | None = None, operation_id: str = ""
    ) -> KeptOperation:
        taken = 0 if posting is None else abs(posting.entry.amount)
        return KeptOperation(
            id=operation_id or self._house.runtime.ids.new(),
            location_id=one.location_id,
            key=one.key,
            kind=OperationKind.UNKNOWN if posting is None else _KIND[one.kind],
            body_mac=None,
            state=state,
            voucher_id=None if posting is None else posting.entry.voucher_id,
            taken=taken,
            transaction_ref=one.transaction_ref,
            status=None if posting is None else answers.DONE,
            answer=None if posting is None else _answer(one, posting),
            created_at=self._now,
            closed_at=self._now if state is OperationState.CONFIRMED else None,
        )


def _answer(one: Line, posting: Posting) -> bytes:
    """What had been answered then, as far as the connector's journal has it."""
    state = OperationState.LOADED if one.kind is ToldKind.LOAD else OperationState.INTERIM
    balance = posting.entry.balance_after if one.balance is None else one.balance
    said = Booked(
        key=one.key, state=state, taken=one.taken, balance=balance, currency=one.currency, as_of=one.answered_at
    )
    return said.model_dump_json().encode()


def _compared(one: Line, kept: KeptOperation) -> Verdict:
    return Verdict.KNOWN if _agrees(one, kept) else Verdict.DIFFERS


def _agrees(one: Line, kept: KeptOperation) -> bool:
    """Whether the portal knows it as it was told, or has taken it back since."""
    if one.state is ToldState.TAKEN_BACK:
        return kept.state not in _BOOKED
    if kept.state is OperationState.REFUSED:
        return False
    return kept.taken == one.taken or kept.state not in _BOOKED


def _last(voucher_id: str, successors: Mapping[str, str]) -> str:
    while voucher_id in successors:
        voucher_id = successors[voucher_id]
    return voucher_id
