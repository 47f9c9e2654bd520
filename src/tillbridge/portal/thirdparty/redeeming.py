"""Books redemptions of tills of other makers: debited and confirmed in one transaction.

Such a till knows no second step, so there is none that a crash could keep from happening: the debit, its confirmation,
and the note that it may be a repetition are committed together, by the desk's own rules and under the desk's own locks.
"""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import Operation, OperationState, Redeem
from tillbridge.portal.house import House
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.storage.database import is_held
from tillbridge.portal.thirdparty import store
from tillbridge.portal.thirdparty.branches import Branch
from tillbridge.portal.thirdparty.model import SAME, Wanted
from tillbridge.portal.vouchers import answers, operations
from tillbridge.portal.vouchers.desk import AGAIN_SECONDS, ATTEMPTS, CommitUnknown
from tillbridge.portal.vouchers.knowing import Known, know
from tillbridge.portal.vouchers.model import Answered, KeptOperation, Redeeming, Reply, Undo, Undoing, scope_of
from tillbridge.portal.vouchers.rounds import Round

_TOO_LITTLE: Final = frozenset({Code.VOUCHER_EMPTY, Code.VOUCHER_FUNDS})
"""What a repetition is refused with whose first request has taken the money."""

log = structlog.get_logger(__name__)


class Redemptions:
    """The redemptions of every merchant in this form."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def replayed(self, branch: Branch, wish: Wanted) -> Answered | None:
        """The answer that a reference had, without deciding anything. `BridgeError(VOUCHER_KEY_BODY)`."""
        scope = branch.counter.location_id, wish.key
        async with self._house.database.reading() as connection:
            kept = (await operations.find(connection, {scope})).get(scope)
        return None if kept is None else answers.again(kept, wish.mac)

    async def redeem(self, branch: Branch, wish: Wanted) -> Answered:
        """Takes the whole amount or nothing; a refusal is an answer, too, and kept under its reference.

        `BridgeError`: a refusal that is not kept, such as VOUCHER_PIN_LOCKED, VOUCHER_KEY_BODY or VOUCHER_RUNNING.
        """
        redeeming = _redeeming(branch, wish)
        doubt = False
        for _ in range(ATTEMPTS):
            try:
                reply = await self._commit(branch, wish, redeeming)
            except CommitUnknown:
                # The key tells: what was committed is found, the rest is carried out now.
                doubt = True
            except (operations.KeysTaken, LedgerMoved):
                continue  # whoever was faster has changed what this was decided on
            except (operations.KeysBusy, BridgeError) as error:
                if not doubt and isinstance(error, BridgeError) and not is_held(error.__cause__):
                    raise
                break
            else:
                return _answered(reply)
        if doubt:
            raise BridgeError(Code.PORTAL_FAULT, "the database did not say whether it was carried out")
        raise BridgeError(Code.VOUCHER_RUNNING, retry_after=AGAIN_SECONDS)

    async def _commit(self, branch: Branch, wish: Wanted, redeeming: Redeeming) -> Reply:
        house, committing = self._house, False
        closing = Undoing(redeeming.at, redeeming.key, Undo.CONFIRM)
        try:
            async with house.database.writing() as connection:
                now = house.runtime.clock.now()
                known = await know(connection, [redeeming, closing], now)
                decided = Round(house.vault, house.runtime.ids, now, known)
                reply = decided.decide(redeeming)
                fresh = _fresh(known, redeeming, reply)
                if fresh is not None and fresh.state is OperationState.INTERIM:
                    _must_be_closed(decided.decide(closing))
                await decided.write(connection)
                if fresh is not None:
                    await self._note(connection, branch, wish, known, fresh)
                committing = True
        except BridgeError as error:
            if committing:
                raise CommitUnknown from error
            raise
        for location_id, kind in decided.alarms:
            log.warning("voucher_guessing", location=location_id, kind=kind)
        return reply

    async def _note(
        self, connection: AsyncConnection, branch: Branch, wish: Wanted, known: Known, fresh: KeptOperation
    ) -> None:
        """Notes whose redemption it is; and without a reference, whether it may be one that was asked for before."""
        booked = fresh.voucher_id is not None
        if booked:
            await store.add_redemption(connection, fresh.id, branch.partner_id, referenced=wish.reference is not None)
        voucher_id = fresh.voucher_id or _refused_for_want_of_money(known, branch, wish, fresh)
        if wish.reference is not None or voucher_id is None:
            return
        since = fresh.created_at - SAME
        equal = store.Equal(branch.counter.location_id, voucher_id, wish.amount, since, fresh.id)
        former = await store.earlier(connection, equal)
        if former is None:
            return
        # Of two that were booked the second is asked about; where the second found no money left, the first.
        operation_id, at = former
        subject, other = (fresh.id, at) if booked else (operation_id, fresh.created_at)
        await store.note_repeat(connection, subject, other)


def _redeeming(branch: Branch, wish: Wanted) -> Redeeming:
    asked = Redeem(
        number=wish.code.number,
        pin=wish.code.pin,
        currency=branch.currency,
        exact=wish.amount,
        transaction_ref=wish.reference or wish.key,
        station=branch.station,
    )
    return Redeeming(branch.counter, wish.key, asked, wish.mac)


def _answered(reply: Reply) -> Answered:
    if isinstance(reply, BridgeError):
        raise reply
    if not isinstance(reply, Answered):
        raise TypeError(f"a redemption was answered with {type(reply).__name__}")
    return reply


def _fresh(known: Known, redeeming: Redeeming, reply: Reply) -> KeptOperation | None:
    """The action, where this very request has made it."""
    if not isinstance(reply, Answered) or reply.replayed:
        return None
    return known.operations[scope_of(redeeming)]


def _must_be_closed(reply: Reply) -> None:
    if not isinstance(reply, Operation) or reply.state is not OperationState.CONFIRMED:
        raise TypeError("a redemption that was just booked could not be confirmed")


def _refused_for_want_of_money(known: Known, branch: Branch, wish: Wanted, refused: KeptOperation) -> str | None:
    """The voucher that had too little on it, where that is why nothing was taken."""
    place = known.places.get(branch.counter.location_id)
    if place is None or place.system is None or answers.told(refused).code not in _TOO_LITTLE:
        return None
    return known.numbers.get((place.system.id, wish.code.number))
