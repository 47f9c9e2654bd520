"""The webhooks of the native interface: who may do what, what is shown once, pages, and refusals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.console.api import problem
from tests.support.console.asgi_client import Answer, Client
from tests.support.webhooks import DOWN, URL, Shop, Town, shop, signature
from tillbridge.connector.api.keys import KeyCheck
from tillbridge.connector.api.routes import api_app
from tillbridge.connector.api.webhooks import add_webhooks
from tillbridge.domain.errors import Code
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.upstream.messages import SUBSCRIBABLE

KEY: Final = "a key that is long enough to be one"
NEW: Final = {"url": URL}


@dataclass
class Office:
    """Somebody with the connector's key."""

    shop: Shop
    town: Town
    client: Client

    async def post(self, path: str, body: object = None, key: str = "k") -> Answer:
        return await self.client.post(path, body, idempotency_key=key)

    async def get(self, path: str) -> Answer:
        return await self.client.get(path)

    async def delete(self, path: str, key: str = "k") -> Answer:
        return await self.client.ask("DELETE", path, headers={"idempotency-key": key})


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    town = Town()
    async with shop(folder, town) as here:
        runtime = manual_runtime()
        keys = KeyCheck(KEY, runtime.clock)
        app = api_app(here.engine, keys, runtime, "1.0", (lambda app: add_webhooks(app, here.outbox),))
        yield Office(here, town, Client(app, {"authorization": f"Bearer {KEY}"}))


def in_office(folder: Path, scene: Callable[[Office], Awaitable[None]]) -> None:
    async def main() -> None:
        async with office(folder) as opened:
            await scene(opened)

    run_manual(main())


def test_a_receiver_is_added_and_its_secret_is_shown_once(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        made = await here.post("/webhooks", NEW | {"description": "accounts", "types": ["payment.approved"]})
        assert made.status == 201
        webhook = made.json["webhook"]
        assert (webhook["url"], webhook["description"], webhook["types"]) == (URL, "accounts", ["payment.approved"])
        assert made.headers["location"] == f"/v1/webhooks/{webhook['id']}"
        assert made.headers["cache-control"] == "no-store"
        secret = made.json["secret"]
        again = await here.post("/webhooks", NEW | {"description": "accounts", "types": ["payment.approved"]})
        assert (again.status, again.json["secret"], again.json["replayed"]) == (200, None, True)
        assert again.json["webhook"] == webhook
        for path in ("/webhooks", f"/webhooks/{webhook['id']}"):
            answer = await here.get(path)
            assert answer.status == 200
            assert secret not in answer.text
        await here.shop.pay()
        await asyncio.sleep(1)
        assert here.town.at()[0].headers["webhook-signature"] == signature(secret, here.town.at()[0])
        other = problem(await here.post("/webhooks", {"url": URL + "/other"}), 422, Code.KEY_CONFLICT)
        assert other["money_moved"] == "no"

    in_office(tmp_path, scene)


def test_without_types_every_type_is_meant(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        made = await here.post("/webhooks", NEW)
        assert made.json["webhook"]["types"] == [kind.value for kind in SUBSCRIBABLE]

    in_office(tmp_path, scene)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "http://shop.example/"}, 400, Code.WEBHOOK_REFUSED),
        ({"url": "https://10.0.0.1/"}, 400, Code.WEBHOOK_REFUSED),
        ({"url": "https://169.254.169.254/latest"}, 400, Code.WEBHOOK_REFUSED),
        ({"url": "nonsense"}, 400, Code.WEBHOOK_REFUSED),
        ({"url": ""}, 400, Code.FIELD_INVALID),
        ({"url": 7}, 400, Code.FIELD_INVALID),
        ({}, 400, Code.FIELD_INVALID),
        (NEW | {"secret": "mine"}, 400, Code.FIELD_INVALID),
        (NEW | {"types": []}, 400, Code.FIELD_INVALID),
        (NEW | {"types": ["payment.everything"]}, 400, Code.FIELD_INVALID),
        (NEW | {"types": ["webhook.test"]}, 400, Code.FIELD_INVALID),
        (NEW | {"types": ["payment.approved", "payment.approved"]}, 400, Code.FIELD_INVALID),
        (NEW | {"description": "\u0007"}, 400, Code.FIELD_INVALID),
        ([], 400, Code.BODY_INVALID),
    ],
)
def test_what_is_no_receiver_is_refused_and_nothing_is_kept(tmp_path: Path, body: Any, status: int, code: Code) -> None:
    async def scene(here: Office) -> None:
        answer = await here.post("/webhooks", body)
        assert answer.json["code"] in (code, Code.FIELD_INVALID)
        problem(answer, status, Code(answer.json["code"]))
        assert (await here.get("/webhooks")).json == {"webhooks": []}
        assert not (tmp_path / "webhook-secrets.json").exists()

    in_office(tmp_path, scene)


