"""Decides a round of wishes and writes it: each wish its own reply, all of them in one transaction.

Deciding is pure. It changes what is known as it goes, so that of two wishes for the same money the second sees what the
first has left; nothing of it is true before the transaction is committed.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import Operation, OperationState
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind, Occasion, Posting
from tillbridge.portal.storage.database import is_held
from tillbridge.portal.storage.line import Asked, Line
from tillbridge.portal.vault import Vault
from tillbridge.portal.vouchers import answers, judging
from tillbridge.portal.vouchers import guessing_store as guesses
from tillbridge.portal.vouchers import operations as store
from tillbridge.portal.vouchers.following import onward
from tillbridge.portal.vouchers.guessing import Guess, PinGuard, Window
from tillbridge.portal.vouchers.knowing import Known
from tillbridge.portal.vouchers.model import (
    Answered,
    KeptOperation,
    Loading,
    OperationKind,
    Place,
    Redeeming,
    Reply,
    Undoing,
    Voucher,
    Wish,
    scope_of,
)
from tillbridge.portal.vouchers.noting import is_late, note_alarms, note_late
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.portal.vouchers.systems_model import Life, VoucherSystem
from tillbridge.portal.vouchers.undoing import Outcome, undone
from tillbridge.runtime.effects import Ids


@dataclass(slots=True)
class _Written:
    """What a round writes. New actions are written as they end."""

    new: dict[store.Scope, KeptOperation] = field(default_factory=dict)
    changed: dict[store.Scope, KeptOperation] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    given_back: set[str] = field(default_factory=set)
    windows: dict[store.Scope, Window] = field(default_factory=dict)
    late: dict[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A voucher that may be used, where it is."""

    voucher: Voucher
    place: Place
    system: VoucherSystem


