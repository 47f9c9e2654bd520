"""The desk: redemptions, loads and what becomes of them, decided in rounds that share one commit.

While a round is being committed the next one gathers; nobody waits for anything else, so that one till alone is served
at once and a hundred share the cost of a commit. Each wish has its own reply, and none is given before the commit. One
that cannot be carried out never spoils the others: a round that fails is tried again wish by wish.
"""

import asyncio
from collections import Counter as Tally
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import (
    LOAD_PATH,
    REDEEM_PATH,
    Load,
    Lookup,
    Operation,
    Redeem,
    VoucherFacts,
)
from tillbridge.portal.house import House
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.risk import store as risk
from tillbridge.portal.storage.database import is_held
from tillbridge.portal.vouchers import answers, judging
from tillbridge.portal.vouchers import guessing_store as guesses
from tillbridge.portal.vouchers import operations as store
from tillbridge.portal.vouchers.guessing import Guess, Window
from tillbridge.portal.vouchers.knowing import TAKEN_BACK, know
from tillbridge.portal.vouchers.model import (
    Answered,
    Counter,
    Loading,
    Redeeming,
    Reply,
    Undo,
    Undoing,
    Wish,
    scope_of,
)
from tillbridge.portal.vouchers.rounds import Round

MOST_IN_A_ROUND: Final = 256
"""Wishes that share a commit: more would make the last one wait longer than the commit costs."""

MOST_WAITING: Final = 4096
"""Wishes that wait: more than the desk decides in a few seconds is refused at once, and nothing of it is done."""

REPEAT_SECONDS: Final = 2.0
"""How long a repeated key waits for the answer of its first request."""

AGAIN_SECONDS: Final = 1
"""What is said to whoever has to ask again."""

