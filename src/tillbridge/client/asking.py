"""One question to a connector, asked again where the line was lost.

Asking again is safe: what only looks changes nothing, and every write has a key under which it happens once.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from tillbridge.client.errors import NoAnswer, Refused
from tillbridge.connector.api.resources import ProblemResource
from tillbridge.domain.errors import Code

R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")

Read = Callable[[bytes], T]
"""Makes something of the body of an answer; `ValidationError` for a body that no connector gives."""

ANSWER_SECONDS: Final = 15.0
"""For an answer that waits for no customer: the connector is on this computer or in this house."""

AGAIN_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The pauses before a connector that went away is asked again: long enough for its restart."""

UNCERTAIN: Final = frozenset({Code.CONNECTOR_STOPPING, Code.JOURNAL_UNAVAILABLE, Code.INTERNAL})
"""Refusals that a connector gives before it has looked at the key: they say nothing about an earlier try."""


class Asking:
    """Questions over one session. `url` is what a person reads in an error."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self._url = url

    async def get(
        self, path: str, shape: type[R], query: Mapping[str, str] | None = None, wait: int | None = None
    ) -> R:
        """Looks at something. `wait` is for how many seconds the connector may wait for a payment's end."""
        return await self._until_answered("GET", path, shape.model_validate_json, wait, params=dict(query or {}))

    async def fetch(self, path: str, query: Mapping[str, str]) -> bytes:
        """The body of an answer as it is."""
        return await self._until_answered("GET", path, bytes, None, params=dict(query))

    async def post(
        self, path: str, shape: type[R], key: str, body: BaseModel | None = None, wait: int | None = None
    ) -> R:
        """Writes something, once, whatever the line does: `key` names it."""
        json = None if body is None else body.model_dump(mode="json", exclude_none=True)
        named = {"Idempotency-Key": key}
        return await self._until_answered("POST", path, shape.model_validate_json, wait, json=json, headers=named)

    async def delete(self, path: str, shape: type[R], key: str) -> R:
        """Takes something away, as `post` writes."""
        return await self._until_answered(
            "DELETE", path, shape.model_validate_json, None, headers={"Idempotency-Key": key}
        )

    async def _until_answered(self, method: str, path: str, read: Read[T], wait: int | None, **what: Any) -> T:  # noqa: ANN401  # aiohttp's own
        sent = False
        for pause in AGAIN_SECONDS:
            try:
                return await self._once(method, path, read, wait, **what)
            except NoAnswer as error:
                sent = sent or error.sent
            except Refused as error:
                if not (sent and error.code in UNCERTAIN):
                    raise
            await asyncio.sleep(pause)
        try:
            return await self._once(method, path, read, wait, **what)
        except NoAnswer as error:
            error.sent = sent or error.sent
            raise
        except Refused as error:
            if sent and error.code in UNCERTAIN:
                raise NoAnswer(self._url, str(error), sent=True) from error
            raise

    async def _once(self, method: str, path: str, read: Read[T], wait: int | None, **what: Any) -> T:  # noqa: ANN401  # aiohttp's own
        headers = what.pop("headers", {}) | ({} if wait is None else {"Prefer": f"wait={wait}"})
        timeout = aiohttp.ClientTimeout(total=None, connect=ANSWER_SECONDS, sock_read=ANSWER_SECONDS + (wait or 0))
        asked = self.session.request(method, path, headers=headers, timeout=timeout, allow_redirects=False, **what)
        try:
            async with asked as answer:
                body = await answer.read()
        except aiohttp.ClientConnectorError as error:
            raise NoAnswer(self._url, str(error), sent=False) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswer(self._url, type(error).__name__, sent=True) from error
        return self._read(answer, body, read)

    def _read(self, answer: aiohttp.ClientResponse, body: bytes, read: Read[T]) -> T:
        try:
            if answer.ok:
                return read(body)
            problem = ProblemResource.model_validate_json(body)
        except ValidationError:
            raise NoAnswer(self._url, f"status {answer.status} of no tillbridge connector", sent=True) from None
        raise Refused(problem)
