"""What a till reads, byte by byte: HiPay's own fields in the order and the types of HiPay's own sample."""

from pathlib import Path

import pytest

from tests.unit.hipay.till import Counter, Host, Reply, basic
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols import hipay
from tillbridge.protocols.hipay import openapi
from tillbridge.protocols.hipay.verdicts import RUNNING, verdict
from tillbridge.runtime.manual import run_manual

EXAMPLE = Path(hipay.__file__).with_name("request.example.json").read_bytes()
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "hipay-openapi.json"

CHECK = "It is not known whether the card was charged: check the terminal before you try again."


def ask(method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
    async def main() -> Reply:
        return await Counter(host=Host()).call(method, path, body, headers)

    return run_manual(main())


def wire(reply: Reply) -> str:
    """The answer up to the first field that is not HiPay's own."""
    return reply.text.partition(',"payment_id":')[0]


def test_the_request_as_it_is_sent() -> None:
    assert EXAMPLE.startswith(b'{\n  "amount": "10,23",\n  "currency": "EUR",\n  "order_id": "Order_12345",\n')
    assert b'"transation_type": "Debit"' in EXAMPLE
    assert basic() == "Basic bG9nOnB3ZA=="


def test_the_answer_to_the_example() -> None:
    assert wire(ask("POST", "/", EXAMPLE)) == (
        '{"paymentStatus":"SUCCESS","notificationHipaySent":false,"numberOfNotificationSent":0,"amount":"10,23",'
        '"currency":"EUR","orderId":"Order_12345","transationType":"Debit","transactionType":"Debit",'
        '"forceAuthorization":false,"cart":{"european_article_numbering":4711892728946,'
        '"product_reference":"NF-a1690","type":"good","quantity":1,"name":"My first product","unit_price":8.99,'
        '"tax_rate":0,"discount":0,"total_amount":8.99},"customer":{"id":283749291,"firstname":"John",'
        '"lastname":"Doe","email":"[email protected]"},"customData":{"shop":"Opera","vendor":"Mario",'
        '"newCustomer":true,"event":42}'
    )


@pytest.mark.parametrize(
    ("amount", "written"), [("9.90", "9.90"), ("10", "10"), ('"10.23"', '"10.23"'), ('"10,23"', '"10,23"')]
)
def test_an_amount_comes_back_as_it_came(amount: str, written: str) -> None:
    reply = ask("POST", "/order", f'{{"amount": {amount}, "order_id": "A"}}'.encode())
    assert wire(reply) == (
        f'{{"paymentStatus":"SUCCESS","notificationHipaySent":false,"numberOfNotificationSent":0,"amount":{written},'
        '"currency":"EUR","orderId":"A","transationType":"Debit","transactionType":"Debit",'
        '"forceAuthorization":false,"cart":{},"customer":{},"customData":{}'
    )


def test_ids_come_back_with_their_type() -> None:
    body = b'{"amount": 1, "customer": {"id": "007"}, "basket": [{"european_article_numbering": "04711892"}]}'
    reply = ask("POST", "/order", body)
    assert '"customer":{"id":"007"}' in wire(reply)
    assert '"cart":[{"european_article_numbering":"04711892"}]' in wire(reply)


def test_a_declined_card() -> None:
    assert wire(ask("POST", "/order", b'{"amount": 5.91, "order_id": "A"}')) == (
        '{"paymentStatus":"FAILURE","notificationHipaySent":false,"numberOfNotificationSent":0,"errorCode":"1006",'
        '"errorDescription":"Cancelled (Refused)","amount":5.91,"currency":"EUR","orderId":"A",'
        '"transationType":"Debit","transactionType":"Debit","forceAuthorization":false,"cart":{},"customer":{},'
        '"customData":{}'
    )


def test_a_refused_request() -> None:
    text = "The amount is wrong: the amount must be above zero"
    failure = f'"paymentStatus":"FAILURE","errorCode":"1000","errorDescription":"{text}"'
    reply = ask("POST", "/order", b'{"amount": 0}')
    assert reply.status == 400
    assert reply.text.startswith(f'{{"error":{{{failure}}},{failure},"code":"amount_invalid","field":"amount",')


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/config", '{"deviceId":"00000012345678"}'),
        ("/stop", '{"message":"TP-Manager stopped","stopped":true}'),
    ],
)
def test_maintenance(path: str, text: str) -> None:
    assert ask("GET", path).text == text


