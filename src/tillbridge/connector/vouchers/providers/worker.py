"""Goes on with one action at another maker's provider. A redemption is sent once, unless the provider knows it again.

Whatever it does is decided by what stands in the journal, so it may be cancelled at any place and begun anew.
docs/reference/voucher-providers.md, section 4.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, assert_never

import structlog

from tillbridge.connector.vouchers import worker as our_worker
from tillbridge.connector.vouchers.journal import Journal
from tillbridge.connector.vouchers.model import LATE, Action, Case, Claim, Elsewhere, State
from tillbridge.connector.vouchers.moves import NOTHING_NEW, Found
from tillbridge.connector.vouchers.providers.asking import Adapter, Balance, Fate, NotDone
from tillbridge.connector.vouchers.providers.claims import NOTHING_HEARD, Learned, moved, noted
from tillbridge.connector.vouchers.providers.known import Providers, balance_of, refusal_of, refused
from tillbridge.connector.vouchers.providers.profile import Provider
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import StorageUnavailable

LONGEST_REFERENCE: Final = 64
_BACK: Final = "-back"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Ask:
    """One action with its provider. `in_doubt`: an earlier request with the same reference got no answer."""

    action: Action
    claim: Claim
    provider: Provider
    adapter: Adapter

    @property
    def in_doubt(self) -> bool:
        return self.action.state is State.UNKNOWN


class ProviderWorker:
    """Works on actions of one journal. `changed` is called after everything that was written."""

    def __init__(self, journal: Journal, providers: Providers, runtime: Runtime, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._providers = providers
        self._runtime = runtime
        self._changed = changed

    async def work(self, key: str) -> None:
        """Returns once there is nothing more to do for this action, or a person has to decide."""
        tries = 0
        while (action := self._journal.find(key)) is not None and action.works and not _rests(action):
            if await self._tried(action):
                tries = 0
                continue
            pause = our_worker.PAUSES[min(tries, len(our_worker.PAUSES) - 1)]
            tries += 1
            await asyncio.sleep(pause * (1 + self._runtime.chance.uniform(0, our_worker.SPREAD)))

    async def _tried(self, action: Action) -> bool:
        """One step; whether it came further."""
        found = self._providers.at(action.portal)
        if found is None or action.claim is None:
            return False  # it waits for its provider, and is shown
        try:
            await self._step(_Ask(action, action.claim, *found))
        except Elsewhere:
            return True  # somebody else has moved it, and its next step is another
        except NotDone as error:
            log.info("provider_again", key=action.key, state=action.state, said=error.said)
            return False
        except StorageUnavailable as error:
            log.error("voucher_journal_unavailable", key=action.key, detail=str(error))  # noqa: TRY400  # the disk says it
            return False
        except Exception:
            log.exception("provider_fault", key=action.key)
            return False
        return True

    async def _step(self, ask: _Ask) -> None:
        match ask.action.state:
            case State.INTENT:
                await self._begin(ask)
            case State.SENT:
                # Whoever sent it is gone, and what became of it with them.
                await self._doubt(ask, "the connector was interrupted before an answer came")
            case State.UNKNOWN:
                await self._find_out(ask)
            case State.CONFIRM_QUEUED:
                # The provider knows of no receipts: what it has booked is final there.
                await self._move(ask, State.CONFIRMED)
            case State.PUTBACK_QUEUED:
                await self._give_back(ask)
            case (
                State.DONE
                | State.CONFIRMED
                | State.PUTBACK_DONE
                | State.REFUSED
                | State.VOIDED
                | State.REVERSE_QUEUED
                | State.REVERSED
            ):
                return
            case _:
                assert_never(ask.action.state)

    # ------------------------------------------------------------ redeeming

    async def _begin(self, ask: _Ask) -> None:
        action = ask.action
        try:
            seen = await balance_of(ask.adapter, action.number)
        except NotDone as error:
            await self._refuse(ask, refusal_of(error, ask.provider))
            return
        amount = self._amount(ask, seen)
        pin = self._journal.pin(action.key)
        if isinstance(amount, BridgeError) or (action.has_pin and pin is None):
            lost = BridgeError(Code.VOUCHER_PIN_NEEDED, place="pin")
            await self._refuse(ask, amount if isinstance(amount, BridgeError) else lost)
            return
        await self._move(ask, State.SENT, Learned(asked=amount, before=seen.balance))
        await self._redeem(ask, amount, seen.balance, pin)

    def _amount(self, ask: _Ask, seen: Balance) -> int | BridgeError:
        """What is taken of this balance, or why nothing is."""
        wanted, members = ask.action.amount, {"balance": seen.balance}
        if seen.balance == 0:
            return BridgeError(Code.VOUCHER_EMPTY, members=members)
        if not seen.redeemable:
            return refused(ask.provider, seen.message, "it says that the voucher cannot be redeemed")
        if ask.action.exact and wanted > seen.balance:
            return BridgeError(Code.VOUCHER_FUNDS, members=members)
        taken = min(wanted, seen.balance)
        if taken != seen.balance and not ask.provider.profile.partial:
            only = {"min": seen.balance, "max": seen.balance}
            return BridgeError(Code.VOUCHER_AMOUNT, "it is redeemed as a whole there", place="amount", members=only)
        return taken

    async def _redeem(self, ask: _Ask, amount: int, before: int, pin: str | None) -> None:
        key, reference = ask.action.key, ask.action.key if ask.claim.idempotent else None
        try:
            done = await ask.adapter.redeem(ask.action.number, pin, amount, reference)
        except NotDone as error:
            if error.fate is Fate.REFUSED or (not ask.in_doubt and error.fate in {Fate.NOT_SENT, Fate.SHUT}):
                await self._refuse(ask, refusal_of(error, ask.provider))
            elif error.fate is Fate.CONTRADICTED:
                await self._contradicted(ask, error.said, error.balance, error.token)
            else:
                await self._doubt(ask, error.said)
            return
        if done.balance != before - amount:
            said = f"{before} less {amount} is not the balance of {done.balance} that it answered"
            await self._contradicted(ask, said, done.balance, done.token)
            return
        learned = Learned(after=done.balance, looked=True, token=done.token)
        await self._move(ask, State.DONE, learned, Found(taken=amount, balance=done.balance))
        log.info("provider_redeemed", key=key, provider=ask.provider.prefix, taken=amount)

    async def _find_out(self, ask: _Ask) -> None:
        """It was sent, and nobody knows what became of it.

        The very same request says so where the provider knows it again by its reference; elsewhere it is never sent a
        second time, and a person compares the balances.
        """
        action, claim = ask.action, ask.claim
        if action.with_person:
            await self._look(ask)
            return
        overdue = self._now() - action.begun_at >= LATE
        pin = self._journal.pin(action.key)
        lost = action.has_pin and pin is None
        if not claim.idempotent or overdue or lost or claim.asked is None or claim.before is None:
            await self._note(ask, NOTHING_HEARD, Case.PROVIDER_UNKNOWN)
            return
        await self._redeem(ask, claim.asked, claim.before, pin)

    async def _doubt(self, ask: _Ask, said: str) -> None:
        """It may have been booked. `NotDone` where the same request is sent again after a pause."""
        case = None if ask.claim.idempotent else Case.PROVIDER_UNKNOWN
        if not ask.in_doubt:
            await self._move(ask, State.UNKNOWN, Learned(said=said), Found(case=case))
        if ask.claim.idempotent:
            raise NotDone(Fate.UNKNOWN, said)
        log.warning("provider_unknown", key=ask.action.key, provider=ask.provider.prefix, said=said)

    async def _contradicted(self, ask: _Ask, said: str, balance: int | None, token: str) -> None:
        learned = Learned(after=balance, looked=balance is not None, token=token, said=said)
        if ask.in_doubt:
            await self._note(ask, learned, Case.PROVIDER_UNKNOWN)
        else:
            await self._move(ask, State.UNKNOWN, learned, Found(case=Case.PROVIDER_UNKNOWN))
        log.warning("provider_contradicts", key=ask.action.key, provider=ask.provider.prefix, said=said)

    async def _look(self, ask: _Ask) -> None:
        """The balance afterwards, for the person who decides."""
        try:
            seen = await balance_of(ask.adapter, ask.action.number)
        except NotDone as error:
            if error.fate is not Fate.REFUSED:
                raise
            await self._note(ask, Learned(looked=True, said=error.said))
            return
        await self._note(ask, Learned(after=seen.balance, looked=True))

    # ------------------------------------------------------------ giving back

    async def _give_back(self, ask: _Ask) -> None:
        """A token gives back no more than it took, so the whole of it may be asked for again until it is done.

        Where the provider then says no, an earlier request may have been carried out: the balance tells a person so.
        """
        action, claim = ask.action, ask.claim
        amount = action.taken or claim.asked or 0
        reference = _back_reference(action.key) if claim.idempotent else None
        try:
            balance = await ask.adapter.cancel(action.number, claim.token, amount, reference)
        except NotDone as error:
            if error.fate not in {Fate.REFUSED, Fate.CONTRADICTED}:
                raise
            seen = await self._seen_now(ask) if error.balance is None else error.balance
            await self._note(ask, Learned(after=seen, looked=True, said=error.said), Case.PROVIDER_BACK)
            log.warning("provider_gives_nothing_back", key=action.key, said=error.said)
            return
        learned = Learned(after=balance, looked=True)
        await self._move(ask, State.PUTBACK_DONE, learned, Found(balance=balance))

    async def _seen_now(self, ask: _Ask) -> int | None:
        """The balance at this moment as evidence, where it is to be had."""
        try:
            return (await balance_of(ask.adapter, ask.action.number)).balance
        except NotDone:
            return None

    # ------------------------------------------------------------ the journal

    async def _refuse(self, ask: _Ask, refusal: BridgeError) -> None:
        await self._move(ask, State.REFUSED, found=Found(refusal=refusal))

    async def _move(self, ask: _Ask, to: State, learned: Learned = NOTHING_HEARD, found: Found = NOTHING_NEW) -> None:
        await self._journal.write(moved(ask.action.key, to, self._now(), learned, found))
        self._changed()
        log.info("voucher_moved", key=ask.action.key, kind=ask.action.kind, number=ask.action.masked, state=to)

    async def _note(self, ask: _Ask, learned: Learned, case: Case | None = None) -> None:
        await self._journal.write(noted(ask.action.key, self._now(), learned, case))
        self._changed()

    def _now(self) -> datetime:
        return self._runtime.clock.now()


def _rests(action: Action) -> bool:
    """Whether a person has all that there is to decide by."""
    claim = action.claim
    return action.with_person and (action.state is not State.UNKNOWN or claim is None or claim.looked_at is not None)


def _back_reference(key: str) -> str:
    """The reference of a put-back: another one than that of its redemption, and the same each time."""
    plain = key + _BACK
    return plain if len(plain) <= LONGEST_REFERENCE else sha256(plain.encode()).hexdigest()
