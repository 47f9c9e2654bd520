"""Gives redemptions of tills of other makers back, in whole or in part.

Nothing keeps money from going back: no block, no licence, no switch, and no voucher that has been replaced meanwhile.
Rows are locked in the desk's own order, the action first and then its vouchers, and the ledger is written by its clerk.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import VoucherCode
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger import store as ledger
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import Occasion, Original
from tillbridge.portal.ledger.store import LedgerMoved
from tillbridge.portal.storage.database import is_held
from tillbridge.portal.storage.line import Line
from tillbridge.portal.thirdparty import store
from tillbridge.portal.thirdparty.branches import Branch
from tillbridge.portal.thirdparty.model import CancelAsked, GivenBack
from tillbridge.portal.vouchers import operations
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.desk import AGAIN_SECONDS, ATTEMPTS
from tillbridge.portal.vouchers.following import onward
from tillbridge.portal.vouchers.knowing import BOOKED
from tillbridge.portal.vouchers.model import KeptOperation
from tillbridge.portal.vouchers.systems_model import Life


class Cancellations:
    """The cancellations of every merchant in this form."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def cancel(self, branch: Branch, code: VoucherCode, asked: CancelAsked) -> GivenBack:
        """Gives back what is asked for, or all that is left of it.

        `BridgeError`: RECORD_UNKNOWN for a token that is none of this location and voucher; VOUCHER_OVER_REVERSAL for
        more than is left; VOUCHER_RUNNING while others hold the same rows.
        """
        for _ in range(ATTEMPTS):
            try:
                return await self._once(branch, code, asked)
            except (operations.KeysTaken, LedgerMoved):
                continue  # the voucher was replaced in the very moment
            except BridgeError as error:
                if is_held(error.__cause__):
                    break
                raise
        raise BridgeError(Code.VOUCHER_RUNNING, retry_after=AGAIN_SECONDS)

    async def _once(self, branch: Branch, code: VoucherCode, asked: CancelAsked) -> GivenBack:
        house, reference = self._house, asked.reference_number or ""
        async with house.database.writing() as connection:
            await operations.set_out(connection)
            scope = branch.counter.location_id, asked.redeem_token
            kept = (await operations.find(connection, {scope}, locked=True)).get(scope)
            booking = None if kept is None else await store.booking_of(connection, kept.id)
            if kept is None or booking is None or booking.number != code.number:
                said = "no redemption of this voucher at this location has this token"
                raise BridgeError(Code.RECORD_UNKNOWN, said, place="redeem_token")
            if reference:
                before = await store.given_before(connection, kept.id, reference, asked.amount_in_cents)
                if before is not None:
                    return before
            now = house.runtime.clock.now()
            given = await self._give(connection, kept, booking.entry_id, asked.amount_in_cents, now)
            await store.add_cancel(connection, house.runtime.ids.new(), kept.id, reference, given, now)
        return given

    async def _give(
        self, connection: AsyncConnection, kept: KeptOperation, entry_id: str, asked: int | None, now: datetime
    ) -> GivenBack:
        voucher_id = kept.voucher_id or ""
        successors = await ledger.successors(connection, [voucher_id])
        clerk = await Clerk.open(connection, {voucher_id, *successors.values()})
        ends = {one.id for one in clerk.vouchers.values() if one.life is Life.RETIRED} - successors.keys()
        if await ledger.successors(connection, ends):
            raise operations.KeysTaken
        original = (await clerk.originals([entry_id]))[entry_id]
        amount = original.left if asked is None else asked
        if amount > original.left:
            raise BridgeError(Code.VOUCHER_OVER_REVERSAL, members={"left": original.left})
        if amount:
            zones = await operations.zones(connection, {clerk.vouchers[voucher_id].system_id})
            (zone,) = zones.values()
            self._post(clerk, successors, original, amount, _occasion(kept, original, zone, now))
            await clerk.write()
        if amount == original.left and kept.state in BOOKED:
            line = Line(connection)
            operations.ask_change(line, [replace(kept, state=OperationState.PUT_BACK, closed_at=now)])
            await line.run()
        return GivenBack(asked, amount, clerk.account(voucher_id).balance)

    def _post(  # what is known of one redemption
        self, clerk: Clerk, successors: Mapping[str, str], original: Original, amount: int, at: Occasion
    ) -> None:
        new_id, voucher_id = self._house.runtime.ids.new, original.entry.voucher_id
        clerk.post(book.take_back(clerk.account(voucher_id), original, amount, at, new_id()))
        accounts = {one: clerk.account(one) for one in clerk.vouchers}
        passed = onward(voucher_id, clerk.vouchers, accounts, successors, at, new_id)
        for one in passed.postings:
            clerk.post(one)
        if passed.revived is not None:
            clerk.keep(replace(clerk.vouchers[passed.revived], life=Life.ACTIVE))


def _occasion(kept: KeptOperation, original: Original, zone: str, now: datetime) -> Occasion:
    return Occasion(
        location_id=kept.location_id,
        business_day=business_day(now, zone),
        booked_at=now,
        station=original.entry.at.station,
        operator=original.entry.at.operator,
        transaction_ref=kept.transaction_ref,
    )
