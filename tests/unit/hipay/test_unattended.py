"""The unattended profile: cents, arrays of one, 599, and no promise that a wire cannot keep."""

import asyncio
from typing import Any

import pytest

from tests.unit.hipay.till import Counter, Host, Reply
from tillbridge.domain.errors import Code
from tillbridge.protocols.contract import Health, HealthState, TerminalStatus
from tillbridge.protocols.hipay.unattended_receipt import COLUMNS, Column
from tillbridge.runtime.manual import run_manual
from tillbridge.virtual.scenarios import SCENARIOS, Scenario
from tillbridge.virtual.script import Step

BY_HAND = Scenario("by_hand", "a person presents the card", manual=True)


def kiosk(**different: Any) -> Counter:
    return Counter(profile="unattended", **different)


def order(scenario: str | None = None, **fields: Any) -> Reply:
    """The answer to an order at a terminal that plays this scenario."""

    async def main() -> Reply:
        counter = kiosk()
        if scenario is not None:
            counter.terminal.script.set(Step(SCENARIOS[scenario]))
        return await counter.order({"amount": 100, "orderId": "K-1"} | fields)

    return run_manual(main())


def one(reply: Reply) -> dict[str, Any]:
    """The one member of the array."""
    assert reply.status == 200, reply.text
    (found,) = reply.json
    assert isinstance(found, dict)
    return found


def test_cents_go_in_and_cents_come_out() -> None:
    basket = [
        {"product_reference": "a", "name": "b", "type": "good", "quantity": 1, "unit_price": 1, "total_amount": 1}
    ]
    told = one(order(currency="EUR", basket=basket, customer={"id": "7"}, customData={"a": 1}))
    assert (told["status"], told["error"], told["amount"], told["currency"]) == ("Success", None, 100, "EUR")
    assert (told["orderId"], told["basket"], told["customer"]) == ("K-1", basket, {"id": "7"})
    assert (told["customData"], told["notificationHipaySent"]) == ({"a": 1}, False)
    assert "paymentStatus" not in told


def test_the_terminal_is_asked_for_the_cents() -> None:
    async def main() -> list[int]:
        counter = kiosk()
        await counter.order({"amount": 1234})
        return [row.minor for row in counter.terminal.ledger.rows]

    assert run_manual(main()) == [1234]


@pytest.mark.parametrize("amount", [9.99, 100.0, "1.00", "1,00", 0, -1, True, None, "", "1e2", [], 10**16])
def test_what_are_no_whole_cents_is_refused_and_nothing_is_asked_of_the_terminal(amount: Any) -> None:
    async def main() -> None:
        counter = kiosk()
        reply = await counter.order({"amount": amount, "orderId": "K-1"})
        assert (reply.status, next(iter(reply.json))) == (599, "error")
        assert (reply.json["code"], reply.json["money_moved"]) == (Code.AMOUNT_INVALID, "no")
        assert counter.terminal.ledger.rows == []

    run_manual(main())


def test_another_currency_is_refused() -> None:
    reply = order(currency="CZK")
    assert (reply.status, reply.json["code"], reply.json["field"]) == (599, "currency_unknown", "currency")


@pytest.mark.parametrize("scenario", ["decline_refused", "customer_cancels"])
def test_a_payment_that_was_not_taken_is_599(scenario: str) -> None:
    reply = order(scenario)
    assert reply.status == 599
    assert isinstance(reply.json["error"], str)
    assert reply.json["money_moved"] == "no"
    assert not reply.json["error"].startswith("UNKNOWN")


def test_a_payment_in_doubt_never_reads_as_a_refusal() -> None:
    async def main() -> Reply:
        counter = kiosk(patience=5)
        counter.terminal.script.set(Step(BY_HAND))
        return await counter.order({"amount": 100})

    reply = run_manual(main())
    assert reply.status == 599
    assert reply.json["error"].startswith("UNKNOWN: ")
    assert (reply.json["outcome"], reply.json["money_moved"]) == ("unknown", "unknown")
    assert reply.json["device_locked"] is True


def test_a_wrong_login_is_401_with_an_error() -> None:
    async def main() -> Reply:
        return await kiosk().call("GET", "/check", login="Basic bG9nOndyb25n")

    reply = run_manual(main())
    assert (reply.status, next(iter(reply.json))) == (401, "error")
    assert isinstance(reply.json["error"], str)


# ---------------------------------------------------------------- the receipt


def test_every_field_of_the_receipt_is_there_at_its_width() -> None:
    receipt = one(order())["receipt"]
    assert list(receipt) == list(COLUMNS)
    for name, column in COLUMNS.items():
        assert isinstance(receipt[name], str)
        assert len(receipt[name]) == column.width, name
    assert (receipt["amount"], receipt["currencyNumCode"], receipt["currencyAlphaCode"]) == ("00000100", "978", "EUR")
    assert (receipt["currencyFractionPart"], receipt["transactionType"]) == ("2", "00")
    assert receipt["SIRET"] == " " * 14


