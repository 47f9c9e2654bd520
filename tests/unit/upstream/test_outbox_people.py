"""What people do with receivers: add and remove them, try them out, replay a message, give them a new secret."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.webhooks import DAY, DOWN, URL, Town, shop, signature
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.manual import run_manual
from tillbridge.upstream.messages import SUBSCRIBABLE
from tillbridge.upstream.records import DeliveryState
from tillbridge.upstream.secret_file import SECRETS_FILE
from tillbridge.upstream.store import MOST_WEBHOOKS

OTHER = "http://127.0.0.1:9/other"
MOMENT = 1.0


def test_what_was_given_up_can_be_replayed_under_the_same_id(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda _: DOWN
        async with shop(tmp_path, town) as here:
            webhook = (await here.add()).webhook
            await here.pay()
            await asyncio.sleep(3 * DAY + 3600)
            town.answers.clear()
            before = len(town.at())
            await here.on_disk()
            (delivery,) = here.outbox.deliveries(webhook.id, None, 10)
            assert delivery.state is DeliveryState.GAVE_UP
            key = here.key("replay")
            again = await here.outbox.replay(delivery.id, key)
            assert (again.state, again.attempts) == (DeliveryState.PENDING, 0)
            await asyncio.sleep(MOMENT)
            assert len(town.at()) == before + 1
            assert {said.id for said in town.at()} == {delivery.message_id}
            await here.on_disk()
            assert here.outbox.delivery(delivery.id).state is DeliveryState.DELIVERED
            await here.outbox.replay(delivery.id, key)
            await asyncio.sleep(MOMENT)
            assert len(town.at()) == before + 1, "the same key is the same replay"

    run_manual(main())


def test_a_test_message_is_sent_once_and_at_once_also_to_one_that_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda _: DOWN
        async with shop(tmp_path, town) as here:
            webhook = (await here.add()).webhook
            for _ in range(20):
                await here.pay()
            await asyncio.sleep(600)
            before = len(town.at())
            key = here.key("test")
            delivery = await here.outbox.test(webhook.id, key)
            await here.outbox.test(webhook.id, key)
            await asyncio.sleep(0)
            await asyncio.sleep(0.5)
            said = town.at()[before]
            assert (said.id, said.json["type"]) == (delivery.message_id, "webhook.test")
            assert said.json["data"] == {"webhook_id": webhook.id}
            await asyncio.sleep(DAY)
            assert len([one for one in town.at() if one.id == said.id]) == 1
            await here.on_disk()
            assert here.outbox.delivery(delivery.id).state is DeliveryState.GAVE_UP
            (attempt,) = here.outbox.attempts(delivery.id)
            assert attempt.failure == DOWN.failure

    run_manual(main())


def test_for_a_day_after_a_rotation_both_secrets_sign(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town) as here:
            first = await here.add()
            key = here.key("rotate")
            second = await here.outbox.rotate(first.webhook.id, key)
            repeated = await here.outbox.rotate(first.webhook.id, key)
            assert (repeated.secret, repeated.replayed) == (None, True)
            await here.pay()
            await asyncio.sleep(DAY + MOMENT)
            await here.pay()
            await asyncio.sleep(MOMENT)
            during, after = town.at()
            old, new = first.secret or "", second.secret or ""
            assert old != new
            assert during.headers["webhook-signature"].split() == [signature(new, during), signature(old, during)]
            assert after.headers["webhook-signature"] == signature(new, after)

    run_manual(main())


def test_who_is_removed_hears_nothing_more_and_its_log_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda _: DOWN
        async with shop(tmp_path, town) as here:
            webhook = (await here.add()).webhook
            await here.pay()
            await asyncio.sleep(MOMENT)
            key = here.key("remove")
            await here.outbox.remove(webhook.id, key)
            await here.outbox.remove(webhook.id, key)
            before = len(town.at())
            await here.pay()
            await asyncio.sleep(DAY)
            assert len(town.at()) == before
            assert here.outbox.webhooks() == []
            assert json.loads((tmp_path / SECRETS_FILE).read_text()) == {}
            for gone in (here.outbox.webhook, lambda one: here.outbox.deliveries(one, None, 10)):
                with pytest.raises(BridgeError) as refusal:
                    gone(webhook.id)
                assert refusal.value.code is Code.WEBHOOK_UNKNOWN
            with pytest.raises(BridgeError) as refusal:
                await here.outbox.remove(webhook.id, here.key("remove"))
            assert refusal.value.code is Code.WEBHOOK_UNKNOWN

    run_manual(main())


def test_the_same_key_is_the_same_receiver_and_shows_no_secret_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with shop(tmp_path, Town()) as here:
            key = here.key("add")
            first = await here.outbox.add(URL, "", SUBSCRIBABLE, key)
            again = await here.outbox.add(URL, "", SUBSCRIBABLE, key)
            assert first.secret is not None
            assert (again.webhook.id, again.secret, again.replayed) == (first.webhook.id, None, True)
            assert list(json.loads((tmp_path / SECRETS_FILE).read_text())) == [first.webhook.id]
            with pytest.raises(BridgeError) as refusal:
                await here.outbox.add(URL, "", SUBSCRIBABLE, replace(key, fingerprint="another"))
            assert refusal.value.code is Code.KEY_CONFLICT

    run_manual(main())


def test_there_is_an_end_to_how_many_there_may_be(tmp_path: Path) -> None:
    async def main() -> None:
        async with shop(tmp_path, Town()) as here:
            for _ in range(MOST_WEBHOOKS):
                await here.add()
            with pytest.raises(BridgeError) as refusal:
                await here.add()
            assert refusal.value.code is Code.WEBHOOK_REFUSED
            assert len(json.loads((tmp_path / SECRETS_FILE).read_text())) == MOST_WEBHOOKS

    run_manual(main())


def test_the_log_of_what_is_done_is_kept_for_a_month(tmp_path: Path) -> None:
    async def main() -> None:
        async with shop(tmp_path, Town()) as here:
            webhook = (await here.add()).webhook
            await here.pay()
            await asyncio.sleep(29 * DAY)
            await here.on_disk()
            assert len(here.outbox.deliveries(webhook.id, None, 10)) == 1
            await asyncio.sleep(2 * DAY)
            await here.on_disk()
            assert here.outbox.deliveries(webhook.id, None, 10) == []

    run_manual(main())


def test_what_is_asked_for_again_while_it_is_being_sent_is_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town(seconds={URL: 10.0})
        async with shop(tmp_path, town) as here:
            webhook = (await here.add()).webhook
            await here.pay()
            await asyncio.sleep(MOMENT)
            assert len(town.at()) == 1
            await here.on_disk()
            (delivery,) = here.outbox.deliveries(webhook.id, None, 10)
            await here.outbox.replay(delivery.id, here.key("replay"))
            await asyncio.sleep(15)
            assert [said.id for said in town.at()] == [delivery.message_id] * 2
            await asyncio.sleep(DAY)
            await here.on_disk()
            assert len(town.at()) == 2
            assert here.outbox.delivery(delivery.id).state is DeliveryState.DELIVERED
            assert len(here.outbox.attempts(delivery.id)) == 2

    run_manual(main())
