"""Carries one message to one receiver, once, and says what came back. The HTTP client is in `http_courier.py`."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Final, Protocol, Self, cast

from tillbridge.web.webhooks.addresses import WebhookSettings

REDIRECTS: Final = range(300, 400)
ACCEPTED: Final = range(200, 300)

_SECONDS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
"""Retry-After as a number of seconds; a date there is rare, and our own pauses do without it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of an attempt. `failure` None means that the receiver has it; `retry_after` is what it asked for."""

    status: int | None = None
    failure: str | None = None
    retry_after: timedelta | None = None


class Courier(Protocol):
    """What the outbox sends with."""

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """One attempt. Raises nothing that a receiver, a network or a name service could cause."""
        ...


class OpenCourier(Courier, Protocol):
    """A courier that holds connections."""

    async def __aexit__(self, *_: object) -> None:
        """Lets go of them."""
        ...


class CourierOnDemand:
    """Loads the HTTP client with the first message: a shop without webhooks does not keep it in memory."""

    def __init__(self, settings: WebhookSettings, version: str) -> None:
        self._settings = settings
        self._version = version
        self._loading = asyncio.Lock()
        self._courier: OpenCourier | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        if self._courier is not None:
            await self._courier.__aexit__(*failure)

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """See `Courier.carry`."""
        async with self._loading:
            courier = self._courier or await self._loaded()
        return await courier.carry(url, headers, body)

    async def _loaded(self) -> OpenCourier:
        # In a thread: it takes a tenth of a second, in which no payment shall stand still.
        module = await asyncio.to_thread(import_module, "tillbridge.web.webhooks.http_courier")
        make = cast("Callable[[WebhookSettings, str], OpenCourier]", module.HttpCourier)
        self._courier = make(self._settings, self._version)
        return self._courier


def read_reply(status: int, retry_after: str | None) -> Reply:
    """What a receiver's answer means. Only a status of 200 to 299 says that it has the message."""
    if status in ACCEPTED:
        return Reply(status)
    if status in REDIRECTS:
        return Reply(status, "it redirects, which is not followed: set the address that it names")
    asked = timedelta(seconds=int(retry_after)) if retry_after and _SECONDS.fullmatch(retry_after) else None
    return Reply(status, f"it answered {status}", asked)
