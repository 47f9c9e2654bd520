"""A real connector that reports to a gateway on a real port, and a till that is told what is true."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.integration.test_hipay_bridge import Till
from tests.support.counter import SOON, counter
from tests.support.hipay_gateway import HASHKEY, LOGIN, PASSWORD, Mishap, gateway
from tests.support.shop import free_port
from tests.unit.hipay.till import HASH

CONTRACT = {"payment_application": "001", "merchant_id": "1999403"}
"""The contract that the virtual terminal names."""


FOREIGN = CONTRACT | {"merchant_id": "1234567"}


@asynccontextmanager
async def reporting(folder: Path, url: str, **different: Any) -> AsyncIterator[Till]:
    """A connector that reports to HiPay at this address; `different` is what is about its receiver."""
    port = free_port()
    (folder / "password").write_text(PASSWORD)
    (folder / "hashkey").write_text(HASHKEY)
    receiver = {
        "kind": "hipay",
        "enabled_by_merchant": True,
        "base_url": url,
        "login": LOGIN,
        "password": {"file": "password"},
        "hashkey": {"file": "hashkey"},
        "contract": {"proxy": CONTRACT, "nfc": CONTRACT | {"payment_application": "00B", "merchant_id": "1234568"}},
        **different,
    }
    door = {"port": port, "api_username": "log", "api_password_hash": HASH, "terminal": "counter"}
    async with counter(folder) as place:
        place.write_settings(
            doors=[{"name": "till", "door": "hipay", "settings": door}],
            more={"upstream": {"wait": 2, "receivers": [receiver]}},
        )
        await place.open()
        yield Till(place, port)


def told(body: dict[str, Any]) -> tuple[bool, int, str]:
    return body["notificationHipaySent"], body["numberOfNotificationSent"], body["notification_state"]


async def until(till: Till, order_id: str, state: str) -> dict[str, Any]:
    """Asks until the order's report stands so."""
    async with asyncio.timeout(SOON):
        while True:
            _, body = await till.ask("GET", f"/order/{order_id}")
            if body["notification_state"] == state:
                return body
            await asyncio.sleep(0.05)


async def test_the_answer_says_that_hipay_knows_and_hipay_does(tmp_path: Path) -> None:
    async with gateway() as place, reporting(tmp_path, place.url) as till:
        status, body = await till.pay(
            amount="10,23", order_id="47", customer={"firstName": "Ada"}, custom_data={"shop": "Opera"}
        )
        assert (status, body["paymentStatus"], *told(body)) == (200, "SUCCESS", True, 1, "sent")
        ((order_id, order),) = place.orders.items()
        assert order_id.startswith("47-")
        assert (order["order"]["amount"], order["status"]) == ("10.23", "118")
        (form,) = place.forms
        assert (form["firstname"], form["custom_data"]) == ("Ada", '{"shop":"Opera"}')
        assert json.loads(form["payment_product_parameters"])["acquirer_registrationid"] == "1999403"
        log = (till.place.data / "tillbridge.log").read_text()
        assert PASSWORD not in log
        assert HASHKEY not in log


async def test_hipay_down_is_the_truth_too_and_a_later_delivery_shows(tmp_path: Path) -> None:
    port = free_port()
    async with reporting(tmp_path, f"http://127.0.0.1:{port}") as till:
        status, body = await till.pay(amount=5, order_id="47")
        assert (status, body["paymentStatus"], *told(body)) == (200, "SUCCESS", False, 0, "waiting")
        shown = await till.place.command("upstream", "status", "--config", str(till.place.settings))
        assert shown.code != 0
        assert "retrying" in shown.out
        async with gateway(port) as place:
            body = await until(till, "47", "sent")
            assert told(body) == (True, 1, "sent")
            assert len(place.orders) == 1
            shown = await till.place.command("upstream", "status", "--json", "--config", str(till.place.settings))
            assert (shown.code, json.loads(shown.out)["receivers"][0]["state"]) == (0, "ready")


async def test_killed_while_hipay_says_nothing_it_looks_before_it_sends(tmp_path: Path) -> None:
    async with gateway() as place, reporting(tmp_path, place.url) as till:
        place.mishaps.append(Mishap.SILENT_AFTER)
        _, body = await till.pay(amount=5, order_id="47")
        assert told(body) == (False, 0, "waiting")
        (program,) = till.place.running
        program.kill()
        await program.gone()
        await till.place.open()
        assert told(await until(till, "47", "sent")) == (True, 1, "sent")
        assert len(place.orders) == 1
        assert place.asked[-1][0] == "GET"


async def test_a_refusal_needs_a_person_who_sends_it_again(tmp_path: Path) -> None:
    async with gateway() as place, reporting(tmp_path, place.url, contract={"proxy": FOREIGN}) as till:
        _, body = await till.pay(amount=5, order_id="47")
        assert body["paymentStatus"] == "SUCCESS"
        assert told(body) == (False, 0, "needs_person")
        config = ("--config", str(till.place.settings))
        async with asyncio.timeout(SOON):
            while "1009" not in (await till.place.command("upstream", "dead", "hipay", *config)).out:
                await asyncio.sleep(0.05)  # it is in the list once it is on disk
        again = await till.place.command("upstream", "replay", "hipay", "--all", *config)
        assert (again.code, again.out.split()[-1]) == (0, "waiting")
        assert place.posts() == 0


async def test_a_wrong_login_is_held_and_payments_go_on(tmp_path: Path) -> None:
    async with gateway() as place, reporting(tmp_path, place.url, login="somebody-else") as till:
        for number in ("47", "48"):
            _, body = await till.pay(amount=5, order_id=number)
            assert (body["paymentStatus"], body["notificationHipaySent"]) == ("SUCCESS", False)
        assert (await until(till, "48", "held"))["paymentStatus"] == "SUCCESS"
        assert place.posts() == 1, "a login that is refused is not tried with every payment"
