"""Goes on with one action until it is settled: sends it, asks again under the same key, puts it back, confirms it.

Whatever it does is decided by what stands in the journal at that moment, so it may be cancelled at any place and begun
anew. docs/reference/connector-vouchers.md, section 4.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, assert_never

import structlog

from tillbridge.connector.vouchers.journal import Journal
from tillbridge.connector.vouchers.judging import nothing_booked
from tillbridge.connector.vouchers.model import Action, Case, Elsewhere, Kind, State
from tillbridge.connector.vouchers.moves import NOTHING_NEW, Found
from tillbridge.connector.vouchers.offline import Sealed, allowed, check
from tillbridge.connector.vouchers.way import Way
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link.base64url import KEY_BYTES
from tillbridge.link.offline_pins import seal
from tillbridge.link.voucher_messages import Operation, OperationState
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.sqlite import StorageUnavailable

PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds between two tries, the last one for ever: what is owed to a guest has no age at which it is given up."""

SPREAD: Final = 0.2
"""The share by which a pause is longer by chance, so that a shop's tills do not come back all at once."""

log = structlog.get_logger(__name__)


class Worker:
    """Works on actions of one journal over one way. `changed` is called after every move."""

    def __init__(self, journal: Journal, way: Way, runtime: Runtime, changed: Callable[[], None]) -> None:
        self._journal = journal
        self._way = way
        self._runtime = runtime
        self._changed = changed

    async def work(self, key: str) -> None:
        """Returns once there is nothing more to do for this action."""
        tries = 0
        while (action := self._journal.find(key)) is not None and action.works:
            asked = await self._tried(action)
            if asked is None:
                tries = 0
                continue
            pause = max(PAUSES[min(tries, len(PAUSES) - 1)], min(asked, PAUSES[-1]))
            tries += 1
            await asyncio.sleep(pause * (1 + self._runtime.chance.uniform(0, SPREAD)))

    async def _tried(self, action: Action) -> float | None:
        """One step. None where it came further, else how many seconds the portal asked to wait."""
        if self._way.portal != action.portal:
            # Under another link the same key would be another action: it waits for its own, and is shown.
            return PAUSES[-1]
        try:
            await self._step(action)
        except Elsewhere:
            return None  # somebody else has moved it, and its next step is another
        except BridgeError as error:
            log.info("voucher_again", key=action.key, state=action.state, code=error.code)
            return float(error.retry_after or 0)
        except StorageUnavailable as error:
            # The portal keeps its answer for the key: it is asked for again when the disk takes writes.
            log.error("voucher_journal_unavailable", key=action.key, detail=str(error))  # noqa: TRY400  # the disk says it
            return 0.0
        except Exception:
            log.exception("voucher_fault", key=action.key)
            return PAUSES[-1]
        return None

    async def _step(self, action: Action) -> None:
        if action.untold and action.state in {State.DONE, State.CONFIRM_QUEUED}:
            await self._tell(action)
            return
        match action.state:
            case State.INTENT:
                await self._move(action, State.SENT)
            case State.SENT | State.UNKNOWN:
                await self._book(action)
            case State.CONFIRM_QUEUED:
                await self._confirm(action)
            case State.PUTBACK_QUEUED:
                await self._undo(action, self._way.put_back, State.PUTBACK_DONE)
            case State.REVERSE_QUEUED:
                await self._reverse(action)
            case State.DONE | State.CONFIRMED | State.PUTBACK_DONE | State.REVERSED | State.REFUSED | State.VOIDED:
                return
            case _:
                assert_never(action.state)

    # ------------------------------------------------------------ sending

    async def _book(self, action: Action) -> None:
        pin = self._journal.pin(action.key)
        if action.has_pin and pin is None:
            await self._ask_by_key(action)
            return
        try:
            booked = await self._way.book(action, pin)
        except BridgeError as error:
            if nothing_booked(error, in_doubt=action.state is State.UNKNOWN):
                refusal = await self._taken_all_the_same(action, pin, error)
                if refusal is not None:
                    await self._move(action, State.REFUSED, Found(refusal=with_until(refusal)))
                return
            await self._not_known(action)
            raise
        await self._move(action, State.DONE, Found(taken=booked.taken, balance=booked.balance))

    async def _taken_all_the_same(self, action: Action, pin: str | None, error: BridgeError) -> BridgeError | None:
        """None where it is taken without a connection, at the merchant's risk; else why it is refused."""
        terms = self._journal.terms(action.portal)
        if terms is None or not allowed(action, error, terms):
            return error
        if pin is None:
            return BridgeError(Code.VOUCHER_PIN_NEEDED, place="pin")
        try:
            check(action, terms)
            once = self._runtime.chance.randbytes(KEY_BYTES)
            sealed = Sealed(terms.key_id, seal(terms.public_key, action.key, pin, once))
            await self._journal.accept(action, terms, sealed, self._now())
        except BridgeError as refusal:
            return refusal
        except ValueError:
            log.error("voucher_offline_key_unusable", key_id=terms.key_id)  # noqa: TRY400  # nothing more is to be known
            return error
        self._changed()
        log.warning("voucher_taken_offline", key=action.key, number=action.masked)
        return None

    async def _tell(self, action: Action) -> None:
        """The portal hears of what was taken without it. What cannot be taken is a loss, and no refusal."""
        sealed = self._journal.offline_pin(action.key)
        if sealed is None:
            raise BridgeError(Code.PORTAL_FAULT, "what was sealed for it is gone", retry_after=int(PAUSES[-1]))
        try:
            found = await self._way.take_offline(action, sealed)
        except BridgeError as error:
            if error.code in {Code.VOUCHER_VOIDED, Code.VOUCHER_KEY_BODY}:
                await self._contradicted(action, error.code.value)
            raise
        await self._journal.told(action.key, found, self._now())
        self._changed()
        log.info("voucher_offline_told", key=action.key, loss=found.loss)

    async def _not_known(self, action: Action) -> None:
        if action.state is not State.UNKNOWN:
            await self._move(action, State.UNKNOWN)

    async def _ask_by_key(self, action: Action) -> None:
        """The PIN is lost with the key that it was sealed with, so the request cannot be sent again."""
        found = await self._way.state(action.key)
        match found.state:
            case OperationState.INTERIM | OperationState.CONFIRMED | OperationState.LOADED:
                await self._move(action, State.DONE, Found(taken=found.taken, balance=found.balance))
            case OperationState.REFUSED | OperationState.VOIDED:
                await self._move(action, State.REFUSED, Found(refusal=BridgeError(Code.VOUCHER_PIN_NEEDED)))
            case OperationState.PUT_BACK | OperationState.REVERSED | OperationState.NOT_SEEN:
                # Not seen is not final: the request may still be on its way, so it is forbidden by a put-back. Nobody
                # was told that it was paid.
                await self._move(action, State.PUTBACK_QUEUED if action.kind is Kind.REDEEM else State.REVERSE_QUEUED)
            case _:
                assert_never(found.state)

    # ------------------------------------------------------------ what is decided, and the portal has to hear of

    async def _confirm(self, action: Action) -> None:
        if action.loss and action.loss == action.taken:
            # Nothing of it could be taken, so there is nothing to confirm there.
            await self._move(action, State.CONFIRMED)
            return
        try:
            found = await self._way.confirm(action.key)
        except BridgeError as error:
            if error.code is not Code.VOUCHER_ORDER:
                raise
            await self._case(action, State.PUTBACK_DONE, Case.PUT_BACK_ELSEWHERE)
            return
        match found.state:
            case OperationState.CONFIRMED:
                await self._move(action, State.CONFIRMED)
            case OperationState.PUT_BACK:
                await self._case(action, State.PUTBACK_DONE, Case.PUT_BACK_ELSEWHERE)
            case _:
                await self._contradicted(action, found.state.value)

    async def _undo(self, action: Action, ask: Callable[[str], Awaitable[Operation]], over: State) -> None:
        found = await ask(action.key)
        if action.offline_at is not None and found.state is not OperationState.VOIDED:
            await self._lost_no_more(action)
        match found.state:
            case OperationState.PUT_BACK | OperationState.REVERSED:
                await self._move(action, over, Found(taken=found.taken or None, balance=found.balance))
            case OperationState.VOIDED | OperationState.REFUSED if action.untold or action.loss or not action.taken:
                await self._move(action, State.VOIDED)
            case OperationState.VOIDED | OperationState.REFUSED:
                await self._case(action, State.VOIDED, Case.NOT_BOOKED)
            case _:
                await self._contradicted(action, found.state.value)

    async def _lost_no_more(self, action: Action) -> None:
        try:
            await self._way.given_back(action.key)
        except BridgeError as error:
            if error.code is not Code.RECORD_UNKNOWN:
                raise

    async def _reverse(self, action: Action) -> None:
        try:
            await self._undo(action, self._way.reverse, State.REVERSED)
        except BridgeError as error:
            if error.code not in {Code.VOUCHER_LOAD_SPENT, Code.VOUCHER_OVER_REVERSAL}:
                raise
            await self._move(action, State.DONE, Found(refusal=error, case=Case.SPENT))
            log.warning("voucher_load_spent", key=action.key)

    async def _contradicted(self, action: Action, said: str) -> None:
        """The portal has no such booking, although it answered with it: it may have been restored from yesterday.

        It is asked again, for the portal's people may repair it; a person here sees it meanwhile.
        """
        if action.case is None:
            now = self._runtime.clock.now()
            await self._journal.note(action.key, now, Found(case=Case.NOT_BOOKED), {"portal": said})
            self._changed()
        raise BridgeError(Code.PORTAL_FAULT, f"the portal says {said} of it", retry_after=int(PAUSES[-1]))

    # ------------------------------------------------------------ the journal

    async def _case(self, action: Action, to: State, case: Case) -> None:
        await self._move(action, to, Found(case=case))
        log.warning("voucher_open_case", key=action.key, case=case)

    async def _move(self, action: Action, to: State, found: Found = NOTHING_NEW) -> None:
        await self._journal.move(action.key, to, self._now(), found)
        self._changed()
        log.info("voucher_moved", key=action.key, kind=action.kind, number=action.masked, state=to)

    def _now(self) -> datetime:
        return self._runtime.clock.now()


def with_until(error: BridgeError) -> BridgeError:
    """A maintenance has its end as an attribute; kept, it is one of the figures like all others."""
    until = getattr(error, "until", None)
    if not isinstance(until, datetime):
        return error
    members = {**error.members, "until": until.isoformat()}
    return BridgeError(error.code, error.detail, place=error.place, retry_after=error.retry_after, members=members)
