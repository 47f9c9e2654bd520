"""What is on a voucher, told to whoever has its number and its PIN (docs/reference/voucher-shop.md, section 6)."""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.domain.voucher_code import read_code, with_pin
from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.accounts import limits
from tillbridge.portal.house import House
from tillbridge.portal.shop.front import Front
from tillbridge.portal.vouchers import operations
from tillbridge.portal.vouchers.guessing import PinGuard
from tillbridge.portal.vouchers.model import Voucher
from tillbridge.portal.vouchers.numbers import unseal_pin
from tillbridge.portal.vouchers.tables import voucher

BY_SOURCE: Final = limits.Limit("shop-balance", 20, timedelta(hours=1))
"""Look-ups from one source address that found nothing."""

BY_SHOP: Final = limits.Limit("shop-balance-all", 300, timedelta(hours=1))
"""Such look-ups in one shop: whoever guesses from a thousand addresses is stopped, and tills are not."""

_USABLE: Final = frozenset({VoucherState.LOADED, VoucherState.EMPTIED, VoucherState.ACTIVATED})


@dataclass(frozen=True, slots=True)
class Balance:
    """What is on a voucher; `usable` says whether it can be spent or loaded."""

    money: Money
    usable: bool


class Balances:
    """The vouchers of every shop's system."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def of(self, front: Front, typed: str, pin: str, source: str) -> Balance:
        """`BridgeError`: SLOW_DOWN; VOUCHER_UNKNOWN alike for a number that is none, a wrong PIN, and a locked one.

        A wrong PIN counts at the voucher as one at a till does; tills are not stopped by what is guessed here.
        """
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            await limits.require(connection, BY_SOURCE, source, now)
            await limits.require(connection, BY_SHOP, front.shop.id, now)
            found = await self._found(connection, front, typed, pin)
            if found is not None:
                await limits.give_back(connection, BY_SOURCE, source)
                await limits.give_back(connection, BY_SHOP, front.shop.id)
        if found is None:
            raise BridgeError(Code.VOUCHER_UNKNOWN)
        return Balance(Money(found.balance, front.system.unit), found.state in _USABLE)

    async def _found(self, connection: AsyncConnection, front: Front, typed: str, pin: str) -> Voucher | None:
        """The voucher, if number and PIN are right and its PIN may be judged; what was guessed is written down."""
        try:
            code = with_pin(read_code(typed), pin or None)
        except BridgeError:
            return None
        rows = await operations.vouchers(connection, {(front.system.id, code.number)}, locked=True)
        for one in rows:
            if one.pin_sealed is None or code.pin is None:
                return None
            now = self._house.runtime.clock.now()
            try:
                one.guard.refuse(now)
            except BridgeError:
                return None
            right = hmac.compare_digest(
                unseal_pin(self._house.vault, one.id, one.pin_sealed).encode(), code.pin.encode()
            )
            guard = PinGuard() if right else one.guard.missed(now)
            if guard != one.guard:
                await _keep(connection, one.id, guard)
            return one if right else None
        return None


async def _keep(connection: AsyncConnection, voucher_id: str, guard: PinGuard) -> None:
    values = {
        "pin_misses": guard.misses,
        "pin_locked_until": guard.locked_until,
        "pin_blocked": guard.blocked,
    }
    await connection.execute(update(voucher).where(voucher.c.id == voucher_id).values(values))
