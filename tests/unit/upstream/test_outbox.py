"""Telling receivers: every event once where all goes well, again where it did not, and nobody waits for another one."""

import asyncio
import sqlite3
from collections import Counter
from datetime import timedelta
from pathlib import Path

from tests.support.webhooks import DAY, DOWN, TOOK_IT, URL, Said, Shop, Town, shop, signature
from tests.unit.engine.house import PAID
from tests.unit.engine.puppet import LOST
from tillbridge.domain.outcome import Declined
from tillbridge.runtime.manual import EPOCH, run_manual
from tillbridge.upstream.messages import MessageType
from tillbridge.upstream.records import DeliveryState
from tillbridge.web.webhooks.courier import Reply

OTHER = "http://127.0.0.1:9/other"
MOMENT = 1.0


def test_the_end_of_a_payment_is_told_at_once_with_the_right_signature(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town) as here:
            secret = (await here.add()).secret
            payment = await here.pay(order_id="47")
            await asyncio.sleep(MOMENT)
            (said,) = town.at()
            assert said.headers["webhook-signature"] == signature(secret or "", said)
            assert said.json["type"] == "payment.approved"
            assert (said.json["data"]["id"], said.json["data"]["money_moved"]) == (payment.id, "yes")
            assert said.json["data"]["order_id"] == "47"
            assert said.json["timestamp"].endswith("Z")
            await here.on_disk()
            (delivery,) = here.outbox.deliveries(here.outbox.webhooks()[0].id, None, 10)
            assert (delivery.state, delivery.attempts, delivery.payment_id) == ("delivered", 1, payment.id)

    run_manual(main())


def test_a_doubt_and_its_end_are_two_messages(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town) as here:
            await here.add()
            payment = await here.pay(LOST)
            await asyncio.sleep(MOMENT)
            await here.engine.resolve(payment.id, taken=False, by="Ada", reason="no slip")
            await asyncio.sleep(MOMENT)
            assert [said.json["type"] for said in town.at()] == ["payment.in_doubt", "payment.declined"]
            assert [said.json["data"]["money_moved"] for said in town.at()] == ["unknown", "no"]
            assert len({said.id for said in town.at()}) == 2

    run_manual(main())


def test_a_receiver_hears_only_what_it_asked_for_and_nothing_of_the_past(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town) as here:
            await here.pay(Declined())
            await here.add(types=(MessageType.DECLINED,))
            await here.pay(PAID)
            late = await here.pay(Declined())
            await asyncio.sleep(MOMENT)
            assert [said.json["data"]["id"] for said in town.at()] == [late.id]

    run_manual(main())


