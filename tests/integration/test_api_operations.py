"""Every operation of a counter over the native interface, with the terminal's ledger as the judge."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.console.api import approved, ask, decide, pay, problem, unheard
from tests.support.console.asgi_client import Client
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import at_counter, sale
from tillbridge.connector.api.bodies import AmountBody, PaymentBody
from tillbridge.connector.api.payments import LONGEST_ID
from tillbridge.domain.errors import Code
from tillbridge.domain.operation import Kind
from tillbridge.engine.rules import EngineSettings, Route
from tillbridge.virtual.scenarios import SCENARIOS
from tillbridge.virtual.script import Step

NOBODY = "0" * 32
PERSON = {"by": "Ada", "reason": "slip 17"}


def movements(counter: Counter, name: str = "front") -> list[tuple[str, int]]:
    rows = counter.terminals[name].desk.ledger.rows
    return [(str(row.movement), row.minor) for row in rows if row.minor]


def balance(counter: Counter, name: str = "front") -> int:
    return counter.terminals[name].desk.ledger.balance("EUR")


def part(kind: str, parent: str, minor: int | None = None, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "parent": parent} | ({} if minor is None else sale(minor)) | more


def test_an_authorization_is_captured_in_parts_and_no_more_than_it_held(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        hold = await approved(till, sale(5000, kind="authorization"), "k1")
        assert balance(counter) == 0
        first = await approved(till, part("capture", hold["id"], 2000), "k2")
        assert (first["parent"], first["amount"]["minor"]) == (hold["id"], 2000)
        too_much = problem(await ask(till, part("capture", hold["id"], 3001), "k3"), 409, Code.PARENT_SPENT)
        assert (too_much["payment_id"], too_much["money_moved"]) == (hold["id"], "no")
        rest = await approved(till, part("capture", hold["id"]), "k4")
        assert rest["outcome"]["amount"]["minor"] == 3000
        problem(await ask(till, part("capture", hold["id"]), "k5"), 409, Code.PARENT_SPENT)
        assert balance(counter) == 5000

    at_counter(tmp_path, scene)


def test_a_sale_is_refunded_in_parts_and_a_refund_may_stand_alone(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        sold = await approved(till, sale(5000), "k1")
        assert (await approved(till, part("refund", sold["id"], 1500), "k2"))["parent"] == sold["id"]
        assert (await approved(till, part("refund", sold["id"]), "k3"))["amount"]["minor"] == 3500
        problem(await ask(till, part("refund", sold["id"], 1), "k4"), 409, Code.PARENT_SPENT)
        assert (await approved(till, sale(1000, kind="refund"), "k5"))["parent"] is None
        assert balance(counter) == -1000

    at_counter(tmp_path, scene)


def test_a_void_takes_all_of_it_back_once(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        sold = await approved(till, sale(5000), "k1")
        void = await approved(till, part("void", sold["id"]), "k2")
        assert (void["kind"], void["amount"]["minor"], void["parent"]) == ("void", 5000, sold["id"])
        again = await ask(till, part("void", sold["id"]), "k2")
        assert (again.json["id"], again.json["replayed"]) == (void["id"], True)
        problem(await ask(till, part("void", sold["id"]), "k3"), 409, Code.PARENT_SPENT)
        assert balance(counter) == 0

    at_counter(tmp_path, scene)


def test_what_goes_back_to_the_wrong_payment_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        sold = await approved(till, sale(5000, terminal="front"), "k1")
        declined = (await pay(counter, 1291, key="k2", terminal="front")).json
        before = movements(counter)
        problem(await ask(till, part("capture", sold["id"]), "k3"), 409, Code.PARENT_UNFIT)
        problem(await ask(till, part("refund", declined["id"]), "k4"), 409, Code.PARENT_UNFIT)
        problem(await ask(till, part("void", NOBODY, terminal="front"), "k5"), 404, Code.PAYMENT_UNKNOWN)
        wrong = await ask(till, part("void", sold["id"], terminal="bar"), "k6")
        assert problem(wrong, 409, Code.PARENT_UNFIT)["payment_id"] == sold["id"]
        assert movements(counter) == before
        assert movements(counter, "bar") == []

    at_counter(tmp_path, scene, "front", "bar")


def test_a_reconciliation_is_a_payment_of_no_amount_with_the_terminals_totals(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        await approved(till, sale(5000), "k1")
        await approved(till, sale(1000, kind="refund"), "k2")
        closed = await approved(till, {"kind": "reconciliation", "terminal": "front"}, "k3")
        assert (closed["amount"], closed["money_moved"]) == (None, "no")
        sides = {total["side"]: (total["count"], total["amount"]["minor"]) for total in closed["outcome"]["totals"]}
        assert sides == {"debits": (1, 5000), "credits": (1, 1000), "adjustments": (0, 0)}
        again = await ask(till, {"kind": "reconciliation", "terminal": "front"}, "k3")
        assert (again.json["id"], again.json["replayed"]) == (closed["id"], True)

    at_counter(tmp_path, scene)


def sign_by_hand(counter: Counter) -> None:
    counter.terminals["front"].desk.script.set(Step(SCENARIOS["signature"]))


async def until_signing(till: Client, path: str) -> None:
    while (await till.get(path)).json["progress"] != "awaiting_signature":
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_signature_is_judged_by_a_named_person(tmp_path: Path, accepted: bool) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        sign_by_hand(counter)
        path = (await ask(till, sale(5000), wait=0)).headers["location"]
        await until_signing(till, path)
        verdict = {"accepted": accepted, "by": "Ada"}
        first = await decide(till, f"{path}/signature", verdict)
        assert first.status == 200
        assert (await decide(till, f"{path}/signature", verdict)).body == first.body
        other = verdict | {"accepted": not accepted}
        problem(await decide(till, f"{path}/signature", other), 422, Code.KEY_CONFLICT)
        over = await till.get(path, prefer="wait=60")
        while over.json["stage"] == "in_doubt":
            await asyncio.sleep(1)
            over = await till.get(path)
        assert over.json["stage"] == ("approved" if accepted else "aborted")
        assert balance(counter) == (5000 if accepted else 0)
        late = problem(await decide(till, f"{path}/signature", verdict, "d2"), 409, Code.NOTHING_TO_SIGN)
        assert late["money_moved"] == ("yes" if accepted else "no")

    at_counter(tmp_path, scene)


def test_what_a_till_never_heard_of_is_kept(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        payment = await unheard(counter)
        assert [one["id"] for one in (await till.get("/v1/undelivered")).json["payments"]] == [payment]
        path = f"/v1/payments/{payment}/keep"
        kept = await decide(till, path, PERSON)
        assert (kept.status, kept.json["id"], kept.json["stage"]) == (200, payment, "approved")
        assert (await decide(till, path, PERSON)).body == kept.body
        assert (await till.get("/v1/undelivered")).json["payments"] == []
        assert balance(counter) == 5000

    at_counter(tmp_path, scene)


def test_or_it_is_taken_back(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        payment = await unheard(counter)
        path = f"/v1/payments/{payment}/reverse"
        void = await till.post(path, PERSON, idempotency_key="d1", prefer="wait=60")
        assert (void.status, void.json["kind"], void.json["parent"]) == (200, "void", payment)
        assert void.headers["location"] == f"/v1/payments/{void.json['id']}"
        again = await decide(till, path, PERSON)
        assert (again.json["id"], again.json["replayed"]) == (void.json["id"], True)
        assert (await till.get("/v1/undelivered")).json["payments"] == []
        assert balance(counter) == 0

    at_counter(tmp_path, scene)


def test_only_what_is_approved_can_be_kept(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        declined = (await pay(counter, 1291)).json["id"]
        answer = await decide(till, f"/v1/payments/{declined}/keep", PERSON)
        assert problem(answer, 409, Code.PARENT_UNFIT)["payment_id"] == declined
        problem(await decide(till, f"/v1/payments/{NOBODY}/keep", PERSON), 404, Code.PAYMENT_UNKNOWN)

    at_counter(tmp_path, scene)


def test_the_same_decision_twice_at_once_is_one(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        path = f"/v1/payments/{(await pay(counter, 1295)).json['id']}"
        finding = PERSON | {"taken": True}
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(decide(till, f"{path}/resolve", finding)) for _ in range(20)]
        assert {(one.result().status, one.result().body) for one in asked} == {(200, asked[0].result().body)}
        events = (await till.get(f"{path}/events")).json["events"]
        assert [event["type"] for event in events].count("resolved") == 1

    at_counter(tmp_path, scene)


def test_a_decision_that_was_refused_leaves_its_key_free(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        path = f"/v1/payments/{(await pay(counter, 1295)).json['id']}/resolve"
        wrong = PERSON | {"taken": True, "amount": {"minor": 9999, "currency": "EUR"}}
        problem(await decide(till, path, wrong), 400, Code.AMOUNT_INVALID)
        assert (await decide(till, path, PERSON | {"taken": True})).json["stage"] == "approved"

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("path", ["abort", "signature", "resolve", "keep", "reverse"])
def test_every_decision_needs_a_key(tmp_path: Path, path: str) -> None:
    async def scene(counter: Counter) -> None:
        verdicts: dict[str, dict[str, Any]] = {
            "signature": {"accepted": True},
            "resolve": {"taken": True, "reason": "slip"},
        }
        body = {"by": "Ada"} | verdicts.get(path, {"reason": "slip"})
        till = counter.till()
        problem(await till.post(f"/v1/payments/{NOBODY}/{path}", body), 400, Code.KEY_REQUIRED)
        problem(await decide(till, f"/v1/payments/{NOBODY}/{path}", body), 404, Code.PAYMENT_UNKNOWN)
        problem(await decide(till, f"/v1/payments/{'e' * 3 * LONGEST_ID}/{path}", body), 404, Code.PAYMENT_UNKNOWN)

    at_counter(tmp_path, scene)


def test_what_a_request_may_say_besides(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        till = counter.till()
        counter.terminals["front"].desk.script.set(Step(SCENARIOS["partial"]))
        partial = await approved(till, sale(5000, partial_allowed=True, register="07", online=True), "k1")
        assert partial["outcome"]["amount"]["minor"] < 5000
        assert partial["register"] == "07"
        (stored,) = counter.engine.payments()
        assert (stored.register, stored.online) == ("07", True)

    at_counter(tmp_path, scene)


def test_the_rules_choose_a_terminal_where_none_is_named(tmp_path: Path) -> None:
    routes = (
        Route(terminal="bar", caller="native:main", register="07"),
        Route(terminal="front"),
    )

    async def scene(counter: Counter) -> None:
        till = counter.till()
        assert (await approved(till, sale(register="07"), "k1"))["terminal"] == "bar"
        sold = await approved(till, sale(), "k2")
        assert sold["terminal"] == "front"
        assert (await approved(till, part("refund", sold["id"], register="07"), "k3"))["terminal"] == "front"

    settings = EngineSettings(time_zone="Europe/Paris", probe_seconds=0, routes=routes)
    at_counter(tmp_path, scene, "front", "bar", settings=settings)


def test_a_key_of_an_older_release_is_still_the_same_payment() -> None:
    """The digest of a request is in the journal for ever: what it was made of must not change."""
    body = PaymentBody(amount=AmountBody(minor=1250, currency="EUR"), terminal="front", order_id="47")
    assert body.fingerprint() == "1048c9173146acf391d1aa3adedd61d41d9db913fb84d2f642a7beb8f5bd8c96"
    explicit = PaymentBody(kind=Kind.SALE, amount=body.amount, terminal="front", order_id="47", register="01")
    assert explicit.fingerprint() == body.fingerprint()