def test_every_write_needs_its_key(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        webhook = (await here.post("/webhooks", NEW)).json["webhook"]["id"]
        for method, path in (
            ("POST", "/webhooks"),
            ("DELETE", f"/webhooks/{webhook}"),
            ("POST", f"/webhooks/{webhook}/rotate"),
            ("POST", f"/webhooks/{webhook}/test"),
            ("POST", "/webhooks/deliveries/1/replay"),
        ):
            body = b'{"url": "https://shop.example/"}' if path == "/webhooks" else b""
            answer = await here.client.ask(method, path, body, {"content-type": "application/json"})
            problem(answer, 400, Code.KEY_REQUIRED)
        assert len((await here.get("/webhooks")).json["webhooks"]) == 1

    in_office(tmp_path, scene)


def test_nothing_is_known_of_what_is_not_there(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        for answer in (
            await here.get("/webhooks/none"),
            await here.delete("/webhooks/none"),
            await here.post("/webhooks/none/rotate"),
            await here.post("/webhooks/none/test"),
            await here.get("/webhooks/none/deliveries"),
            *[await here.get(f"/webhooks/deliveries/{name}") for name in ("7", "none", "-1", "9" * 30, "٣")],
            *[await here.post(f"/webhooks/deliveries/{name}/replay") for name in ("7", "none", "9" * 30)],
        ):
            problem(answer, 404, Code.WEBHOOK_UNKNOWN)

    in_office(tmp_path, scene)


def test_the_delivery_log_says_what_was_tried_and_a_message_can_be_replayed(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        webhook = (await here.post("/webhooks", NEW)).json["webhook"]["id"]
        here.town.answers[URL] = lambda _: DOWN
        payment = await here.shop.pay()
        await asyncio.sleep(10)
        await here.shop.on_disk()
        (delivery,) = (await here.get(f"/webhooks/{webhook}/deliveries")).json["deliveries"]
        assert (delivery["state"], delivery["type"], delivery["done_at"]) == ("pending", "payment.approved", None)
        assert delivery["payment_id"] == payment.id
        one = f"/webhooks/deliveries/{delivery['id']}"
        tried = (await here.get(one)).json["tried"]
        assert len(tried) == delivery["attempts"] >= 2
        assert {attempt["failure"] for attempt in tried} == {DOWN.failure}
        here.town.answers.clear()
        again = await here.post(f"{one}/replay", key="again")
        assert (again.status, again.json["message_id"]) == (202, delivery["message_id"])
        assert again.headers["location"] == f"/v1{one}"
        await asyncio.sleep(1)
        await here.shop.on_disk()
        done = await here.get(one)
        assert (done.json["delivery"]["state"], done.json["tried"][0]["status"]) == ("delivered", 200)
        repeated = await here.post(f"{one}/replay", key="again")
        assert (repeated.status, repeated.json["state"]) == (200, "delivered")

    in_office(tmp_path, scene)


def test_pages_of_the_log_are_newest_first_and_do_not_overlap(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        webhook = (await here.post("/webhooks", NEW)).json["webhook"]["id"]
        paid = [(await here.shop.pay()).id for _ in range(7)]
        await asyncio.sleep(1)
        await here.shop.on_disk()
        found: list[str] = []
        path: str | None = f"/v1/webhooks/{webhook}/deliveries?limit=3"
        while path is not None:
            page = (await here.get(path.removeprefix("/v1"))).json
            found += [delivery["payment_id"] for delivery in page["deliveries"]]
            path = page["next"]
        assert found == paid[::-1]
        for wrong in ("limit=0", "limit=201", "before=x", "before=0"):
            problem(await here.get(f"/webhooks/{webhook}/deliveries?{wrong}"), 400, Code.FIELD_INVALID)

    in_office(tmp_path, scene)


def test_rotating_trying_out_and_taking_away(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        made = (await here.post("/webhooks", NEW)).json
        path = f"/webhooks/{made['webhook']['id']}"
        rotated = await here.post(f"{path}/rotate", key="r")
        assert rotated.status == 200
        assert rotated.json["secret"] != made["secret"]
        assert rotated.json["previous_until"]
        repeated = (await here.post(f"{path}/rotate", key="r")).json
        assert (repeated["secret"], repeated["replayed"]) == (None, True)
        tested = await here.post(f"{path}/test", key="t")
        assert (tested.status, tested.json["type"], tested.json["payment_id"]) == (202, "webhook.test", None)
        await asyncio.sleep(1)
        assert here.town.at()[0].json["type"] == "webhook.test"
        gone = await here.delete(path, key="d")
        assert (gone.status, gone.json) == (200, {"id": made["webhook"]["id"]})
        assert (await here.delete(path, key="d")).status == 200
        problem(await here.get(path), 404, Code.WEBHOOK_UNKNOWN)

    in_office(tmp_path, scene)


def test_the_description_names_every_route_and_its_scope(tmp_path: Path) -> None:
    async def scene(here: Office) -> None:
        document = (await here.get("/openapi.json")).json
        ours = {
            item["operationId"]: item["x-scopes"]
            for path in document["paths"].values()
            for item in path.values()
            if item["tags"] == ["webhooks"]
        }
        assert {name for name, scopes in ours.items() if scopes == ["admin"]} == {
            "add_webhook",
            "remove_webhook",
            "rotate_secret",
            "test_webhook",
            "replay_delivery",
        }
        assert {name for name, scopes in ours.items() if scopes == ["read", "admin"]} == {
            "list_webhooks",
            "get_webhook",
            "list_deliveries",
            "get_delivery",
        }

    in_office(tmp_path, scene)