ATTEMPTS: Final = 3
"""How often a round is tried as a whole, where another process used one of its keys or a commit got no answer."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class CommitUnknown(Exception):  # what happened
    """The database did not say whether it committed."""


@dataclass(slots=True)
class _Waiting:
    wish: Wish
    reply: asyncio.Future[Reply]


class VoucherDesk:
    """The desk of one process; several may share a database. `run` is its job: without it nothing is decided."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._running: Tally[store.Scope] = Tally()
        self._closed = False

    # ------------------------------------------------------------ what is asked

    async def lookup(self, at: Counter, asked: Lookup) -> VoucherFacts:
        """What is on a voucher, as the database has it at this moment. `BridgeError` as `judging` names them."""
        now = self._house.runtime.clock.now()
        async with self._house.database.reading() as connection:
            place = (await store.places(connection, {at.location_id})).get(at.location_id)
            system = judging.system_at(place, asked.currency)
            if asked.merchant is not None:
                numbers = await risk.numbers_of_systems(connection, {system.id})
                judging.of_this_merchant(system, asked.merchant, numbers)
            window = (await guesses.windows(connection, {at.location_id}, now)).get(_unknown_at(at), Window())
            window.refuse(now)
            found = await store.vouchers(connection, {(system.id, asked.number)})
        for voucher in found:
            return VoucherFacts(
                number=voucher.number,
                state=voucher.state,
                balance=voucher.balance,
                currency=system.currency,
                country=voucher.country,
                as_of=now,
            )
        error = judging.unknown(asked.number)
        if error.code is Code.VOUCHER_UNKNOWN:
            await self._count_unknown(at)
        raise error

    async def load(self, at: Counter, key: str, asked: Load) -> Answered:
        """Puts money on a voucher. `BridgeError`: a refusal that is not kept, such as VOUCHER_KEY_BODY."""
        mac = answers.body_mac(self._house.vault, asked, LOAD_PATH)
        return _of_kind(await self._ask(Loading(at, key, asked, mac)), Answered)

    async def redeem(self, at: Counter, key: str, asked: Redeem) -> Answered:
        """Pays with a voucher. `BridgeError`: a refusal that is not kept, such as VOUCHER_PIN_LOCKED."""
        mac = answers.body_mac(self._house.vault, asked, REDEEM_PATH)
        return _of_kind(await self._ask(Redeeming(at, key, asked, mac)), Answered)

    async def put_back(self, at: Counter, key: str) -> Operation:
        """Puts a redemption back; a key that was never seen is marked, so that its request moves nothing later."""
        return _of_kind(await self._ask(Undoing(at, key, Undo.PUT_BACK)), Operation)

    async def reverse(self, at: Counter, key: str) -> Operation:
        """Takes a load back. `BridgeError(VOUCHER_LOAD_SPENT)` if something of it was used."""
        return _of_kind(await self._ask(Undoing(at, key, Undo.REVERSE)), Operation)

    async def confirm(self, at: Counter, key: str) -> Operation:
        """Closes a redemption: the receipt is paid. `BridgeError(VOUCHER_ORDER)` if it was put back."""
        return _of_kind(await self._ask(Undoing(at, key, Undo.CONFIRM)), Operation)

    async def state(self, at: Counter, key: str) -> Operation:
        """How an action stands. That it was not seen is not final."""
        scope = at.location_id, key
        async with self._house.database.reading() as connection:
            kept = (await store.find(connection, {scope})).get(scope)
            if kept is None:
                return answers.not_seen(key, self._house.runtime.clock.now())
            taken_back = {kept.id} if kept.state in TAKEN_BACK else set()
            balances = await ledger.last_reversals(connection, taken_back)
        return answers.told(kept, balances.get(kept.id))

    async def replayed(self, at: Counter, key: str, asked: Load | Redeem) -> Answered | None:
        """The answer that a key had, without deciding anything; None if it has none. `BridgeError` as ever."""
        scope = at.location_id, key
        async with self._house.database.reading() as connection:
            kept = (await store.find(connection, {scope})).get(scope)
        path = LOAD_PATH if isinstance(asked, Load) else REDEEM_PATH
        return None if kept is None else answers.again(kept, answers.body_mac(self._house.vault, asked, path))

    # ------------------------------------------------------------ the job

    async def run(self) -> None:
        """Decides and commits until cancelled; what it has begun by then is finished, the rest is refused undone."""
        self._closed = False
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work())
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                self._close()
                await _finish(work)
                raise

    async def _work(self) -> None:
        while not self._closed:
            self._wake.clear()
            while self._queue and not self._closed:
                taken = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_IN_A_ROUND))]
                await self._settle(taken)
            if not self._closed:
                await self._wake.wait()

    def _close(self) -> None:
        self._closed = True
        self._wake.set()
        while self._queue:
            self._answer(self._queue.popleft(), _busy())

    async def _ask(self, wish: Wish) -> Reply:
        if self._closed or len(self._queue) >= MOST_WAITING:
            raise _busy()
        scope = scope_of(wish)
        repeated = scope in self._running and not isinstance(wish, Undoing)
        waiting = _Waiting(wish, asyncio.get_running_loop().create_future())
        self._running[scope] += 1
        self._queue.append(waiting)
        self._wake.set()
        try:
            # Whoever leaves meanwhile has asked all the same: it is decided, and the key tells how.
            async with asyncio.timeout(REPEAT_SECONDS if repeated else None):
                return await waiting.reply
        except TimeoutError:
            raise _running() from None

    def _answer(self, waiting: _Waiting, reply: Reply | Exception) -> None:
        scope = scope_of(waiting.wish)
        self._running[scope] -= 1
        if not self._running[scope]:
            del self._running[scope]
        if waiting.reply.done():
            return
        if isinstance(reply, Exception):
            waiting.reply.set_exception(reply)
        else:
            waiting.reply.set_result(reply)

    # ------------------------------------------------------------ one round

    async def _settle(self, round_: Sequence[_Waiting]) -> None:
        """Answers each of these, whatever happens."""
        failure = await self._try(round_)
        if failure is None:
            return
        if len(round_) == 1 or _for_all(failure):
            for one in round_:
                self._answer(one, _named(failure))
            return
        log.warning("voucher_round_split", wishes=len(round_), cause=type(failure).__name__)
        stuck: dict[str, Exception] = {}
        for one in round_:
            # Whoever waited for a voucher that is held elsewhere has waited for all who want the same one.
            subject = _subject(one.wish)
            again = stuck.get(subject) or await self._try([one])
            if again is not None:
                self._answer(one, _named(again))
                if _is_held(again):
                    stuck[subject] = again

    async def _try(self, round_: Sequence[_Waiting]) -> Exception | None:
        """Answers these, or says what stands in the way of all of them."""
        wishes = [one.wish for one in round_]
        doubt = False
        failure: Exception = _busy()
        for _ in range(ATTEMPTS):
            try:
                replies = await self._commit(wishes)
            except store.KeysTaken:
                continue
            except CommitUnknown:
                # The keys tell: what was committed is found, the rest is carried out now.
                doubt = True
                continue
            except Exception as error:  # noqa: BLE001  # each of these wishes has to hear of it
                failure = error
                break
            for one, reply in zip(round_, replies, strict=True):
                self._answer(one, reply)
            return None
        if doubt:
            return BridgeError(Code.PORTAL_FAULT, "the database did not say whether it was carried out")
        return failure

    async def _commit(self, wishes: Sequence[Wish]) -> Sequence[Reply]:
        house = self._house
        committing = False
        try:
            async with house.database.writing() as connection:
                now = house.runtime.clock.now()
                decided = Round(house.vault, house.runtime.ids, now, await know(connection, wishes, now))
                replies = [decided.decide(wish) for wish in wishes]
                await decided.write(connection)
                committing = True
        except BridgeError as error:
            if committing:
                raise CommitUnknown from error
            raise
        for location_id, kind in decided.alarms:
            log.warning("voucher_guessing", location=location_id, kind=kind)
        return replies

    async def _count_unknown(self, at: Counter) -> None:
        """One more number that nobody here has. `BridgeError(VOUCHER_RATE)` if there were too many."""
        now, scope = self._house.runtime.clock.now(), _unknown_at(at)
        async with self._house.database.writing() as connection:
            window = (await guesses.windows(connection, {at.location_id}, now, locked=True)).get(scope, Window())
            window.refuse(now)
            await guesses.keep_windows(connection, {scope: window.missed(now, Guess.UNKNOWN)})


