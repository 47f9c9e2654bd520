"""A gateway for `upstream_outbox`: takes every passive order and says so. Prints its port and runs until ended."""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl

END: Final = b"\r\n\r\n"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(END)).decode().lower()
            length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
            form = dict(parse_qsl((await reader.readexactly(length)).decode()))
            order = {"id": form["orderid"], "amount": form["amount"], "currency": form["currency"]}
            said = {"state": "completed", "status": "118", "transactionReference": "8000", "order": order}
            body = json.dumps(said).encode()
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
