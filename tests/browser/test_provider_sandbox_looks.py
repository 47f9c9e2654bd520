"""How the pages of the provider's sandbox look: the rules of axe, and no page wider than its window."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.integration.simulators import simulated
from tests.support.console.chromium import Browser, Light, Width
from tests.support.console.looks import by, check
from tests.support.provider_sandbox import ACCOUNT, active, basic, passive

PAGES = {
    "transactions": "/",
    "captured": "/transactions/800000000001",
    "awaiting": "/transactions/800000000002",
    "notifications": "/notifications",
    "messages": "/messages?order_id=W-1&notice=waiting",
    "faults": "/faults?notice=switched",
    "pay": "{open}?lang=de",
    "pay-closed": "{paid}?lang=fr",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A sandbox: its address, and the paths of its payment pages by name."""

    base: str
    pages: dict[str, str]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The address of a sandbox in which something of everything has happened."""
    folder: Path = tmp_path_factory.mktemp("provider")
    account = folder / "account.json"
    account.write_text(ACCOUNT.model_dump_json())
    words = ("--port", "0", "--credentials", str(account), "--terminal", "wait", "--fault", "slow:9:0")
    with simulated("hipay", *words, "--notify", "http://localhost:9/nobody") as one:
        base = one.after("its page is at").rstrip("/")
        for order in (passive("order-2026-1041-of-the-longest"), active("Order_2", pos_transaction_lifetime="3600")):
            _ask(f"{base}/rest/v1/order", urlencode(order).encode())
        told = {"type": "payment.approved", "data": {"order_id": "W-1", "amount": {"minor": 1250, "currency": "EUR"}}}
        _ask(f"{base}/_sandbox/receiver", json.dumps(told).encode())
        opened = {name: _page(base, name) for name in ("open", "paid")}
        _ask(f"{base}/_sandbox/pages/{opened['paid'].rpartition('/')[2]}", b'{"deed": "pay"}')
        yield Place(base, opened)


def _page(base: str, name: str) -> str:
    """The path of a payment page."""
    order = {"orderid": name, "description": "Gift voucher", "amount": "50.00", "currency": "CHF", "operation": "Sale"}
    order["accept_url"] = "https://shop.example/thanks"
    said: dict[str, str] = json.loads(_ask(f"{base}/rest/v1/hpayment", urlencode(order).encode()))
    return urlsplit(said["forwardUrl"]).path


def _ask(url: str, body: bytes) -> bytes:
    login = basic(ACCOUNT.login, ACCOUNT.password)
    call = urllib.request.Request(url, body, login)  # noqa: S310  # our own loopback address
    with urllib.request.urlopen(call, timeout=20) as reply:  # noqa: S310
        assert reply.status == 200
        said: bytes = reply.read()
    return said


@pytest.mark.parametrize("page", list(PAGES))
def test_a_page_of_the_provider(browser: Browser, sandbox: Place, page: str) -> None:
    for light, width in ((Light.LIGHT, Width.WIDE), (Light.DARK, Width.NARROW)):
        browser.set(light, width)
        browser.open(f"{sandbox.base}{PAGES[page].format(**sandbox.pages)}")
        check(
            browser,
            f"provider-{page}-{light}-{width}",
            "410 (Gone)" if page == "pay-closed" else "nothing",
            rules=by(light),
        )
