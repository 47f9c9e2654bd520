"""The stream of events, over lost lines and restarts: every line of the journal comes once and in its order."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from pydantic import ValidationError

from tillbridge.client.asking import AGAIN_SECONDS, ANSWER_SECONDS
from tillbridge.client.errors import NoAnswer, Refused
from tillbridge.connector.api.resources import ProblemResource, StreamedResource

SILENCE_SECONDS: Final = 40.0
"""For the next sign of life, of which there is one every fifteen seconds."""

LARGEST_LINE: Final = 1024 * 1024
"""Bytes of one event: a payment with a customer's slip is a few thousand."""

_PAYMENT: Final = b"payment"
"""The events that are told on; a connector may tell of other things besides, such as vouchers."""

_BROKEN: Final = (aiohttp.ClientError, TimeoutError)


class Listening:
    """One reader. `place` is the last line of the journal that it knows of; None until the connector has said it."""

    def __init__(self, session: aiohttp.ClientSession, url: str, after: int | None) -> None:
        self._session = session
        self._url = url
        self._tries = 0
        self.place = after

    async def events(self) -> AsyncIterator[StreamedResource]:
        """What the connector tells, without an end.

        `Refused` if it may not be heard, `NoAnswer` if the connector is away for longer than a restart takes.
        """
        while True:
            try:
                async with self._stream() as answer:
                    if not answer.ok:
                        raise Refused(ProblemResource.model_validate_json(await answer.read()))
                    async for event in self._read(answer.content):
                        yield event
            except _BROKEN as error:
                await self._pause(error)
            except ValidationError:
                raise NoAnswer(self._url, "this is no tillbridge connector", sent=False) from None
            else:
                await self._pause(None)

    def _stream(self) -> "aiohttp.client._RequestContextManager":
        timeout = aiohttp.ClientTimeout(total=None, connect=ANSWER_SECONDS, sock_read=SILENCE_SECONDS)
        query = {} if self.place is None else {"after": str(self.place)}
        return self._session.get(
            "v1/events", params=query, timeout=timeout, read_bufsize=LARGEST_LINE, allow_redirects=False
        )

    async def _read(self, content: aiohttp.StreamReader) -> AsyncIterator[StreamedResource]:
        place, told, kind = self.place, None, _PAYMENT
        async for line in content:
            name, _, value = line.rstrip(b"\r\n").partition(b":")
            if name == b"id":
                place = int(value)
            elif name == b"event":
                kind = value.strip()
            elif name == b"data" and kind == _PAYMENT:
                told = StreamedResource.model_validate_json(value)
            elif not line.strip():
                # An empty line ends an event: only now all of it is here, and its place counts.
                self._tries = 0
                self.place = place
                if told is not None:
                    yield told
                told, kind = None, _PAYMENT

    async def _pause(self, error: Exception | None) -> None:
        if self._tries >= len(AGAIN_SECONDS):
            raise NoAnswer(self._url, "the connector stopped answering", sent=False) from error
        await asyncio.sleep(AGAIN_SECONDS[self._tries])
        self._tries += 1