def _unknown_at(at: Counter) -> store.Scope:
    return at.location_id, Guess.UNKNOWN.value


def _of_kind(reply: Reply, kind: type[T]) -> T:
    if isinstance(reply, BridgeError):
        raise reply
    if not isinstance(reply, kind):
        raise TypeError(f"the desk replied with {type(reply).__name__}")
    return reply


def _subject(wish: Wish) -> str:
    return wish.key if isinstance(wish, Undoing) else wish.asked.number


def _for_all(failure: Exception) -> bool:
    """Whether every wish would meet the same: the database is away, or did not answer."""
    return isinstance(failure, BridgeError) and not _is_held(failure)


def _is_held(failure: Exception) -> bool:
    return isinstance(failure, store.KeysBusy) or is_held(failure.__cause__)


def _named(failure: Exception) -> Exception:
    return _running() if isinstance(failure, store.KeysBusy) else failure


def _busy() -> BridgeError:
    return BridgeError(Code.OVERLOADED, retry_after=AGAIN_SECONDS)


def _running() -> BridgeError:
    return BridgeError(Code.VOUCHER_RUNNING, retry_after=AGAIN_SECONDS)


async def _finish(work: asyncio.Task[None]) -> None:
    """Waits for a task to its end, however often somebody is told to stop meanwhile."""
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            continue
