"""What a kiosk reads in the unattended profile, byte by byte, up to the first field that is not HiPay's own."""

from datetime import UTC, datetime

from tests.unit.hipay.till import Counter, Host, Reply, settings
from tillbridge.domain.card import CardUse, EntryMode, mask
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved, DoubtReason, InDoubt
from tillbridge.protocols.contract import Payment
from tillbridge.protocols.hipay.answers import Remarks, echo_of
from tillbridge.protocols.hipay.unattended_answers import UnattendedAnswers
from tillbridge.runtime.manual import run_manual

NOON = datetime(2020, 4, 3, 12, 0, 5, tzinfo=UTC)


def payment(outcome: Approved | InDoubt, stage: Stage) -> Payment:
    return Payment(
        id="0" * 32,
        kind=Kind.SALE,
        stage=stage,
        amount=Money(100, EUR),
        terminal="front",
        caller="hipay:log",
        door="hipay",
        register="01",
        accepted_at=NOON,
        order_id="Order_1",
        outcome=outcome,
        closed_at=NOON,
    )


def written(one: Payment) -> tuple[int, str]:
    told = UnattendedAnswers(settings(profile="unattended")).payment(one, echo_of(one), Remarks(), "trace")
    return told.status, told.text


def ask(path: str) -> Reply:
    async def main() -> Reply:
        return await Counter(host=Host(), profile="unattended").get(path)

    return run_manual(main())


def test_an_approved_payment() -> None:
    card = CardUse(mask("4111111111111111"), EntryMode.CONTACT, "001", "A0000000421010")
    outcome = Approved(Money(100, EUR), card, authorization_code="123456", contract="1234567", ticket="CB\nDEBIT\n1,00")
    status, text = written(payment(outcome, Stage.APPROVED))
    local = NOON.astimezone()
    assert status == 200
    assert text.partition(',"orderId":')[0] == (
        '[{"status":"Success","error":null,"receipt":{"ticketHeader":"                        ",'
        f'"localDate":"{local:%d%m%y}","localTime":"{local:%H%M%S}","acceptor":"                        ",'
        '"transactionType":"00","contractNumber":"1234567","SIRET":"              ","activity":"    ",'
        '"paymentType":"  ","siteType":"  ","primaryAccountNumber":"411111######1111   ","TASA":"  ",'
        '"cardAppExpiry":"    ","serviceCode":"   ","crypto":"                ","currencyNumCode":"978",'
        '"acceptationSystemNum":"   ","transactionNumber":"      ","transactionFileNumber":"      ","readingMode":"C",'
        '"authorizationNumber":"123456","forceCode":" ","amount":"00000100","currencyAlphaCode":"EUR",'
        '"currencyFractionPart":"2","counterValueAmount":"        ","counterValueCurrencyAlphaCode":"   ",'
        '"counterValueCurrencyFractionPart":" ","inclusiveAmount":"        ","ticketFooter":"                        ",'
        '"AID":"A0000000421010                  ","label":"001             "},"ticket":"CB|DEBIT|1,00","amount":100,'
        '"basket":{},"notificationHipaySent":false,"currency":"EUR"'
    )
    assert text.endswith("}]")


def test_a_payment_in_doubt() -> None:
    status, text = written(payment(InDoubt(DoubtReason.LINE_LOST), Stage.IN_DOUBT))
    assert status == 599
    assert text.startswith('{"error":"UNKNOWN: ')


def test_maintenance() -> None:
    assert ask("/version").text == '[{"version":"1.2.3","type":"tpa","os":"linux"}]'
    assert ask("/config").text == '[{"deviceId":"00000012345678"}]'
    assert ask("/stop").text == '[{"message":"TP-Manager stopped","stopped":true}]'
    assert ask("/cancel").text == '[{"message":"No transaction is running","cancelled":false}]'
    assert ask("/tlc").text.startswith(
        '{"error":"This terminal cannot do that: telecollection cannot be started from here'
    )
