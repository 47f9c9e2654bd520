"""One pairing over loopback HTTP, and how much of it is the key agreement itself.

The portal is served as in earnest, with SQLite on a real disk; the connector's side runs in a thread of the same
process. The contender is the bare exchange: both sides' SPAKE2 and seals, in one thread, with nothing stored or sent.
"""

import asyncio
import http.client
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.figures import Bench, Figure
from benchmarks.rounds import Spread
from tests.portal.people import Standing, owner
from tests.portal.shops import merchant, shop
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing import connector_side, portal_side
from tillbridge.link.pairing.connector_side import Begun, KeptExchange
from tillbridge.link.pairing.words import ConnectorDescription, FinishReply, FinishRequest, StartReply, new_session_id
from tillbridge.portal.app import open_house, portal_app
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.pairing import windows
from tillbridge.portal.pairing.feature import Pairing, feature
from tillbridge.portal.pairing.model import STARTS_OF_LOCATION, STARTS_OF_SOURCE
from tillbridge.portal.pairing.phases import Phases
from tillbridge.portal.settings import PortalSettings
from tillbridge.portal.storage.migrating import migrate
from tillbridge.runtime.effects import Runtime
from tillbridge.web.serving import BoundAddress, serve_asgi

HOST: Final = "127.0.0.1"
NUMBER: Final = LocationNumber.of(1004711)
ROUNDS: Final = 21
GOAL_SECONDS: Final = 0.3
PATIENCE: Final = 30.0
DESCRIPTION: Final = ConnectorDescription(connector_id="0" * 32, name="bench", version="1", os="any")

_CHANCE: Final = Runtime().chance


def _begun(pin: str) -> Begun:
    return connector_side.begin(pin, NUMBER, HOST, _CHANCE.randbytes)


def _answered(begun: Begun, reply: StartReply) -> KeptExchange:
    return begun.answer(reply, DESCRIPTION, KeyPair.make(_CHANCE.randbytes))


def _bare() -> float:
    """Both sides up to the moment when each knows that the other one knew the PIN; in seconds."""
    begin = perf_counter()
    begun = _begun("0420")
    reply, state = portal_side.begin(begun.request, "0420", HOST, new_session_id(_CHANCE.randbytes), _CHANCE.randbytes)
    if state.judge(FinishRequest.read(_answered(begun, reply).finish_body)) is None:
        raise RuntimeError("the bare exchange did not agree")
    return perf_counter() - begin


def _pair(port: int, pin: str) -> float:
    """A press of *Retrieve*, up to the tokens in the connector's hand; in seconds."""
    begin = perf_counter()
    line = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    try:
        begun = _begun(pin)
        kept = _answered(begun, StartReply.read(_ask(line, "/v1/pairing/start", begun.request.body())))
        reply = FinishReply.read(_ask(line, f"/v1/pairing/sessions/{kept.session_id}/finish", kept.finish_body))
        kept.conclude(reply)
    finally:
        line.close()
    return perf_counter() - begin


def _ask(line: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    line.request("POST", path, body, {"content-type": "application/json"})
    answer = line.getresponse()
    text = answer.read()
    if answer.status not in {200, 201}:
        raise RuntimeError(f"{path} answered {answer.status}: {text[:300]!r}")
    return text


@asynccontextmanager
async def _served(house: House, pairing: Pairing) -> AsyncIterator[int]:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_ready(address: BoundAddress) -> None:
        ready.set_result(address.port)

    async with asyncio.TaskGroup() as group:
        app = portal_app(house, Standing(None), [feature(pairing)])
        serving = group.create_task(serve_asgi(app, HOST, 0, on_ready))
        yield await ready
        serving.cancel()


async def _rounds(folder: Path, number: int) -> list[tuple[float, float]]:
    settings = PortalSettings(data=folder)
    migrate(settings)
    found = []
    async with open_house(settings, Runtime()) as house:
        tenant_id = await merchant(house)
        location_id = await shop(house, tenant_id, NUMBER.serial)
        pairing = Pairing(house, Links(house, pins=Phases(house)))
        async with _served(house, pairing) as port:
            for turn in range(number):
                # The limits of a minute would stop a benchmark as they stop a guesser.
                async with house.database.writing() as connection:
                    await windows.forget(connection, STARTS_OF_SOURCE, HOST)
                    await windows.forget(connection, STARTS_OF_LOCATION, NUMBER.digits)
                person = replace(owner(tenant_id), stepped_up_at=house.runtime.clock.now())
                made = await pairing.pins.make(person, location_id, replace=True, accept=False)
                if turn % 2:
                    bare, paired = await asyncio.to_thread(_bare), await asyncio.to_thread(_pair, port, made.digits)
                else:
                    paired, bare = await asyncio.to_thread(_pair, port, made.digits), await asyncio.to_thread(_bare)
                found.append((paired, bare))
    return found


def measure(bench: Bench) -> Iterator[Figure]:
    """The seconds of one pairing, and what they are over the bare exchange."""
    rounds = asyncio.run(_rounds(bench.folder, bench.choose(ROUNDS, 3)))
    paired = Spread.of([one for one, _ in rounds])
    ratio = Spread.of([one / bare for one, bare in rounds])
    bare = Spread.of([bare for _, bare in rounds])
    detail = f"{ratio}; a pairing takes {paired.median * 1000:.0f} ms, the bare exchange {bare.median * 1000:.0f} ms"
    yield Figure("portal_pairing", "one pairing on loopback", paired.median, "s", GOAL_SECONDS, str(paired))
    yield Figure("portal_pairing", "a pairing over the bare key agreement", ratio.median, "x", None, detail)
