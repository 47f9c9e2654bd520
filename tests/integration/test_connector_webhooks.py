"""Webhooks of a connector that really runs: what a receiver on a real port is told, and what it never is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from standardwebhooks import Webhook

from tests.support.counter import SOON, Counter, counter
from tests.support.receiver import BROKEN, TOOK_IT, Receiver, receiving
from tests.support.webhooks import Said

HERE = {"webhooks": {"allow_http_to_loopback": True}}
RETRIED = 10.0 + SOON
"""Seconds in which a message that failed once is sent again."""


@dataclass
class Office:
    """Somebody with the connector's key; every write has a key of its own."""

    session: aiohttp.ClientSession
    url: str
    keys: int = 0

    async def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        self.keys += 1
        headers = {"Idempotency-Key": f"key {self.keys}"} if method != "GET" else {}
        async with self.session.request(method, f"{self.url}/v1{path}", json=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def add(self, url: str, status: int = 201, **more: object) -> Any:
        return await self.ask("POST", "/webhooks", {"url": url, **more}, status)

    async def pay(self, minor: int = 1250) -> Any:
        body = {"amount": {"minor": minor, "currency": "EUR"}}
        headers = {"Idempotency-Key": f"payment {minor}", "Prefer": "wait=30"}
        async with self.session.post(f"{self.url}/v1/payments", json=body, headers=headers) as answer:
            assert answer.status == 200
            return await answer.json()

    async def log(self, webhook_id: str) -> list[Any]:
        found: list[Any] = (await self.ask("GET", f"/webhooks/{webhook_id}/deliveries"))["deliveries"]
        return found

    async def until(self, webhook_id: str, state: str, seconds: float = SOON, attempts: int = 1) -> Any:
        """The newest delivery, once it has come to this state with so many attempts."""
        async with asyncio.timeout(seconds):
            while True:
                found = await self.log(webhook_id)
                if found and (found[0]["state"], found[0]["attempts"]) == (state, attempts):
                    return (await self.ask("GET", f"/webhooks/deliveries/{found[0]['id']}"))["tried"]
                await asyncio.sleep(0.02)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counter(tmp_path) as made:
        made.write_settings(more=HERE)
        yield made


@asynccontextmanager
async def office(place: Counter, keys: int = 0) -> AsyncIterator[Office]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {place.key()}"}) as session:
        yield Office(session, place.url, keys)


class Heard:
    """Waits for what a receiver hears."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._taken = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Said:
        async with asyncio.timeout(RETRIED):
            while len(self._receiver.heard) <= self._taken:
                await asyncio.sleep(0.01)
        self._taken += 1
        return self._receiver.heard[self._taken - 1]


def verified(secret: str, said: Said) -> Any:
    """The message as the standard's own library reads it, which checks signature and time."""
    return Webhook(secret).verify(said.body, dict(said.headers))


async def test_a_payment_is_told_signed_and_once(place: Counter) -> None:
    await place.open()
    async with receiving() as receiver, office(place) as here:
        made = await here.add(receiver.url, description="accounts")
        paid = await here.pay()
        said = await anext(Heard(receiver))
        told = verified(made["secret"], said)
        assert (told["type"], told["data"]) == ("payment.approved", paid)
        assert place.taken == [1250]
        (attempt,) = await here.until(made["webhook"]["id"], "delivered")
        assert (attempt["status"], attempt["failure"]) == (204, None)
        assert len(receiver.heard) == 1
    assert made["secret"] not in (place.data / "tillbridge.log").read_text()
    for file in place.data.glob("journal*"):
        assert made["secret"].removeprefix("whsec_").encode() not in file.read_bytes(), file


async def test_after_a_kill_before_it_was_noted_it_is_told_again_under_the_same_id(place: Counter) -> None:
    connector = await place.open()

    async def killing(writer: asyncio.StreamWriter) -> None:
        # The receiver has it, and the connector dies before it can read that.
        connector.kill()
        await connector.process.wait()
        writer.write(TOOK_IT)

    async with receiving(killing) as receiver:
        heard = Heard(receiver)
        async with office(place) as here:
            made = await here.add(receiver.url)
            paid = await here.pay()
            first = await anext(heard)
        await connector.gone()
        receiver.answer = TOOK_IT
        await place.open()
        second = await anext(heard)
        assert first.id == second.id
        assert verified(made["secret"], second)["data"] == paid
        async with office(place, keys=100) as here:
            await here.until(made["webhook"]["id"], "delivered")
        assert place.taken == [1250]


async def test_a_receiver_that_is_down_stops_no_payment_and_hears_of_it_later(place: Counter) -> None:
    await place.open()
    async with office(place) as here:
        async with receiving(BROKEN) as receiver:
            made = await here.add(receiver.url)
            webhook = made["webhook"]["id"]
            await here.pay()
            (attempt,) = await here.until(webhook, "pending")
            assert (attempt["status"], attempt["failure"]) == (500, "it answered 500")
            receiver.answer = TOOK_IT
            tried = await here.until(webhook, "delivered", RETRIED, attempts=2)
            assert [one["status"] for one in tried] == [204, 500]
            assert len({said.id for said in receiver.heard}) == 1
            port = receiver.port
        await here.pay(990)
        (attempt,) = await here.until(webhook, "pending")
        assert attempt["failure"] == "it could not be reached: Connection refused"
        async with receiving(port=port) as receiver:
            delivery = (await here.log(webhook))[0]
            await here.ask("POST", f"/webhooks/deliveries/{delivery['id']}/replay", status=202)
            told = verified(made["secret"], await anext(Heard(receiver)))
            assert told["data"]["amount"]["minor"] == 990
        assert place.taken == [1250, 990]


async def test_a_redirect_to_an_address_inside_is_not_followed(place: Counter) -> None:
    await place.open()
    async with receiving() as inside, receiving() as receiver, office(place) as here:
        receiver.answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {inside.url}\r\n\r\n".encode()
        made = await here.add(receiver.url)
        await here.pay()
        (attempt,) = await here.until(made["webhook"]["id"], "pending")
        assert attempt["status"] == 307
        assert "redirect" in attempt["failure"]
        assert inside.connections == 0


@pytest.mark.parametrize(
    "url",
    ["https://169.254.169.254/latest", "https://10.0.0.1/", "https://[fd00::1]/", "http://192.168.1.1/", "ftp://a/"],
)
async def test_an_address_inside_is_refused(place: Counter, url: str) -> None:
    await place.open()
    async with office(place) as here:
        refused = await here.add(url, status=400)
        assert (refused["code"], refused["place"]) == ("webhook_refused", "url")
        assert (await here.ask("GET", "/webhooks"))["webhooks"] == []


async def test_without_the_setting_this_computer_is_an_address_inside(place: Counter) -> None:
    place.write_settings()
    await place.open()
    async with receiving() as receiver, office(place) as here:
        assert (await here.add(receiver.url, status=400))["code"] == "webhook_refused"
        assert receiver.connections == 0


async def test_a_message_is_replayed_tried_out_and_signed_with_both_secrets_while_one_is_replaced(
    place: Counter,
) -> None:
    await place.open()
    async with receiving() as receiver, office(place) as here:
        heard = Heard(receiver)
        made = await here.add(receiver.url)
        webhook = made["webhook"]["id"]
        await here.pay()
        first = await anext(heard)
        await here.until(webhook, "delivered")
        rotated = await here.ask("POST", f"/webhooks/{webhook}/rotate")
        (delivery,) = await here.log(webhook)
        await here.ask("POST", f"/webhooks/deliveries/{delivery['id']}/replay", status=202)
        again = await anext(heard)
        assert (again.id, again.body) == (first.id, first.body)
        for secret in (made["secret"], rotated["secret"]):
            assert verified(secret, again)["type"] == "payment.approved"
        await here.ask("POST", f"/webhooks/{webhook}/test", status=202)
        assert verified(rotated["secret"], await anext(heard))["type"] == "webhook.test"
        await here.ask("DELETE", f"/webhooks/{webhook}")
        await here.pay(500)
        assert (await here.ask("GET", f"/webhooks/{webhook}", status=404))["code"] == "webhook_unknown"
        assert len(receiver.heard) == 3


async def test_a_connector_that_stops_waits_for_no_receiver_and_tells_it_after_the_next_start(place: Counter) -> None:
    connector = await place.open()
    silent = asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.write(TOOK_IT)

    async with receiving(slow) as receiver:
        heard = Heard(receiver)
        async with office(place) as here:
            await here.add(receiver.url)
            await here.pay()
            first = await anext(heard)
        await connector.stop()
        assert connector.process.returncode == 0
        receiver.answer = TOOK_IT
        silent.set()
        await place.open()
        assert (await anext(heard)).id == first.id