@pytest.mark.parametrize(
    ("outcome", "error", "description"),
    [
        (Approved(Money(1000, EUR)), None, None),
        (Declined(DeclineReason.REFUSED), "1006", "Cancelled (Refused)"),
        (Declined(DeclineReason.FAILED), "1006", "Cancelled (Not completed)"),
        (Declined(DeclineReason.REFERRAL), "1006", "Cancelled (Call phonie)"),
        (Declined(DeclineReason.CONFIGURATION), "1006", "Cancelled (Error selection)"),
        (Declined(DeclineReason.UNSPECIFIED), "1006", "Cancelled ()"),
        (Aborted(AbortedBy.CUSTOMER), "1006", "Cancelled (Abandon)"),
        (Aborted(AbortedBy.CASHIER), "1006", "Cancelled (Abandon Operator)"),
        (Aborted(AbortedBy.TIMEOUT), "1006", "Cancelled (Time-out entered)"),
        (Aborted(AbortedBy.UNSPECIFIED), "1006", "Cancelled (Abandon)"),
        (NotStarted(NotStartedReason.TERMINAL_BUSY), "1000", "The terminal is busy"),
        (NotStarted(NotStartedReason.TERMINAL_SILENT), "1004", "The terminal does not answer"),
        (NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE), "1008", "The terminal did not take the request"),
        (NotStarted(NotStartedReason.NETWORK_UNAVAILABLE), "1003", "The network is unavailable"),
        (NotStarted(NotStartedReason.PORT_UNAVAILABLE), "1004", "The terminal is not connected"),
        (NotStarted(NotStartedReason.JOURNAL_UNAVAILABLE), "1000", "The journal on this computer cannot be written"),
        (NotStarted(NotStartedReason.CANNOT_EXPRESS), "1008", "The terminal's protocol cannot express the request"),
        (NotStarted(NotStartedReason.CONNECTOR_STOPPED), "1000", "The connector stopped before the terminal was asked"),
        (NotStarted(NotStartedReason.ABORTED_FIRST), "1006", "Cancelled (Abandon Operator)"),
        (
            NotStarted(NotStartedReason.DRIVER_FAULT),
            "1008",
            "The connector had a fault before the terminal was asked",
        ),
        (InDoubt(DoubtReason.NO_ANSWER), "1001", f"The terminal gave no answer in time. {CHECK}"),
        (
            InDoubt(DoubtReason.LINE_LOST),
            "1001",
            f"The connection to the terminal was lost during the payment. {CHECK}",
        ),
        (InDoubt(DoubtReason.ANSWER_UNREADABLE), "1007", f"The terminal's answer could not be read. {CHECK}"),
        (InDoubt(DoubtReason.ANSWER_MISMATCH), "1005", f"The terminal's answer does not fit the payment. {CHECK}"),
        (InDoubt(DoubtReason.ANSWER_NOT_FINAL), "1005", f"The terminal's answer is not the final one. {CHECK}"),
        (InDoubt(DoubtReason.ANSWER_CONTRADICTORY), "1005", f"The terminal's answer contradicts itself. {CHECK}"),
        (InDoubt(DoubtReason.CONNECTOR_STOPPED), "1000", f"The connector was stopped during the payment. {CHECK}"),
        (
            InDoubt(DoubtReason.JOURNAL_UNAVAILABLE),
            "1000",
            f"The journal could not be written during the payment. {CHECK}",
        ),
        (
            InDoubt(DoubtReason.DRIVER_FAULT),
            "1008",
            f"The connector had a fault of its own during the payment. {CHECK}",
        ),
    ],
    ids=repr,
)
def test_every_outcome_in_the_codes_of_the_wire(outcome: Outcome, error: str | None, description: str | None) -> None:
    found = verdict(outcome)
    assert (found.error_code, found.description) == (error, description)


def test_the_end_of_the_patience_in_the_codes_of_the_wire() -> None:
    assert (RUNNING.error_code, RUNNING.description) == (
        "1001",
        f"The terminal is still working on the payment. {CHECK}",
    )


def test_the_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == openapi.text(), "run `make docs`"
    for profile, text in openapi.profiles().items():
        file = REFERENCE.with_name(f"hipay-{profile}-openapi.json")
        assert file.read_text(encoding="utf-8") == text, "run `make docs`"


def test_the_door_serves_its_own_description() -> None:
    assert ask("GET", "/openapi.json").text == openapi.text()
