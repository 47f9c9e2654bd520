"""The native interface: payments from a request to their end, over a real engine and journal."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.api import decide, pay, problem, taken
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import at_counter, sale, settled_loop
from tests.unit.engine.failing_disk import Disk
from tillbridge.connector.api.headers import LONGEST_WAIT
from tillbridge.domain.errors import Code

IN_DOUBT = 1295
DECLINED = 1291


def test_a_payment_is_accepted_at_once_and_found_again_at_its_location(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        counter.hold("front")
        answer = await till.post("/v1/payments", sale(order_id="47"), idempotency_key="k1")
        assert answer.status == 202
        assert (answer.json["stage"], answer.json["money_moved"]) == ("accepted", "no")
        await settled_loop()
        found = await till.get(answer.headers["location"])
        assert found.status == 202
        assert found.json["money_moved"] == "unknown"
        counter.present_card("front")
        over = await till.get(answer.headers["location"], prefer="wait=10")
        assert (over.status, over.json["stage"], over.json["money_moved"]) == (200, "approved", "yes")
        assert over.json["order_id"] == "47"

    at_counter(tmp_path, scene)


def test_an_approved_payment_says_everything_and_no_card_number(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        answer = await pay(counter, order_id="47", terminal="front")
        payment = answer.json
        assert answer.status == 200
        assert answer.headers["preference-applied"] == "wait=60"
        assert payment["outcome"] == {
            "type": "approved",
            "amount": {"minor": 1250, "currency": "EUR", "major": "12.50"},
            "card": {
                "masked_pan": "497010######7890",
                "entry_mode": "contact",
                "application": None,
                "aid": "A0000000421010",
            },
            "authorization_code": "000001",
            "contract": "1999403",
            "ticket": None,
            "reference": "R000001",
            "signature": False,
            "totals": [],
        }
        assert payment["amount"] == payment["outcome"]["amount"]
        assert (payment["kind"], payment["terminal"], payment["door"]) == ("sale", "front", "native")
        assert payment["accepted_at"] <= payment["closed_at"]
        assert (payment["progress"], payment["warnings"], payment["replayed"]) == (None, [], False)

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(
    ("minor", "outcome", "money_moved"),
    [
        (DECLINED, {"type": "declined", "reason": "refused", "wire_reason": None, "ticket": None}, "no"),
        (1292, {"type": "aborted", "by": "customer", "wire_reason": None, "ticket": None}, "no"),
        (1294, {"type": "not_started", "reason": "terminal_busy"}, "no"),
        (IN_DOUBT, {"type": "in_doubt", "reason": "line_lost"}, "unknown"),
        (1298, {"type": "in_doubt", "reason": "answer_mismatch"}, "unknown"),
    ],
)
def test_every_other_end_has_its_own_shape(
    tmp_path: Path, minor: int, outcome: dict[str, Any], money_moved: str
) -> None:
    async def scene(counter: Counter) -> None:
        answer = await pay(counter, minor)
        assert answer.status == 200
        assert answer.json["outcome"] | outcome == answer.json["outcome"]
        assert answer.json["money_moved"] == money_moved
        assert (answer.json["closed_at"] is None) == (outcome["type"] == "in_doubt")

    at_counter(tmp_path, scene)


def test_the_same_key_is_the_same_payment_for_ever(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        first = await pay(counter)
        again = await pay(counter)
        by_default = await pay(counter, kind="sale")
        assert [one.json["id"] for one in (again, by_default)] == [first.json["id"]] * 2
        assert [one.json["replayed"] for one in (first, again, by_default)] == [False, True, True]
        assert again.status == 200
        other = problem(await pay(counter, 1300), 422, Code.KEY_CONFLICT)
        assert (other["payment_id"], other["money_moved"]) == (first.json["id"], "no")
        assert taken(counter) == 1

    at_counter(tmp_path, scene)
    at_counter(tmp_path, expect_replay)


async def expect_replay(counter: Counter) -> None:
    """After a restart."""
    assert (await pay(counter)).json["replayed"] is True
    assert taken(counter) == 0


def test_fifty_times_the_same_at_once_is_one_payment(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.hold("front")
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(pay(counter)) for _ in range(50)]
            while not counter.terminals["front"].desk.current:
                await asyncio.sleep(0)
            counter.present_card("front")
        answers = [task.result() for task in asking]
        assert len({answer.json["id"] for answer in answers}) == 1
        assert [answer.json["replayed"] for answer in answers].count(False) == 1
        assert taken(counter) == 1

    at_counter(tmp_path, scene)


def test_patience_ends_and_the_payment_goes_on(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        loop = asyncio.get_running_loop()
        counter.hold("front")
        began = loop.time()
        answer = await pay(counter, wait=9999)
        assert loop.time() - began == LONGEST_WAIT
        assert answer.status == 202
        assert answer.headers["preference-applied"] == f"wait={LONGEST_WAIT}"
        assert answer.json["progress"] == "waiting_for_card"
        counter.present_card("front")
        assert (await pay(counter)).json["stage"] == "approved"

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("respond-async, wait=5", "wait=5"),
        ('WAIT="7"', "wait=7"),
        ("wait=0", "wait=0"),
        ("await=5", None),
        ("wait=-5", None),
        ("wait=soon", None),
    ],
)
def test_what_a_client_prefers_is_read_as_the_standard_has_it(tmp_path: Path, prefer: str, applied: str | None) -> None:
    async def scene(counter: Counter) -> None:
        answer = await counter.till().post("/v1/payments", sale(), idempotency_key="k", prefer=prefer)
        assert answer.headers.get("preference-applied") == applied

    at_counter(tmp_path, scene)


def test_a_busy_terminal_says_with_what(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.hold("front")
        running = await pay(counter, wait=0)
        refusal = problem(await pay(counter, key="k2"), 409, Code.TERMINAL_BUSY)
        assert refusal["payment_id"] == running.json["id"]
        assert "12.50 EUR" in refusal["detail"]
        assert refusal["money_moved"] == "no"

    at_counter(tmp_path, scene)


def test_what_is_in_doubt_locks_until_a_named_person_settles_it(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        doubt = await pay(counter, IN_DOUBT)
        path = f"/v1/payments/{doubt.json['id']}"
        locked = problem(await pay(counter, key="k2"), 409, Code.TERMINAL_LOCKED)
        assert locked["payment_id"] == doubt.json["id"]
        finding = {"taken": True, "by": "Ada", "reason": "slip 17"}
        settled = await till.post(f"{path}/resolve", finding, idempotency_key="r")
        assert (settled.status, settled.json["stage"], settled.json["money_moved"]) == (200, "approved", "yes")
        other = finding | {"taken": False}
        problem(await till.post(f"{path}/resolve", other, idempotency_key="r"), 422, Code.KEY_CONFLICT)
        answer = await till.post(f"{path}/resolve", other, idempotency_key="r2")
        again = problem(answer, 409, Code.ALREADY_CLOSED)
        assert (again["payment_id"], again["money_moved"]) == (doubt.json["id"], "yes")
        assert (await pay(counter, key="k2")).json["stage"] == "approved"
        last = (await till.get(f"{path}/events")).json["events"][-1]
        assert (last["type"], last["cause"]) == ("resolved", "person")
        assert last["detail"] | {"by": "Ada", "reason": "slip 17"} == last["detail"]

    at_counter(tmp_path, scene)


def test_less_than_asked_may_have_been_taken_but_never_more(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        path = f"/v1/payments/{(await pay(counter, IN_DOUBT)).json['id']}/resolve"
        verdict = {"taken": True, "by": "Ada", "reason": "slip 17"}
        more = await decide(till, path, verdict | {"amount": {"minor": IN_DOUBT + 1, "currency": "EUR"}})
        assert problem(more, 400, Code.AMOUNT_INVALID)["place"] == "amount"
        other = await decide(till, path, verdict | {"amount": {"minor": IN_DOUBT, "currency": "USD"}})
        problem(other, 400, Code.AMOUNT_INVALID)
        settled = await decide(till, path, verdict | {"amount": {"minor": 1000, "currency": "EUR"}})
        assert settled.json["outcome"]["amount"]["minor"] == 1000
        assert settled.json["amount"]["minor"] == IN_DOUBT

    at_counter(tmp_path, scene)


def test_a_running_payment_cannot_be_settled(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.hold("front")
        running = await pay(counter, wait=1)
        verdict = {"taken": False, "by": "Ada", "reason": "no slip"}
        answer = await decide(counter.till(), f"/v1/payments/{running.json['id']}/resolve", verdict)
        assert problem(answer, 409, Code.STILL_RUNNING)["money_moved"] == "unknown"

    at_counter(tmp_path, scene)


def test_an_abort_is_a_request_and_the_end_comes_from_the_terminal(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        counter.hold("front")
        path = f"/v1/payments/{(await pay(counter, wait=1)).json['id']}"
        asked = await till.post(f"{path}/abort", idempotency_key="a")
        assert (asked.status, asked.json["abort"]) == (200, "requested")
        over = await till.get(path, prefer="wait=5")
        assert over.json["outcome"]["type"] == "aborted"
        assert (await till.post(f"{path}/abort", idempotency_key="b")).json["abort"] == "not_running"
        again = await till.post(f"{path}/abort", idempotency_key="a")
        assert again.body == asked.body
        assert taken(counter) == 0

    at_counter(tmp_path, scene)


def test_payments_are_listed_newest_first_page_by_page(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        made = [(await pay(counter, 1000 + number, key=f"k{number}")).json["id"] for number in range(5)]
        await asyncio.sleep(1)
        first = (await till.get("/v1/payments?limit=2")).json
        second = (await till.get(first["next"])).json
        third = (await till.get(second["next"])).json
        listed = [payment["id"] for page in (first, second, third) for payment in page["payments"]]
        assert listed == made[::-1]
        assert third["next"] is None
        assert (await till.get("/v1/payments?before=" + "0" * 32)).json == {"payments": [], "next": None}

    at_counter(tmp_path, scene)


def test_the_timeline_says_what_happened(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        payment = await pay(counter, DECLINED)
        events = (await counter.till().get(f"/v1/payments/{payment.json['id']}/events")).json["events"]
        assert [event["type"] for event in events][:2] == ["accepted", "sending"]
        assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
        assert events[-1] | {"type": "outcome", "cause": "answer", "detail": {"stage": "declined"}} == events[-1]

    at_counter(tmp_path, scene)


def test_terminals_say_how_they_are_and_what_occupies_them(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.hold("bar")
        await pay(counter, IN_DOUBT, terminal="front")
        await pay(counter, key="k2", terminal="bar", wait=1)
        front, bar, terrace = (await counter.till().get("/v1/terminals")).json["terminals"]
        assert [one["state"] for one in (front, bar, terrace)] == ["locked", "busy", "free"]
        assert front["occupied_by"]["stage"] == "in_doubt"
        assert bar["occupied_by"]["progress"] == "waiting_for_card"
        assert (terrace["occupied_by"], terrace["driver"]) == (None, "virtual")
        assert terrace["capabilities"]["recovery"] == "none"
        assert "sale" in terrace["capabilities"]["kinds"]

    at_counter(tmp_path, scene, "front", "bar", "terrace")


def test_a_disk_that_takes_nothing_is_no_charge_and_no_lie(tmp_path: Path) -> None:
    disk = Disk()

    async def scene(counter: Counter) -> None:
        till = counter.till()
        doubt = await pay(counter, IN_DOUBT, terminal="front")
        disk.broken = True
        refused = await pay(counter, key="k2", terminal="bar")
        assert refused.json["outcome"]["type"] == "not_started"
        assert refused.json["outcome"]["reason"] == "journal_unavailable"
        assert refused.json["money_moved"] == "no"
        assert taken(counter, "bar") == 0
        problem(await pay(counter, key="k3", terminal="bar"), 503, Code.JOURNAL_UNAVAILABLE)
        verdict = {"taken": True, "by": "Ada", "reason": "slip 17"}
        path = f"/v1/payments/{doubt.json['id']}/resolve"
        problem(await decide(till, path, verdict), 503, Code.JOURNAL_UNAVAILABLE)
        disk.broken = False
        assert (await decide(till, path, verdict)).json["stage"] == "approved"
        assert (await pay(counter, key="k4", terminal="bar")).json["stage"] == "approved"

    at_counter(tmp_path, scene, "front", "bar", make_committer=disk.committer)


def test_a_stopping_connector_starts_nothing(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.engine.refuse_new()
        problem(await pay(counter), 503, Code.CONNECTOR_STOPPING)
        assert taken(counter) == 0

    at_counter(tmp_path, scene)
