"""The HiPay door's way in with nothing behind it: the same server, guard and login, and an endpoint that does nothing.

`python -m benchmarks.empty_door` prints the port that it listens on and serves until its input ends.
"""

import asyncio
import sys

from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.http_till import LOGIN, PASSWORD
from tillbridge.domain.errors import BridgeError
from tillbridge.protocols.hipay.access import Access
from tillbridge.protocols.hipay.answers import Answers
from tillbridge.protocols.hipay.gate import Gate, whole
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.runtime.effects import Runtime
from tillbridge.web import asgi
from tillbridge.web.serving import BoundAddress, LoopbackGuard, serve_asgi


async def _nothing(request: Request) -> Response:
    await request.body()
    return Response(b"{}", headers={"content-type": "application/json", "cache-control": "no-store"})


def _app() -> asgi.App:
    runtime = Runtime()
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    settings = HipaySettings(api_username=LOGIN, api_password_hash=cheap.hash(PASSWORD), port=0)
    answers = Answers(settings)

    def refused(error: BridgeError) -> asgi.Answer:
        return whole(answers.refusal(error, "0"), "0")

    access = Access(settings.api_username, settings.api_password_hash, settings.login_only, runtime)
    paths = Starlette(routes=[Route("/order", _nothing, methods=["POST"])])
    return LoopbackGuard(Gate(paths, access, answers, runtime.ids.new), render=refused)


async def _serve() -> None:
    def ready(address: BoundAddress) -> None:
        print(address.port, flush=True)

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve_asgi(_app(), "localhost", 0, ready))
        await asyncio.to_thread(sys.stdin.read)
        serving.cancel()


if __name__ == "__main__":
    asyncio.run(_serve())
