"""The client's methods for receipts and webhooks, over real connections; and that each of its methods was tried."""

import ast
import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.architecture.tree import ROOT
from tests.support.api_server import Server, server
from tests.support.console.counter import KEY, Around
from tillbridge.client import AmountBody, Bridge, PaymentBody, Refused, connect
from tillbridge.client.webhooks import Webhooks
from tillbridge.connector.receipts.desk import Form
from tillbridge.connector.receipts.settings import ReceiptSettings
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import Code
from tillbridge.domain.receipt import Copy
from tillbridge.upstream.messages import MessageType
from tillbridge.web.webhooks.addresses import WebhookSettings

NOWHERE = "http://localhost:9/told"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Server]:
    around = Around(
        webhooks=WebhookSettings(allow_http_to_loopback=True),
        receipts=ReceiptSettings.model_validate({"language": "de", "printer": {"path": tmp_path / "paper"}}),
    )
    async with server(tmp_path, "front", around=around) as opened:
        yield opened


@pytest.fixture
async def bridge(place: Server) -> AsyncIterator[Bridge]:
    async with connect(place.url, KEY) as connected:
        yield connected


async def test_receipts_are_fetched_and_printed(bridge: Bridge, tmp_path: Path) -> None:
    paid = await bridge.pay(PaymentBody(amount=AmountBody(minor=1250, currency="EUR")), key="k1")
    assert "Kundenbeleg" in (await bridge.receipt(paid.id)).decode()
    asked = await bridge.receipt(paid.id, copy=Copy.MERCHANT, language=Language.FR, columns=32, duplicate=True)
    assert all(words in asked.decode() for words in ("Ticket commerçant", "DUPLICATA"))
    assert max(map(len, asked.decode().splitlines())) == 32
    assert (await bridge.receipt(paid.id, format=Form.ESCPOS)).startswith(b"\x1b@")
    printed = await bridge.print_receipt(paid.id, key="p1", copy=Copy.MERCHANT, language=Language.CS)
    assert (printed.copy_for, printed.duplicate, printed.replayed) == (Copy.MERCHANT, False, False)
    assert (await bridge.print_receipt(paid.id, key="p1", copy=Copy.MERCHANT, language=Language.CS)).replayed
    assert (await bridge.print_receipt(paid.id, key="p2", copy=Copy.MERCHANT)).duplicate
    assert (tmp_path / "paper").read_bytes().count(b"\x1dV") == 2
    with pytest.raises(Refused) as refused:
        await bridge.receipt("0" * 32)
    assert refused.value.code is Code.PAYMENT_UNKNOWN


async def test_receivers_are_added_looked_at_and_taken_away(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.client.webhooks.PAGE", 2)
    made = await bridge.webhooks.add(NOWHERE, key="w1", description="accounts", types=[MessageType.APPROVED])
    assert made.secret is not None
    assert Webhook(made.secret).sign("msg_1", made.webhook.created_at, "{}").startswith("v1,")
    webhook = made.webhook
    assert (webhook.url, webhook.types) == (NOWHERE, (MessageType.APPROVED,))
    again = await bridge.webhooks.add(NOWHERE, key="w1", description="accounts", types=[MessageType.APPROVED])
    assert (again.secret, again.webhook) == (None, webhook)
    every = await bridge.webhooks.add(NOWHERE, key="w2")
    assert await bridge.webhooks.all() == (webhook, every.webhook)
    assert await bridge.webhooks.one(webhook.id) == webhook
    sent = [await bridge.webhooks.test(webhook.id, key=f"t{number}") for number in range(3)]
    assert [one.id async for one in bridge.webhooks.deliveries(webhook.id)] == [one.id for one in reversed(sent)]
    tried = await bridge.webhooks.delivery(sent[0].id)
    assert (tried.delivery.message_id, tried.tried) == (sent[0].message_id, ())
    assert (await bridge.webhooks.replay(sent[0].id, key="r1")).message_id == sent[0].message_id
    rotated = await bridge.webhooks.rotate(webhook.id, key="s1")
    assert rotated.secret not in (None, made.secret)
    await bridge.webhooks.remove(webhook.id, key="d1")
    await bridge.webhooks.remove(webhook.id, key="d1")
    with pytest.raises(Refused) as refused:
        await bridge.webhooks.one(webhook.id)
    assert refused.value.code is Code.WEBHOOK_UNKNOWN
    with pytest.raises(Refused) as inside:
        await bridge.webhooks.add("https://10.0.0.1/", key="w3")
    assert inside.value.code is Code.WEBHOOK_REFUSED


def test_every_method_of_the_client_is_tried_against_a_real_server() -> None:
    methods = {
        name
        for kind in (Bridge, Webhooks)
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }
    tried = {
        call.func.attr
        for file in (ROOT / "tests" / "integration").glob("test_client*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    }
    assert methods - tried == set()
