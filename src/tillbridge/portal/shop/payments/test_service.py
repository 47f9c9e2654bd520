"""A payment service to try a shop with: a page of our own with Pay, Decline and Cancel. No money moves in it.

What it knows stands in a table, so that a test can say there what a real service might one day say. It is offered by
portals alone that are reached at an address of their own computer (docs/reference/voucher-shop.md).
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, Money, currency
from tillbridge.portal.house import House
from tillbridge.portal.settings import LOOPBACK, PortalSettings
from tillbridge.portal.shop.payments.contract import Abilities, Asked, Begun, PaymentState, Standing
from tillbridge.portal.shop.tables import test_payment, test_refund

NAME: Final = "test"
PAGE: Final = "/shop-test-payment"
SIGNATURE: Final = "x-test-signature"
FRESH: Final = timedelta(hours=1)
"""How old a notification may be: an older one is somebody's copy."""

_REFERENCE_BYTES: Final = 16
_LABEL: Final = "shop-test-notice"


@dataclass(frozen=True, slots=True)
class Shown:
    """A payment as its page shows it."""

    description: str
    money: Money
    state: PaymentState
    return_url: str


class TestPayments:
    """The test service. It keeps the promise of `contract.PaymentService`."""

    __test__ = False

    def __init__(self, house: House) -> None:
        self._house = house

    @staticmethod
    def offered(settings: PortalSettings) -> bool:
        """Whether this portal may have it: not where strangers could pay with nothing."""
        return all((urlsplit(address).hostname or "") in LOOPBACK for address in settings.addresses)

    @property
    def abilities(self) -> Abilities:
        """What it can do."""
        return Abilities(NAME, frozenset(BY_CODE), refunds=True, partial_refunds=True)

    async def create(self, asked: Asked) -> Begun:
        """Begins a payment. The same key never begins a second one."""
        runtime = self._house.runtime
        row = {
            "reference": runtime.chance.randbytes(_REFERENCE_BYTES).hex(),
            "key": asked.key,
            "description": asked.description[:200],
            "amount": asked.amount.minor,
            "currency": asked.amount.currency.code,
            "return_url": asked.return_url,
            "state": PaymentState.PENDING.value,
            "begun_at": runtime.clock.now(),
        }
        async with self._house.database.writing() as connection:
            try:
                async with connection.begin_nested():
                    await connection.execute(insert(test_payment).values(row))
            except IntegrityError:
                # The same key: what it began is told again.
                row["reference"] = await connection.scalar(
                    select(test_payment.c.reference).where(test_payment.c.key == asked.key)
                )
        reference = str(row["reference"])
        return Begun(reference, f"{self._house.settings.address}{PAGE}/{reference}")

    async def status(self, reference: str) -> Standing:
        """How a payment stands."""
        async with self._house.database.reading() as connection:
            return await _standing(connection, reference)

    def reference_of(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """Which payment a notification is about, if its signature holds and it is fresh."""
        given = headers.get(SIGNATURE, "")
        if not hmac.compare_digest(given.encode(), self._signature(body).encode()):
            return None
        try:
            notice = json.loads(body)
            reference, at = str(notice["reference"]), datetime.fromisoformat(notice["at"])
        except (ValueError, KeyError, TypeError):
            return None
        return reference if self._house.runtime.clock.now() - at <= FRESH else None

    async def refund(self, reference: str, amount: Money, key: str) -> Standing:
        """Gives money back. The same key never does it twice."""
        async with self._house.database.writing() as connection:
            locked = select(test_payment.c.reference).where(test_payment.c.reference == reference).with_for_update()
            await connection.execute(locked)
            before = await _standing(connection, reference)
            known = await connection.scalar(select(test_refund.c.key).where(test_refund.c.key == key))
            if known is None:
                paid, gone = before.amount, 0 if before.refunded is None else before.refunded.minor
                if paid is None or amount.currency != paid.currency or amount.minor > paid.minor - gone:
                    raise BridgeError(Code.PAYMENT_SERVICE_REFUSED, "there is not so much to give back")
                row = {"key": key, "reference": reference, "amount": amount.minor}
                await connection.execute(insert(test_refund).values(row))
            return await _standing(connection, reference)

    # ------------------------------------------------------------ its page

    async def shown(self, reference: str) -> Shown:
        """A payment for its page. `BridgeError(RECORD_UNKNOWN)` if there is none."""
        async with self._house.database.reading() as connection:
            row = (
                await connection.execute(select(test_payment).where(test_payment.c.reference == reference))
            ).one_or_none()
        if row is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return Shown(
            row.description, Money(row.amount, currency(row.currency)), PaymentState(row.state), row.return_url
        )

    async def decide(self, reference: str, state: PaymentState) -> None:
        """What the buyer presses. A payment that is decided stays so."""
        pending = (test_payment.c.reference == reference) & (test_payment.c.state == PaymentState.PENDING.value)
        paid = state is PaymentState.PAID
        values = {
            "state": state.value,
            "paid_amount": test_payment.c.amount if paid else None,
            "paid_currency": test_payment.c.currency if paid else None,
        }
        async with self._house.database.writing() as connection:
            await connection.execute(update(test_payment).where(pending).values(values))

    def notice(self, reference: str) -> tuple[Mapping[str, str], bytes]:
        """The notification that it sends: headers and body."""
        at = self._house.runtime.clock.now().isoformat()
        body = json.dumps({"reference": reference, "at": at}).encode()
        return {SIGNATURE: self._signature(body)}, body

    def _signature(self, body: bytes) -> str:
        return self._house.vault.mac(_LABEL, body).hex()


async def _standing(connection: AsyncConnection, reference: str) -> Standing:
    row = (await connection.execute(select(test_payment).where(test_payment.c.reference == reference))).one_or_none()
    if row is None:
        raise BridgeError(Code.PAYMENT_SERVICE_REFUSED, "the service knows no such payment")
    back = await connection.scalar(select(func.sum(test_refund.c.amount)).where(test_refund.c.reference == reference))
    amount = None if row.paid_amount is None else Money(row.paid_amount, currency(row.paid_currency))
    refunded = None if not back or amount is None else Money(int(back), amount.currency)
    state = PaymentState(row.state)
    if refunded is not None and amount is not None and refunded.minor >= amount.minor:
        state = PaymentState.REFUNDED
    return Standing(reference, state, amount, refunded)
