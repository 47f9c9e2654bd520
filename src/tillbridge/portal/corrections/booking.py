"""Books a correction, or finds out why it cannot be booked: the same for who asks and for who approves.

Who asks has it tried on the voucher as it is, and nothing of that is written (docs/reference/voucher-corrections.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import OperationState, VoucherState
from tillbridge.portal.corrections import store
from tillbridge.portal.corrections.model import Correction, Failure, Impossible, Kind
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind, Occasion, Original, Posting
from tillbridge.portal.storage.line import Line
from tillbridge.portal.vouchers import operations
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.following import onward
from tillbridge.portal.vouchers.model import KeptOperation, Voucher
from tillbridge.portal.vouchers.systems_model import Life, VoucherSystem

_FRESH: Final = frozenset({VoucherState.PRODUCED, VoucherState.ACTIVATED})
"""States of a voucher that has never been used, and may take another's place."""

_FAILURES: Final[Mapping[Code, Failure]] = {
    Code.VOUCHER_EMPTY: Failure.FUNDS,
    Code.VOUCHER_FUNDS: Failure.FUNDS,
    Code.VOUCHER_LOAD_SPENT: Failure.SPENT,
    Code.VOUCHER_OVER_REVERSAL: Failure.TAKEN_BACK,
    Code.VOUCHER_AMOUNT: Failure.AMOUNT,
}

_ENDS: Final = {Kind.PUT_BACK: OperationState.PUT_BACK, Kind.REVERSE: OperationState.REVERSED}


@dataclass(slots=True)
class Books:
    """A voucher that is to be corrected, locked with all that belongs to it.

    `action` is what a till asked for, of which the effect is to be taken back.
    """

    clerk: Clerk
    system: VoucherSystem
    one: Correction
    action: KeptOperation | None
    original: Original | None
    successors: Mapping[str, str]

    @property
    def voucher(self) -> Voucher:
        """The voucher that is to be corrected, as it is now."""
        return self.clerk.vouchers[self.one.voucher_id]

    @property
    def place(self) -> str | None:
        """The location that it is about; None where it is about the merchant as a whole."""
        return self.one.location_id if self.original is None else self.original.entry.at.location_id

    def post(self, now: datetime, new_id: Callable[[], str]) -> str | None:
        """Books it, without writing; returns the id of the entry. `Impossible` says why it cannot be booked."""
        at = Occasion(self.place, business_day(now, self.system.time_zone), now, reason=self.one.reason)
        try:
            return self._post(at, new_id)
        except BridgeError as error:
            if error.code in _FAILURES:
                raise Impossible(_FAILURES[error.code]) from error
            raise

    async def write(self, connection: AsyncConnection, now: datetime) -> None:
        """Writes what was booked, and that a till's action is taken back where nothing is left of it."""
        await self.clerk.write()
        if self.action is not None and self.original is not None and self.one.amount == self.original.left:
            ended = replace(self.action, state=_ENDS[self.one.kind], closed_at=now)
            line = Line(connection)
            operations.ask_change(line, [ended])
            await line.run()

    def _post(self, at: Occasion, new_id: Callable[[], str]) -> str | None:
        one, account = self.one, self.clerk.account(self.one.voucher_id)
        match one.kind:
            case Kind.MORE:
                self._must_be_active()
                if account.balance + one.amount > self.system.balance_max:
                    raise Impossible(Failure.CAP)
                return self._kept(book.put_on(account, EntryKind.ADJUST, one.amount, at, (new_id(), new_id())))
            case Kind.LESS:
                return self._kept(book.take(account, EntryKind.ADJUST, one.amount, at, new_id()))
            case Kind.REVERSE | Kind.PUT_BACK:
                return self._take_back(at, new_id)
            case Kind.REISSUE:
                return self._reissue(at, new_id)
            case Kind.RETIRE:
                self._retire()
                return None
            case _:
                assert_never(one.kind)

    def _must_be_active(self) -> None:
        match self.voucher.life:
            case Life.RETIRED:
                raise Impossible(Failure.RETIRED)
            case Life.PRODUCED:
                raise Impossible(Failure.NOT_ACTIVATED)
            case Life.ACTIVE:
                pass
            case _:
                assert_never(self.voucher.life)

    def _take_back(self, at: Occasion, new_id: Callable[[], str]) -> str:
        if self.original is None or not self.original.left:
            raise Impossible(Failure.TAKEN_BACK)
        voucher_id = self.one.voucher_id
        entry_id = self._kept(
            book.take_back(self.clerk.account(voucher_id), self.original, self.one.amount, at, new_id())
        )
        accounts = {one: self.clerk.account(one) for one in self.clerk.vouchers}
        passed = onward(voucher_id, self.clerk.vouchers, accounts, self.successors, at, new_id)
        for posting in passed.postings:
            self.clerk.post(posting)
        if passed.revived is not None:
            self.clerk.keep(replace(self.clerk.vouchers[passed.revived], life=Life.ACTIVE))
        return entry_id

    def _reissue(self, at: Occasion, new_id: Callable[[], str]) -> str:
        target = self.clerk.vouchers.get(self.one.target_id or "")
        if self.voucher.life is Life.RETIRED:
            raise Impossible(Failure.RETIRED)
        account = self.clerk.account(self.one.voucher_id)
        if not account.balance:
            raise Impossible(Failure.EMPTY)
        if target is None or target.id == self.one.voucher_id or target.state not in _FRESH or target.seq:
            raise Impossible(Failure.TARGET)
        if target.country != self.voucher.country and not self.system.cross_country:
            raise Impossible(Failure.COUNTRY)
        given, taken_over = book.move(account, self.clerk.account(target.id), at, new_id)
        self._kept(given)
        self._kept(taken_over)
        self.clerk.keep(replace(self.voucher, life=Life.RETIRED))
        self.clerk.keep(replace(self.clerk.vouchers[target.id], life=Life.ACTIVE))
        return given.entry.id

    def _retire(self) -> None:
        if self.voucher.life is Life.RETIRED:
            raise Impossible(Failure.RETIRED)
        if self.voucher.balance:
            raise Impossible(Failure.CREDIT)
        self.clerk.keep(replace(self.voucher, life=Life.RETIRED))

    def _kept(self, posting: Posting) -> str:
        self.clerk.post(posting)
        return posting.entry.id


async def open_books(connection: AsyncConnection, system: VoucherSystem, one: Correction) -> Books:
    """Locks and reads what a correction is about: first a till's action, then vouchers, as the tills' desk does it.

    `Impossible(MOVED)` if the voucher was replaced in this very moment.
    """
    await operations.set_out(connection)
    scope = None if one.original_id is None else await store.scope_of(connection, one.original_id)
    actions = await operations.find(connection, {scope}, locked=True) if scope else {}
    successors = await ledger.successors(connection, [one.voucher_id])
    clerk = await Clerk.open(connection, {one.voucher_id, *successors.values(), *filter(None, [one.target_id])})
    if await ledger.successors(connection, [one.voucher_id]) != successors:
        raise Impossible(Failure.MOVED)
    originals = await clerk.originals([one.original_id]) if one.original_id else {}
    return Books(
        clerk,
        system,
        one,
        action=actions[scope] if scope else None,
        original=originals.get(one.original_id or ""),
        successors=successors,
    )
