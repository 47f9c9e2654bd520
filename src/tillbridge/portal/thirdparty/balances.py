"""What is on a voucher, as a till of another maker is told it."""

from dataclasses import dataclass, replace
from datetime import datetime

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import VoucherCode
from tillbridge.link.voucher_messages import Lookup
from tillbridge.portal.house import House
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.thirdparty import store
from tillbridge.portal.thirdparty.branches import Branch
from tillbridge.portal.vouchers import guessing_store as guesses
from tillbridge.portal.vouchers import judging, operations
from tillbridge.portal.vouchers.desk import VoucherDesk
from tillbridge.portal.vouchers.guessing import Guess, Window
from tillbridge.portal.vouchers.model import Place, Voucher
from tillbridge.portal.vouchers.systems_model import VoucherSystem


@dataclass(frozen=True, slots=True)
class Balance:
    """`total` is all that was ever loaded; `reason` why it cannot be redeemed at this moment and place, if so."""

    amount: int
    total: int
    reason: BridgeError | None


class Balances:
    """The balances of every merchant's vouchers. They need no PIN."""

    def __init__(self, house: House, desk: VoucherDesk) -> None:
        self._house = house
        self._desk = desk

    async def of(self, branch: Branch, code: VoucherCode) -> Balance:
        """`BridgeError`: what the service is refused with, and what the desk refuses a look-up with.

        The desk counts unknown numbers there, so that nobody finds vouchers by this way that no other one shows.
        """
        now = self._house.runtime.clock.now()
        branch.refuse(now)
        await self._desk.lookup(branch.counter, Lookup(number=code.number, currency=branch.currency))
        location_id = branch.counter.location_id
        async with self._house.database.reading() as connection:
            place = (await operations.places(connection, {location_id})).get(location_id)
            system = judging.system_at(place, branch.currency)
            found = await operations.vouchers(connection, {(system.id, code.number)})
            if place is None or not found:
                raise BridgeError(Code.VOUCHER_UNKNOWN, place="code")
            (one,) = found
            days = await ledger.last_days(connection, {one.id} if one.written_off else ())
            guessed = await guesses.windows(connection, {location_id}, now)
            total = await store.loaded_in_all(connection, one.id)
        window = guessed.get((location_id, Guess.PIN.value), Window())
        reason = _reason(replace(one, expired_on=days.get(one.id)), place, system, window, now)
        return Balance(one.balance, total, reason)


def _reason(voucher: Voucher, place: Place, system: VoucherSystem, window: Window, now: datetime) -> BridgeError | None:
    """What a redemption would be refused with before its PIN is looked at, in the order of the desk."""
    try:
        judging.usable(voucher, place, system, to_pay=True)
        if voucher.pin_sealed is not None:
            window.refuse(now)
            voucher.guard.refuse(now)
    except BridgeError as error:
        return error
    return None if voucher.balance else BridgeError(Code.VOUCHER_EMPTY, members={"balance": 0})
