"""The book: what is posted where, and that it always adds up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import MAX_MINOR
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.model import REVERSED_BY, Account, EntryKind, Occasion, Original, Posting

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@dataclass
class Book:
    """One voucher, with every posting of its life. Time stands still, unless it is moved."""

    account: Account = field(default_factory=lambda: Account("v", 0, 0, ()))
    postings: list[Posting] = field(default_factory=list)
    now: datetime = NOON
    ids: Iterator[int] = field(default_factory=count)

    def at(self, place: str) -> Occasion:
        return Occasion(place, self.now.date().isoformat(), self.now)

    def id(self) -> str:
        return f"{next(self.ids):06d}"

    def put_on(self, place: str, amount: int) -> Posting:
        return self._keep(book.put_on(self.account, EntryKind.LOAD, amount, self.at(place), (self.id(), self.id())))

    def take(self, place: str, amount: int, kind: EntryKind = EntryKind.REDEEM) -> Posting:
        return self._keep(book.take(self.account, kind, amount, self.at(place), self.id()))

    def move_to(self, other: "Book") -> tuple[Posting, Posting]:
        """All of its credit to another voucher."""
        given, taken_over = book.move(self.account, other.account, self.at("office"), self.id)
        return self._keep(given), other._keep(taken_over)

    def back(self, posting: Posting, amount: int | None = None) -> Posting:
        original = self.original(posting)
        wanted = original.left if amount is None else amount
        return self._keep(book.take_back(self.account, original, wanted, posting.entry.at, self.id()))

    def original(self, posting: Posting) -> Original:
        """What is left of an entry, worked out anew from every posting since."""
        net = dict(book.original_of(posting).net)
        sign = -1 if posting.made else 1
        for later in self.postings:
            if later.entry.reverses == posting.entry.id:
                for one in later.allocations:
                    net[one.lot_id] += sign * one.amount
        return Original(posting.entry, net)

    @property
    def lots(self) -> list[tuple[str | None, int]]:
        return [(lot.location_id, lot.remaining) for lot in self.account.lots]

    def _keep(self, posting: Posting) -> Posting:
        self.account = posting.account
        self.postings.append(posting)
        return posting

    def hold_together(self) -> None:
        """Every invariant, worked out from the postings alone."""
        amounts = [one.entry.amount for one in self.postings]
        assert self.account.balance == sum(amounts) == sum(lot.remaining for lot in self.account.lots) >= 0
        assert [one.entry.seq for one in self.postings] == list(range(1, len(self.postings) + 1))
        assert [one.entry.balance_after for one in self.postings] == [
            sum(amounts[: n + 1]) for n in range(len(amounts))
        ]
        taken: dict[str, int] = {}
        for one in self.postings:
            assert sum(each.amount for each in one.allocations) == (0 if one.made else -one.entry.amount)
            assert not one.made or sum(each.amount for each in one.made) == one.entry.amount
            for each in one.allocations:
                taken[each.lot_id] = taken.get(each.lot_id, 0) + each.amount
        for lot in self.account.lots:
            assert 0 <= lot.remaining == lot.amount - taken.get(lot.id, 0)
        for one in self.postings:
            if one.entry.reverses is None:
                assert all(net >= 0 for net in self.original(one).net.values())


def test_the_oldest_credit_goes_first_and_goes_back_where_it_came_from() -> None:
    one = Book()
    one.put_on("A", 10_000)
    one.take("B", 7_000)
    one.put_on("B", 2_000)
    spent = one.take("C", 4_000)
    assert one.lots == [("A", 0), ("B", 1_000)]
    assert [each.amount for each in spent.allocations] == [3_000, 1_000]
    # In part: the newest first, so that what stays equals a smaller redemption.
    one.back(spent, 1_500)
    assert one.lots == [("A", 500), ("B", 2_000)]
    with pytest.raises(BridgeError) as refusal:
        one.back(spent, 2_501)
    assert (refusal.value.code, refusal.value.members) == (Code.VOUCHER_OVER_REVERSAL, {"left": 2_500})
    one.back(spent)
    assert one.lots == [("A", 3_000), ("B", 2_000)]
    written_off = one.take("A", 5_000, EntryKind.WRITE_OFF)
    assert [each.amount for each in written_off.allocations] == [3_000, 2_000]
    assert one.back(written_off).entry.kind is EntryKind.WRITE_OFF_REVERSAL
    assert one.lots == [("A", 3_000), ("B", 2_000)]
    one.hold_together()


def test_the_oldest_is_by_time_and_then_by_the_ledgers_own_order() -> None:
    one = Book()
    one.now += timedelta(seconds=1)
    one.put_on("later", 10)
    one.now -= timedelta(seconds=1)
    one.put_on("first", 10)
    one.put_on("second", 10)
    one.take("X", 15)
    assert one.lots == [("later", 10), ("first", 0), ("second", 5)]


def test_a_load_is_taken_back_from_its_own_lot_alone() -> None:
    one = Book()
    first, second = one.put_on("A", 100), one.put_on("B", 100)
    one.take("C", 30)
    with pytest.raises(BridgeError) as refusal:
        one.back(first)
    assert (refusal.value.code, refusal.value.members) == (Code.VOUCHER_LOAD_SPENT, {"spent": 30, "unspent": 70})
    assert one.back(first, 70).entry.amount == -70
    assert one.back(second).entry.kind is EntryKind.LOAD_REVERSAL
    assert one.lots == [("A", 0), ("B", 0)]
    # Of the first, 30 were spent: they are not there, whatever else is on the voucher.
    one.put_on("C", 500)
    with pytest.raises(BridgeError) as refusal:
        one.back(first, 1)
    assert refusal.value.code is Code.VOUCHER_LOAD_SPENT
    one.hold_together()


@pytest.mark.parametrize(("held", "code"), [(0, Code.VOUCHER_EMPTY), (99, Code.VOUCHER_FUNDS)])
def test_nothing_is_taken_that_is_not_there(held: int, code: Code) -> None:
    one = Book()
    if held:
        one.put_on("A", held)
    with pytest.raises(BridgeError) as refusal:
        one.take("A", 100)
    assert (refusal.value.code, refusal.value.members) == (code, {"balance": held})


@pytest.mark.parametrize("amount", [0, -1, MAX_MINOR + 1])
def test_amounts_are_in_range(amount: int) -> None:
    one = Book()
    with pytest.raises(BridgeError) as refusal:
        one.put_on("A", amount)
    assert refusal.value.code is Code.VOUCHER_AMOUNT


def test_a_book_whose_lots_do_not_cover_its_balance_takes_nothing() -> None:
    one = Book(Account("v", 100, 1, ()))
    with pytest.raises(ValueError, match="do not cover"):
        one.take("A", 50)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.data())
def test_taking_back_in_parts_equals_taking_back_at_once(loads: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(1, sum(loads)))
    books = Book(), Book()
    spent = []
    for one in books:
        for place, load in enumerate(loads):
            one.put_on(str(place), load)
        spent.append(one.take("X", amount))
    first = data.draw(st.integers(1, amount))
    books[0].back(spent[0], first)
    smaller = Book()
    for place, load in enumerate(loads):
        smaller.put_on(str(place), load)
    if amount > first:
        smaller.take("X", amount - first)
        assert books[0].lots == smaller.lots
        books[0].back(spent[0])
    books[1].back(spent[1])
    assert books[0].lots == books[1].lots


def test_a_new_voucher_takes_over_whose_credit_it_is_since_when_and_in_which_order() -> None:
    old, new = Book(), Book(Account("w", 0, 0, ()))
    first = old.put_on("A", 100)
    old.put_on("B", 50)
    old.now += timedelta(days=1)
    old.put_on("C", 30)
    spent = old.take("X", 120)
    old.now += timedelta(days=1)
    given, taken_over = old.move_to(new)
    assert (given.entry.kind, given.entry.amount) == (EntryKind.REISSUE_OUT, -60)
    assert (taken_over.entry.kind, taken_over.entry.amount) == (EntryKind.REISSUE_IN, 60)
    assert taken_over.follows == given.entry
    assert [(lot.location_id, lot.loaded_at - NOON, lot.remaining) for lot in new.account.lots] == [
        ("B", timedelta(0), 30),
        ("C", timedelta(days=1), 30),
    ]
    assert (old.account.balance, new.account.balance) == (0, 60)
    with pytest.raises(BridgeError) as refusal:
        old.move_to(new)
    assert refusal.value.code is Code.VOUCHER_EMPTY
    with pytest.raises(BridgeError) as refusal:
        old.back(first)
    assert refusal.value.code is Code.VOUCHER_LOAD_SPENT
    # What comes back later goes the same way, and is as old as it was: it stands before what was loaded after it.
    old.back(spent, 110)
    old.move_to(new)
    assert [(lot.location_id, lot.remaining) for lot in sorted(new.account.lots, key=lambda lot: lot.age)] == [
        ("B", 30),
        ("A", 90),
        ("B", 20),
        ("C", 30),
    ]
    old.hold_together()
    new.hold_together()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.data())
def test_a_move_changes_nothing_in_what_pays_for_what(loads: list[int], data: st.DataObject) -> None:
    """Whatever is spent before and after: on the new voucher it is paid from the same credit as on the old one."""
    before = data.draw(st.integers(0, sum(loads) - 1))
    after = data.draw(st.integers(1, sum(loads) - before))
    stayed, old, new = Book(), Book(), Book(Account("w", 0, 0, ()))
    for one in (stayed, old):
        for place, load in enumerate(loads):
            one.now += timedelta(hours=place % 2)
            one.put_on(str(place), load)
        if before:
            one.take("X", before)
    old.move_to(new)
    for one in (stayed, new):
        one.take("X", after)
        one.hold_together()
    old.hold_together()
    assert [lot for lot in new.lots if lot[1]] == [lot for lot in stayed.lots if lot[1]]


class Life(RuleBasedStateMachine):
    """A voucher lives at random, and after each step everything adds up."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()

    @rule(amount=st.integers(1, 20), place=st.sampled_from("ABC"), later=st.booleans())
    def load(self, amount: int, place: str, later: bool) -> None:  # drawn by name
        if later:
            self.book.now += timedelta(hours=1)
        self.book.put_on(place, amount)

    @rule(amount=st.integers(1, 40), place=st.sampled_from("ABC"))
    def redeem(self, amount: int, place: str) -> None:
        balance = self.book.account.balance
        try:
            self.book.take(place, amount)
        except BridgeError:
            assert amount > balance

    @precondition(lambda self: self.book.postings)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        posting = data.draw(st.sampled_from(self.book.postings))
        if posting.entry.kind not in REVERSED_BY:
            return
        left = self.book.original(posting).left
        amount = data.draw(st.integers(1, 45))
        before = self.book.account
        spent = bool(posting.made) and amount > before.lot(posting.made[0].id).remaining
        if amount <= left and not spent:
            self.book.back(posting, amount)
            return
        with pytest.raises(BridgeError) as refusal:
            self.book.back(posting, amount)
        assert self.book.account == before
        assert refusal.value.code is (Code.VOUCHER_OVER_REVERSAL if amount > left else Code.VOUCHER_LOAD_SPENT)

    @precondition(lambda self: self.book.account.balance)
    @rule()
    def reissue(self) -> None:
        old, self.book = self.book, Book(Account(f"v{next(self.book.ids)}", 0, 0, ()), now=self.book.now)
        self.book.ids = old.ids
        old.move_to(self.book)
        old.hold_together()

    @invariant()
    def holds_together(self) -> None:
        self.book.hold_together()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=25)
