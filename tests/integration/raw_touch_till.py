"""A till that speaks the touch-screen wire over plain sockets, in literal JSON and without the wire's own folder."""

import asyncio
import itertools
import json
from typing import Any

from tests.integration.raw_house import PATIENCE, Shop

V6 = "/api/switchio/pay/v6"
BASES = {
    "v6": V6,
    "v5": "/api/switchio/pay/v5",
    "v4": "/api/switchio/pay/v4",
    "v2": "/api/switchio/pay/v2",
    "paya": "/paya",
}
IDS = (f"{number:08x}-aaaa-4bbb-8ccc-1234567890ab" for number in itertools.count(1))
Said = tuple[int, dict[str, str], bytes]


async def spoken(port: int, raw: bytes) -> Said:
    """What the door answers to these bytes on a connection of their own."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(raw)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        finally:
            writer.close()
        return int(head[0].split()[1]), headers, body


async def http(shop: Shop, method: str, path: str, body: bytes = b"", /, **headers: str) -> Said:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{shop.port}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return await spoken(shop.port, "\r\n".join([*lines, "", ""]).encode() + body)


async def post(shop: Shop, path: str, body: object, base: str = V6) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, headers, said = await http(shop, "POST", f"{base}/{path}", raw)
    assert headers["content-type"].startswith("application/json"), said
    return status, json.loads(said)


def flat(id_: object, **more: object) -> dict[str, object]:
    return {"secureString": "27924505", "transactionId": id_, **more}


def start(id_: object, amount: object = 1250, currency: object = 978, **more: object) -> dict[str, object]:
    inner = {"transactionId": id_, "amount": amount, "currencyCode": currency, **more}
    return {"secureString": "27924505", "request": inner}


def reverse(id_: str, original: object) -> dict[str, object]:
    return {"secureString": "27924505", "request": {"transactionId": id_, "originalTransactionId": original}}


async def finished(shop: Shop, id_: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        while (await post(shop, "status", flat(id_)))[1]["status"].lower() != "finished":
            await asyncio.sleep(0.01)
        return (await post(shop, "result", flat(id_)))[1]


async def sold(shop: Shop, amount: int = 1250) -> str:
    """A sale by a till that never confirms; its id."""
    id_ = next(IDS)
    assert (await post(shop, "payment", start(id_, amount)))[1]["isStarted"] is True
    assert (await finished(shop, id_))["responseCode"] == "OK"
    return id_
