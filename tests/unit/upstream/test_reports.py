"""Reports to the receivers of the settings: each at least once, in order for each payment, and nothing is ever lost."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.reports import reporting, settings, webhook
from tests.support.webhooks import DAY, DOWN, TOOK_IT, URL, Said, Town
from tests.unit.engine.house import PAID
from tests.unit.engine.puppet import LOST
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import Aborted, Declined
from tillbridge.protocols.deliveries import NOT_REPORTED, Reported, ReportState
from tillbridge.runtime.manual import run_manual
from tillbridge.upstream.reports import schedule
from tillbridge.upstream.reports.records import MessageState
from tillbridge.upstream.reports.runner import GENTLE_SECONDS, PACE_SECONDS, QUIET_SECONDS, ReceiverState
from tillbridge.upstream.settings import UpstreamSettings
from tillbridge.web.webhooks.courier import Reply

MOMENT = 3.0
OTHER = "http://127.0.0.1:9/other"
CONTRACTS = {
    "proxy": {"payment_application": "001", "merchant_id": "1234567"},
    "nfc": {"payment_application": "00B", "merchant_id": "1234568"},
}


def test_every_outcome_is_told_once_and_a_doubt_only_as_a_doubt(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with reporting(tmp_path, town, settings(webhook())) as here:
            for outcome in (PAID, Declined(), Aborted()):
                await here.pay(outcome)
            doubt = await here.pay(LOST)
            await asyncio.sleep(MOMENT)
            ends = ["payment.approved", "payment.declined", "payment.aborted", "payment.in_doubt"]
            assert [said.json["type"] for said in town.at()] == ends
            await here.engine.resolve(doubt.id, taken=True, by="Ada", reason="the slip")
            await asyncio.sleep(MOMENT)
            assert town.at()[-1].json["type"] == "payment.approved"
            assert len(await here.messages(MessageState.SENT)) == 5
            assert len({said.id for said in town.at()}) == 5

    run_manual(main())


def test_a_receiver_is_told_nothing_of_the_time_before_it_was_set_up_and_all_since_then(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with reporting(tmp_path, town, UpstreamSettings()) as here:
            await here.pay()
        async with reporting(tmp_path, town, settings(webhook()), telling=False, seed=3) as here:
            while_asleep = await here.pay()
        async with reporting(tmp_path, town, settings(webhook()), seed=5) as here:
            await asyncio.sleep(MOMENT)
            assert [said.json["data"]["id"] for said in town.at()] == [while_asleep.id]

    run_manual(main())


@pytest.mark.parametrize("days", [0.5, pytest.param(3, marks=pytest.mark.soak)])
def test_days_of_outage_and_then_a_flood_each_payment_once(tmp_path: Path, days: float) -> None:
    back = days * DAY

    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda said: DOWN if said.at < back else TOOK_IT
        async with reporting(tmp_path, town, settings(webhook())) as here:
            paid = []
            for _ in range(72):
                paid.append((await here.pay()).id)
                await asyncio.sleep(back / 72)
            await here.on_disk()
            before = len(town.at())
            assert before < back / (schedule.LONGEST_PAUSE * (1 - schedule.SPREAD)) + 20, "asked once a minute"
            (view,) = here.reports.receivers()
            await asyncio.sleep(schedule.LONGEST_PAUSE + 10)
            took = Counter(said.json["data"]["id"] for said in town.at() if said.at >= back)
            assert took == Counter(paid), "an outage is nobody's fault: all of it goes as soon as one has got through"
            assert (view.state, view.counts.waiting) == (ReceiverState.RETRYING, 72)
            await here.on_disk()
            (view,) = here.reports.receivers()
            assert (view.state, view.counts.waiting, view.counts.oldest_at) == (ReceiverState.READY, 0, None)

    run_manual(main())


def test_a_message_that_is_never_taken_holds_up_no_other_and_ends_with_a_person(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with reporting(tmp_path, town, settings(webhook())) as here:
            broken = Reply(500, "it answered 500")
            town.answers[URL] = lambda said: broken if said.json["data"]["id"] == poison.id else TOOK_IT
            poison = await here.pay()
            for _ in range(5):
                await here.pay()
            await asyncio.sleep(60)
            assert len({said.json["data"]["id"] for said in town.at()}) == 6
            await asyncio.sleep(schedule.PATIENCE.total_seconds() - 120)
            assert await here.messages(MessageState.DEAD) == []
            await asyncio.sleep(3600)
            (dead,) = await here.messages(MessageState.DEAD)
            assert (dead.payment_id, dead.said) == (poison.id, "it answered 500")
            tries = len(town.at())
            await asyncio.sleep(DAY)
            assert len(town.at()) == tries

    run_manual(main())


def test_what_is_refused_is_dead_at_once_and_a_person_may_have_it_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda _: Reply(422, "it answered 422")
        async with reporting(tmp_path, town, settings(webhook())) as here:
            await here.pay()
            await asyncio.sleep(MOMENT)
            (dead,) = await here.messages(MessageState.DEAD)
            (view,) = here.reports.receivers()
            assert (view.state, view.counts.dead) == (ReceiverState.READY, 1)
            town.answers.clear()
            key = here.key()
            assert (await here.reports.replay("webhook", dead.id, key)).state is MessageState.WAITING
            await asyncio.sleep(MOMENT)
            (sent,) = await here.messages(MessageState.SENT)
            assert (sent.id, [said.id for said in town.at()]) == (dead.id, [dead.name, dead.name])
            await here.reports.replay("webhook", dead.id, key)
            await asyncio.sleep(MOMENT)
            assert len(town.at()) == 2, "the same key is the same replay"
            with pytest.raises(BridgeError) as refusal:
                await here.reports.replay("nobody", dead.id, here.key())
            assert refusal.value.code is Code.RECEIVER_UNKNOWN

    run_manual(main())


def test_a_refused_login_holds_everything_and_is_tried_once_an_hour(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda _: Reply(401, "it answered 401")
        async with reporting(tmp_path, town, settings(webhook(for_hipay=True))) as here:
            paid = [await here.pay() for _ in range(20)]
            await asyncio.sleep(3 * 3600 - 60)
            assert len(town.at()) <= 16 + 2
            await here.on_disk()
            (view,) = here.reports.receivers()
            assert (view.state, view.why, view.counts.waiting) == (ReceiverState.HELD, "it answered 401", 20)
            assert (await here.reports.reported(paid[0], patiently=False)).state is ReportState.HELD
            town.answers.clear()
            (message, *_) = await here.messages(MessageState.WAITING)
            await here.reports.replay("webhook", message.id, here.key())
            await asyncio.sleep(MOMENT)
            assert len(await here.messages(MessageState.SENT)) == 20, "a person ends the hold"

    run_manual(main())


def test_the_messages_of_a_payment_never_overtake_one_another(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        async with reporting(tmp_path, town, settings(webhook())) as here:
            unclear = Reply(500, "it answered 500")
            town.answers[URL] = lambda said: unclear if said.at < 300 else TOOK_IT
            doubt = await here.pay(LOST)
            await here.engine.resolve(doubt.id, taken=True, by="Ada", reason="the slip")
            await asyncio.sleep(3600)
            types = [said.json["type"] for said in town.at()]
            assert types[0] == "payment.in_doubt"
            assert types.index("payment.approved") == len(types) - 1
            assert types.count("payment.approved") == 1

    run_manual(main())


def test_a_payment_that_runs_is_not_slowed_down_by_a_flood(tmp_path: Path) -> None:
    async def main() -> None:
        town, running = Town(), False
        async with reporting(tmp_path, town, settings(webhook()), telling=False) as here:
            for _ in range(100):
                await here.pay()
        running = True
        async with reporting(tmp_path, town, settings(webhook()), seed=5, busy=lambda: running):
            await asyncio.sleep(10)
            assert 15 <= len(town.at()) <= 10 / GENTLE_SECONDS + 1
            running = False
            await asyncio.sleep(QUIET_SECONDS + 100 * PACE_SECONDS + 0.1)
            assert len(town.at()) == 100

    run_manual(main())


def test_one_message_for_each_contract_where_the_terminal_names_none(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        chosen = settings(webhook(for_hipay=True, per_contract=CONTRACTS))
        async with reporting(tmp_path, town, chosen) as here:
            both = await here.pay()
            assert await here.reports.reported(both, patiently=True) == Reported(2, ReportState.SENT)
            named = await here.pay(replace(PAID, contract="1234568"))
            assert await here.reports.reported(named, patiently=True) == Reported(1, ReportState.SENT)
            foreign = await here.pay(replace(PAID, contract="7777777"))
            assert await here.reports.reported(foreign, patiently=True) == Reported(1, ReportState.SENT)
            said = [(one.json["data"]["id"], one.json.get("contract", {}).get("name")) for one in town.at()]
            assert said == [(both.id, "proxy"), (both.id, "nfc"), (named.id, "nfc"), (foreign.id, None)]
            assert town.at()[0].json["contract"]["merchant_id"] == "1234567"
            assert len({one.id for one in town.at()}) == 4

    run_manual(main())


# ---------------------------------------------------------------- what tills are told


def test_the_till_is_told_what_is_true_and_waits_only_as_long_as_it_is_set(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town(seconds={URL: 0.4})
        loop = asyncio.get_running_loop()
        async with reporting(tmp_path, town, settings(webhook(for_hipay=True))) as here:
            payment, began = await here.pay(), loop.time()
            assert await here.reports.reported(payment, patiently=False) == Reported(0, ReportState.WAITING)
            assert loop.time() == began
            assert await here.reports.reported(payment, patiently=True) == Reported(1, ReportState.SENT)
            assert loop.time() - began == pytest.approx(0.4)
            town.seconds[URL] = 14.0
            payment, began = await here.pay(), loop.time()
            assert await here.reports.reported(payment, patiently=True) == Reported(0, ReportState.WAITING)
            assert loop.time() - began == pytest.approx(1.0)
            behind, began = await here.pay(), loop.time()
            await here.reports.reported(behind, patiently=True)
            assert loop.time() == began, "nobody waits while older reports do"
            await asyncio.sleep(30)
            assert await here.reports.reported(payment, patiently=False) == Reported(1, ReportState.SENT)
            await here.on_disk()
        async with reporting(tmp_path, town, settings(webhook(for_hipay=True)), seed=5) as here:
            assert await here.reports.reported(payment, patiently=True) == Reported(1, ReportState.SENT)

    run_manual(main())


def test_without_a_wait_no_time_passes(tmp_path: Path) -> None:
    async def main() -> None:
        town, loop = Town(seconds={URL: 0.4}), asyncio.get_running_loop()
        async with reporting(tmp_path, town, settings(webhook(for_hipay=True), wait=0)) as here:
            payment, began = await here.pay(), loop.time()
            assert await here.reports.reported(payment, patiently=True) == Reported(0, ReportState.WAITING)
            assert loop.time() == began

    run_manual(main())


def test_a_failure_is_told_at_once_and_what_needs_a_person_is_said_so(tmp_path: Path) -> None:
    async def main() -> None:
        town, loop = Town(), asyncio.get_running_loop()
        town.answers[URL] = lambda _: Reply(422, "it answered 422")
        async with reporting(tmp_path, town, settings(webhook(for_hipay=True))) as here:
            payment, began = await here.pay(), loop.time()
            assert await here.reports.reported(payment, patiently=True) == Reported(0, ReportState.NEEDS_PERSON)
            assert loop.time() - began <= GENTLE_SECONDS
            town.answers[URL] = lambda _: DOWN
            payment = await here.pay()
            assert await here.reports.reported(payment, patiently=True) == Reported(0, ReportState.WAITING)
            assert loop.time() - began <= GENTLE_SECONDS

    run_manual(main())


def test_a_receiver_that_does_not_stand_for_hipay_is_none_of_the_tills_business(tmp_path: Path) -> None:
    async def main() -> None:
        async with reporting(tmp_path, Town(), settings(webhook())) as here:
            found = await here.reports.reported(await here.pay(), patiently=True)
            assert found == Reported(0, ReportState.NOT_CONFIGURED)
        async with reporting(tmp_path, Town(), UpstreamSettings(), seed=5) as here:
            assert await here.reports.reported(await here.pay(), patiently=True) == NOT_REPORTED
        async with reporting(tmp_path, Town(), settings({"kind": "none"}), seed=9) as here:
            found = await here.reports.reported(await here.pay(), patiently=True)
            assert found == Reported(0, ReportState.NOBODY)
            doubt = await here.pay(LOST)
            assert doubt.open

    run_manual(main())


def test_a_receiver_that_was_taken_out_of_the_settings_is_still_shown_with_what_is_left(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        town.answers[URL] = lambda _: DOWN
        async with reporting(tmp_path, town, settings(webhook("books"))) as here:
            await here.pay()
            await asyncio.sleep(MOMENT)
        async with reporting(tmp_path, town, settings(webhook("other", OTHER)), seed=5) as here:
            states = {one.name: (one.state, one.counts.waiting) for one in here.reports.receivers()}
            assert states == {"other": (ReceiverState.READY, 0), "books": (ReceiverState.GONE, 1)}

    run_manual(main())


def slow_then(seconds: float, answer: Reply, town: Town) -> None:
    def say(_: Said) -> Reply:
        return answer

    town.seconds[URL], town.answers[URL] = seconds, say


def test_a_replay_while_a_try_is_under_way_is_not_lost(tmp_path: Path) -> None:
    async def main() -> None:
        town = Town()
        slow_then(10.0, Reply(422, "it answered 422"), town)
        async with reporting(tmp_path, town, settings(webhook())) as here:
            await here.pay()
            await asyncio.sleep(MOMENT)
            (message,) = await here.messages(MessageState.WAITING)
            await here.reports.replay("webhook", message.id, here.key())
            town.answers.clear()
            town.seconds.clear()
            await asyncio.sleep(30)
            assert len(town.at()) == 2
            assert [one.id for one in await here.messages(MessageState.SENT)] == [message.id]

    run_manual(main())
