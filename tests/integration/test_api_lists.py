"""What the native interface says of payments and terminals: lists, filters, totals, one by its key, one terminal."""

import asyncio
from pathlib import Path

import pytest

from tests.support.console.api import approved, ask, pay, problem, unheard
from tests.support.console.asgi_client import Client
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import at_counter, sale, settled_loop
from tillbridge.domain.errors import Code


async def listed(till: Client, query: str) -> list[str]:
    answer = await till.get(f"/v1/payments?{query}")
    assert answer.status == 200, answer.text
    return [payment["order_id"] for payment in answer.json["payments"]]


def test_lists_are_filtered_and_their_pages_keep_the_filter(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        await approved(till, sale(order_id="a", terminal="front"), "k1")
        await pay(counter, 1291, key="k2", order_id="b", terminal="front")
        await approved(till, sale(kind="refund", order_id="c", terminal="bar"), "k3")
        await unheard(counter)
        await asyncio.sleep(3600)
        later = (await approved(till, sale(order_id="a", terminal="bar"), "k4"))["accepted_at"]
        assert await listed(till, "door=native") == ["a", "c", "b", "a"]
        assert await listed(till, "door=concert") == [None]
        assert await listed(till, "order_id=a") == ["a", "a"]
        assert await listed(till, "kind=refund") == ["c"]
        assert await listed(till, "stage=declined") == ["b"]
        assert await listed(till, "terminal=bar") == ["a", "c"]
        assert await listed(till, f"since={later}") == ["a"]
        assert await listed(till, f"until={later}&door=native") == ["c", "b", "a"]
        assert await listed(till, f"since={later}&until={later}") == []
        assert await listed(till, "since=2026-01-02T05:04:05%2B01:00&door=native") == ["a"]
        page = (await till.get(f"/v1/payments?limit=2&door=native&until={later}")).json
        assert "door=native" in page["next"]
        second = (await till.get(page["next"])).json
        assert [one["order_id"] for one in (*page["payments"], *second["payments"])] == ["c", "b", "a"]
        assert second["next"] is None

    at_counter(tmp_path, scene, "front", "bar")


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("kind=purchase", "kind"),
        ("stage=paid", "stage"),
        ("since=yesterday", "since"),
        ("since=2026-01-02", "since"),
        ("since=2026-01-02T05:04:05", "since"),
        ("until=2026-02-30T00:00:00Z", "until"),
        ("until=1767323045", "until"),
        ("terminal=", "terminal"),
        ("order_id=" + "x" * 65, "order_id"),
        ("terminals=front", "terminals"),
    ],
)
def test_a_filter_that_is_none_is_refused(tmp_path: Path, query: str, place: str) -> None:
    async def scene(counter: Counter) -> None:
        answer = await counter.till().get(f"/v1/payments?{query}")
        assert problem(answer, 400, Code.FIELD_INVALID)["place"] == place

    at_counter(tmp_path, scene)


def test_totals_are_of_the_business_day_unless_told_otherwise(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        # The clock stands at four past four in the morning in Paris: the day has just begun there.
        await approved(till, sale(5000), "k1")
        await approved(till, sale(700), "k2")
        await approved(till, sale(1000, "JPY"), "k3")
        await approved(till, sale(1000, kind="refund"), "k4")
        await pay(counter, 1291, key="k5")
        found = (await till.get("/v1/totals")).json
        assert found["since"] == "2026-01-02T04:00:00+01:00"
        assert sorted((one["kind"], one["currency"], one["count"], one["minor"]) for one in found["totals"]) == [
            ("refund", "EUR", 1, 1000),
            ("sale", "EUR", 2, 5700),
            ("sale", "JPY", 1, 1000),
        ]
        assert {one["terminal"] for one in found["totals"]} == {"front"}
        tomorrow = await till.get("/v1/totals?since=2026-01-03T04:00:00Z")
        assert tomorrow.json == {"since": "2026-01-03T04:00:00Z", "totals": []}
        problem(await till.get("/v1/totals?since=today"), 400, Code.FIELD_INVALID)

    at_counter(tmp_path, scene)


def test_one_terminal_says_what_it_can_do(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        front = (await till.get("/v1/terminals/front")).json
        assert front == (await till.get("/v1/terminals")).json["terminals"][0]
        assert set(front["capabilities"]["kinds"]) >= {"sale", "refund", "capture", "void"}
        assert "capture" in front["capabilities"]["linked"]
        assert "sale" in front["capabilities"]["voids"]
        assert front["health"].keys() == {"state", "detail"}
        unknown = problem(await till.get("/v1/terminals/terrace"), 404, Code.TERMINAL_UNKNOWN)
        assert unknown["place"] == "name"
        assert "front, bar" in unknown["detail"]

    at_counter(tmp_path, scene, "front", "bar")


def test_a_payment_is_found_by_its_key_while_it_runs_and_after_a_restart(tmp_path: Path) -> None:
    path = "/v1/payments/by-key?key=till%2F1%20%2B47"

    async def before(counter: Counter) -> None:
        till = counter.till()
        problem(await till.get(path), 404, Code.PAYMENT_UNKNOWN)
        counter.hold("front")
        running = await ask(till, sale(), "till/1 +47", wait=0)
        assert (await till.get(path)).status == 202
        await settled_loop()
        counter.present_card("front")
        over = await till.get(path, prefer="wait=60")
        assert (over.status, over.json["id"], over.json["stage"]) == (200, running.json["id"], "approved")

    async def after(counter: Counter) -> None:
        assert (await counter.till().get(path)).json["stage"] == "approved"

    at_counter(tmp_path, before)
    at_counter(tmp_path, after)


@pytest.mark.parametrize("query", ["", "?key=", "?key=" + "x" * 256, "?key=%20k", "?key=cl%C3%A9"])
def test_a_key_that_is_none_is_refused(tmp_path: Path, query: str) -> None:
    async def scene(counter: Counter) -> None:
        answer = await counter.till().get(f"/v1/payments/by-key{query}")
        assert problem(answer, 400, Code.FIELD_INVALID)["place"] == "key"

    at_counter(tmp_path, scene)