def test_a_receiver_that_is_down_for_a_day_hears_of_it_all_within_an_hour_after(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda said: DOWN if said.at < DAY else TOOK_IT
        async with shop(tmp_path, town) as here:
            await here.add(URL)
            await here.add(OTHER)
            paid = []
            for _ in range(24):
                paid.append((await here.pay()).id)
                await asyncio.sleep(DAY / 24)
            told_other = [said.json["data"]["id"] for said in town.at(OTHER)]
            assert told_other == paid
            await asyncio.sleep(4800)
            told = [said for said in town.at(URL) if said.at >= DAY]
            assert sorted(said.json["data"]["id"] for said in told) == sorted(paid)
            while_down = [said for said in town.at(URL) if said.at < DAY]
            assert len({said.id for said in while_down}) == len(paid)
            assert len(while_down) < 24 * len(paid) + 7 * len(paid), "it is not asked more often than the steps say"

    run_manual(main())


def test_a_broken_receiver_with_much_before_it_is_asked_about_once_a_minute(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda said: Reply(500, "it answered 500") if said.at < 3600 else TOOK_IT
        async with shop(tmp_path, town) as here:
            await here.add()
            for _ in range(100):
                await here.pay()
            await asyncio.sleep(3600)
            assert len(town.at()) < 60 / 0.8 + 10
            await asyncio.sleep(4800)
            took = Counter(said.id for said in town.at() if said.at >= 3600)
            assert len(took) == 100
            assert set(took.values()) == {1}

    run_manual(main())


def test_one_message_that_is_never_taken_holds_up_no_other_and_is_given_up_after_three_days(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town) as here:
            webhook = (await here.add()).webhook
            poison = await here.pay(order_id="poison")
            refuses = Reply(400, "it answered 400")
            town.answers[URL] = lambda said: refuses if said.json["data"]["id"] == poison.id else TOOK_IT
            await asyncio.sleep(MOMENT)
            for _ in range(5):
                await here.pay()
            await asyncio.sleep(120)
            assert len({said.id for said in town.at()} - {town.at()[0].id}) == 5
            await asyncio.sleep(3 * DAY - 600)
            await here.on_disk()
            assert _state_of(here, webhook.id, poison.id) is DeliveryState.PENDING
            await asyncio.sleep(1200)
            await here.on_disk()
            assert _state_of(here, webhook.id, poison.id) is DeliveryState.GAVE_UP
            tries = len([said for said in town.at() if said.json["data"]["id"] == poison.id])
            assert 70 < tries < 100
            await asyncio.sleep(DAY)
            assert len([said for said in town.at() if said.json["data"]["id"] == poison.id]) == tries

    run_manual(main())


def _state_of(here: Shop, webhook_id: str, payment_id: str) -> DeliveryState:
    (found,) = [one for one in here.outbox.deliveries(webhook_id, None, 50) if one.payment_id == payment_id]
    return found.state


def test_a_receiver_that_takes_its_time_slows_down_neither_another_one_nor_a_payment(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town(seconds={URL: 14.0})
        async with shop(tmp_path, town) as here:
            await here.add(URL)
            await here.add(OTHER)
            began = asyncio.get_running_loop().time()
            for _ in range(20):
                await here.pay()
            assert asyncio.get_running_loop().time() - began == 0
            await asyncio.sleep(MOMENT)
            assert len(town.at(OTHER)) == 20
            assert len(town.at(URL)) == 1
            await asyncio.sleep(20 * 14)
            assert len(town.at(URL)) == 20

    run_manual(main())


def test_a_receiver_that_asks_to_be_left_alone_is_but_not_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        busy = Reply(429, "it answered 429", timedelta(days=9))
        town.answers[URL] = lambda said: busy if said.at < 60 else TOOK_IT
        async with shop(tmp_path, town) as here:
            await here.add()
            await here.pay()
            await asyncio.sleep(3500)
            assert len(town.at()) == 1
            await asyncio.sleep(200)
            assert len(town.at()) == 2

    run_manual(main())


def test_killed_between_the_delivery_and_its_note_it_is_told_once_more_under_the_same_id(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town) as here:
            await here.add()
            await here.pay()
            await asyncio.sleep(MOMENT)
            assert len(town.at()) == 1
            here.committer.lose()
        async with shop(tmp_path, town) as here:
            await asyncio.sleep(MOMENT)
            assert len(town.at()) == 2
            assert len({said.id for said in town.at()}) == 1
            assert town.at()[0].body == town.at()[1].body
            await here.on_disk()
        async with shop(tmp_path, town):
            await asyncio.sleep(DAY)
        assert len(town.at()) == 2

    run_manual(main())


def test_what_happened_while_nobody_was_told_is_told_later(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town, telling=False) as here:
            await here.add()
            paid = [(await here.pay()).id for _ in range(450)]
        assert town.heard == []
        async with shop(tmp_path, town):
            await asyncio.sleep(MOMENT)
        assert [said.json["data"]["id"] for said in town.at()] == paid

    run_manual(main())


def test_after_the_clock_was_set_back_nothing_waits_for_the_old_time(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda said: DOWN if said.at < 2 * DAY else TOOK_IT
        async with shop(tmp_path, town) as here:
            await here.add()
            await here.pay()
            await asyncio.sleep(2 * DAY)
            here.clock.set(EPOCH - timedelta(days=300))
            await asyncio.sleep(100)
            assert len([said for said in town.at() if said.at > 2 * DAY]) == 1

    run_manual(main())


def test_an_outcome_that_is_not_on_disk_yet_is_told_to_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with shop(tmp_path, town) as here:
            await here.add()
            payment = await here.pay()
            await asyncio.sleep(MOMENT)
            assert len(town.at()) == 1
            event = (payment.id, "t1", "contradiction", 0, "{}")

            def ride(connection: sqlite3.Connection) -> None:
                connection.execute(
                    "INSERT INTO event (operation_id, terminal, type, at, detail) VALUES (?, ?, ?, ?, ?)", event
                )

            await here.committer.submit(ride, durable=False)
            await asyncio.sleep(100)
            assert len(town.at()) == 1
            await here.on_disk()
            await asyncio.sleep(100)
            assert [said.json["type"] for said in town.at()] == ["payment.approved", "payment.contradiction"]

    run_manual(main())


def test_a_fault_of_our_own_with_one_receiver_ends_no_other(tmp_path: Path) -> None:
    def breaks(_: Said) -> Reply:
        raise RuntimeError("a fault")

    async def main() -> None:
        town = Town()
        town.answers[URL] = breaks
        async with shop(tmp_path, town) as here:
            await here.add(URL)
            await here.add(OTHER)
            await here.pay()
            await here.pay()
            await asyncio.sleep(100)
            assert len(town.at(OTHER)) == 2
            assert 2 <= len(town.at(URL)) <= 5
            town.answers.clear()
            await asyncio.sleep(100)
            assert len({said.id for said in town.at(URL)}) == 2

    run_manual(main())
