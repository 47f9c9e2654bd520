"""Messages reach their receivers: in order, again after a failure, and not for ever."""

from collections import defaultdict
from datetime import timedelta

import pytest

from tests.portal.clock import HandClock
from tests.portal.partners.hearing import DOWN, TOOK_IT, URL, Hearing, Said
from tests.portal.partners.place import events
from tests.portal.people import owner, somebody
from tests.portal.vouchers.conftest import floor
from tests.portal.vouchers.floor import Floor
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.partners import hooks_model, hooks_store
from tillbridge.portal.partners.hooks_model import CHOOSABLE, DeliveryState, Topic
from tillbridge.portal.partners.hooks_service import HookDraft
from tillbridge.web.webhooks.courier import Reply

__all__ = ["floor"]


@pytest.fixture
def hearing(floor: Floor) -> Hearing:
    return Hearing(floor)


async def test_a_message_is_signed_and_its_secret_can_be_changed_in_peace(hearing: Hearing, clock: HandClock) -> None:
    shown = await hearing.add()
    assert shown.secret not in repr(shown)
    await hearing.hooks.test(hearing.person, shown.webhook.id)
    await hearing.carry()
    newer = await hearing.hooks.rotate(hearing.person, shown.webhook.id)
    await hearing.hooks.test(hearing.person, shown.webhook.id)
    await hearing.carry()
    clock.forward(hours=24)
    await hearing.hooks.test(hearing.person, shown.webhook.id)
    await hearing.carry()
    signed = [(said.signed_with(shown.secret), said.signed_with(newer.secret)) for said in hearing.town.heard]
    assert signed == [(True, False), (True, True), (False, True)]
    assert hearing.town.heard[0].json["data"] == {"webhook": shown.webhook.id}
    assert [event for event, _ in await events(hearing.house, "webhook")] == ["webhook.added", "webhook.rotated"]


async def test_a_failure_is_tried_again_and_what_is_about_the_same_voucher_waits(
    hearing: Hearing, clock: HandClock
) -> None:
    shown = await hearing.add()
    first, second = await hearing.floor.voucher(loaded=900), await hearing.floor.voucher(loaded=800)
    await hearing.floor.redeem(first, 100)
    await hearing.floor.redeem(second, 50)
    await hearing.tell()
    fails = {"left": 1}

    def once(said: Said) -> Reply:
        if said.json["data"]["balance"] == 900 and fails["left"]:
            fails["left"] -= 1
            return DOWN
        return TOOK_IT

    hearing.town.answers[URL] = once
    await hearing.carry()
    # The receiver is left alone for a moment, and then for the message that failed a little longer.
    await hearing.carry()
    assert len(hearing.town.heard) == 2
    clock.forward(seconds=2)
    await hearing.carry()
    assert [said.json["data"]["balance"] for said in hearing.town.heard[2:]] == [750]
    clock.forward(seconds=10)
    await hearing.carry()
    assert [said.json["data"]["balance"] for said in hearing.town.heard[3:]] == [900, 800]
    ids = defaultdict(set)
    for said in hearing.town.heard:
        ids[said.json["data"]["voucher"]["id"], said.json["data"]["entry"]].add(said.headers["webhook-id"])
    assert len(hearing.town.heard) == 5
    assert all(len(one) == 1 for one in ids.values())
    log = await hearing.log(shown)
    assert {one.state for one in log} == {DeliveryState.DELIVERED}
    assert sorted(one.attempts for one in log) == [1, 1, 1, 2]


