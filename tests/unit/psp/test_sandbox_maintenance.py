"""Maintenance at the provider's sandbox: partial sums, limits, and what is never allowed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.provider_sandbox import open_house, passive
from tillbridge.domain.money import EUR, Money
from tillbridge.psp.hipay.sandbox.maintenance import Kind, Mishaps, Request, decide
from tillbridge.psp.hipay.sandbox.model import Mode, Operation, Sums, Transaction
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.statuses import Status
from tillbridge.runtime.manual import run_manual

MADE = datetime(2026, 3, 31, 12, tzinfo=UTC)


def transaction(status: Status, sums: Sums) -> Transaction:
    amount = Money(1000, EUR)
    return Transaction(
        1, "8", "Order_1", Mode.PASSIVE, Operation.SALE, amount, status, sums, "1", "", {}, MADE, MADE, MADE, None
    )


def test_a_capture_in_parts_and_a_refund_in_parts(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            reference = (await house.order(passive(p_code="200000")))["transactionReference"]
            walk = [
                ("capture", {"amount": "5.00"}, 117, ("5.00", "0.00"), "119"),
                ("capture", {}, 117, ("8.99", "0.00"), "118"),
                ("refund", {"amount": "2.00", "operation_id": "back-1"}, 124, ("8.99", "2.00"), "126"),
                ("refund", {"currency": "EUR"}, 124, ("8.99", "8.99"), "125"),
            ]
            for operation, fields, status, sums, then in walk:
                answer = (await house.maintain(reference, operation, **fields)).json
                assert (answer["operation"], answer["status"]) == (operation, str(status))
                assert (answer["capturedAmount"], answer["refundedAmount"]) == sums
                assert answer["operationId"] == fields.get("operation_id", "")
                read = (await house.read(f"/rest/v1/transaction/{reference}")).json["transaction"]
                assert read["status"] == then
            found = (await house.read("/v3/transactions/opid/back-1")).json["transactions"]
            assert [one["transaction_reference"] for one in found] == [reference]
            steps = (await house.look(f"/transactions/{reference}"))["steps"]
            assert [step["status"] for step in steps] == [116, 117, 119, 117, 118, 124, 126, 124, 125]

    run_manual(main())


@pytest.mark.parametrize(
    ("code", "before", "operation", "fields", "refusal"),
    [
        ("200000", [], "refund", {}, 3020202),
        ("200100", [("refund", {})], "refund", {}, 3020206),
        ("200100", [("refund", {"amount": "8.00"})], "refund", {"amount": "1.00"}, 3020209),
        ("200000", [], "capture", {"amount": "9.00"}, 3010002),
        ("200100", [], "capture", {}, 3000101),
        ("200100", [], "cancel", {}, 3000101),
        ("200000", [("cancel", {})], "capture", {}, 3000101),
        ("200000", [], "cancel", {"amount": "1.00"}, 3000101),
        ("200100", [], "acceptChallenge", {}, 3000101),
        ("200100", [], "denyChallenge", {}, 3000101),
        ("200100", [], "finalize", {}, 3000101),
        ("200100", [], "multiply", {}, 3000101),
        ("200100", [], "refund", {"currency": "USD"}, 3010001),
        ("200100", [], "refund", {"amount": "1,00"}, 1010205),
        ("200100", [], "refund", {"amount": "0.00"}, 3010002),
        ("200100", [], "refund", {"operation_id": "x" * 65}, 1010201),
    ],
)
def test_what_is_refused_changes_nothing(
    tmp_path: Path,
    code: str,
    before: list[tuple[str, dict[str, str]]],
    operation: str,
    fields: dict[str, str],
    refusal: int,
) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            reference = (await house.order(passive(p_code=code)))["transactionReference"]
            for earlier, more in before:
                assert (await house.maintain(reference, earlier, **more)).status == 200
            was = await house.look(f"/transactions/{reference}")
            answer = await house.maintain(reference, operation, **fields)
            assert (answer.status, answer.json["code"]) == (400, refusal)
            assert await house.look(f"/transactions/{reference}") == was

    run_manual(main())


def test_what_is_not_there_and_what_is_not_said(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            answer = await house.maintain("800000000009", "refund")
            assert (answer.status, answer.json["code"]) == (404, 3000002)
            reference = (await house.order(passive()))["transactionReference"]
            nothing = await house.post(f"/rest/v1/maintenance/transaction/{reference}", {"amount": "1.00"})
            assert nothing.json["code"] == 1010101

    run_manual(main())


@pytest.mark.parametrize(
    ("later", "allowed"),
    [(datetime(2027, 2, 28, 12, tzinfo=UTC), True), (datetime(2027, 2, 28, 12, 0, 1, tzinfo=UTC), False)],
)
def test_a_refund_is_possible_for_eleven_months(later: datetime, allowed: bool) -> None:
    one = transaction(Status.CAPTURED, Sums(1000, 1000))
    wish = Request(Kind.REFUND, None, "")
    if allowed:
        assert decide(one, wish, later, Mishaps())[-1].status is Status.REFUNDED
    else:
        with pytest.raises(GatewayRefusal) as refused:
            decide(one, wish, later, Mishaps())
        assert refused.value.code is GatewayCode.REFUND_TOO_LATE


def test_switches_let_a_capture_and_a_refund_end_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.switch("capture_refused", 1)
            await house.switch("refund_refused", 1)
            reference = (await house.order(passive(p_code="200000")))["transactionReference"]
            for operation, status in (("capture", "173"), ("capture", "118"), ("refund", "165"), ("refund", "125")):
                assert (await house.maintain(reference, operation)).status == 200
                assert house.sandbox.provider.known(reference).status == int(status)

    run_manual(main())


def test_a_chargeback_needs_something_captured(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            held = (await house.order(passive("Order_1", p_code="200000")))["transactionReference"]
            paid = (await house.order(passive("Order_2")))["transactionReference"]
            assert (await house.play(f"/transactions/{held}/chargeback")).json["code"] == 3000101
            answer = await house.play(f"/transactions/{paid}/chargeback", {"status": 181})
            assert answer.json["transaction"]["status"] == "181"
            assert (await house.play(f"/transactions/{paid}/chargeback", {"status": 118})).status == 400

    run_manual(main())


_WISHES = st.tuples(st.sampled_from([Kind.CAPTURE, Kind.REFUND, Kind.CANCEL]), st.none() | st.integers(1, 1200))


@given(st.sampled_from([Status.AUTHORIZED, Status.CAPTURED]), st.lists(_WISHES, max_size=12))
def test_whatever_is_asked_the_sums_stay_within_each_other(
    first: Status, wishes: list[tuple[Kind, int | None]]
) -> None:
    captured = 1000 if first is Status.CAPTURED else 0
    one = transaction(first, Sums(1000, captured))
    for kind, minor in wishes:
        try:
            steps = decide(one, Request(kind, minor, ""), MADE + timedelta(days=1), Mishaps())
        except GatewayRefusal:
            continue
        one = replace(one, status=steps[-1].status, sums=steps[-1].sums)
        sums = one.sums
        assert 0 <= sums.refunded <= sums.captured <= sums.authorized <= 1000
