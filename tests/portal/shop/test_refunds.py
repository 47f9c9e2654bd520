"""Money goes back for what is unspent, each voucher once, wherever the process dies."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.portal.people import TOKEN, owner
from tests.portal.shop.stand import Stand, proven, together
from tests.portal.vouchers.floor import open_desk
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.link.voucher_messages import Redeem
from tillbridge.portal.house import House
from tillbridge.portal.shop import refunds
from tillbridge.portal.shop.model import OrderState
from tillbridge.portal.shop.payments.contract import PaymentState
from tillbridge.portal.shop.payments.contract import Standing as Answer
from tillbridge.portal.shop.payments.test_service import TestPayments
from tillbridge.portal.shop.tables import refund, test_refund
from tillbridge.portal.vouchers.model import Counter
from tillbridge.portal.vouchers.numbers import unseal_pin


async def spend(stand: Stand, order_id: str, place: int, amount: int) -> int:
    """Pays with a voucher of an order at the other shop; returns the HTTP status."""
    one = (await stand.units(order_id))[place]
    assert one.pin_sealed is not None
    pin = unseal_pin(stand.house.vault, one.voucher_id, one.pin_sealed)
    counter = Counter(stand.places[1], stand.person.home, "link")
    async with open_desk(stand.house) as desk:
        asked = Redeem(number=one.number, pin=pin, currency="EUR", up_to=amount, transaction_ref="r1")
        return (await desk.redeem(counter, stand.house.runtime.ids.new(), asked)).status


async def states(house: House) -> list[tuple[str, int]]:
    async with house.database.reading() as connection:
        return [(row.state, row.amount) for row in await connection.execute(select(refund).order_by(refund.c.id))]


async def test_an_unspent_order_is_given_back_as_a_whole(stand: Stand) -> None:
    order_id = await stand.issued(quantity=2)
    await stand.office.refund(proven(stand), order_id, "bought twice")
    assert (await stand.order(order_id)).state is OrderState.REFUNDED
    assert [(each.balance, each.blocked, each.refunded) for each in await stand.units(order_id)] == [
        (0, True, True)
    ] * 2
    assert (await stand.payments.status(await stand.reference(order_id))).state is PaymentState.REFUNDED
    assert (await stand.happened(order_id))[-3:] == ["refund_begun", "load_reversed", "refunded"]
    with pytest.raises(BridgeError) as refused:
        await stand.office.refund(proven(stand), order_id, "again")
    assert refused.value.code is Code.RECORD_CONFLICT
    await stand.sound()


async def test_a_voucher_can_be_spent_at_once_and_is_then_not_given_back(stand: Stand) -> None:
    order_id = await stand.issued(quantity=2)
    assert await spend(stand, order_id, 0, 1000) == 200
    await stand.office.refund(proven(stand), order_id, "one is left")
    assert [each.balance for each in await stand.units(order_id)] == [1500, 0]
    assert (await stand.order(order_id)).state is OrderState.DELIVERED
    assert await states(stand.house) == [("refunded", 2500)]
    await stand.sound()


async def test_a_refund_needs_a_fresh_proof_and_a_reason(stand: Stand) -> None:
    order_id = await stand.issued()
    for person, reason, code in (
        (stand.person, " ", Code.FIELD_INVALID),
        (owner(stand.person.home), "why not", Code.STEP_UP_NEEDED),
    ):
        with pytest.raises(BridgeError) as refused:
            await stand.office.refund(person, order_id, reason)
        assert refused.value.code is code
    assert await states(stand.house) == []


async def test_two_who_refund_at_once_give_back_once(stand: Stand) -> None:
    order_id = await stand.issued()
    ends = await together(stand.office.refund(proven(stand), order_id, "twice") for _ in range(3))
    assert sum(isinstance(one, BridgeError) for one in ends) == 2
    assert await stand.count(test_refund) == 1
    await stand.sound()


class _KilledError(Exception):
    """The process dies here."""


@pytest.mark.parametrize("point", ["_reverse", "_ask", "_finish", "written"])
async def test_a_refund_that_is_killed_goes_on_where_it_was(
    stand: Stand, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await stand.issued(quantity=2)

    async def dies(*_: object, **__: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patched:
        if point == "written":
            # The service has given the money back, and its answer is lost.
            real = TestPayments.refund

            async def lost(self: TestPayments, *asked: object) -> None:
                await real(self, *asked)  # type: ignore[arg-type]  # handed on as it came
                raise _KilledError

            patched.setattr(TestPayments, "refund", lost)
        else:
            patched.setattr(refunds.Refunds, point, dies)
        with pytest.raises(_KilledError):
            await stand.office.refund(proven(stand), order_id, "power cut")
    assert all(each.blocked for each in await stand.units(order_id))
    await stand.checkout.step()
    assert (await stand.order(order_id)).state is OrderState.REFUNDED
    assert await stand.count(test_refund) == 1
    assert await states(stand.house) == [("refunded", 5000)]
    assert [each.balance for each in await stand.units(order_id)] == [0, 0]
    await stand.sound()


async def test_what_was_paid_wrongly_is_given_back_as_it_was_paid(stand: Stand) -> None:
    order_id = await stand.placed()
    await stand.pay(order_id, 2000, "CHF")
    await stand.checkout.look(order_id)
    await stand.office.refund(proven(stand), order_id, "another currency")
    standing = await stand.payments.status(await stand.reference(order_id))
    assert (str(standing.refunded), (await stand.order(order_id)).state) == ("20.00 CHF", OrderState.REFUNDED)


class RefusesRefunds(TestPayments):
    """A service that gives nothing back."""

    async def refund(self, reference: str, amount: Money, key: str) -> Answer:  # noqa: ARG002  # the names are the promise's
        raise BridgeError(Code.PAYMENT_SERVICE_REFUSED)


async def test_what_was_refused_is_asked_for_again_by_a_person_under_the_same_id(stand: Stand) -> None:
    order_id = await stand.issued()
    refusing = replace(stand, services={"test": RefusesRefunds(stand.house)})
    await refusing.office.refund(proven(stand), order_id, "no reason")
    assert await states(stand.house) == [("refused", 2500)]
    path = f"/shops/orders/{order_id}"
    assert "Refund again" in (await stand.browser(person=proven(stand)).get(path)).text
    await refusing.office.refund_again(proven(stand), order_id)
    assert await states(stand.house) == [("refused", 2500)]
    again = await stand.browser(person=proven(stand)).post(f"{path}/refund-again", token=TOKEN)
    assert again.status == 303
    assert await states(stand.house) == [("refunded", 2500)]
    assert await stand.count(test_refund) == 1
    assert (await stand.browser(person=proven(stand)).post(f"{path}/refund-again", token=TOKEN)).status == 409
    with pytest.raises(BridgeError) as refused:
        await stand.office.refund_again(owner(stand.person.home), order_id)
    assert refused.value.code is Code.STEP_UP_NEEDED
    assert (await stand.order(order_id)).state is OrderState.REFUNDED
    await stand.sound()