def test_the_receipt_shows_no_whole_card_number() -> None:
    receipt = one(order())["receipt"]
    assert sum(one.isdigit() for one in receipt["primaryAccountNumber"]) <= 10


def test_a_number_that_is_too_long_is_never_cut() -> None:
    assert Column(8, number=True).put("123456789012") == "123456789012"
    assert Column(3).put("abcd") == "abc"
    assert Column(4, number=True).put("") == "    "


def test_the_ticket_is_one_line() -> None:
    ticket = one(order())["ticket"]
    assert ticket is None or "\n" not in ticket


# ---------------------------------------------------------------- maintenance


def ask(path: str, method: str = "GET") -> Reply:
    async def main() -> Reply:
        return await kiosk(host=Host()).call(method, path)

    return run_manual(main())


def test_version_config_and_stop_answer_in_arrays() -> None:
    assert one(ask("/version")) == {"version": "1.2.3", "type": "tpa", "os": "linux"}
    assert one(ask("/config")) == {"deviceId": "00000012345678"}
    assert one(ask("/stop")) == {"message": "TP-Manager stopped", "stopped": True}


@pytest.mark.parametrize("path", ["/reset", "/tlc"])
def test_what_no_wire_can_do_is_refused_in_words(path: str) -> None:
    reply = ask(path)
    assert (reply.status, reply.json["code"]) == (599, "operation_unsupported")
    assert "from here" in reply.json["error"]


@pytest.mark.parametrize("path", ["/reset", "/tlc", "/cancel", "/stop", "/check"])
def test_head_does_nothing(path: str) -> None:
    assert ask(path, method="HEAD").status == 405


def test_check_says_what_is_known_and_names_what_is_not() -> None:
    told = one(ask("/check"))
    assert (told["cr"], told["not_known"]) == (0, ["card", "call", "periph"])
    assert not {"card", "call", "periph"} & set(told)


def test_check_and_cancel_while_a_payment_runs() -> None:
    async def main() -> None:
        counter = kiosk()
        assert one(await counter.get("/cancel"))["cancelled"] is False
        counter.terminal.script.set(Step(BY_HAND))
        async with asyncio.TaskGroup() as group:
            paying = group.create_task(counter.order({"amount": 100}))
            await asyncio.sleep(5)
            assert one(await counter.get("/check"))["cr"] == 1
            stopped = one(await counter.get("/cancel"))
            assert stopped["cancelled"] is True
        reply = paying.result()
        assert (reply.status, reply.json["outcome"]) == (599, "aborted")
        assert one(await counter.get("/check"))["cr"] == 0

    run_manual(main())


class Elsewhere:
    """A desk whose terminals look as a test says."""

    def __init__(self, desk: Any, found: list[TerminalStatus]) -> None:
        self._desk = desk
        self._found = found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    async def terminals(self) -> list[TerminalStatus]:
        return self._found


@pytest.mark.parametrize(
    ("state", "cr"),
    [
        (HealthState.READY, 0),
        (HealthState.UNKNOWN, 0),
        (HealthState.BUSY, 1),
        (HealthState.SILENT, 3),
        (HealthState.UNREACHABLE, 3),
    ],
)
def test_check_of_a_terminal_in_each_state(state: HealthState, cr: int) -> None:
    async def main() -> None:
        plain = Counter()
        (status,) = await plain.terminal.terminals()
        found = [TerminalStatus(status.name, status.driver, status.capabilities, Health(state))]
        counter = kiosk(wrap=lambda desk: Elsewhere(desk, found))
        assert one(await counter.get("/check"))["cr"] == cr
        none: list[TerminalStatus] = []
        assert (await kiosk(wrap=lambda desk: Elsewhere(desk, none)).get("/check")).status == 599

    run_manual(main())


def test_asking_again_gives_the_same_array() -> None:
    async def main() -> None:
        counter = kiosk()
        first = one(await counter.order({"amount": 100, "orderId": "K-9"}))
        again = one(await counter.get("/order/K-9"))
        varying = {"trace_id", "warnings", "cart_status", "paid_at"}
        assert {k: v for k, v in first.items() if k not in varying} == {
            k: v for k, v in again.items() if k not in varying
        }
        unknown = await counter.get("/order/K-10")
        assert (unknown.status, next(iter(unknown.json))) == (404, "error")

    run_manual(main())


def test_a_desktop_door_has_none_of_these_paths() -> None:
    async def main() -> None:
        desktop = Counter()
        for path in ("/check", "/cancel", "/reset", "/tlc"):
            assert (await desktop.get(path)).status == 404
        assert (await desktop.get("/version")).json["version"].endswith("-concertv2-linux")

    run_manual(main())