class Round:
    """One round, at one moment, over what was read for it."""

    def __init__(self, vault: Vault, ids: Ids, now: datetime, known: Known) -> None:
        self._vault = vault
        self._ids = ids
        self._now = now
        self._known = known
        self._before = dict(known.vouchers)
        self._written = _Written()

    def decide(self, wish: Wish) -> Reply:
        """What comes of a wish."""
        try:
            match wish:
                case Redeeming() | Loading():
                    return self._do(wish)
                case Undoing():
                    return self._undo(wish)
                case _:
                    assert_never(wish)
        except BridgeError as error:
            return error

    # ------------------------------------------------------------ redemptions and loads

    def _do(self, wish: Redeeming | Loading) -> Answered:
        kept = self._known.operations.get(scope_of(wish))
        if kept is not None:
            return answers.again(kept, wish.mac)
        try:
            return self._redeem(wish) if isinstance(wish, Redeeming) else self._load(wish)
        except BridgeError as error:
            if not answers.is_kept(error):
                raise
            answered = answers.refused(error, wish.at.language)
            self._keep(wish, OperationState.REFUSED, answered)
            return answered

    def _redeem(self, wish: Redeeming) -> Answered:
        subject = self._subject(wish, to_pay=True)
        self._check_pin(wish, subject.voucher)
        amount = judging.amount_to_take(wish.asked, self._known.accounts[subject.voucher.id].balance)
        operation_id = self._ids.new()
        posting = book.take(
            self._known.accounts[subject.voucher.id],
            EntryKind.REDEEM,
            amount,
            self._occasion(wish, subject.system.id, operation_id),
            self._ids.new(),
        )
        return self._booked(wish, OperationState.INTERIM, posting, subject, operation_id)

    def _load(self, wish: Loading) -> Answered:
        subject = self._subject(wish, to_pay=False)
        account = self._known.accounts[subject.voucher.id]
        amount = judging.amount_to_load(wish.asked, account.balance, subject.system)
        operation_id = self._ids.new()
        occasion = self._occasion(wish, subject.system.id, operation_id)
        posting = book.put_on(account, EntryKind.LOAD, amount, occasion, (self._ids.new(), self._ids.new()))
        return self._booked(wish, OperationState.LOADED, posting, subject, operation_id)

    def _subject(self, wish: Redeeming | Loading, *, to_pay: bool) -> _Subject:
        place = self._known.places.get(wish.at.location_id)
        system = judging.system_at(place, wish.asked.currency)
        if place is None:
            raise BridgeError(Code.VOUCHER_NOT_PARTICIPATING)
        judging.of_this_merchant(system, wish.asked.merchant, self._known.merchants)
        self._window(place, Guess.UNKNOWN).refuse(self._now)
        voucher_id = self._known.numbers.get((system.id, wish.asked.number))
        if voucher_id is None:
            error = judging.unknown(wish.asked.number)
            if error.code is Code.VOUCHER_UNKNOWN:
                self._count(place, Guess.UNKNOWN)
            raise error
        voucher = self._known.vouchers[voucher_id]
        judging.usable(voucher, place, system, to_pay=to_pay)
        return _Subject(voucher, place, system)

    def _check_pin(self, wish: Redeeming, voucher: Voucher) -> None:
        """Judges the PIN. What a wrong one costs is written with the answer: no other order gives free guesses."""
        if voucher.pin_sealed is None:
            return
        place = self._known.places[wish.at.location_id]
        self._window(place, Guess.PIN).refuse(self._now)
        voucher.guard.refuse(self._now)
        if wish.asked.pin is None:
            raise BridgeError(Code.VOUCHER_PIN_NEEDED, place="pin")
        right = unseal_pin(self._vault, voucher.id, voucher.pin_sealed)
        if hmac.compare_digest(right.encode(), wish.asked.pin.encode()):
            if voucher.guard != PinGuard():
                self._known.vouchers[voucher.id] = replace(voucher, guard=PinGuard())
            return
        guard = voucher.guard.missed(self._now)
        self._known.vouchers[voucher.id] = replace(voucher, guard=guard)
        self._count(place, Guess.PIN)
        raise judging.wrong_pin(guard)

    def _booked(
        self, wish: Redeeming | Loading, state: OperationState, posting: Posting, subject: _Subject, operation_id: str
    ) -> Answered:
        answered = answers.booked(wish.key, state, posting, subject.system.currency)
        self._post(posting, active=True)
        self._known.originals[operation_id] = book.original_of(posting)
        self._keep(wish, state, answered, operation_id, posting)
        return answered

    def _keep(
        self,
        wish: Redeeming | Loading,
        state: OperationState,
        answered: Answered,
        operation_id: str | None = None,
        posting: Posting | None = None,
    ) -> None:
        kept = KeptOperation(
            id=operation_id or self._ids.new(),
            location_id=wish.at.location_id,
            key=wish.key,
            kind=OperationKind.REDEEM if isinstance(wish, Redeeming) else OperationKind.LOAD,
            body_mac=wish.mac,
            state=state,
            voucher_id=None if posting is None else posting.entry.voucher_id,
            taken=0 if posting is None else abs(posting.entry.amount),
            transaction_ref=wish.asked.transaction_ref,
            status=answered.status,
            answer=answered.body,
            created_at=self._now,
        )
        self._known.operations[kept.scope] = self._written.new[kept.scope] = kept

    # ------------------------------------------------------------ what becomes of an action

    def _undo(self, wish: Undoing) -> Operation:
        """Nothing here asks about block, cap, licence or switch: money that goes back is never stopped."""
        outcome = undone(wish, self._known, self._now, self._ids)
        self._remember(outcome)
        if outcome.refusal is not None:
            raise outcome.refusal
        return answers.told(outcome.kept, self._known.balances_back.get(outcome.kept.id))

    def _remember(self, outcome: Outcome) -> None:
        kept = outcome.kept
        if outcome.posting is not None:
            self._post(outcome.posting, active=False)
            self._known.balances_back[kept.id] = outcome.posting.entry.balance_after
            self._pass_on(outcome.posting)
        former = self._known.operations.get(kept.scope)
        if former == kept:
            return
        if is_late(former, kept):
            self._written.late[kept.id] = None if former is None else former.closed_at
        is_new = kept.scope in self._written.new or kept.scope not in self._known.operations
        (self._written.new if is_new else self._written.changed)[kept.scope] = kept
        self._known.operations[kept.scope] = kept

    def _pass_on(self, posting: Posting) -> None:
        """What comes back to a voucher that was replaced goes on to the one in its place."""
        known, voucher_id = self._known, posting.entry.voucher_id
        self._written.given_back.add(voucher_id)
        at = posting.entry.at
        passed = onward(voucher_id, known.vouchers, known.accounts, known.successors, at, self._ids.new)
        for one in passed.postings:
            self._post(one, active=False)
            self._written.given_back.add(one.entry.voucher_id)
        if passed.revived is not None:
            known.vouchers[passed.revived] = replace(known.vouchers[passed.revived], life=Life.ACTIVE)

    # ------------------------------------------------------------ in common

    def _post(self, posting: Posting, *, active: bool) -> None:
        voucher = self._known.vouchers[posting.entry.voucher_id]
        self._written.postings.append(posting)
        self._known.accounts[voucher.id] = posting.account
        self._known.vouchers[voucher.id] = replace(
            voucher,
            balance=posting.account.balance,
            seq=posting.account.seq,
            written_off=False,
            loaded_once=voucher.loaded_once or posting.entry.kind is EntryKind.LOAD,
            last_activity=self._now if active else voucher.last_activity,
        )

    def _occasion(self, wish: Redeeming | Loading, system_id: str, operation_id: str) -> Occasion:
        return Occasion(
            location_id=wish.at.location_id,
            business_day=business_day(self._now, self._known.zones[system_id]),
            booked_at=self._now,
            station=wish.asked.station,
            operator=wish.asked.operator,
            transaction_ref=wish.asked.transaction_ref,
            operation_id=operation_id,
        )

    def _window(self, place: Place, kind: Guess) -> Window:
        return self._known.windows.get((place.location_id, kind.value), Window())

    def _count(self, place: Place, kind: Guess) -> None:
        scope = place.location_id, kind.value
        self._known.windows[scope] = self._written.windows[scope] = self._window(place, kind).missed(self._now, kind)

    # ------------------------------------------------------------ writing

    @property
    def alarms(self) -> list[store.Scope]:
        """Where so much was guessed in this round that it has to pause, and what."""
        return sorted(scope for scope, window in self._written.windows.items() if window.paused_until is not None)

    async def write(self, connection: AsyncConnection) -> None:
        """Writes all of it. `KeysTaken`, `KeysBusy`, `LedgerMoved`: nothing of it may be committed."""
        written, line = self._written, Line(connection)
        added = store.ask_add(line, written.new.values())
        posted = ledger.ask_postings(line, written.postings, self._known.lots)
        if written.given_back:
            # Which activity is the last one now, only the entries tell.
            await self._send(line, added, posted)
            for voucher_id, at in (await ledger.last_activities(connection, written.given_back)).items():
                self._known.vouchers[voucher_id] = replace(self._known.vouchers[voucher_id], last_activity=at)
        rows = self._voucher_rows()
        vouchers = store.ask_change_vouchers(line, rows)
        store.ask_change(line, written.changed.values())
        await self._send(line, added, posted)
        if vouchers is not None and vouchers.count != len(rows):
            raise ledger.LedgerMoved
        await guesses.keep_windows(connection, written.windows)
        await note_alarms(connection, written.windows, self._ids, self._now)
        await note_late(connection, written.late, self._now)

    async def _send(self, line: Line, added: Asked | None, posted: ledger.Written) -> None:
        """Carries out what is on the line, and holds it to what must have come of it."""
        try:
            await line.run()
        except DBAPIError as error:
            if is_held(error):
                raise store.KeysBusy from error
            if _is_short(added, self._written.new):
                raise store.KeysTaken from error
            raise
        if _is_short(added, self._written.new):
            raise store.KeysTaken
        posted.hold()

    def _voucher_rows(self) -> list[store.VoucherRow]:
        return [
            store.voucher_row(before, after)
            for voucher_id, before in sorted(self._before.items())
            if (after := self._known.vouchers[voucher_id]) != before
        ]


def _is_short(added: Asked | None, new: Mapping[store.Scope, KeptOperation]) -> bool:
    """Whether another process was faster with one of these keys."""
    return added is not None and added.count is not None and added.count != len(new)