async def test_after_three_days_it_is_given_up_and_can_be_sent_again(hearing: Hearing, clock: HandClock) -> None:
    shown = await hearing.add()
    number = await hearing.floor.voucher(loaded=900)
    await hearing.floor.redeem(number, 100)
    await hearing.tell()
    hearing.town.answers[URL] = lambda _: Reply(503, "it answered 503")
    for _ in range(7):
        clock.forward(hours=12)
        await hearing.carry()
    loaded, redeemed = await hearing.log(shown)
    assert (loaded.state, loaded.fault, loaded.status) == (DeliveryState.GAVE_UP, "it answered 503", 503)
    assert (loaded.attempts, loaded.ended_at) == (6, loaded.since + timedelta(days=3))
    # What waited behind it is as old: it had its turn, once.
    assert (redeemed.state, redeemed.attempts) == (DeliveryState.GAVE_UP, 1)
    assert (await hearing.hooks.all(hearing.person))[0].gave_up == 2
    del hearing.town.answers[URL]
    for one in (redeemed, loaded):
        await hearing.hooks.replay(hearing.person, shown.webhook.id, one.id)
    await hearing.carry()
    assert hearing.town.types()[-2:] == ["voucher.loaded", "voucher.redeemed"]
    assert {one.state for one in await hearing.log(shown)} == {DeliveryState.DELIVERED}
    assert (await hearing.hooks.all(hearing.person))[0].webhook.failures == 0


async def test_a_trial_is_sent_once(hearing: Hearing) -> None:
    shown = await hearing.add()
    hearing.town.answers[URL] = lambda _: DOWN
    await hearing.hooks.test(hearing.person, shown.webhook.id)
    await hearing.carry()
    (trial,) = await hearing.log(shown)
    assert (trial.topic, trial.state, trial.fault) == (Topic.TEST, DeliveryState.GAVE_UP, DOWN.failure)


async def test_one_receiver_that_fails_holds_up_no_other(hearing: Hearing) -> None:
    await hearing.add()
    await hearing.add(URL + "/2")

    def fault(_: Said) -> Reply:
        raise ZeroDivisionError

    hearing.town.answers[URL] = fault
    for amount in (500, 600):
        await hearing.floor.voucher(loaded=amount)
    await hearing.tell()
    await hearing.carry()
    assert hearing.town.types(URL + "/2") == ["voucher.loaded", "voucher.loaded"]


async def test_a_process_that_died_on_the_way_is_followed_by_another(hearing: Hearing, clock: HandClock) -> None:
    shown = await hearing.add()
    await hearing.floor.voucher(loaded=500)
    await hearing.tell()
    async with hearing.house.database.writing() as connection:
        claimed = await hooks_store.claim(connection, shown.webhook.id, clock.now(), hooks_model.KEPT, 5)
    assert len(claimed) == 1
    await hearing.carry()
    assert hearing.town.heard == []
    clock.forward(days=30)
    await hearing.carry()
    assert hearing.town.types() == ["voucher.loaded"]
    # The first one comes back to life: what it noted is of an attempt that counts no more.
    async with hearing.house.database.writing() as connection:
        await hooks_store.settle(connection, claimed[0])
    assert [one.state for one in await hearing.log(shown)] == [DeliveryState.DELIVERED]


async def test_an_address_inside_is_refused(hearing: Hearing) -> None:
    for url in (
        "http://shop.example/told",
        "https://127.0.0.1/told",
        "https://10.0.0.1/told",
        "https://[::1]/told",
        "https://169.254.169.254/latest",
        "https://user:pw@shop.example/",
        "https://0x7f000001/",
        "ftp://shop.example/",
        "",
    ):
        with pytest.raises(BridgeError) as error:
            await hearing.add(url)
        assert (error.value.code, error.value.place) == (Code.WEBHOOK_REFUSED, "url"), url
    assert await hearing.hooks.all(hearing.person) == []


async def test_webhooks_are_for_who_may_for_the_whole_company(hearing: Hearing) -> None:
    shown = await hearing.add()
    home, here = hearing.person.home, frozenset({hearing.floor.here.location_id})
    local = somebody(home, "interfaces.partners.edit", locations=here)
    for person, code in ((local, Code.RIGHT_MISSING), (owner(home), Code.STEP_UP_NEEDED)):
        for attempt in (
            hearing.hooks.add(person, HookDraft(URL, "", CHOOSABLE)),
            hearing.hooks.rotate(person, shown.webhook.id),
        ):
            with pytest.raises(BridgeError) as error:
                await attempt
            assert error.value.code is code
    with pytest.raises(BridgeError) as error:
        await hearing.hooks.add(hearing.person, HookDraft(URL, "", ()))
    assert error.value.place == "topics"
    await hearing.hooks.remove(hearing.person, shown.webhook.id)
    assert await hearing.hooks.all(hearing.person) == []
